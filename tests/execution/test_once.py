"""Who may create activities, and what the others get: one or several, whoever waits for them.

``calls`` of the fakes say in which order who was asked.
"""

import asyncio
from collections.abc import Sequence

import pytest

from activities.contract.activity import ActivityRequest, Outcome, StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import Done, Known
from activities.execution.gateway import Write
from activities.execution.ledger import Released
from activities.execution.sameness import content_hash
from activities.execution.sending import FOR_A_CALLER, FOR_A_CHUNK, FOR_A_MESSAGE, Effort
from activities.graph import translation
from activities.graph.throttling import ThrottledGraph
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, FakeLedger, Fault, activity_request
from tests.support.world import (
    ABC,
    EXISTS,
    GOOD,
    NO_READING,
    NO_STORAGE,
    OTHER_B,
    REFUSED,
    STILL,
    THROTTLED,
    UNREACHABLE,
    A,
    B,
    C,
    EventfulTime,
    World,
    creation_in,
    error_in,
    outcomes,
    settling,
)

EFFORTS = {"caller": FOR_A_CALLER, "message": FOR_A_MESSAGE, "chunk": FOR_A_CHUNK}
MANY = pytest.mark.parametrize("requests", [[B], ABC], ids=["one", "several"])


@pytest.fixture(params=EFFORTS)
def world(request: pytest.FixtureRequest) -> World:
    """Whoever creates: the rules are the same."""
    return World(EFFORTS[request.param])


@pytest.fixture
def chunk() -> World:
    """Whoever sends once, and leaves what is not clear to the next attempt."""
    return World(FOR_A_CHUNK)


@pytest.fixture
def caller() -> World:
    """Somebody who waits for the answer."""
    return World(FOR_A_CALLER)


def call(operation: str, requests: Sequence[ActivityRequest]) -> str:
    """Return what the fake calls an operation on so many."""
    return operation if len(requests) == 1 else f"{operation}Batch"


class TestOnce:
    @MANY
    async def test_the_first_are_claimed_created_and_remembered_together(
        self, world: World, requests: list[ActivityRequest]
    ) -> None:
        ends = await world.carry_out(requests)
        assert outcomes(ends) == ["created"] * len(requests)
        assert [end.stored for end in ends if isinstance(end, Done)] == [one for _, one in world.graph.stored]
        assert (world.graph.calls, world.graph.sizes) == ([call("create", requests)], [len(requests)])
        assert world.ledger.calls == ["claim", "settle"]

    @MANY
    async def test_the_next_gets_the_first_answer_and_graph_is_not_asked(
        self, world: World, requests: list[ActivityRequest]
    ) -> None:
        first = await world.carry_out(requests)
        world.forget_calls()
        again = await world.carry_out(requests)
        assert outcomes(again) == ["unchanged"] * len(requests)
        assert [end.stored.entity for end in again if isinstance(end, Done)] == [
            end.stored.entity for end in first if isinstance(end, Done)
        ]
        assert (world.graph.calls, world.ledger.calls) == ([], ["claim"])

    async def test_ends_come_and_graph_creates_in_the_order_of_the_requests(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(REFUSED)])
        ends = await world.carry_out([C, A, B])
        assert world.ids() == ["course-c", "course-b"]
        assert outcomes(ends) == ["created", "learnerNotLicensed", "created"]
        assert [end.request for end in ends if isinstance(end, Done)] == [C, B]

    async def test_other_content_is_refused_with_the_id_of_the_first_and_graph_is_not_asked(self, world: World) -> None:
        first = creation_in(await world.carry_out([B]))
        world.forget_calls()
        error = error_in(await world.carry_out([OTHER_B]))
        assert error.code is ErrorCode.ACTIVITY_EXISTS
        learner, _, own = first.stored.id.partition(":")
        assert own in error.message
        assert learner not in error.message
        assert world.graph.calls == []

    async def test_only_what_is_new_is_sent(self, world: World) -> None:
        await world.carry_out([A, OTHER_B])
        world.forget_calls()
        assert outcomes(await world.carry_out()) == ["unchanged", "activityExists", "created"]
        assert (world.graph.calls, world.graph.sizes) == (["create"], [1])

    async def test_what_was_created_alone_is_known_together_and_the_other_way_round(self, world: World) -> None:
        await world.carry_out([A])
        assert outcomes(await world.carry_out([A, B])) == ["unchanged", "created"]
        assert outcomes(await world.carry_out([B])) == ["unchanged"]
        assert world.ids() == ["course-a", "course-b"]

    async def test_nothing_is_nothing(self, world: World) -> None:
        assert await world.carry_out([]) == []
        assert (world.graph.calls, world.ledger.calls) == ([], [])

    async def test_many_at_once_make_one(self, caller: World) -> None:
        """Whoever waits lets the others go on, and no time passes."""
        ends = await asyncio.gather(*(caller.carry_out([A], clock=STILL) for _ in range(50)))
        assert sorted(creation_in(end).outcome for end in ends) == [Outcome.CREATED] + [Outcome.UNCHANGED] * 49
        assert caller.graph.calls == ["create"]


class TestSomebodyElseIsAtIt:
    @pytest.mark.parametrize("effort", [FOR_A_MESSAGE, FOR_A_CHUNK])
    async def test_who_waits_for_nobody_is_told_at_once_and_does_the_rest(self, effort: Effort) -> None:
        world = World(effort)
        await world.claim(B)
        assert outcomes(await world.carry_out()) == ["created", "createInProgress", "created"]
        assert world.ids() == ["course-a", "course-c"]
        assert world.time.pauses == []

    async def test_a_caller_waits_a_while_and_not_longer(self, caller: World) -> None:
        await caller.claim(B)
        assert error_in(await caller.carry_out([B])).code is ErrorCode.CREATE_IN_PROGRESS
        assert FOR_A_CALLER.others_seconds <= caller.time.seconds < FOR_A_CALLER.others_seconds + 1
        assert caller.graph.calls == []

    async def test_who_waits_gets_the_answer_of_the_one_who_was_first(self, caller: World) -> None:
        stored = StoredActivity({**B.activity.to_graph(), "id": "the first"})
        happening = settling(caller, await caller.claim(B), Known(B.true_at, stored.entity, content_hash(B)))
        caller.time = EventfulTime(caller.time, happening, after_seconds=1)
        created = creation_in(await caller.carry_out([B]))
        assert (created.outcome, created.stored) == (Outcome.UNCHANGED, stored)
        assert caller.graph.calls == []

    async def test_who_waits_takes_over_what_the_first_gave_up(self, caller: World) -> None:
        happening = settling(caller, await caller.claim(OTHER_B), Released(outcome_known=True))
        caller.time = EventfulTime(caller.time, happening, after_seconds=1)
        assert outcomes(await caller.carry_out([B])) == ["created"]
        assert caller.graph.calls == ["create"]


class TestTwiceInOneCall:
    async def test_the_first_is_created_and_the_others_are_told_what_came_of_it(self, world: World) -> None:
        same = activity_request("course-a", registrationId=REGISTRATION_ID.upper())
        ends = await world.carry_out([A, B, A, same, A])
        assert outcomes(ends) == ["created", "created", "unchanged", "unchanged", "unchanged"]
        assert world.ids() == ["course-a", "course-b"]

    async def test_other_content_under_the_same_id_is_refused(self, world: World) -> None:
        assert outcomes(await world.carry_out([B, OTHER_B, B])) == ["created", "activityExists", "unchanged"]
        assert [end.entity["status"] for _, end in world.graph.stored] == ["inProgress"]

    async def test_another_provider_is_another_activity(self, world: World) -> None:
        other = activity_request("course-a", registrationId=OTHER_REGISTRATION_ID)
        assert outcomes(await world.carry_out([A, other])) == ["created", "created"]

    @pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE, translation.unanswered()])
    async def test_what_the_first_has_to_wait_for_the_others_wait_for_too(
        self, chunk: World, error: TransientError
    ) -> None:
        """Nothing is sent twice in one call."""
        chunk.graph.arm("create", [Fault(error)])
        ends = await chunk.carry_out([A, A, B, A])
        assert outcomes(ends) == [error.code, error.code, "created", error.code]
        assert chunk.graph.calls == ["createBatch"]

    async def test_what_is_wrong_with_the_first_is_not_the_others_fault(self, world: World) -> None:
        world.graph.arm("create", [Fault(REFUSED)])
        assert outcomes(await world.carry_out([B, OTHER_B])) == ["learnerNotLicensed", "created"]

    async def test_storage_that_fails_after_the_first_were_sent_takes_nothing_from_them(self, world: World) -> None:
        class Failing(FakeLedger):
            async def settle(self, *args: object) -> None:
                await super().settle(*args)  # type: ignore[arg-type]
                self.failures["claim"] = NO_STORAGE

        world.ledger = Failing(world.time)
        assert outcomes(await world.carry_out([A, B, A])) == ["created", "created", "storageUnavailable"]


class TestLeftBehind:
    @MANY
    async def test_what_graph_has_is_not_sent_again_and_all_are_looked_up_together(
        self, world: World, requests: list[ActivityRequest]
    ) -> None:
        await world.leave_behind(*requests, executed=True)
        ends = await world.carry_out(requests)
        assert outcomes(ends) == ["unchanged"] * len(requests)
        assert [end.stored for end in ends if isinstance(end, Done)] == [one for _, one in world.graph.stored]
        assert (world.graph.calls, world.graph.sizes) == ([call("find", requests)], [len(requests)])
        assert world.ledger.calls == ["claim", "settle"]
        world.forget_calls()
        assert outcomes(await world.carry_out(requests)) == ["unchanged"] * len(requests)
        assert world.graph.calls == []

    async def test_what_graph_does_not_have_is_looked_for_twice_and_sent_with_the_others(self, world: World) -> None:
        """A replica that has not seen the activity yet does not decide."""
        await world.leave_behind(A, executed=True)
        await world.leave_behind(B, executed=False)
        assert outcomes(await world.carry_out()) == ["unchanged", "created", "created"]
        assert (world.graph.calls, world.graph.sizes) == (["findBatch", "find", "createBatch"], [2, 1, 2])
        assert world.ids() == ["course-a", "course-b", "course-c"]

    async def test_a_replica_that_is_late_makes_no_double(self, world: World) -> None:
        await world.leave_behind(A, executed=True)
        world.graph.arm("find", [Fault(absent=True)])
        assert outcomes(await world.carry_out([A])) == ["unchanged"]

    async def test_when_graph_cannot_tell_nothing_is_sent_and_the_next_one_asks_again(self, world: World) -> None:
        await world.leave_behind(A, B, executed=True)
        world.graph.arm("find", [Fault(NO_READING), GOOD, Fault(NO_READING)])
        ends = await world.carry_out()
        assert outcomes(ends) == ["outcomeUnknown", "unchanged", "created"]
        assert isinstance(ends[0], TransientError)
        assert ends[0].may_have_executed
        assert outcomes(await world.carry_out()) == ["unchanged"] * 3
        assert world.ids() == ["course-a", "course-b", "course-c"]

    async def test_absence_counts_only_if_the_last_look_says_so(self, world: World) -> None:
        await world.leave_behind(A, executed=True)
        world.graph.arm("find", [Fault(absent=True), Fault(THROTTLED)])
        assert outcomes(await world.carry_out([A])) == ["outcomeUnknown"]
        assert outcomes(await world.carry_out([A])) == ["unchanged"]
        assert world.ids() == ["course-a"]

    async def test_a_look_that_fails_does_not_count_if_the_last_one_tells(self, world: World) -> None:
        await world.leave_behind(A, executed=False)
        world.graph.arm("find", [Fault(NO_READING), GOOD])
        assert outcomes(await world.carry_out([A])) == ["created"]

    async def test_other_content_in_graph_is_refused_and_stays_known(self, world: World) -> None:
        """Who sends the first content again gets the activity, not a second one."""
        await world.leave_behind(B, executed=True)
        created, error = await world.carry_out([A, OTHER_B])
        assert outcomes([created, error]) == ["created", "activityExists"]
        assert isinstance(error, PermanentError)
        assert world.graph.stored[0][1].id.partition(":")[2] in error.message
        assert outcomes(await world.carry_out([B])) == ["unchanged"]
        assert world.ids() == ["course-b", "course-a"]


class TestFailures:
    @pytest.mark.parametrize("error", [REFUSED, THROTTLED])
    async def test_what_was_not_created_is_free_at_once_for_any_content(
        self, world: World, error: ActivityError
    ) -> None:
        world.graph.arm("create", [Fault(error)])
        assert await world.carry_out([B]) == [error]
        assert world.ledger.calls == ["claim", "settle"]
        assert outcomes(await world.carry_out([OTHER_B])) == ["created"]
        assert world.graph.calls == ["create", "create"]

    @pytest.mark.parametrize("error", [REFUSED, UNREACHABLE])
    async def test_what_was_not_created_among_others_is_free_at_once_too(
        self, chunk: World, error: ActivityError
    ) -> None:
        chunk.graph.arm("create", [GOOD, Fault(error)])
        assert outcomes(await chunk.carry_out()) == ["created", error.code, "created"]
        chunk.forget_calls()
        assert outcomes(await chunk.carry_out([A, OTHER_B, C])) == ["unchanged", "created", "unchanged"]
        assert chunk.graph.calls == ["create"]

    @pytest.mark.parametrize("executed", [True, False])
    @pytest.mark.parametrize("error", [THROTTLED, translation.unanswered()])
    async def test_what_may_have_been_executed_is_looked_up_by_the_next_one(
        self, chunk: World, error: TransientError, *, executed: bool
    ) -> None:
        """Graph has been seen to execute what it throttles inside a batch."""
        chunk.graph.arm("create", [GOOD, Fault(error, executed=executed)])
        assert outcomes(await chunk.carry_out()) == ["created", error.code, "created"]
        chunk.forget_calls()
        outcome = "unchanged" if executed else "created"
        assert outcomes(await chunk.carry_out()) == ["unchanged", outcome, "unchanged"]
        assert chunk.graph.calls == (["find"] if executed else ["find", "find", "create"])
        assert sorted(chunk.ids()) == ["course-a", "course-b", "course-c"]

    async def test_what_a_callers_own_look_ups_could_not_tell_is_looked_up_by_the_next_one(self, caller: World) -> None:
        caller.graph.arm("create", [Fault(translation.unanswered(), executed=True)])
        caller.graph.arm("find", [Fault(NO_READING)] * 2)
        assert outcomes(await caller.carry_out([A])) == ["outcomeUnknown"]
        caller.forget_calls()
        assert outcomes(await caller.carry_out([A])) == ["unchanged"]
        assert (caller.graph.calls, caller.ids()) == (["find"], ["course-a"])

    async def test_what_graph_has_under_the_same_id_is_not_forgotten(self, caller: World) -> None:
        """An activity from before the ledger, found only because an answer was lost."""
        await caller.put(OTHER_B)
        caller.graph.arm("create", [Fault(translation.unanswered())])
        for _ in range(3):
            assert outcomes(await caller.carry_out([B])) == ["activityExists"]
        assert caller.graph.calls == ["create", "create", "find", "find"]
        assert outcomes(await caller.carry_out([OTHER_B])) == ["unchanged"]
        assert len(caller.graph.stored) == 1

    @MANY
    async def test_without_a_token_nothing_is_sent_and_nothing_is_left_behind(
        self, world: World, requests: list[ActivityRequest]
    ) -> None:
        error = TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "no token", retry_after_seconds=30)
        world.graph.identity_failure = error
        assert await world.carry_out(requests) == [error] * len(requests)
        world.graph.identity_failure = None
        world.forget_calls()
        assert outcomes(await world.carry_out(requests)) == ["created"] * len(requests)
        assert world.graph.calls == [call("create", requests)]

    @MANY
    @pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
    async def test_who_ends_without_a_word_leaves_it_to_the_next_one_to_look(
        self, world: World, requests: list[ActivityRequest], error: BaseException
    ) -> None:
        class Interrupted(FakeGraph):
            async def write(
                self, writes: Sequence[Write], *, timeout_seconds: float
            ) -> list[StoredActivity | ActivityError]:
                await super().write(writes, timeout_seconds=timeout_seconds)
                raise error

        with pytest.raises(type(error)):
            await world.carry_out(requests, graph=Interrupted(world.time, stored=world.graph.stored))
        assert outcomes(await world.carry_out(requests)) == ["createInProgress"] * len(requests)
        world.time.pass_by(world.ledger.lease_seconds)
        assert outcomes(await world.carry_out(requests)) == ["unchanged"] * len(requests)
        assert len(world.graph.stored) == len(requests)
        (known,) = await world.ledger.claim([B])
        assert isinstance(known, Known)


class TestThrottled:
    """While Graph throttles a provider, nobody asks the ledger for it, nor Graph."""

    @MANY
    async def test_neither_the_ledger_nor_graph_is_asked(self, world: World, requests: list[ActivityRequest]) -> None:
        world.graph.closed = {REGISTRATION_ID: THROTTLED}
        assert await world.carry_out(requests) == [THROTTLED] * len(requests)
        assert (world.graph.calls, world.ledger.calls) == ([], [])

    async def test_others_are_created_as_ever(self, world: World) -> None:
        world.graph.closed = {REGISTRATION_ID: THROTTLED}
        other = activity_request("course-b", registrationId=OTHER_REGISTRATION_ID)
        assert outcomes(await world.carry_out([A, other, C])) == ["throttled", "created", "throttled"]
        assert (world.graph.calls, world.ids()) == (["create"], ["course-b"])

    @pytest.mark.parametrize("executed", [True, False])
    async def test_a_claim_that_was_left_behind_waits_for_graphs_own_delay_too(
        self, world: World, *, executed: bool
    ) -> None:
        await world.leave_behind(A, executed=executed)
        world.graph.closed = {REGISTRATION_ID: THROTTLED}
        assert await world.carry_out([A, B]) == [THROTTLED] * 2
        assert (world.graph.calls, world.ledger.calls) == ([], [])
        world.graph.closed = {}
        assert outcomes(await world.carry_out([A, B])) == ["unchanged" if executed else "created", "created"]

    async def test_a_look_up_that_is_throttled_names_graphs_own_delay(self, world: World) -> None:
        await world.leave_behind(A, executed=True)
        world.graph.arm("find", [Fault(TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=600))] * 2)
        error = error_in(await world.carry_out([A]))
        assert isinstance(error, TransientError)
        assert (error.code, error.retry_after_seconds) == (ErrorCode.OUTCOME_UNKNOWN, 600)

    async def test_what_throttled_once_is_asked_again_when_its_time_is_over(self, chunk: World) -> None:
        graph = ThrottledGraph(chunk.graph, now=lambda: chunk.time.seconds)
        chunk.graph.arm("create", [Fault(THROTTLED)])
        assert outcomes(await chunk.carry_out([A], graph=graph)) == ["throttled"]
        chunk.forget_calls()
        assert outcomes(await chunk.carry_out([A, B], graph=graph)) == ["throttled"] * 2
        assert (chunk.graph.calls, chunk.ledger.calls) == ([], [])
        chunk.time.pass_by(7)
        assert outcomes(await chunk.carry_out([A, B], graph=graph)) == ["created"] * 2


class TestGraphSaysExists:
    """Graph refuses an external id that is taken: as emulated, it does not, but nobody documents that."""

    async def test_the_same_activity_is_unchanged_and_remembered(self, world: World) -> None:
        await world.put(B)
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        assert outcomes(await world.carry_out()) == ["created", "unchanged", "created"]
        world.forget_calls()
        assert outcomes(await world.carry_out()) == ["unchanged"] * 3
        assert world.graph.calls == []

    async def test_another_activity_is_a_refusal_of_this_one_alone(self, world: World) -> None:
        await world.put(OTHER_B)
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        ends = await world.carry_out()
        assert outcomes(ends) == ["created", "activityExists", "created"]
        assert isinstance(ends[1], PermanentError)
        assert world.graph.stored[0][1].id.partition(":")[2] in ends[1].message

    async def test_if_it_cannot_be_looked_up_nobody_knows(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(EXISTS)])
        world.graph.arm("find", [Fault(NO_READING)] * 2)
        assert outcomes(await world.carry_out()) == ["created", "outcomeUnknown", "created"]


class TestStorage:
    @MANY
    async def test_without_it_nothing_is_sent_and_nobody_waits(
        self, world: World, requests: list[ActivityRequest]
    ) -> None:
        world.ledger.failures["claim"] = NO_STORAGE
        assert await world.carry_out(requests) == [NO_STORAGE] * len(requests)
        assert (world.graph.calls, world.time.pauses) == ([], [])

    async def test_what_became_of_it_is_told_even_if_it_cannot_be_remembered(self, world: World) -> None:
        world.graph.arm("create", [GOOD, Fault(REFUSED)])
        world.ledger.failures["settle"] = NO_STORAGE
        assert outcomes(await world.carry_out()) == ["created", "learnerNotLicensed", "created"]
        world.ledger.failures.clear()
        assert outcomes(await world.carry_out()) == ["createInProgress"] * 3
        world.time.pass_by(world.ledger.lease_seconds)
        assert outcomes(await world.carry_out()) == ["unchanged", "created", "unchanged"]
        assert sorted(world.ids()) == ["course-a", "course-b", "course-c"]
