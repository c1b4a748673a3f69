"""What a flow's engine makes of it: whatever it repeats and whatever it misses, every activity exists once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from tests.end_to_end.batch_stack import activities, assert_report, self_initiated
from tests.end_to_end.flow_engine import (
    LOGIC_APPS,
    POWER_AUTOMATE,
    Action,
    FlowEngine,
    Mishap,
    RetryPolicy,
)
from tests.end_to_end.keyed_stack import KEY, KEY_HEADER, forget, keyed_stack
from tests.end_to_end.queue_stack import OTHER_PROVIDER, QueueStack, assert_created_once, assignment
from tests.end_to_end.stack import Json
from tests.support.error_shape import assert_error

KINDS = {"assignments": assignment, "self-initiated-courses": self_initiated}
EXTERNAL_ID, REQUEST_ID = "externalCourseActivityId", "Repeatability-Request-ID"
FOREIGN = "content-of-another"
THROTTLED_SECONDS = 3.0
"""Longer than the app itself waits for Graph."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[QueueStack]:
    with keyed_stack(tmp_path_factory.mktemp("flows"), storage_ports) as stack:
        yield stack


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    forget(running)
    return running


def url(stack: QueueStack, route: str) -> str:
    return f"{stack.hosts[-1].url}/api/{route}"


def run(engine: FlowEngine, stack: QueueStack, route: str, named_by: str) -> tuple[Action, Json]:
    """Run an action that creates one activity, named by an external id or by a header; return both."""
    record = KINDS[route]()
    del record["@odata.type"]
    headers = {REQUEST_ID: f"run-{uuid4()}"} if named_by == REQUEST_ID else {}
    if named_by == EXTERNAL_ID:
        record[EXTERNAL_ID] = f"xid-{uuid4()}"
    return engine.post(url(stack, route), record, headers), record


class TestTheEngineItself:
    """It does what the documentation says: a client that is too kind would prove nothing."""

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
    def test_repeats_what_may_pass(self, status: int) -> None:
        assert self._statuses(status) == [status] * (LOGIC_APPS.retries + 1)

    @pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 409, 413, 422, 424])
    def test_takes_everything_else_as_final(self, status: int) -> None:
        assert self._statuses(status) == [status]

    def test_repeats_when_nobody_answers(self) -> None:
        mishaps = [Mishap.REQUEST_LOST, Mishap.ANSWER_LOST, Mishap.FRONT_END_408, Mishap.FRONT_END_504]
        assert self._statuses(201, mishaps) == [0, 0, 408, 504, 201]

    def test_sends_the_same_again_but_no_credentials_to_the_location(self) -> None:
        seen: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            location = {"Location": "https://app.example/report", "Retry-After": "0"}
            return httpx.Response(202, headers=location) if len(seen) < 4 else httpx.Response(200, json={})

        engine = FlowEngine(
            KEY_HEADER, mishaps=[Mishap.ANSWER_LOST], transport=httpx.MockTransport(handle), sleep=lambda _: None
        )
        assert engine.post("https://app.example/batches", {"a": 1}, {REQUEST_ID: "run-1"}).body == {}
        first, second, *polls = seen
        assert (first.method, first.content, first.headers) == ("POST", second.content, second.headers)
        assert [(poll.method, str(poll.url)) for poll in polls] == [("GET", "https://app.example/report")] * 2
        assert [KEY in poll.headers.values() or REQUEST_ID in poll.headers for poll in polls] == [False] * 2

    def test_waits_longer_each_time_or_as_long_as_it_is_told(self) -> None:
        assert self._pauses(heeds_retry_after=False) == [7.5, 15, 30, 45]
        assert self._pauses(heeds_retry_after=True) == [3] * 4

    def _statuses(self, status: int, mishaps: Sequence[Mishap] = ()) -> list[int]:
        transport = httpx.MockTransport(lambda _: httpx.Response(status))
        engine = FlowEngine({}, mishaps=mishaps, transport=transport, sleep=lambda _: None)
        return engine.post("https://app.example", {}).statuses

    def _pauses(self, *, heeds_retry_after: bool) -> list[float]:
        pauses: list[float] = []
        policy = RetryPolicy(heeds_retry_after=heeds_retry_after, scale=1)
        transport = httpx.MockTransport(lambda _: httpx.Response(429, headers={"Retry-After": "3"}))
        engine = FlowEngine({}, policy=policy, transport=transport, sleep=pauses.append)
        assert not engine.post("https://app.example", {}).succeeded
        return pauses


@pytest.mark.parametrize("named_by", [EXTERNAL_ID, REQUEST_ID])
@pytest.mark.parametrize("route", KINDS)
def test_a_create_whose_answers_are_lost_happens_once(stack: QueueStack, route: str, named_by: str) -> None:
    """The last attempt gets the answer of the first one."""
    mishaps = [Mishap.REQUEST_LOST, Mishap.ANSWER_LOST, Mishap.FRONT_END_408, Mishap.FRONT_END_504]
    action, record = run(FlowEngine(KEY_HEADER, mishaps=mishaps), stack, route, named_by)
    assert action.statuses == [0, 0, 408, 504, 200]
    assert action.body["outcome"] == "unchanged"
    created = next(one.answered for one in action.attempts if one.answered is not None)
    assert (created.status_code, created.json()["outcome"]) == (201, "created")
    assert {**created.json(), "outcome": "unchanged"} == action.body
    assert_created_once(stack, [record])


def test_a_create_that_nobody_named_cannot_be_recognised(stack: QueueStack) -> None:
    """What the names are for: without one, the same request again is another activity."""
    action, _ = run(FlowEngine(KEY_HEADER, mishaps=[Mishap.ANSWER_LOST]), stack, "assignments", "")
    assert action.statuses == [0, 201]
    assert len(stack.created()) == 2


@pytest.mark.parametrize(
    ("fault", "named_by"),
    [
        ("gateway-timeout-executed", REQUEST_ID),
        ("disconnect-executed", EXTERNAL_ID),
        ("bad-gateway-html", REQUEST_ID),
    ],
    ids=str,
)
def test_a_create_that_meets_faults_of_graph_happens_once(stack: QueueStack, fault: str, named_by: str) -> None:
    """The first answer is lost on top of it, and repetitions come long before the app asks for them."""
    stack.arm({"name": fault})
    mishaps = [Mishap.ANSWER_LOST] * 2
    action, record = run(FlowEngine(KEY_HEADER, mishaps=mishaps), stack, "assignments", named_by)
    assert action.body["outcome"] == "unchanged"
    assert stack.armed() == []
    assert_created_once(stack, [record])


def test_an_attempt_that_overtakes_the_one_before_creates_nothing_of_its_own(stack: QueueStack) -> None:
    """The engine closes the connection while Graph is at work: the next attempts are told to come again."""
    stack.arm({"delaySeconds": 1.5})
    engine = FlowEngine(KEY_HEADER, policy=POWER_AUTOMATE, mishaps=[Mishap.IMPATIENT])
    action, record = run(engine, stack, "assignments", EXTERNAL_ID)
    assert action.statuses[0] == 0
    assert set(action.statuses[1:-1]) <= {503}
    assert action.body["outcome"] == "unchanged"
    assert_created_once(stack, [record])


@pytest.mark.parametrize("heeds_retry_after", [True, False], ids=["heeds", "comes early"])
def test_throttling_is_passed_on_and_outlived(stack: QueueStack, *, heeds_retry_after: bool) -> None:
    """One attempt that comes when it was told to is enough; while Graph throttles, early ones do not reach it."""
    stack.arm({"operation": "any", "status": 429, "forSeconds": THROTTLED_SECONDS})
    engine = FlowEngine(KEY_HEADER, policy=replace(POWER_AUTOMATE, heeds_retry_after=heeds_retry_after))
    action, record = run(engine, stack, "assignments", EXTERNAL_ID)
    assert action.body["outcome"] == "created"
    refused = action.statuses[:-1]
    assert set(refused) == {429}
    assert (len(refused) == 1) is heeds_retry_after
    creates = [call for call in stack.calls() if call["operation"] == "create"]
    assert len(creates) <= 3
    assert_created_once(stack, [record])


@pytest.mark.parametrize(
    ("properties", "status", "code"),
    [
        ({"status": "nope"}, 400, "invalidRequest"),
        ({"learningContentId": FOREIGN}, 422, "contentNotOwnedByProvider"),
        ({"registrationId": str(uuid4())}, 424, "providerNotRegistered"),
    ],
    ids=["wrong", "refused", "not set up"],
)
def test_what_cannot_succeed_fails_at_once(stack: QueueStack, properties: Json, status: int, code: str) -> None:
    """Whatever stays wrong is no 5xx: the flow would be repeating it for an hour."""
    stack.change_tenant(contents={FOREIGN: OTHER_PROVIDER})
    action = FlowEngine(KEY_HEADER).post(url(stack, "activities"), assignment(**properties))
    assert action.statuses == [status]
    assert not action.succeeded
    assert action.outputs is not None
    assert_error(action.outputs, status, code)
    assert stack.created() == []


def test_other_content_under_the_same_name_fails_at_once(stack: QueueStack) -> None:
    first = assignment(externalCourseActivityId=f"xid-{uuid4()}")
    assert FlowEngine(KEY_HEADER).post(url(stack, "activities"), first).succeeded
    other = FlowEngine(KEY_HEADER).post(url(stack, "activities"), {**first, "status": "completed"})
    assert other.statuses == [409]
    assert_created_once(stack, [first])


def test_a_wrong_key_fails_at_once(stack: QueueStack) -> None:
    action = FlowEngine({"x-functions-key": "wrong"}).post(url(stack, "activities"), assignment())
    assert action.statuses == [401]


def test_a_loop_creates_each_item_once(stack: QueueStack) -> None:
    """Apply to each: a name for the run with the item's behind it, and every item has its own mishaps."""
    run_name = f"08584-{uuid4()}"
    records = activities(10)
    mishaps = [Mishap.ANSWER_LOST, Mishap.NONE, Mishap.FRONT_END_504, Mishap.REQUEST_LOST, Mishap.FRONT_END_408]
    for index, record in enumerate(records):
        engine = FlowEngine(KEY_HEADER, mishaps=[mishaps[index % 5], mishaps[index % 3]])
        action = engine.post(url(stack, "activities"), record, {REQUEST_ID: f"{run_name}-{index}"})
        assert action.succeeded, action.statuses
    assert_created_once(stack, records)


class TestABatch:
    def test_is_one_batch_when_its_answers_are_lost(self, stack: QueueStack) -> None:
        """A Repeatability-Request-ID names it: every attempt is sent to the same report, polled without the key."""
        records = activities(45)
        mishaps = [Mishap.ANSWER_LOST, Mishap.FRONT_END_504, Mishap.REQUEST_LOST, Mishap.NONE, Mishap.ANSWER_LOST]
        engine = FlowEngine(KEY_HEADER, mishaps=mishaps)
        action = engine.post(url(stack, "batches"), {"activities": records}, {REQUEST_ID: f"run-{uuid4()}"})
        assert_report(action.body, 45)
        answers = [one.answered for one in action.attempts if one.answered is not None]
        assert {one.json()["batchId"] for one in answers} == {action.body["batchId"]}
        assert action.statuses[:3] == [0, 504, 0]
        # None of them if the batch has ended by the time of the fourth attempt.
        assert {one.url.rpartition("/")[2] for one in action.attempts[4:]} <= {action.body["batchId"]}
        assert_created_once(stack, records)

    def test_that_nobody_named_is_another_batch_with_the_same_activities(self, stack: QueueStack) -> None:
        """External ids are enough: the attempts are different batches, of which the later ones find it all done."""
        records = activities(45)
        for number, record in enumerate(records):
            record[EXTERNAL_ID] = f"xid-{number}-{uuid4()}"
        engine = FlowEngine(KEY_HEADER, mishaps=[Mishap.ANSWER_LOST, Mishap.FRONT_END_408])
        action = engine.post(url(stack, "batches"), {"activities": records})
        assert_report(action.body, 45)
        accepted = [one.answered.json()["batchId"] for one in action.attempts if one.answered is not None]
        assert len(set(accepted)) == 3
        assert_created_once(stack, records)

    def test_of_a_few_is_answered_at_once_however_often(self, stack: QueueStack) -> None:
        records = activities(8)
        engine = FlowEngine(KEY_HEADER, mishaps=[Mishap.ANSWER_LOST] * 3)
        action = engine.post(url(stack, "batches"), {"activities": records}, {REQUEST_ID: f"run-{uuid4()}"})
        assert action.statuses == [0, 0, 0, 200]
        assert_report(action.body, 8)
        assert_created_once(stack, records)

    def test_goes_on_through_faults_of_graph(self, stack: QueueStack) -> None:
        """The flow sees none of them: what it polls is 202 until all is done."""
        records = activities(45)
        stack.arm({"operation": "batch", "status": 503, "headers": {"Retry-After": "1"}}, {"name": "internal-error"})
        engine = FlowEngine(KEY_HEADER, mishaps=[Mishap.ANSWER_LOST])
        action = engine.post(url(stack, "batches"), {"activities": records}, {REQUEST_ID: f"run-{uuid4()}"})
        assert_report(action.body, 45)
        assert set(action.statuses[1:-1]) == {202}
        assert_created_once(stack, records)

    def test_that_cannot_be_read_fails_at_once(self, stack: QueueStack) -> None:
        action = FlowEngine(KEY_HEADER).post(url(stack, "batches"), {"activities": [], "nmae": "Week 12"})
        assert action.statuses == [400]
