"""Creating one activity, once. ``FakeGraph.calls`` says in which order Graph was asked; no time passes."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract.activity import ActivityRequest, Outcome
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import Done, End, creation
from activities.execution.identifying import identify
from activities.execution.sending import FOR_A_CALLER, Sender
from activities.graph import translation
from tests.support.fakes import FOR_EVER, OTHER_REGISTRATION_ID, FakeGraph, Fault, activity_request, assignment_request
from tests.support.world import ABC, EXISTS, NO_READING, REFUSED, creation_in, error_in, outcomes

HANGS = Fault(seconds=FOR_EVER)
UNREACHABLE = Fault(translation.unreachable())
# Whatever may have been executed although nobody said so.
LOST = {
    "time-out or broken connection": translation.unanswered(),
    **{
        f"status {status}": translation.translate(status, {}, b"", now=datetime.now(UTC))
        for status in (200, 201, 302, 408, 500, 502, 504)
    },
}
UNANSWERED = {"time-out or broken connection", "status 408", "status 504"}


def busy(code: ErrorCode = ErrorCode.THROTTLED, *, seconds: float) -> Fault:
    return Fault(TransientError(code, "later", retry_after_seconds=seconds))


async def ends_of(graph: FakeGraph, *requests: ActivityRequest) -> list[End]:
    sends = {place: (one, creation(one)) for place, one in enumerate(requests)}
    ends = await Sender(graph=graph, effort=FOR_A_CALLER, clock=graph.time.clock).send(sends)
    return [ends[place] for place in sends]


async def create(graph: FakeGraph, request: ActivityRequest | None = None) -> Done:
    return creation_in(await ends_of(graph, request or activity_request()))


async def failure(graph: FakeGraph, request: ActivityRequest | None = None) -> ActivityError:
    return error_in(await ends_of(graph, request or activity_request()))


class TestIdentify:
    def test_the_callers_own_external_id_is_kept(self) -> None:
        request = activity_request("mine")
        assert identify(request, idempotency_key="key") is request

    def test_without_id_and_key_every_request_gets_a_guid_of_its_own(self) -> None:
        ids = {external_id(identify(activity_request(None), idempotency_key=None)) for _ in range(100)}
        assert len(ids) == 100
        assert all(str(UUID(one)) == one for one in ids)

    def test_an_empty_key_is_no_key(self) -> None:
        one, other = (identify(activity_request(None), idempotency_key="") for _ in range(2))
        assert external_id(one) != external_id(other)

    def test_a_key_that_is_no_text_is_a_key_too(self) -> None:
        """A header's bytes that are not UTF-8 reach the app as lone surrogates."""
        keys = ["run-\udce9", "run-\udcea"]
        assert len({identify(activity_request(""), idempotency_key=key).activity for key in keys}) == len(keys)

    def test_the_id_of_a_key_never_changes(self) -> None:
        """A change would make every repeated request of a flow a second activity."""
        derived = identify(activity_request(None), idempotency_key="run-1")
        assert external_id(derived) == "fa59dcef-8ecf-5e83-97ce-2815b144b461"

    @given(one=st.text(min_size=1), other=st.text(min_size=1), provider=st.uuids(), another=st.uuids())
    def test_the_id_of_a_key_is_stable_and_distinct_for_each_provider(
        self, one: str, other: str, provider: UUID, another: UUID
    ) -> None:
        def derived(key: str, registration_id: str) -> str:
            request = activity_request(None, registrationId=registration_id)
            return external_id(identify(request, idempotency_key=key))

        assert derived(one, str(provider)) == derived(one, str(provider).upper())
        assert (derived(one, str(provider)) == derived(other, str(provider))) == (one == other)
        assert (derived(one, str(provider)) == derived(one, str(another))) == (provider == another)

    def test_nothing_but_the_external_id_is_added(self) -> None:
        request = assignment_request(None, completedDateTime=None, completionPercentage=20)
        sent = identify(request, idempotency_key="key").activity.to_graph()
        assert sent.pop("externalCourseActivityId")
        assert sent == request.activity.to_graph()


class TestSending:
    async def test_a_create_that_is_answered_is_one_call(self) -> None:
        graph = FakeGraph()
        created = await create(graph)
        assert graph.calls == ["create"]
        assert (created.outcome, created.stored) == (Outcome.CREATED, graph.stored[0][1])

    async def test_a_refusal_is_final(self) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(REFUSED)])
        assert await failure(graph) is REFUSED
        assert graph.calls == ["create"]

    @pytest.mark.parametrize(
        "fault",
        [
            UNREACHABLE,
            busy(seconds=0),
            busy(seconds=2),
            busy(ErrorCode.GRAPH_UNAVAILABLE, seconds=0.5),
        ],
    )
    async def test_what_was_not_executed_and_comes_back_soon_is_sent_again_without_look_up(self, fault: Fault) -> None:
        graph = FakeGraph()
        graph.arm("create", [fault])
        assert (await create(graph)).outcome is Outcome.CREATED
        assert graph.calls == ["create", "create"]

    async def test_the_pause_is_what_graph_asked_for(self) -> None:
        graph = FakeGraph()
        graph.arm("create", [busy(seconds=1.5)])
        await create(graph)
        assert graph.time.pauses == [1.5]

    async def test_a_pause_of_nothing_grows_nevertheless(self) -> None:
        graph = FakeGraph()
        graph.arm("create", [busy(seconds=0), busy(seconds=0)])
        await create(graph)
        assert 0 < graph.time.pauses[0] < graph.time.pauses[1]

    @pytest.mark.parametrize("fault", [UNREACHABLE, busy(seconds=1), HANGS])
    async def test_sends_are_limited(self, fault: Fault) -> None:
        graph = FakeGraph()
        graph.arm("create", [fault] * 10)
        await failure(graph)
        assert 1 < graph.calls.count("create") <= FOR_A_CALLER.sends

    @pytest.mark.parametrize("seconds", [2.001, 7, 120, 86_400])
    @pytest.mark.parametrize("code", [ErrorCode.THROTTLED, ErrorCode.GRAPH_UNAVAILABLE])
    async def test_a_longer_delay_is_handed_back_at_once(self, code: ErrorCode, seconds: float) -> None:
        graph = FakeGraph()
        graph.arm("create", [busy(code, seconds=seconds)])
        error = await failure(graph)
        assert isinstance(error, TransientError)
        assert (error.code, error.retry_after_seconds) == (code, seconds)
        assert (graph.calls, graph.time.pauses) == (["create"], [])

    async def test_a_failing_identity_is_handed_back_at_once(self) -> None:
        graph = FakeGraph(identity_failure=busy(ErrorCode.IDENTITY_UNAVAILABLE, seconds=1).error)
        assert (await failure(graph)).code is ErrorCode.IDENTITY_UNAVAILABLE
        assert graph.calls == ["create"]

    async def test_a_bug_is_not_mistaken_for_an_answer(self) -> None:
        def bug(_: str) -> Fault:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await create(FakeGraph(choose_fault=bug))


@pytest.mark.parametrize("lost", LOST)
class TestLostAnswers:
    async def test_what_graph_did_is_found_and_not_sent_again(self, lost: str) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost], executed=True)])
        created = await create(graph)
        assert graph.calls == ["create", "find"]
        assert (created.outcome, created.stored) == (Outcome.CREATED, graph.stored[0][1])

    async def test_a_replica_may_be_late(self, lost: str) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost], executed=True)])
        graph.arm("find", [Fault(absent=True)])
        assert (await create(graph)).outcome is Outcome.CREATED
        assert graph.calls == ["create", "find", "find"]
        assert len(graph.stored) == 1

    async def test_only_what_graph_left_unanswered_is_sent_again_when_it_is_absent(self, lost: str) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost])])
        if lost in UNANSWERED:
            assert (await create(graph)).outcome is Outcome.CREATED
            assert graph.calls == ["create", "find", "find", "create"]
        else:
            assert (await failure(graph)).code is ErrorCode.GRAPH_FAULT
            assert graph.calls == ["create", "find", "find"]

    @pytest.mark.parametrize("finds", [[REFUSED, REFUSED], [None, REFUSED], [EXISTS, LOST["status 500"]]])
    async def test_a_look_up_that_cannot_tell_leaves_the_outcome_open(
        self, lost: str, finds: list[ActivityError | None]
    ) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost])])
        graph.arm("find", [Fault(error) for error in finds])
        error = await failure(graph, activity_request("the-id"))
        assert graph.calls == ["create", "find", "find"]
        assert isinstance(error, TransientError)
        assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
        assert '"the-id"' in error.message

    async def test_one_look_up_that_fails_is_made_up_for_by_the_next(self, lost: str) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost], executed=True)])
        graph.arm("find", [Fault(LOST["status 502"])])
        assert (await create(graph)).outcome is Outcome.CREATED
        assert graph.calls == ["create", "find", "find"]

    async def test_absence_counts_when_the_last_look_up_says_so(self, lost: str) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(LOST[lost])] * FOR_A_CALLER.sends)
        graph.arm("find", [Fault(LOST["status 502"]), Fault()] * FOR_A_CALLER.sends)
        assert (await failure(graph)).code is not ErrorCode.OUTCOME_UNKNOWN

    async def test_an_activity_with_other_content_is_named(self, lost: str) -> None:
        graph = FakeGraph()
        earlier = await create(graph, activity_request(status="completed", completionPercentage=100))
        graph.arm("create", [Fault(LOST[lost])])
        error = await failure(graph, activity_request(completionPercentage=50))
        assert isinstance(error, PermanentError)
        assert error.code is ErrorCode.ACTIVITY_EXISTS
        learner, _, own = earlier.stored.id.partition(":")
        assert own in error.message
        assert learner not in error.message
        assert "status, completionPercentage" in error.message
        assert graph.calls == ["create", "create", "find"]


async def test_what_an_admin_does_so_that_it_can_be_looked_up_is_told() -> None:
    graph = FakeGraph()
    graph.arm("create", [HANGS])
    graph.arm("find", [Fault(NO_READING)] * 2)
    error = await failure(graph)
    assert error.code is ErrorCode.OUTCOME_UNKNOWN
    assert error.message.endswith(f" {NO_READING.message}")


async def test_an_outcome_that_every_look_up_settled_is_not_called_unknown() -> None:
    """What nobody waits for any more may still be executed, though: the next one has to look again."""
    graph = FakeGraph()
    graph.arm("create", [HANGS] * 9)
    error = await failure(graph)
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, True)


class TestSeveral:
    async def test_only_what_was_not_created_is_sent_again_after_the_longest_pause(self) -> None:
        graph = FakeGraph()
        graph.arm("create", [busy(ErrorCode.GRAPH_UNAVAILABLE, seconds=1), Fault(REFUSED), UNREACHABLE])
        assert outcomes(await ends_of(graph, *ABC)) == ["created", "learnerNotLicensed", "created"]
        assert (graph.calls, graph.sizes) == (["createBatch", "createBatch"], [3, 2])
        assert graph.time.pauses == [2.0]

    async def test_what_has_no_end_is_looked_up_together_and_each_has_its_own(self) -> None:
        graph = FakeGraph()
        answered = await create(graph, ABC[1])
        lost = translation.unanswered()
        graph.arm("create", [Fault(lost, executed=True), Fault(EXISTS), Fault(lost)])
        ends = await ends_of(graph, *ABC)
        assert outcomes(ends) == ["created", "unchanged", "created"]
        assert ends[1] == Done(Outcome.UNCHANGED, ABC[1], answered.stored)
        assert graph.calls == ["create", "createBatch", "findBatch", "find", "create"]


class TestTaken:
    """Graph's own 409."""

    async def test_the_same_content_is_unchanged(self) -> None:
        graph = FakeGraph()
        earlier = await create(graph)
        graph.arm("create", [Fault(EXISTS)])
        again = await create(graph)
        assert (again.outcome, again.stored.id) == (Outcome.UNCHANGED, earlier.stored.id)
        assert graph.calls == ["create", "create", "find"]

    async def test_other_content_is_named(self) -> None:
        graph = FakeGraph()
        earlier = await create(graph)
        graph.arm("create", [Fault(EXISTS)])
        error = await failure(graph, activity_request(learningContentId="content-2"))
        assert (error.code, error.target) == (ErrorCode.ACTIVITY_EXISTS, "externalCourseActivityId")
        learner, _, own = earlier.stored.id.partition(":")
        assert own in error.message
        assert learner not in error.message
        assert "learningContentId" in error.message

    async def test_an_activity_of_another_provider_is_not_ours(self) -> None:
        graph = FakeGraph()
        await create(graph, activity_request(registrationId=OTHER_REGISTRATION_ID))
        graph.arm("create", [Fault(EXISTS)])
        assert await failure(graph) is EXISTS

    async def test_without_a_look_up_the_outcome_is_open(self) -> None:
        graph = FakeGraph()
        graph.arm("create", [Fault(EXISTS)])
        graph.arm("find", [HANGS] * 2)
        error = await failure(graph, activity_request("the-id"))
        assert error.code is ErrorCode.OUTCOME_UNKNOWN
        assert '"the-id"' in error.message


def external_id(request: ActivityRequest) -> str:
    assert request.activity.external_course_activity_id
    return request.activity.external_course_activity_id
