"""Several activities at once, each created once. ``calls`` of the fakes say in which order who was asked."""

import pytest

from activities.errors import TransientError
from activities.execution.once import create_once
from activities.execution.sameness import content_hash
from activities.execution.sending import Creation, Outcome
from activities.graph import translation
from tests.support.bulk_world import (
    ABC,
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
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeLedger, Fault, activity_request


@pytest.fixture
def world() -> World:
    return World()


class TestOnce:
    async def test_all_are_claimed_sent_and_settled_together(self, world: World) -> None:
        ends = await world.create()
        assert said(ends) == ["created"] * 3
        assert (world.graph.calls, world.graph.batch_sizes) == (["createBatch"], [3])
        assert world.ledger.calls == ["claimAll", "settle"]

    async def test_ends_come_and_graph_creates_in_the_order_of_the_requests(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(REFUSED)])
        ends = await world.create([C, A, B])
        assert world.ids() == ["course-c", "course-b"]
        assert said(ends) == ["created", "learnerNotLicensed", "created"]
        assert [end.request for end in ends if isinstance(end, Creation)] == [C, B]

    async def test_what_was_created_before_is_unchanged_and_graph_is_not_asked(self, world: World) -> None:
        first = await world.create()
        world.forget_calls()
        again = await world.create()
        assert said(again) == ["unchanged"] * 3
        assert [end.stored.entity for end in again if isinstance(end, Creation)] == [
            end.stored.entity for end in first if isinstance(end, Creation)
        ]
        assert world.graph.calls == []

    async def test_only_what_is_new_is_sent(self, world: World) -> None:
        await world.create([A, OTHER_B])
        world.forget_calls()
        assert said(await world.create()) == ["unchanged", "activityExists", "created"]
        assert (world.graph.calls, world.graph.batch_sizes) == (["createBatch"], [1])

    async def test_what_was_created_singly_is_known_and_the_other_way_round(self, world: World) -> None:
        await create_once(A, graph=world.graph, ledger=world.ledger, clock=world.time.clock)
        assert said(await world.create([A, B])) == ["unchanged", "created"]
        again = await create_once(B, graph=world.graph, ledger=world.ledger, clock=world.time.clock)
        assert again.outcome is Outcome.UNCHANGED
        assert world.ids() == ["course-a", "course-b"]

    async def test_nothing_is_nothing(self, world: World) -> None:
        assert await world.create([]) == []
        assert (world.graph.calls, world.ledger.calls) == ([], [])

    async def test_what_somebody_else_is_at_is_left_to_them(self, world: World) -> None:
        await world.ledger.claim(B, content_hash(B))
        assert said(await world.create()) == ["created", "createInProgress", "created"]
        assert world.ids() == ["course-a", "course-c"]


class TestTwiceInOneCall:
    async def test_the_first_is_created_and_the_others_are_told_what_came_of_it(self, world: World) -> None:
        same = activity_request("course-a", registrationId=REGISTRATION_ID.upper())
        ends = await world.create([A, B, A, same, A])
        assert said(ends) == ["created", "created", "unchanged", "unchanged", "unchanged"]
        assert world.ids() == ["course-a", "course-b"]

    async def test_other_content_under_the_same_id_is_refused(self, world: World) -> None:
        assert said(await world.create([B, OTHER_B, B])) == ["created", "activityExists", "unchanged"]
        assert [end.entity["status"] for _, end in world.graph.stored] == ["inProgress"]

    async def test_another_provider_is_another_activity(self, world: World) -> None:
        other = activity_request("course-a", registrationId=OTHER_REGISTRATION_ID)
        assert said(await world.create([A, other])) == ["created", "created"]

    @pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE, translation.unanswered()])
    async def test_what_the_first_has_to_wait_for_the_others_wait_for_too(
        self, world: World, error: TransientError
    ) -> None:
        """Nothing is sent twice in one call."""
        world.graph.arm("create", [Fault(error)])
        ends = await world.create([A, A, B, A])
        assert said(ends) == [error.code, error.code, "created", error.code]
        assert world.graph.calls == ["createBatch"]

    async def test_what_is_wrong_with_the_first_is_not_the_others_fault(self, world: World) -> None:
        world.graph.arm("create", [Fault(REFUSED)])
        assert said(await world.create([B, OTHER_B])) == ["learnerNotLicensed", "created"]

    async def test_storage_that_fails_after_the_first_were_sent_takes_nothing_from_them(self, world: World) -> None:
        class Failing(FakeLedger):
            async def settle(self, *args: object) -> None:
                await super().settle(*args)  # type: ignore[arg-type]
                self.failures["claimAll"] = NO_STORAGE

        world.ledger = Failing(world.time)
        assert said(await world.create([A, B, A])) == ["created", "created", "storageUnavailable"]


class TestLeftBehind:
    async def test_what_graph_has_is_not_sent_again_and_all_are_looked_up_together(self, world: World) -> None:
        await world.leave_behind(*ABC, executed=True)
        assert said(await world.create()) == ["unchanged"] * 3
        assert (world.graph.calls, world.graph.batch_sizes) == (["findBatch"], [3])
        world.forget_calls()
        assert said(await world.create()) == ["unchanged"] * 3
        assert world.graph.calls == []

    async def test_what_graph_does_not_have_is_looked_for_twice_and_sent_with_the_others(self, world: World) -> None:
        """A replica that has not seen the activity yet does not decide."""
        await world.leave_behind(A, executed=True)
        await world.leave_behind(B, executed=False)
        assert said(await world.create()) == ["unchanged", "created", "created"]
        assert (world.graph.calls, world.graph.batch_sizes) == (["findBatch", "findBatch", "createBatch"], [2, 1, 2])
        assert world.ids() == ["course-a", "course-b", "course-c"]

    async def test_a_replica_that_is_late_makes_no_double(self, world: World) -> None:
        await world.leave_behind(A, executed=True)
        world.graph.arm("find", [Fault(absent=True)])
        assert said(await world.create([A])) == ["unchanged"]

    async def test_when_graph_cannot_tell_nothing_is_sent_and_the_next_one_asks_again(self, world: World) -> None:
        await world.leave_behind(A, B, executed=True)
        world.graph.arm("find", [Fault(NO_READING), GOOD, Fault(NO_READING)])
        ends = await world.create()
        assert said(ends) == ["outcomeUnknown", "unchanged", "created"]
        assert isinstance(ends[0], TransientError)
        assert ends[0].may_have_executed
        assert said(await world.create()) == ["unchanged"] * 3
        assert world.ids() == ["course-a", "course-b", "course-c"]

    async def test_absence_counts_only_if_the_last_look_says_so(self, world: World) -> None:
        await world.leave_behind(A, executed=True)
        world.graph.arm("find", [Fault(absent=True), Fault(THROTTLED)])
        assert said(await world.create([A])) == ["outcomeUnknown"]
        assert said(await world.create([A])) == ["unchanged"]
        assert world.ids() == ["course-a"]

    async def test_a_look_that_fails_does_not_count_if_the_last_one_tells(self, world: World) -> None:
        await world.leave_behind(A, executed=False)
        world.graph.arm("find", [Fault(NO_READING), GOOD])
        assert said(await world.create([A])) == ["created"]

    async def test_other_content_in_graph_is_refused_and_stays_known(self, world: World) -> None:
        await world.leave_behind(B, executed=True)
        assert said(await world.create([A, OTHER_B])) == ["created", "activityExists"]
        assert said(await world.create([B])) == ["unchanged"]
        assert world.ids() == ["course-b", "course-a"]
