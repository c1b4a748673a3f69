"""Faults on demand: a caller arms them, and the next calls go wrong exactly like that."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from local.emulators.exchange import Ending
from local.emulators.fault_catalogue import READY_MADE
from local.emulators.tenant import OTHER_LEARNING_PROVIDER_ID
from tests.local.emulators.calls import ACTIVITIES, NOW, Graph, sample

ASSIGNMENT = sample("assignment.request")
PROVIDER = ASSIGNMENT["learningProviderId"]
OTHER = ACTIVITIES.replace(PROVIDER, OTHER_LEARNING_PROVIDER_ID)


def test_a_fault_happens_as_often_as_armed_and_then_no_more(graph: Graph) -> None:
    graph.arm({"operation": "create", "status": 503, "times": 2})

    assert [graph.create(ASSIGNMENT).status for _ in range(3)] == [503, 503, 201]


def test_faults_happen_in_the_order_in_which_they_were_armed(graph: Graph) -> None:
    graph.arm({"status": 500}, {"status": 503})
    graph.arm({"status": 504})

    assert [graph.create(ASSIGNMENT).status for _ in range(4)] == [500, 503, 504, 201]


def test_a_fault_is_for_one_operation(graph: Graph) -> None:
    graph.arm({"operation": "find", "status": 500})

    assert graph.create(ASSIGNMENT).status == 201
    assert graph.find("unknown").status == 500


def test_a_fault_may_be_for_one_provider(graph: Graph) -> None:
    graph.arm({"registrationId": OTHER_LEARNING_PROVIDER_ID.upper(), "status": 500})

    assert graph.create(ASSIGNMENT).status == 201
    assert graph.create(ASSIGNMENT, target=OTHER).status == 500


def test_a_fault_may_be_for_whatever_is_asked_of_graph(graph: Graph) -> None:
    graph.arm({"operation": "any", "status": 500, "times": 2})

    assert [graph.create(ASSIGNMENT).status, graph.find("unknown").status] == [500, 500]
    assert graph.find("unknown").status == 404


def test_a_fault_may_last_for_seconds_from_its_first_call_on(graph: Graph) -> None:
    graph.arm({"name": "throttling-window", "forSeconds": 2.5, "registrationId": PROVIDER})

    begin = NOW + timedelta(hours=1)
    answers = [graph.at(begin + timedelta(seconds=seconds)).create(ASSIGNMENT) for seconds in (0, 1, 2.4, 2.5)]

    assert [answer.status for answer in answers] == [429, 429, 429, 201]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["3", "2", "1", None]
    assert graph.call("GET", "/_emulator/faults").json["armed"] == []


def test_while_one_provider_is_throttled_another_is_not(graph: Graph) -> None:
    graph.arm({"name": "throttling-window", "registrationId": PROVIDER})

    assert (graph.create(ASSIGNMENT).status, graph.find("unknown").status) == (429, 429)
    assert graph.create({**ASSIGNMENT, "learningContentId": "x"}, target=OTHER).status != 429


def test_only_throttling_tells_how_long_a_fault_lasts(graph: Graph) -> None:
    graph.arm({"status": 500, "forSeconds": 60})

    assert "Retry-After" not in graph.create(ASSIGNMENT).headers


def test_the_answer_is_what_was_armed(graph: Graph) -> None:
    graph.arm(
        {"status": 418, "body": {"a": 1}, "headers": {"x-a": 7}},
        {"status": 502, "body": "<html>", "contentType": "text/html"},
        {"status": 500},
    )

    as_json, as_text, empty = (graph.create(ASSIGNMENT) for _ in range(3))

    assert (as_json.status, as_json.json, as_json.headers["x-a"]) == (418, {"a": 1}, "7")
    assert as_json.headers["Content-Type"] == "application/json"
    assert (as_text.response.body, as_text.headers["Content-Type"]) == (b"<html>", "text/html")
    assert (empty.response.body, "Content-Type" in empty.headers) == (b"", False)


def test_a_fault_keeps_the_operation_from_happening(graph: Graph) -> None:
    graph.arm({"status": 504})
    graph.create(ASSIGNMENT)

    assert graph.stored == []


def test_a_fault_may_come_after_the_operation_happened(graph: Graph) -> None:
    graph.arm({"status": 504, "execute": True})

    assert graph.create(ASSIGNMENT).status == 504
    assert len(graph.stored) == 1


def test_a_delay_alone_changes_nothing_but_the_time(graph: Graph) -> None:
    graph.arm({"delaySeconds": 1.5})

    answer = graph.create(ASSIGNMENT)

    assert (answer.status, answer.response.delay_seconds) == (201, 1.5)


def test_a_retry_after_date_is_counted_from_the_answer(graph: Graph) -> None:
    graph.arm({"name": "throttled-date"})

    answer = graph.create(ASSIGNMENT)

    assert parsedate_to_datetime(answer.headers["Retry-After"]) == NOW + timedelta(seconds=90)


def test_a_token_may_be_refused(graph: Graph) -> None:
    graph.arm({"operation": "token", "status": 500})

    assert graph.call("GET", "/msi/token").status == 500


@pytest.mark.parametrize("name", READY_MADE)
def test_every_ready_made_fault_does_what_it_says(graph: Graph, name: str) -> None:
    graph.arm({"name": name})
    content = READY_MADE[name]

    answer = graph.batch({}) if content.get("operation") == "batch" else graph.create(ASSIGNMENT)

    endings = {"disconnect": Ending.DISCONNECT, "hang": Ending.HANG}
    assert answer.ending == endings.get(name.removesuffix("-executed"), Ending.ANSWER)
    assert len(graph.stored) == name.endswith("-executed")
    if "status" in content:
        assert answer.status == content["status"]


@pytest.mark.parametrize(("family", "status"), [("throttled", 429), ("unavailable", 503)])
def test_throttling_comes_in_every_spelling(graph: Graph, family: str, status: int) -> None:
    """The page documents an object in a message; others were seen, with and without Retry-After."""
    names = [name for name in READY_MADE if name.split("-", maxsplit=1)[0] == family]

    graph.arm(*({"name": name} for name in names))
    answers = [graph.create(ASSIGNMENT) for _ in names]

    assert {answer.status for answer in answers} == {status}
    assert len({(answer.response.body, "Retry-After" in answer.headers) for answer in answers}) >= 6


def test_a_ready_made_fault_can_be_changed_when_it_is_armed(graph: Graph) -> None:
    graph.arm({"name": "throttled-header", "times": 2, "headers": {"Retry-After": "1"}})

    assert [graph.create(ASSIGNMENT).headers.get("Retry-After") for _ in range(3)] == ["1", "1", None]


def test_what_is_armed_is_listed_with_the_names_there_are(graph: Graph) -> None:
    fault = {"name": "hang", "operation": "find", "times": 3, "hang": True}

    shown = graph.arm(fault).json

    assert shown == {"names": list(READY_MADE), "armed": [fault]}
    assert graph.call("GET", "/_emulator/faults").json == shown


def test_clearing_disarms(graph: Graph) -> None:
    graph.arm({"status": 500, "times": 5})

    assert graph.call("DELETE", "/_emulator/faults").json["armed"] == []
    assert graph.create(ASSIGNMENT).status == 201


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"statusCode": 500}, "A fault has no 'statusCode'. It has: name, operation,"),
        ({"name": "nonsense"}, "There is no fault named 'nonsense'. There are: provider-not-registered,"),
        (
            {"operation": "list", "status": 500},
            "'operation' must be one of: create, update, delete, find, get, people, contents, batch, token, any.",
        ),
        ({"status": "500"}, "'status' must be a whole number."),
        ({"status": True}, "'status' must be a whole number."),
        ({"status": 42}, "'status' must be from 200 to 599."),
        ({"status": 500, "times": 0}, "'times' must be at least 1."),
        ({"status": 500, "times": 2, "forSeconds": 1}, "A fault lasts for a number of times or, with 'forSeconds',"),
        ({"status": 500, "forSeconds": -1}, "A fault lasts for a number of times or, with 'forSeconds', of seconds."),
        ({"hang": True, "disconnect": True}, "A fault either disconnects or hangs."),
        ({"body": {}}, "An answer with a body or headers needs a 'status'."),
        ("hang", "A fault is an object."),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(graph: Graph, fault: Any, sentence: str) -> None:
    answer = graph.call("POST", "/_emulator/faults", [{"status": 500}, fault])

    assert answer.status == 400
    assert answer.json["error"]["message"].startswith(sentence)
    assert graph.emulator.faults.armed == []
