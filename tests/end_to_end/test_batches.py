"""Batches that are answered at once: what is taken, what Graph gets, and what is said about each record."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities, assert_report, ended, self_initiated
from tests.end_to_end.queue_stack import (
    MARKER,
    OTHER_PROVIDER,
    PROVIDER,
    QueueStack,
    assert_created_once,
    assignment,
    learner,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json, example
from tests.support import plain_http
from tests.support.error_shape import assert_error

KINDS = ("assignment", "self-initiated")
NAME = "Onboarding of Megan Bowen"
UMLAUTS = 'Für Jörg: "Grüße"; bis Dienstag'
EXAMPLE_LEARNER, EXAMPLE_NOTE = "7ba2228a-e020-11ec-9d64-0242ac120002", "required assignment added for user"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("batches")) as stack, stack.host():
        yield stack
    stack.assert_discreet(NAME, UMLAUTS, EXAMPLE_LEARNER, EXAMPLE_NOTE)


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    running.reset()
    return running


def documented(count: int) -> list[Json]:
    """Return Microsoft's two examples in turn, each under an external id of its own."""
    return [example(f"{KINDS[number % 2]}.request", externalCourseActivityId=str(uuid4())) for number in range(count)]


def post_single(stack: QueueStack, activity: Json) -> httpx.Response:
    return plain_http.post(f"{stack.hosts[-1].url}/api/activities", json=activity, timeout=30)


def test_twenty_documented_requests_reach_graph_as_documented_in_one_request(stack: QueueStack) -> None:
    requests = documented(20)
    answer = batch_stack.post(stack, {"activities": requests})
    assert answer.status_code == 200
    assert_report(answer.json(), 20)
    assert stack.created() == requests
    assert [call["operation"] for call in stack.http_calls()] == ["batch"]
    assert [one["externalCourseActivityId"] for one in answer.json()["results"]] == [
        request["externalCourseActivityId"] for request in requests
    ]


def test_a_record_reaches_graph_as_it_would_alone(stack: QueueStack) -> None:
    """Also in the forms that flows send: a batch reads a record as the single route does."""
    loose = [
        assignment(completionPercentage="42", dueDateTime="2026-12-24T18:00:00", registrationId=OTHER_PROVIDER),
        self_initiated(completionPercentage=28.0, completedDateTime=" ", status="INPROGRESS"),
    ]
    for one in loose:
        assert post_single(stack, {**one, "externalCourseActivityId": str(uuid4())}).status_code == 201
    assert_report(batch_stack.post(stack, loose).json(), 2)
    created = [{**one, "externalCourseActivityId": ""} for one in stack.created()]
    assert created[:2] == created[2:]


def test_invalid_records_do_not_stop_the_others(stack: QueueStack) -> None:
    """What can be known without Graph is not sent; what Graph refuses is told with Graph's reason."""
    unlicensed = learner()
    stack.change_tenant(unlicensedLearners=[unlicensed], contents={"foreign": OTHER_PROVIDER})
    records: list[Any] = activities(20)
    wrong: dict[int, tuple[str, Any]] = {
        0: ("invalidRequest", {**records[0], "completionPercentage": 101}),
        7: ("invalidRequest", {**records[7], "statuss": "notStarted"}),
        8: ("invalidRequest", "not an activity"),
        12: ("learnerNotLicensed", {**records[12], "learnerUserId": unlicensed}),
        19: ("contentNotOwnedByProvider", {**records[19], "learningContentId": "foreign"}),
    }
    sent = [wrong[number][1] if number in wrong else record for number, record in enumerate(records)]
    answer = batch_stack.post(stack, {"activities": sent})
    assert answer.status_code == 200
    assert_report(answer.json(), 20, {number: code for number, (code, _) in wrong.items()})
    assert_created_once(stack, [record for number, record in enumerate(records) if number not in wrong])
    assert [call["operation"] for call in stack.http_calls()] == ["batch"]
    assert len(stack.calls()) == 17
    assert unlicensed not in answer.text


@pytest.mark.parametrize(
    "envelope",
    [
        lambda one: [one],
        lambda one: one,
        lambda one: {"activities": [one]},
        lambda one: {"activities": one, "name": NAME},
    ],
    ids=["bare array", "single object", "envelope", "envelope with a single object"],
)
def test_every_form_of_a_batch_of_one_is_understood(stack: QueueStack, envelope: Any) -> None:
    activity = assignment()
    answer = batch_stack.post(stack, envelope(activity))
    assert answer.status_code == 200
    assert_report(answer.json(), 1)
    assert_created_once(stack, [activity])


def test_the_envelopes_provider_is_that_of_the_records_which_name_none(stack: QueueStack) -> None:
    """Two providers in one batch are one request to Graph."""
    records = activities(20)
    sent = [{**one, "registrationId": PROVIDER} if number % 4 == 0 else one for number, one in enumerate(records)]
    answer = batch_stack.post(stack, {"registrationId": OTHER_PROVIDER, "activities": sent})
    assert_report(answer.json(), 20)
    assert_created_once(stack, records)
    assert [call["operation"] for call in stack.http_calls()] == ["batch"]
    providers = Counter(call["registrationId"] for call in stack.calls())
    assert providers == {PROVIDER: 5, OTHER_PROVIDER: 15}


def test_a_sheet_as_excel_saves_it_is_understood(stack: QueueStack) -> None:
    """Semicolons, a byte order mark, umlauts, a quoted text, a blank row; the report counts all rows."""
    learners = [learner() for _ in range(3)]
    rows = [
        "Type;LearnerUserId;LearningContentId;Status;AssignmentType;Notes;CompletionPercentage",
        f'Assignment;{learners[0]};content-ä;notStarted;required;"{UMLAUTS.replace('"', '""')}";20',
        f"self-initiated course;{learners[1]};content-ö;inProgress;;;",
        ";;;;;;",
        f"assignment;{learners[2]};content-ü;notStarted;required;;101",
    ]
    body = "\ufeff".encode() + "\r\n".join(rows).encode()
    answer = batch_stack.post(stack, body, {"Content-Type": "text/csv"}, query=f"?name={NAME}")
    assert answer.status_code == 200
    report = answer.json()
    assert report["name"] == NAME
    assert [(one["index"], one["outcome"]) for one in report["results"]] == [
        (0, "created"),
        (1, "created"),
        (3, "failed"),
    ]
    created = {one["learningContentId"]: one for one in stack.created()}
    assert created.keys() == {"content-ä", "content-ö"}
    assert created["content-ä"]["notes"] == {"contentType": "text", "content": UMLAUTS}
    assert created["content-ä"]["completionPercentage"] == 20
    assert [created[name]["learnerUserId"] for name in ("content-ä", "content-ö")] == learners[:2]


def test_more_than_ten_thousand_are_refused_as_a_whole(stack: QueueStack) -> None:
    error = assert_error(batch_stack.post(stack, [{}] * 10_001), 413, "requestTooLarge")
    assert "10,000" in error["message"]


@pytest.mark.parametrize("megabytes", [17, 60])
def test_a_body_that_is_too_large_is_refused_in_the_apps_own_words(stack: QueueStack, megabytes: int) -> None:
    """The host's limit is higher, because all that a caller gets there is an empty 500."""
    url = f"{stack.hosts[-1].url}/api/batches"
    answer = plain_http.post(url, content=b" " * (megabytes * 1024 * 1024), timeout=60)
    assert "16,777,216" in assert_error(answer, 413, "requestTooLarge")["message"]


@pytest.mark.parametrize("unit", [b"[", b"[],", b'{"a":{}},'])
def test_a_body_of_nothing_but_brackets_is_refused_while_others_are_answered(stack: QueueStack, unit: bytes) -> None:
    """It took six seconds and 700 MB, in which nobody else was answered."""
    host = stack.hosts[-1].url
    body = b"[" + unit * (16 * 2**20 // len(unit) - 1)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(plain_http.post, f"{host}/api/batches", content=body, timeout=60)
        assert plain_http.get(f"{host}/api/health").status_code == 200
        assert "400,000 values" in assert_error(sent.result(), 413, "requestTooLarge")["message"]


def test_a_body_that_comes_with_a_get_changes_nothing(stack: QueueStack) -> None:
    url = f"{stack.hosts[-1].url}/api/health"
    assert plain_http.request("GET", url, content=b"x" * 2**20).status_code == 200


def test_a_typo_in_the_envelope_refuses_all_and_names_what_was_meant(stack: QueueStack) -> None:
    answer = batch_stack.post(stack, {"activites": activities(3), "registrationID": PROVIDER})
    error = assert_error(answer, 400, "invalidRequest")
    assert {detail["target"] for detail in error["details"]} == {"activites", "registrationID"}
    assert '"activities"' in error["message"]
    assert '"registrationId"' in error["message"]
    assert stack.http_calls() == []


@pytest.mark.parametrize("count", [3, 45])
def test_the_same_request_again_is_the_same_batch(stack: QueueStack, count: int) -> None:
    """At once, by a flow that lost the answer, and after the end: nothing is created twice."""
    records, headers = activities(count), {"Repeatability-Request-ID": str(uuid4())}
    send = partial(batch_stack.post, stack, {"activities": records}, headers)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _accepted(send), range(4)))
    batches = {answer.json()["batchId"] for answer in answers}
    assert len(batches) == 1
    reports = [ended(stack, answer) for answer in answers]
    later = send()
    assert later.status_code == 200
    assert later.json() == reports[0]
    assert_report(later.json(), count)
    assert_created_once(stack, records)
    assert len([call for call in stack.calls() if call["operation"] == "create"]) == count
    other = batch_stack.post(stack, {"activities": records[1:]}, headers)
    assert assert_error(other, 400, "invalidRequest")["target"] == "Repeatability-Request-ID"


def _accepted(send: partial[httpx.Response]) -> httpx.Response:
    """Send a batch as a flow does: again while another request is accepting it."""
    answers: list[httpx.Response] = []

    def accepted() -> bool:
        answers.append(send())
        return answers[-1].status_code != 503

    wait_until(accepted, lambda: answers[-1].text)
    return answers[-1]


def test_what_was_created_alone_is_unchanged_in_a_batch_and_the_other_way_round(stack: QueueStack) -> None:
    records = [one(externalCourseActivityId=str(uuid4())) for one in (assignment, self_initiated, assignment)]
    alone = post_single(stack, records[0])
    assert alone.status_code == 201
    first = batch_stack.post(stack, records[:2]).json()
    assert_report(first, 2)
    assert [one["outcome"] for one in first["results"]] == ["unchanged", "created"]
    again = [post_single(stack, one) for one in records[:2]]
    assert [one.status_code for one in again] == [200, 200]
    assert again[0].json() == alone.json()
    assert first["results"][1]["id"] in again[1].json()["id"]
    changed = batch_stack.post(stack, [records[2], {**records[0], "completionPercentage": 30}]).json()
    assert_report(changed, 2, {1: "activityExists"})
    assert_created_once(stack, records)


def test_the_same_activity_twice_in_a_batch_is_created_once(stack: QueueStack) -> None:
    one = assignment(externalCourseActivityId=str(uuid4()))
    report = batch_stack.post(stack, [one, one, {**one, "completionPercentage": 30}]).json()
    assert_report(report, 3, {2: "activityExists"})
    assert [result["outcome"] for result in report["results"][:2]] == ["created", "unchanged"]
    assert_created_once(stack, [one])


def test_a_report_tells_nothing_about_people(stack: QueueStack) -> None:
    """Whoever has its address can read it."""
    unlicensed = learner()
    stack.change_tenant(unlicensedLearners=[unlicensed])
    records = [*activities(3), assignment(learnerUserId=unlicensed), assignment(learnerUserId=f"{MARKER}-x")]
    answer = batch_stack.post(stack, records)
    assert_report(answer.json(), 5, {3: "learnerNotLicensed", 4: "invalidRequest"})
    batch_id = answer.json()["batchId"]
    queries = (("", "application/json"), ("", "text/html"), ("?format=csv", "*/*"), ("/status", "*/*"))
    for said in [answer, *(batch_stack.get(stack, batch_id, query, {"Accept": form}) for query, form in queries)]:
        assert said.status_code == 200
        assert MARKER not in said.text


def test_a_batch_that_is_deleted_stops_and_its_addresses_are_gone(stack: QueueStack) -> None:
    stack.arm({"delaySeconds": 1.0, "times": 99})
    accepted = batch_stack.post(stack, activities(400), {"Prefer": "respond-async"})
    batch_id = accepted.json()["batchId"]
    wait_until(lambda: bool(stack.calls()), stack.tail)
    url = f"{stack.hosts[-1].url}/api/batches/{batch_id}"
    deleted = plain_http.delete(url, timeout=30)
    assert deleted.status_code == 200
    not_sent = deleted.json()["notSentCount"]
    assert deleted.json() == {"batchId": batch_id, "notSentCount": not_sent}
    for address in (url, f"{url}/status", f"{url}?format=csv"):
        assert_error(plain_http.get(address, timeout=30), 404, "notFound")
    assert_error(plain_http.delete(url, timeout=30), 404, "notFound")
    wait_until(lambda: stack.count("-batches") == 0, stack.tail)
    assert not_sent > 0
    assert len(stack.created()) < 400
