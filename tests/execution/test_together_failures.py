"""What becomes of several activities at once when Graph, the storage or the process fails in the middle."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Completed
from activities.execution.sameness import content_hash
from activities.execution.together import create_all_once
from activities.graph import translation
from activities.graph.throttling import ThrottledGraph
from tests.support.bulk_world import (
    EXISTS,
    GOOD,
    NO_READING,
    NO_STORAGE,
    OTHER_B,
    REFUSED,
    THROTTLED,
    UNREACHABLE,
    A,
    B,
    C,
    World,
    said,
)
from tests.support.fakes import FakeGraph, Fault


@pytest.fixture
def world() -> World:
    return World()


class TestFailures:
    @pytest.mark.parametrize("executed", [True, False])
    @pytest.mark.parametrize("error", [THROTTLED, translation.unanswered()])
    async def test_what_may_have_been_executed_is_looked_up_before_it_is_sent_again(
        self, world: World, error: TransientError, *, executed: bool
    ) -> None:
        """Graph has been seen to execute what it throttles inside a batch."""
        world.graph.arm("create", [GOOD, Fault(error, executed=executed)])
        assert said(await world.create()) == ["created", error.code, "created"]
        world.forget_calls()
        outcome = "unchanged" if executed else "created"
        assert said(await world.create()) == ["unchanged", outcome, "unchanged"]
        assert world.graph.calls == (["findBatch"] if executed else ["findBatch", "findBatch", "createBatch"])
        assert sorted(world.ids()) == ["course-a", "course-b", "course-c"]

    @pytest.mark.parametrize("error", [REFUSED, UNREACHABLE])
    async def test_what_was_not_created_is_free_at_once_for_any_content(
        self, world: World, error: ActivityError
    ) -> None:
        world.graph.arm("create", [GOOD, Fault(error)])
        assert said(await world.create()) == ["created", error.code, "created"]
        world.forget_calls()
        assert said(await world.create([A, OTHER_B, C])) == ["unchanged", "created", "unchanged"]
        assert (world.graph.calls, world.graph.batch_sizes) == (["createBatch"], [1])

    async def test_while_a_provider_is_throttled_nothing_of_it_is_sent_and_nothing_is_left_behind(
        self, world: World
    ) -> None:
        inner = world.graph
        graph = ThrottledGraph(inner, now=lambda: world.time.seconds)
        inner.arm("create", [Fault(THROTTLED)])
        await create_all_once([A], graph=graph, ledger=world.ledger, clock=world.time.clock)
        world.forget_calls()
        ends = await create_all_once([A, B], graph=graph, ledger=world.ledger, clock=world.time.clock)
        assert said(ends) == ["outcomeUnknown", "throttled"]
        assert inner.calls == []
        world.time.pass_by(7)
        ends = await create_all_once([A, B], graph=graph, ledger=world.ledger, clock=world.time.clock)
        assert said(ends) == ["created", "created"]
        assert inner.batch_sizes == [1, 1, 2]

    async def test_without_a_token_nothing_is_sent_and_nothing_is_left_behind(self, world: World) -> None:
        error = TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "no token", retry_after_seconds=30)
        world.graph.identity_failure = error
        assert await world.create() == [error] * 3
        world.graph.identity_failure = None
        world.forget_calls()
        assert said(await world.create()) == ["created"] * 3
        assert world.graph.calls == ["createBatch"]


class TestGraphSaysExists:
    """Graph refuses an external id that is taken: as emulated, it does not, but nobody documents that."""

    async def test_the_same_activity_is_unchanged_and_remembered(self, world: World) -> None:
        await world.graph.create_activity(B, timeout_seconds=1)
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        assert said(await world.create()) == ["created", "unchanged", "created"]
        world.forget_calls()
        assert said(await world.create()) == ["unchanged"] * 3
        assert world.graph.calls == []

    async def test_another_activity_is_a_refusal_of_this_one_alone(self, world: World) -> None:
        await world.graph.create_activity(OTHER_B, timeout_seconds=1)
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        ends = await world.create()
        assert said(ends) == ["created", "activityExists", "created"]
        assert isinstance(ends[1], PermanentError)
        assert world.graph.stored[0][1].id in ends[1].message

    async def test_if_it_cannot_be_looked_up_nobody_knows(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        world.graph.arm("find", [Fault(NO_READING)] * 2)
        assert said(await world.create()) == ["created", "outcomeUnknown", "created"]


class TestStorage:
    async def test_without_it_nothing_is_sent(self, world: World) -> None:
        world.ledger.failures["claimAll"] = NO_STORAGE
        with pytest.raises(TransientError) as caught:
            await world.create()
        assert caught.value is NO_STORAGE
        assert world.graph.calls == []

    async def test_what_was_created_is_told_even_if_it_cannot_be_remembered(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(REFUSED)])
        world.ledger.failures["settle"] = NO_STORAGE
        assert said(await world.create()) == ["created", "learnerNotLicensed", "created"]
        world.ledger.failures.clear()
        assert said(await world.create()) == ["createInProgress"] * 3
        world.time.pass_by(world.ledger.lease_seconds)
        assert said(await world.create()) == ["unchanged", "created", "unchanged"]
        assert sorted(world.ids()) == ["course-a", "course-b", "course-c"]

    @pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
    async def test_who_ends_without_a_word_leaves_it_to_the_next_one_to_look(
        self, world: World, error: BaseException
    ) -> None:
        class Interrupted(FakeGraph):
            async def create_activities(
                self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
            ) -> list[StoredActivity | ActivityError]:
                await super().create_activities(requests, timeout_seconds=timeout_seconds)
                raise error

        graph, world.graph = world.graph, Interrupted(world.time, stored=world.graph.stored)
        with pytest.raises(type(error)):
            await world.create()
        world.graph = graph
        world.time.pass_by(world.ledger.lease_seconds)
        assert said(await world.create()) == ["unchanged"] * 3
        assert isinstance(await world.ledger.claim(A, content_hash(A)), Completed)
        assert len(graph.stored) == 3
