"""`$batch`: up to 20 requests in one, each answered as it would be alone.

https://learn.microsoft.com/graph/json-batching
"""

import base64
from typing import Any

import pytest

from local.emulators.exchange import Ending
from local.emulators.json_batch import MOST_REQUESTS
from local.emulators.learning import NO_ACTIVITY, NOT_LICENSED
from local.environment import LEARNING_PROVIDER_ID
from tests.local.emulators.calls import ACTIVITIES, NOW, Answer, Graph, counts, sample

URL = ACTIVITIES.removeprefix("/v1.0")
ASSIGNMENT = sample("assignment.request")
REFUSED = "Invalid batch payload format."


def creation(request_id: str, **changes: Any) -> dict[str, Any]:
    """Return a request for an activity whose external id is the request's."""
    headers = {"Content-Type": "application/json"}
    body = {**ASSIGNMENT, "externalCourseActivityId": request_id, **changes}
    return {"id": request_id, "method": "POST", "url": URL, "headers": headers, "body": body}


def search(request_id: str, external_id: str = "unknown") -> dict[str, Any]:
    return {"id": request_id, "method": "GET", "url": f"{URL}(externalcourseActivityId='{external_id}')"}


def by_id(answer: Answer) -> dict[str, dict[str, Any]]:
    assert answer.status == 200, answer.json
    return {item["id"]: item for item in answer.json["responses"]}


def statuses(answer: Answer) -> dict[str, int]:
    return {request_id: item["status"] for request_id, item in by_id(answer).items()}


def calls(graph: Graph) -> list[tuple[str, bool, int | None]]:
    recorded = graph.call("GET", "/_emulator/requests").json["requests"]
    return [(call["operation"], call["batched"], call["status"]) for call in recorded]


def test_each_request_is_answered_as_if_it_came_alone(graph: Graph) -> None:
    graph.patch_tenant(unlicensedLearners=["nobody"])
    batch = graph.batch(creation("a"), creation("b", learnerUserId="nobody"), search("c"), search("d", "a"))

    items = by_id(batch)

    assert statuses(batch) == {"a": 201, "b": 403, "c": 404, "d": 200}
    assert items["a"]["body"] == items["d"]["body"] == graph.find("a").json
    assert items["b"]["body"]["error"]["message"] == NOT_LICENSED
    assert items["c"]["body"]["error"]["message"] == NO_ACTIVITY
    assert items["a"]["headers"] == {"Content-Type": "application/json"}
    assert [activity["externalCourseActivityId"] for activity in graph.stored] == ["a"]


def test_the_answers_are_not_in_the_order_of_the_requests(graph: Graph) -> None:
    batch = graph.batch(search("a"), search("b"), search("c"))

    assert [item["id"] for item in batch.json["responses"]] == ["c", "b", "a"]


def test_only_the_whole_answer_tells_graphs_own_id_of_the_request(graph: Graph) -> None:
    batch = graph.batch(search("a"), headers={"client-request-id": "mine"})

    (item,) = batch.json["responses"]
    assert batch.headers["client-request-id"] == "mine"
    assert "request-id" in batch.headers
    assert not {name.lower() for name in item["headers"]} & {"request-id", "client-request-id"}
    assert item["body"]["error"]["innerError"]["client-request-id"] == "mine"


@pytest.mark.parametrize("authorization", ["", "Bearer made.up.token"])
def test_a_batch_needs_a_token_and_without_it_nothing_is_carried_out(graph: Graph, authorization: str) -> None:
    batch = graph.batch(creation("a"), headers={"authorization": authorization})

    assert (batch.status, batch.error["code"]) == (401, "InvalidAuthenticationToken")
    assert graph.stored == []


def test_the_batchs_token_counts_for_all_its_requests(graph: Graph) -> None:
    own = {"Authorization": "Bearer made.up.token", "Content-Type": "application/json"}
    token, _ = graph.emulator.identity.issue([], now=NOW)

    assert statuses(graph.batch({**creation("a"), "headers": own})) == {"a": 201}
    assert statuses(graph.batch(creation("b"), headers={"authorization": f"Bearer {token}"})) == {"b": 403}


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", ACTIVITIES, 404),
        ("GET", "/$batch", 404),
        ("GET", URL, 405),
        ("get", f"{URL[1:]}(externalcourseActivityId='known')", 200),
    ],
)
def test_an_address_is_relative_to_the_version(graph: Graph, method: str, url: str, status: int) -> None:
    """The SDK leaves the version in some; then there is no such resource."""
    graph.create({**ASSIGNMENT, "externalCourseActivityId": "known"})

    assert statuses(graph.batch({"id": "1", "method": method, "url": url})) == {"1": status}


def test_a_batch_inside_a_batch_is_not_found(graph: Graph) -> None:
    headers = {"Content-Type": "application/json"}
    inner = {"id": "1", "method": "POST", "url": "/$batch", "headers": headers, "body": {"requests": [creation("a")]}}

    assert statuses(graph.batch(inner)) == {"1": 404}
    assert graph.stored == []


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ("no object", REFUSED),
        ({**search(""), "id": ""}, REFUSED),
        ({**search("1"), "id": 1}, REFUSED),
        ({**search("1"), "id": None}, REFUSED),
        ({**search("1"), "method": ""}, REFUSED),
        ({"id": "1", "method": "GET"}, REFUSED),
        ({**search("1"), "headers": {"a": 1}}, REFUSED),
        ({**search("1"), "headers": ["a"]}, REFUSED),
        ({**search("1"), "url": "https://graph.microsoft.com/v1.0/users"}, "The url of request 1 has to be relative:"),
        ({**search("1"), "url": "//graph.microsoft.com/users"}, "The url of request 1 has to be relative:"),
        ({**search("1"), "dependsOn": ["first"]}, "This emulator does not support dependsOn."),
        ({**creation("1"), "headers": {}}, "Write request id : 1 does not contain Content-Type header or body."),
        ({**search("1"), "body": {}}, "Write request id : 1 does not contain Content-Type header or body."),
        ({**creation("1"), "body": None}, "Write request id : 1 does not contain Content-Type header or body."),
        (search("FIRST"), "Request Id FIRST has to be unique in a batch."),
    ],
)
def test_a_malformed_request_refuses_the_whole_batch(graph: Graph, request_: Any, sentence: str) -> None:
    batch = graph.batch(creation("first"), request_)

    assert (batch.status, batch.error["code"]) == (400, "BadRequest")
    assert batch.error["message"].startswith(sentence)
    assert graph.stored == []
    assert calls(graph) == [("batch", False, 400)]


def test_twenty_requests_are_the_most(graph: Graph) -> None:
    requests = [creation(str(number)) for number in range(MOST_REQUESTS + 1)]

    assert graph.batch(*requests).error["message"] == "Number of requests inside batch exceeds the limit."
    assert set(statuses(graph.batch(*requests[1:])).values()) == {201}
    assert len(graph.stored) == MOST_REQUESTS == 20


@pytest.mark.parametrize("content", [b"{", [], {}, {"requests": []}, {"requests": {}}])
def test_what_is_no_batch_is_refused(graph: Graph, content: Any) -> None:
    assert graph.call("POST", "/v1.0/$batch", content).status == 400


def test_a_fault_of_an_operation_strikes_it_in_a_batch_alone(graph: Graph) -> None:
    graph.arm({"name": "throttled-header"}, {"operation": "find", "name": "internal-error-empty"})

    items = by_id(graph.batch(creation("a"), creation("b"), search("c"), search("d")))

    assert {request_id: item["status"] for request_id, item in items.items()} == {
        "a": 429,
        "b": 201,
        "c": 500,
        "d": 404,
    }
    assert items["a"]["headers"]["Retry-After"] == "7"
    assert "Retry-After" not in items["b"]["headers"]
    assert "body" not in items["c"]


def test_a_body_that_is_no_json_comes_as_base64(graph: Graph) -> None:
    graph.arm({"name": "bad-gateway-html"}, {"status": 500, "body": "no JSON"})

    items = by_id(graph.batch(creation("a"), creation("b")))

    assert base64.urlsafe_b64decode(items["a"]["body"]).startswith(b"<html>")
    assert base64.urlsafe_b64decode(items["b"]["body"]) == b"no JSON"


@pytest.mark.parametrize("name", ["disconnect", "hang", "disconnect-executed", "hang-executed"])
def test_a_request_in_a_batch_has_no_connection_to_break_and_becomes_504(graph: Graph, name: str) -> None:
    graph.arm({"name": name})

    batch = graph.batch(creation("a"), creation("b"))

    assert batch.ending is Ending.ANSWER
    assert statuses(batch) == {"a": 504, "b": 201}
    assert by_id(batch)["a"]["body"]["error"]["code"] == "UnknownError"
    assert len(graph.stored) == (2 if name.endswith("-executed") else 1)


def test_a_batch_comes_as_late_as_the_latest_of_its_requests(graph: Graph) -> None:
    graph.arm({"delaySeconds": 2}, {"delaySeconds": 3, "hang": True})

    assert graph.batch(creation("a"), creation("b"), creation("c")).response.delay_seconds == 3


def test_graphs_latency_counts_once(graph: Graph) -> None:
    slow = Graph(latency_seconds=0.5)

    assert slow.batch(search("a"), search("b")).response.delay_seconds == 0.5
    assert graph.batch(search("a"), search("b")).response.delay_seconds == 0


@pytest.mark.parametrize(
    ("fault", "status", "ending"),
    [
        ({"status": 503}, 503, Ending.ANSWER),
        ({"name": "disconnect"}, 504, Ending.DISCONNECT),
        ({"name": "hang"}, 504, Ending.HANG),
        ({"name": "batch-refused"}, 400, Ending.ANSWER),
    ],
)
@pytest.mark.parametrize("execute", [False, True])
def test_a_fault_of_the_batch_itself_strikes_all_its_requests(
    graph: Graph, fault: dict[str, Any], status: int, ending: Ending, *, execute: bool
) -> None:
    graph.arm({**fault, "operation": "batch", "execute": execute})

    batch = graph.batch(creation("a"), creation("b"))

    assert batch.ending is ending
    if ending is Ending.ANSWER:
        assert batch.status == status
    assert len(graph.stored) == (2 if execute else 0)
    assert statuses(graph.batch(search("c"))) == {"c": 404}


def test_a_tenant_may_refuse_batches_and_still_take_single_requests(graph: Graph) -> None:
    graph.arm({"name": "batch-refused", "times": 2})

    assert [graph.batch(creation("a")).error["code"] for _ in range(2)] == ["notSupported", "notSupported"]
    assert graph.create(ASSIGNMENT).status == 201


def test_a_throttled_provider_is_throttled_in_batches_too(graph: Graph) -> None:
    graph.arm({"name": "throttling-window", "registrationId": LEARNING_PROVIDER_ID, "forSeconds": 9})

    items = by_id(graph.batch(creation("a"), search("b")))

    assert [(item["status"], item["headers"]["Retry-After"]) for item in items.values()] == [(429, "9"), (429, "9")]


def test_http_requests_and_operations_can_be_counted_apart(graph: Graph) -> None:
    graph.batch(creation("a"), creation("b"), search("c"), {"id": "d", "method": "GET", "url": "/nothing"})
    graph.create(ASSIGNMENT)

    assert calls(graph) == [
        ("batch", False, 200),
        ("create", True, 201),
        ("create", True, 201),
        ("find", True, 404),
        (None, True, 404),
        ("create", False, 201),
    ]
    shown = graph.call("GET", "/_emulator/requests").json
    assert shown["counts"] == counts(create=3, find=1, batch=1)
    assert shown["requests"][0]["path"] == "/v1.0/$batch"
    assert shown["requests"][1]["path"] == ACTIVITIES
