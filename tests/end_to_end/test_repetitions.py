"""The same request again: at once, later, after a crash, by another instance, and without storage."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.environment import app_environment
from local.lifecycle import free_ports
from local.stack.processes import Child
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Json, Stack, assert_discreet, own_example
from tests.support.error_shape import assert_error

LIMIT_SECONDS = 60.0
AT_ONCE = 50

type StartHost = Callable[..., AbstractContextManager[tuple[Stack, Child]]]


@pytest.fixture
def start_host(stack: Stack, tmp_path: Path, storage_ports: tuple[int, int, int]) -> StartHost:
    """Give what starts further hosts in front of the same Graph and storage, or of another storage."""

    @contextmanager
    def start(ports: tuple[int, int, int] = storage_ports, **settings: str) -> Iterator[tuple[Stack, Child]]:
        environment = {**app_environment(stack.graph_url, storage_ports=ports), **settings}
        log = tmp_path / f"{uuid4()}.log"
        with started_host(env=environment, log=log) as child:
            own = Stack(child.url, stack.graph_url, log)
            yield own, child
        assert_discreet(own)

    return start


def assignment() -> Json:
    return own_example("assignment.request")


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not done():
        assert time.monotonic() < deadline


def answered(stack: Stack, request: Json) -> httpx.Response:
    """Send a request as a flow does: again as long as somebody else is at it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        response = stack.post("activities", request)
        if response.status_code != 503:
            return response
        assert_error(response, 503, "createInProgress")
        assert time.monotonic() < deadline


def assert_one_activity(stack: Stack, request: Json, responses: list[httpx.Response]) -> None:
    """Check that of all who asked one was told "created", and all the same."""
    assert stack.stored() == [request]
    assert stack.calls().count("create") == 1
    assert sorted(response.status_code for response in responses) == [200] * (len(responses) - 1) + [201]
    assert len({response.content for response in responses}) == 1


def test_of_fifty_at_once_one_creates_and_all_get_its_answer(stack: Stack) -> None:
    request = assignment()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(lambda _: answered(stack, request), range(AT_ONCE)))
    assert_one_activity(stack, request, responses)


def test_also_by_two_instances_while_graph_is_slow(stack: Stack, start_host: StartHost) -> None:
    request = assignment()
    stack.arm({"delaySeconds": 2})
    with start_host() as (other, _), ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(lambda one: answered(one, request), [stack, other] * (AT_ONCE // 2)))
    assert_one_activity(stack, request, responses)


def test_a_create_that_takes_longer_than_its_lease_is_not_taken_over(stack: Stack, start_host: StartHost) -> None:
    request = assignment()
    stack.arm({"delaySeconds": 4})
    with start_host(CLAIM_LEASE_SECONDS="1") as (own, _), ThreadPoolExecutor(AT_ONCE) as pool:
        responses = list(pool.map(lambda _: answered(own, request), range(4)))
    assert_one_activity(stack, request, responses)
    assert "find" not in stack.calls()


def test_the_same_request_later_gets_the_first_answer_without_graph(stack: Stack) -> None:
    request = assignment()
    first = stack.post("activities", request)
    again = stack.post("activities", request)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert stack.graph_calls() == ["create"]


def test_the_flat_operation_says_that_nothing_changed(stack: Stack) -> None:
    request = assignment()
    del request["@odata.type"]
    first, again = (stack.post("assignments", request) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "outcome": "unchanged"}


def test_the_same_external_id_with_other_content_is_refused_with_the_first_id(stack: Stack) -> None:
    request = assignment()
    first = stack.post("activities", request).json()
    response = stack.post("activities", {**request, "completionPercentage": 30})
    error = assert_error(response, 409, "activityExists")
    learner, _, own = first["id"].partition(":")
    assert own in error["message"]
    assert learner not in error["message"]
    assert error["target"] == "externalCourseActivityId"
    assert stack.stored() == [request]


def test_a_refused_request_can_be_corrected_and_sent_again_at_once(stack: Stack) -> None:
    request = assignment()
    stack.arm({"name": "learner-not-licensed"})
    assert_error(stack.post("activities", request), 422, "learnerNotLicensed")
    corrected = {**request, "completionPercentage": 30}
    assert stack.post("activities", corrected).status_code == 201
    assert stack.stored() == [corrected]


@pytest.mark.parametrize("header", ["Repeatability-Request-ID", "Idempotency-Key"])
def test_a_repeated_request_id_gets_the_first_answer_and_no_other_content(stack: Stack, header: str) -> None:
    request = {**assignment(), "externalCourseActivityId": ""}
    headers = {header: str(uuid4())}
    first, again = (stack.post("activities", request, headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    response = stack.post("activities", {**request, "completionPercentage": 30}, headers)
    assert_error(response, 409, "activityExists")
    assert len(stack.stored()) == 1


def test_without_storage_only_what_needs_no_memory_is_created(stack: Stack, start_host: StartHost) -> None:
    blob, queue, table = free_ports([0, 0, 0])
    with start_host((blob, queue, table)) as (own, _):
        unkeyed = {**assignment(), "externalCourseActivityId": ""}
        assert own.post("activities", unkeyed).status_code == 201
        assert_error(own.post("activities", assignment()), 503, "storageUnavailable")
        keyed = own.post("activities", unkeyed, {"Repeatability-Request-ID": str(uuid4())})
        assert_error(keyed, 503, "storageUnavailable")
        assert len(stack.stored()) == 1
        health = own.get("health")
        assert (health.status_code, health.json()["error"]["code"]) == (503, "storageUnavailable")


@pytest.mark.parametrize(("fault", "status"), [("hang-executed", 200), ("hang", 201)])
def test_a_crash_in_the_middle_of_a_create_leaves_one_activity(
    stack: Stack, start_host: StartHost, fault: str, status: int
) -> None:
    request = assignment()
    stack.arm({"name": fault})
    with ThreadPoolExecutor(1) as pool:
        with start_host(CLAIM_LEASE_SECONDS="1") as (own, child):
            assert_error(own.post("activities", b""), 400, "invalidJson")  # Something that is logged.
            lost: Future[httpx.Response] = pool.submit(own.post, "activities", request)
            wait_until(lambda: "create" in stack.calls())
            child.send_signal(signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                lost.result(LIMIT_SECONDS)
        with start_host(CLAIM_LEASE_SECONDS="1") as (own, _):
            assert answered(own, request).status_code == status
            assert answered(own, request).status_code == 200
    assert stack.stored() == [request]
    assert "find" in stack.calls()
