"""While Graph throttles a provider nothing is sent for it; everything else goes on, also in the same call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from activities.contract.activity import Operation, StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import creation
from activities.execution.gateway import Write
from activities.graph.throttling import ThrottledGraph
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, Fault, activity_request, key_of
from tests.support.queue_stage import TRANSIENT, error_of

type End = StoredActivity | ActivityError | bool | None

CALLS = pytest.mark.parametrize("call", ["create", "update", "delete", "find"])
MANY = pytest.mark.parametrize("count", [1, 3])
OTHER = OTHER_REGISTRATION_ID


def throttled(seconds: float) -> Fault:
    return Fault(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=seconds))


@pytest.fixture
def inner() -> FakeGraph:
    return FakeGraph()


@pytest.fixture
def graph(inner: FakeGraph) -> ThrottledGraph:
    return ThrottledGraph(inner, now=lambda: inner.time.seconds)


async def ask(graph: ThrottledGraph, *registration_ids: str, call: str = "create") -> list[End]:
    requests = [activity_request(f"{number}", registrationId=one) for number, one in enumerate(registration_ids)]
    if call == "create":
        return [*await graph.write([creation(one).write for one in requests], timeout_seconds=30)]
    if call in {"update", "delete"}:
        writes = [Write(Operation(call), one, graph_id="unknown") for one in registration_ids]
        return [*await graph.write(writes, timeout_seconds=30)]
    return [*await graph.find([key_of(one) for one in requests], timeout_seconds=30)]


def waits(ends: Sequence[End]) -> list[float | None]:
    """Return after how many seconds each may be sent again; None for what was not throttled."""
    return [end.retry_after_seconds if isinstance(end, TransientError) else None for end in ends]


async def refused(graph: ThrottledGraph, call: str = "create", registration_id: str = REGISTRATION_ID) -> float:
    """Make a call that has to be refused as throttled; return after how many seconds it may be made again."""
    (error,) = await ask(graph, registration_id, call=call)
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.THROTTLED, False)
    return error.retry_after_seconds


@CALLS
@MANY
@pytest.mark.parametrize("first", ["create", "update", "delete", "find"])
async def test_after_one_call_was_throttled_no_call_is_made(
    graph: ThrottledGraph, inner: FakeGraph, first: str, call: str, count: int
) -> None:
    inner.arm(first, [throttled(60)])
    assert await refused(graph, first) == 60
    inner.time.pass_by(20)
    ends = await ask(graph, *[REGISTRATION_ID] * count, call=call)
    assert waits(ends) == [40] * count
    assert not any(end.may_have_executed for end in ends if isinstance(end, TransientError))
    assert inner.calls == [first]


async def test_it_opens_again_at_the_time_that_graph_said(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    inner.time.pass_by(59.5)
    assert await refused(graph) == 0.5
    inner.time.pass_by(0.5)
    assert waits([*await ask(graph, REGISTRATION_ID), *await ask(graph, REGISTRATION_ID)]) == [None] * 2
    assert inner.calls == ["create"] * 3


@CALLS
async def test_only_those_of_open_providers_are_sent_and_ends_keep_their_places(
    graph: ThrottledGraph, inner: FakeGraph, call: str
) -> None:
    """Another spelling of the provider is the same provider."""
    inner.arm("create", [throttled(60)])
    await refused(graph)
    shut = REGISTRATION_ID.upper()
    ends = await ask(graph, shut, OTHER, shut, OTHER, call=call)
    assert waits(ends) == [60, None, 60, None]
    assert not any(end.may_have_executed for end in ends if isinstance(end, TransientError))
    assert inner.sizes == [1, 2]
    if call == "create":
        sent = [end.entity["externalCourseActivityId"] for end in ends if isinstance(end, StoredActivity)]
        assert sent == ["1", "3"]


@CALLS
async def test_one_that_was_throttled_among_others_shuts_the_door_for_its_provider_alone(
    graph: ThrottledGraph, inner: FakeGraph, call: str
) -> None:
    inner.arm(call, [Fault(), throttled(60)])
    assert waits(await ask(graph, OTHER, REGISTRATION_ID, call=call)) == [None, 60]
    assert await refused(graph) == await refused(graph, "find") == 60
    assert waits(await ask(graph, OTHER)) == [None]


async def test_of_several_delays_in_one_call_the_longest_counts(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [throttled(10), throttled(60), throttled(30), Fault()])
    assert waits(await ask(graph, *[REGISTRATION_ID] * 4)) == [10, 60, 30, None]
    assert await refused(graph) == 60


async def test_what_was_throttled_inside_a_batch_still_may_have_been_executed(
    graph: ThrottledGraph, inner: FakeGraph
) -> None:
    inner.arm("create", [throttled(10)])
    end, _ = await ask(graph, REGISTRATION_ID, REGISTRATION_ID)
    assert isinstance(end, TransientError)
    assert end.may_have_executed


@dataclass
class Waiting(FakeGraph):
    """A Graph that answers no create before a second one was sent."""

    answers: list[asyncio.Future[StoredActivity | ActivityError]] = field(default_factory=list)
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Wait for the answer. See ``GraphGateway``."""
        assert len(writes) == 1
        assert timeout_seconds
        self.answers.append(asyncio.get_running_loop().create_future())
        if len(self.answers) == 2:
            self.sent.set()
        return [await self.answers[-1]]


@pytest.mark.parametrize("delays", [(60.0, 10.0), (10.0, 60.0)])
async def test_of_two_answers_the_longer_wait_counts(delays: tuple[float, float]) -> None:
    """Both were sent before either was answered."""
    inner = Waiting()
    graph = ThrottledGraph(inner, now=lambda: inner.time.seconds)
    async with asyncio.TaskGroup() as group:
        for _ in delays:
            group.create_task(refused(graph))
        await inner.sent.wait()
        for answer, seconds in zip(inner.answers, delays, strict=True):
            answer.set_result(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=seconds))
    assert await refused(graph) == 60


@CALLS
@MANY
@pytest.mark.parametrize("code", sorted(set(ErrorCode) - {ErrorCode.THROTTLED}))
async def test_no_other_error_shuts_it(
    graph: ThrottledGraph, inner: FakeGraph, code: ErrorCode, call: str, count: int
) -> None:
    error = error_of(code, 60.0)
    assert isinstance(error, TransientError) is (code in TRANSIENT)
    inner.arm(call, [Fault(error)] * count)
    assert await ask(graph, *[REGISTRATION_ID] * count, call=call) == [error] * count
    await ask(graph, REGISTRATION_ID, call=call)
    assert inner.sizes == [count, 1]


async def test_a_permanent_refusal_named_throttled_shuts_nothing(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [Fault(PermanentError(ErrorCode.THROTTLED, "No time given."))])
    (end,) = await ask(graph, REGISTRATION_ID)
    assert isinstance(end, PermanentError)
    (end,) = await ask(graph, REGISTRATION_ID)
    assert isinstance(end, StoredActivity)


async def test_the_identity_is_checked_and_the_connections_are_closed_all_the_same(
    graph: ThrottledGraph, inner: FakeGraph
) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    await graph.check_identity()
    await graph.close()
    assert inner.calls == ["create", "check", "close"]


async def test_whoever_prepares_is_told_without_a_word_to_graph(graph: ThrottledGraph, inner: FakeGraph) -> None:
    graph.check_open(REGISTRATION_ID)
    assert inner.calls == []
    inner.arm("create", [throttled(60)])
    await refused(graph)
    inner.time.pass_by(20)
    with pytest.raises(TransientError) as caught:
        graph.check_open(REGISTRATION_ID.upper())
    assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.THROTTLED, 40)
    graph.check_open(OTHER)
    inner.time.pass_by(40)
    graph.check_open(REGISTRATION_ID)
    assert inner.calls == ["create"]


async def test_look_ups_by_graphs_id_have_a_door_of_their_own(graph: ThrottledGraph, inner: FakeGraph) -> None:
    """They name no provider: it cannot be told whose throttling theirs is."""
    inner.arm("get", [throttled(60)])
    for seconds in (60, 60):
        (error,) = await graph.get(["unknown"], timeout_seconds=30)
        assert isinstance(error, TransientError)
        assert (error.code, error.retry_after_seconds) == (ErrorCode.THROTTLED, seconds)
    assert waits(await ask(graph, REGISTRATION_ID)) == [None]
    inner.time.pass_by(60)
    assert await graph.get(["unknown"], timeout_seconds=30) == [None]
    inner.arm("create", [throttled(60)])
    await refused(graph)
    assert await graph.get(["unknown"], timeout_seconds=30) == [None]
    assert inner.calls == ["get", "create", "get", "create", "get"]
