"""Who may create an activity, and what the others get. ``calls`` of the fakes say in which order who was asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sending
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed
from activities.execution.once import PATIENCE_SECONDS, create_once
from activities.execution.sameness import content_hash
from activities.execution.sending import Clock, Creation, Outcome
from activities.graph import translation
from tests.support.fakes import FakeGraph, FakeLedger, FakeTime, Fault, activity_request

REQUEST = activity_request()
OTHER_CONTENT = activity_request(status="completed")
REFUSED = PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "no licence")
NO_READING = PermanentError(ErrorCode.GRAPH_PERMISSION_MISSING, "no permission")
THROTTLED = TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=120)
NO_STORAGE = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "no storage", retry_after_seconds=30)


class EventfulTime(FakeTime):
    """A clock at which, once somebody has waited for it, something happens elsewhere."""

    def __init__(self, time: FakeTime, happen: Callable[[], Awaitable[None]], *, after_seconds: float) -> None:
        super().__init__()
        self._time, self._at = time, time.seconds + after_seconds
        self._happen: Callable[[], Awaitable[None]] | None = happen

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self._time.seconds, sleep=self._sleep_and_happen)

    async def _sleep_and_happen(self, seconds: float) -> None:
        self._time.pass_by(seconds)
        if self._happen is not None and self._time.seconds >= self._at:
            happen, self._happen = self._happen, None
            await happen()


@dataclass
class World:
    """Graph, the ledger and the time they share."""

    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        self.graph = FakeGraph(self.time)
        self.ledger = FakeLedger(self.time)

    async def create(self, request: ActivityRequest = REQUEST, *, patience_seconds: float = 0.0) -> Creation:
        return await create_once(
            request, graph=self.graph, ledger=self.ledger, patience_seconds=patience_seconds, clock=self.time.clock
        )

    async def failure(self, request: ActivityRequest = REQUEST, *, patience_seconds: float = 0.0) -> ActivityError:
        with pytest.raises(ActivityError) as caught:
            await self.create(request, patience_seconds=patience_seconds)
        return caught.value

    async def claim(self, request: ActivityRequest = REQUEST) -> Claim:
        claim = await self.ledger.claim(request, content_hash(request))
        assert isinstance(claim, Claim)
        return claim

    async def leave_behind(self, request: ActivityRequest = REQUEST, *, executed: bool) -> None:
        """Let somebody claim the activity, perhaps create it, and die."""
        await self.claim(request)
        if executed:
            await self.graph.create_activity(request, timeout_seconds=1)
        self.time.pass_by(self.ledger.lease_seconds + 1)
        self.forget_calls()

    def forget_calls(self) -> None:
        self.graph.calls.clear()
        self.ledger.calls.clear()

    async def is_completed(self, request: ActivityRequest = REQUEST) -> bool:
        return isinstance(await self.ledger.claim(request, content_hash(request)), Completed)


@pytest.fixture
def world() -> World:
    return World()


class TestOnce:
    async def test_the_first_is_created_and_remembered(self, world: World) -> None:
        created = await world.create()
        assert (created.outcome, created.stored) == (Outcome.CREATED, world.graph.stored[0][1])
        assert (world.graph.calls, world.ledger.calls) == (["create"], ["claim", "complete"])

    async def test_the_next_gets_the_first_answer_and_graph_is_not_asked(self, world: World) -> None:
        first = await world.create()
        world.forget_calls()
        again = await world.create()
        assert (again.outcome, again.stored.entity) == (Outcome.UNCHANGED, first.stored.entity)
        assert (world.graph.calls, world.ledger.calls) == ([], ["claim"])

    async def test_other_content_is_refused_and_graph_is_not_asked(self, world: World) -> None:
        first = await world.create()
        world.forget_calls()
        error = await world.failure(OTHER_CONTENT)
        assert error.code is ErrorCode.ACTIVITY_EXISTS
        assert first.stored.id in error.message
        assert world.graph.calls == []

    async def test_without_storage_nothing_is_sent(self, world: World) -> None:
        world.ledger.failures["claim"] = NO_STORAGE
        assert await world.failure(patience_seconds=5) is NO_STORAGE
        assert (world.graph.calls, world.time.pauses) == ([], [])

    async def test_many_at_once_make_one(self, world: World) -> None:
        # Whoever waits lets the others go on, and no time passes.
        clock = Clock(now=lambda: 0.0, sleep=lambda _: asyncio.sleep(0))
        ends = await asyncio.gather(
            *(create_once(REQUEST, graph=world.graph, ledger=world.ledger, clock=clock) for _ in range(50))
        )
        assert sorted(end.outcome for end in ends) == [Outcome.CREATED] + [Outcome.UNCHANGED] * 49
        assert world.graph.calls == ["create"]


class TestSomebodyElseIsAtIt:
    async def test_one_who_waits_for_nobody_is_told_at_once(self, world: World) -> None:
        await world.claim()
        assert (await world.failure()).code is ErrorCode.CREATE_IN_PROGRESS
        assert (world.graph.calls, world.time.pauses) == ([], [])

    async def test_a_caller_waits_a_while_and_not_longer(self, world: World) -> None:
        await world.claim()
        with pytest.raises(TransientError) as caught:
            await create_once(REQUEST, graph=world.graph, ledger=world.ledger, clock=world.time.clock)
        assert caught.value.code is ErrorCode.CREATE_IN_PROGRESS
        assert PATIENCE_SECONDS <= world.time.seconds < PATIENCE_SECONDS + 1
        assert world.graph.calls == []

    async def test_who_waits_gets_the_answer_of_the_one_who_was_first(self, world: World) -> None:
        claim = await world.claim()
        stored = StoredActivity({"id": "the first"})
        world.time = EventfulTime(world.time, lambda: world.ledger.complete(claim, stored), after_seconds=1)
        created = await world.create(patience_seconds=5)
        assert (created.outcome, created.stored) == (Outcome.UNCHANGED, stored)
        assert world.graph.calls == []

    async def test_who_waits_takes_over_what_the_first_gave_up(self, world: World) -> None:
        claim = await world.claim(OTHER_CONTENT)
        world.time = EventfulTime(world.time, lambda: world.ledger.release(claim, outcome_known=True), after_seconds=1)
        assert (await world.create(patience_seconds=5)).outcome is Outcome.CREATED
        assert world.graph.calls == ["create"]


class TestLeftBehind:
    async def test_what_graph_has_is_not_sent_again(self, world: World) -> None:
        await world.leave_behind(executed=True)
        created = await world.create()
        assert (created.outcome, created.stored) == (Outcome.UNCHANGED, world.graph.stored[0][1])
        assert (world.graph.calls, world.ledger.calls) == (["find"], ["claim", "complete"])
        assert await world.is_completed()

    async def test_what_graph_does_not_have_is_created(self, world: World) -> None:
        await world.leave_behind(executed=False)
        assert (await world.create()).outcome is Outcome.CREATED
        assert world.graph.calls == ["find", "find", "create"]
        assert await world.is_completed()

    async def test_when_graph_cannot_tell_nothing_is_sent_and_the_next_one_asks_again(self, world: World) -> None:
        await world.leave_behind(executed=True)
        world.graph.arm("find", [Fault(NO_READING)] * 2)
        assert (await world.failure()).code is ErrorCode.OUTCOME_UNKNOWN
        assert world.graph.calls == ["find", "find"]
        assert (await world.create()).outcome is Outcome.UNCHANGED
        assert world.graph.calls == ["find", "find", "find"]
        assert len(world.graph.stored) == 1

    async def test_other_content_in_graph_is_refused_and_stays_known(self, world: World) -> None:
        """Who sends the first content again gets the activity, not a second one."""
        await world.leave_behind(executed=True)
        error = await world.failure(OTHER_CONTENT)
        assert error.code is ErrorCode.ACTIVITY_EXISTS
        assert world.graph.stored[0][1].id in error.message
        assert (await world.create()).outcome is Outcome.UNCHANGED
        assert world.graph.calls == ["find", "find"]
        assert len(world.graph.stored) == 1


class TestGivingUp:
    @pytest.mark.parametrize("error", [REFUSED, THROTTLED])
    async def test_what_was_not_created_is_free_at_once_for_any_content(
        self, world: World, error: ActivityError
    ) -> None:
        world.graph.arm("create", [Fault(error)])
        assert await world.failure() is error
        assert world.ledger.calls == ["claim", "release"]
        assert (await world.create(OTHER_CONTENT)).outcome is Outcome.CREATED
        assert world.graph.calls == ["create", "create"]

    async def test_an_unknown_outcome_is_looked_up_by_the_next_one(self, world: World) -> None:
        world.graph.arm("create", [Fault(translation.unanswered(), executed=True)])
        world.graph.arm("find", [Fault(NO_READING)] * 2)
        assert (await world.failure()).code is ErrorCode.OUTCOME_UNKNOWN
        world.forget_calls()
        assert (await world.create()).outcome is Outcome.UNCHANGED
        assert world.graph.calls == ["find"]
        assert len(world.graph.stored) == 1

    async def test_what_graph_has_under_the_same_id_is_not_forgotten(self, world: World) -> None:
        """An activity from before the ledger, found only because an answer was lost."""
        await sending.create(OTHER_CONTENT, graph=world.graph, clock=world.time.clock)
        world.graph.arm("create", [Fault(translation.unanswered())])
        for _ in range(3):
            assert (await world.failure()).code is ErrorCode.ACTIVITY_EXISTS
        assert world.graph.calls == ["create", "create", "find", "find", "find"]
        assert (await world.create(OTHER_CONTENT)).outcome is Outcome.UNCHANGED
        assert len(world.graph.stored) == 1

    @pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
    async def test_who_ends_without_a_word_leaves_it_to_the_next_one_to_look(
        self, world: World, error: BaseException
    ) -> None:
        class Interrupted(FakeGraph):
            async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
                await super().create_activity(request, timeout_seconds=timeout_seconds)
                raise error

        graph, world.graph = world.graph, Interrupted(world.time, stored=world.graph.stored)
        with pytest.raises(type(error)):
            await world.create()
        world.graph = graph
        assert (await world.failure()).code is ErrorCode.CREATE_IN_PROGRESS
        world.time.pass_by(world.ledger.lease_seconds)
        assert (await world.create()).outcome is Outcome.UNCHANGED
        assert len(graph.stored) == 1


class TestStorageFailsInTheMiddle:
    async def test_what_was_created_is_told_even_if_it_cannot_be_remembered(self, world: World) -> None:
        world.ledger.failures["complete"] = NO_STORAGE
        first = await world.create()
        assert first.outcome is Outcome.CREATED
        world.ledger.failures.clear()
        world.time.pass_by(world.ledger.lease_seconds)
        again = await world.create()
        assert (again.outcome, again.stored) == (Outcome.UNCHANGED, first.stored)
        assert world.graph.calls == ["create", "find"]

    async def test_the_refusal_is_told_even_if_the_claim_cannot_be_given_up(self, world: World) -> None:
        world.ledger.failures["release"] = NO_STORAGE
        world.graph.arm("create", [Fault(REFUSED)])
        assert await world.failure() is REFUSED
