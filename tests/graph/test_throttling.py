"""While Graph throttles a provider nothing is sent for it; everything else goes on."""

import asyncio
from dataclasses import dataclass, field

import pytest

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.gateway import StoredActivity
from activities.graph.throttling import ThrottledGraph
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, Fault, activity_request
from tests.support.queue_stage import TRANSIENT, error_of


def throttled(seconds: float) -> Fault:
    return Fault(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=seconds))


@pytest.fixture
def inner() -> FakeGraph:
    return FakeGraph()


@pytest.fixture
def graph(inner: FakeGraph) -> ThrottledGraph:
    return ThrottledGraph(inner, now=lambda: inner.time.seconds)


async def create(graph: ThrottledGraph, registration_id: str = REGISTRATION_ID) -> None:
    await graph.create_activity(activity_request(registrationId=registration_id), timeout_seconds=30)


async def find(graph: ThrottledGraph, registration_id: str = REGISTRATION_ID) -> None:
    await graph.find_activity(registration_id, "course-1", timeout_seconds=30)


CALLS = {"create": create, "find": find}


async def refused(graph: ThrottledGraph, call: str = "create", registration_id: str = REGISTRATION_ID) -> float:
    """Make a call that has to be refused as throttled; return after how many seconds it may be made again."""
    with pytest.raises(TransientError) as caught:
        await CALLS[call](graph, registration_id)
    assert caught.value.code is ErrorCode.THROTTLED
    assert not caught.value.may_have_executed
    return caught.value.retry_after_seconds


@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("second", CALLS)
async def test_after_one_call_was_throttled_no_call_is_made(
    graph: ThrottledGraph, inner: FakeGraph, first: str, second: str
) -> None:
    inner.arm(first, [throttled(60)])
    assert await refused(graph, first) == 60
    inner.time.pass_by(20)
    assert await refused(graph, second) == 40
    assert inner.calls == [first]


async def test_it_opens_again_at_the_time_that_graph_said(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    inner.time.pass_by(59.5)
    assert await refused(graph) == 0.5
    inner.time.pass_by(0.5)
    await create(graph)
    await create(graph)
    assert inner.calls == ["create"] * 3


async def test_other_providers_go_on(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    await create(graph, OTHER_REGISTRATION_ID)
    await find(graph, OTHER_REGISTRATION_ID)
    assert inner.calls == ["create", "create", "find"]


async def test_another_spelling_of_the_provider_is_the_same_provider(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    await refused(graph, registration_id=REGISTRATION_ID.upper())
    await refused(graph, "find", registration_id=REGISTRATION_ID.upper())
    assert inner.calls == ["create"]


@dataclass
class Waiting(FakeGraph):
    """A Graph that answers no create before a second one was sent."""

    answers: list[asyncio.Future[StoredActivity]] = field(default_factory=list)
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Wait for the answer. See ``GraphGateway``."""
        assert request
        assert timeout_seconds
        self.answers.append(asyncio.get_running_loop().create_future())
        if len(self.answers) == 2:
            self.sent.set()
        return await self.answers[-1]


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
            answer.set_exception(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=seconds))
    assert await refused(graph) == 60


@pytest.mark.parametrize("code", sorted(set(ErrorCode) - {ErrorCode.THROTTLED}))
@pytest.mark.parametrize("call", CALLS)
async def test_no_other_error_shuts_it(graph: ThrottledGraph, inner: FakeGraph, code: ErrorCode, call: str) -> None:
    error = error_of(code, 60.0)
    assert isinstance(error, TransientError) is (code in TRANSIENT)
    inner.arm(call, [Fault(error)])
    with pytest.raises(ActivityError) as caught:
        await CALLS[call](graph)
    assert caught.value is error
    await CALLS[call](graph)
    assert inner.calls == [call, call]


async def test_a_permanent_refusal_named_throttled_shuts_nothing(graph: ThrottledGraph, inner: FakeGraph) -> None:
    inner.arm("create", [Fault(PermanentError(ErrorCode.THROTTLED, "No time given."))])
    with pytest.raises(PermanentError):
        await create(graph)
    await create(graph)


async def test_the_identity_is_checked_and_the_connections_are_closed_all_the_same(
    graph: ThrottledGraph, inner: FakeGraph
) -> None:
    inner.arm("create", [throttled(60)])
    await refused(graph)
    await graph.check_identity()
    await graph.close()
    assert inner.calls == ["create", "check", "close"]


async def together(
    graph: ThrottledGraph, *registration_ids: str, call: str = "create"
) -> list[StoredActivity | ActivityError | None]:
    requests = [activity_request(f"{number}", registrationId=one) for number, one in enumerate(registration_ids)]
    if call == "create":
        return [*await graph.create_activities(requests, timeout_seconds=30)]
    return await graph.find_activities(requests, timeout_seconds=30)


def waits(ends: list[StoredActivity | ActivityError | None]) -> list[float | None]:
    """Return after how many seconds each may be sent again; None for what was not throttled."""
    return [end.retry_after_seconds if isinstance(end, TransientError) else None for end in ends]


class TestTogether:
    """What is sent in one batch is throttled for each provider, too."""

    @pytest.mark.parametrize("call", CALLS)
    async def test_one_that_was_throttled_shuts_the_door_for_its_provider_alone(
        self, graph: ThrottledGraph, inner: FakeGraph, call: str
    ) -> None:
        inner.arm(call, [Fault(), throttled(60)])
        assert waits(await together(graph, OTHER_REGISTRATION_ID, REGISTRATION_ID, call=call)) == [None, 60]
        assert await refused(graph) == await refused(graph, "find") == 60
        await create(graph, OTHER_REGISTRATION_ID)

    @pytest.mark.parametrize("call", CALLS)
    async def test_only_those_of_open_providers_are_sent_and_ends_keep_their_places(
        self, graph: ThrottledGraph, inner: FakeGraph, call: str
    ) -> None:
        inner.arm("create", [throttled(60)])
        await refused(graph)
        shut, other = REGISTRATION_ID.upper(), OTHER_REGISTRATION_ID
        ends = await together(graph, shut, other, shut, other, call=call)
        assert waits(ends) == [60, None, 60, None]
        assert not any(end.may_have_executed for end in ends if isinstance(end, TransientError))
        assert inner.batch_sizes == [2]
        if call == "create":
            sent = [end.entity["externalCourseActivityId"] for end in ends if isinstance(end, StoredActivity)]
            assert sent == ["1", "3"]

    @pytest.mark.parametrize("call", CALLS)
    async def test_if_all_are_shut_nothing_is_sent(self, graph: ThrottledGraph, inner: FakeGraph, call: str) -> None:
        inner.arm("create", [throttled(60)])
        await refused(graph)
        assert waits(await together(graph, REGISTRATION_ID, REGISTRATION_ID, call=call)) == [60, 60]
        assert inner.calls == ["create"]

    async def test_of_several_delays_the_longest_counts(self, graph: ThrottledGraph, inner: FakeGraph) -> None:
        inner.arm("create", [throttled(10), throttled(60), throttled(30), Fault()])
        assert waits(await together(graph, *[REGISTRATION_ID] * 4)) == [10, 60, 30, None]
        assert await refused(graph) == 60

    async def test_what_was_throttled_inside_a_batch_still_may_have_been_executed(
        self, graph: ThrottledGraph, inner: FakeGraph
    ) -> None:
        inner.arm("create", [throttled(10)])
        (end,) = await together(graph, REGISTRATION_ID)
        assert isinstance(end, TransientError)
        assert end.may_have_executed

    async def test_other_failures_shut_nothing(self, graph: ThrottledGraph, inner: FakeGraph) -> None:
        faults = [Fault(error_of(code, 60.0)) for code in ErrorCode if code is not ErrorCode.THROTTLED]
        inner.arm("create", faults)
        await together(graph, *[REGISTRATION_ID] * len(faults))
        await create(graph)


class TestCheck:
    async def test_an_open_provider_passes_and_nothing_is_asked(self, graph: ThrottledGraph, inner: FakeGraph) -> None:
        graph.check_open(REGISTRATION_ID)
        assert inner.calls == []

    async def test_a_shut_one_is_told_for_how_long_without_a_word_to_graph(
        self, graph: ThrottledGraph, inner: FakeGraph
    ) -> None:
        inner.arm("create", [throttled(60)])
        await refused(graph)
        inner.time.pass_by(20)
        with pytest.raises(TransientError) as caught:
            graph.check_open(REGISTRATION_ID.upper())
        assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.THROTTLED, 40)
        graph.check_open(OTHER_REGISTRATION_ID)
        inner.time.pass_by(40)
        graph.check_open(REGISTRATION_ID)
        assert inner.calls == ["create"]
