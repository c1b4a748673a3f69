"""Each record of a batch comes to one end, and each activity is created once, whatever fails in between."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from activities.batches.task import Task
from activities.contract.activity import ActivityRequest, Outcome
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sending
from activities.execution.decisions import Known
from activities.execution.ledger import Claim
from activities.execution.patience import BUG_ATTEMPTS, PATIENCE
from activities.execution.result import Result
from activities.graph import translation
from tests.support.batch_stage import Ports, Stage, batch_stage, chunk_at, course, courses
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, Fault

THROTTLED = TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=90.0)
NO_LICENCE = PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "No licence.")
CREATED, UNCHANGED = "created", "unchanged"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before a look-up have their own tests."""
    monkeypatch.setattr(sending, "LOOK_UP_PAUSES_SECONDS", (0.0, 0.0))


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


class TestEnds:
    async def test_each_record_ends_in_its_own_way(self, stage: Stage) -> None:
        known = course(1, externalCourseActivityId="known")
        await stage.accept([known])
        await stage.run_dry()
        stage.graph.arm("create", [Fault(), Fault(NO_LICENCE)])
        batch = await stage.accept([course(0), known, course(2)])
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED, UNCHANGED, "learnerNotLicensed"]
        assert stage.graph.contents == ["content-0", "content-1"]
        assert stage.failures.kept == {}

    async def test_an_invalid_record_fails_with_what_is_wrong_and_the_others_are_created(self, stage: Stage) -> None:
        batch = await stage.accept([course(0), course(1, status="maybe", externalCourseActivityId="mine"), [], None])
        await stage.run_dry()
        _, (first, second, *others) = await stage.report(batch)
        assert first.outcome is Outcome.CREATED
        assert second == Result(
            1,
            Outcome.FAILED,
            "",
            "mine",
            "invalidRequest",
            "status must be notStarted, inProgress or completed.",
            "status",
        )
        assert [one.error_code for one in others] == ["invalidRequest"] * 2
        assert stage.graph.contents == ["content-0"]

    async def test_a_batch_of_many_chunks_is_worked_off_completely(self, stage: Stage) -> None:
        batch = await stage.accept(courses(130))
        # The first message and seven chunks: the pages have 100 and 30 records.
        assert await stage.run_dry() == 8
        assert await stage.outcomes(batch) == [CREATED] * 130
        assert stage.graph.contents == sorted(f"content-{number}" for number in range(130))
        assert stage.graph.sizes == [20] * 6 + [10]

    async def test_the_same_record_twice_in_a_batch_is_two_activities_unless_it_has_an_external_id(
        self, stage: Stage
    ) -> None:
        named = course(1, externalCourseActivityId="named")
        batch = await stage.accept([course(0), course(0), named, named])
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED, CREATED, CREATED, UNCHANGED]
        assert stage.graph.contents == ["content-0", "content-0", "content-1"]

    async def test_a_batch_that_is_not_kept_any_more_ends_quietly(self, stage: Stage) -> None:
        batch = await stage.accept(courses(2))
        await stage.queue.put(Task(batch.id, batch.created_at, chunk_at(batch, 0), attempts=1).encode())
        await stage.batches.delete_before(datetime.now(UTC) + timedelta(hours=1))
        await stage.run_dry()
        assert (stage.graph.calls, stage.failures.kept) == ([], {})


class TestWaiting:
    async def test_a_throttled_record_is_put_back_alone_with_the_delay_that_graph_asked_for(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(), Fault(THROTTLED), Fault()])
        batch = await stage.accept(courses(3))
        for _ in range(2):
            await stage.deliver_next()
        progress, results = await stage.report(batch)
        assert [one.index for one in results] == [0, 2]
        assert stage.queue.delays == [90.0]
        assert progress.waiting_until is not None
        assert timedelta(0) < progress.waiting_until - datetime.now(UTC) <= timedelta(seconds=90)
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED] * 3
        # Graph may have done what it said to be too busy for: so it is asked first.
        assert stage.graph.calls[-3:] == ["find", "find", "create"]
        assert stage.graph.sizes[-1] == 1

    async def test_a_provider_that_is_throttled_costs_neither_a_claim_nor_a_call(self, stage: Stage) -> None:
        stage.graph.closed = {OTHER_REGISTRATION_ID: THROTTLED}
        batch = await stage.accept([course(0), course(1, registrationId=OTHER_REGISTRATION_ID)])
        for _ in range(2):
            await stage.deliver_next()
        assert await stage.outcomes(batch) == [CREATED]
        stage.graph.closed = {REGISTRATION_ID: THROTTLED, OTHER_REGISTRATION_ID: THROTTLED}
        claims, calls = len(stage.ledger.calls), len(stage.graph.calls)
        await stage.deliver_next()
        assert (len(stage.ledger.calls), len(stage.graph.calls)) == (claims, calls)
        assert stage.queue.delays == [90.0]
        stage.graph.closed = {}
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED] * 2

    @pytest.mark.parametrize("executed", [True, False])
    async def test_what_got_no_answer_is_looked_up_before_it_is_sent_again(
        self, stage: Stage, *, executed: bool
    ) -> None:
        stage.graph.arm("create", [Fault(translation.unanswered(), executed=executed)])
        batch = await stage.accept(courses(2))
        await stage.run_dry()
        assert await stage.outcomes(batch) == [UNCHANGED if executed else CREATED, CREATED]
        assert stage.graph.contents == ["content-0", "content-1"]
        assert stage.graph.calls[1] == "find"

    async def test_after_a_day_a_record_fails_with_the_last_reason(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(THROTTLED), Fault()])
        batch = await stage.accept(courses(2), created_at=datetime.now(UTC) - PATIENCE - timedelta(minutes=1))
        await stage.run_dry()
        _, (first, second) = await stage.report(batch)
        assert (first.error_code, first.error_message) == ("throttled", "Wait.")
        assert first.external_id
        assert second.outcome is Outcome.CREATED

    async def test_before_a_day_is_over_no_record_is_given_up(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(THROTTLED)] * 40)
        batch = await stage.accept(courses(1), created_at=datetime.now(UTC) - PATIENCE + timedelta(minutes=1))
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED]

    async def test_while_the_ledger_is_not_there_nothing_is_sent(self, stage: Stage) -> None:
        stage.ledger.failures["claim"] = TransientError(
            ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0
        )
        batch = await stage.accept(courses(2))
        for _ in range(4):
            await stage.deliver_next()
        assert stage.graph.calls == []
        assert stage.queue.delays == [30.0]
        stage.ledger.failures = {}
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED] * 2


class TestBugs:
    @pytest.mark.parametrize("throttled", [0, BUG_ATTEMPTS])
    async def test_a_bug_ends_only_the_record_that_it_is_about(
        self, stage: Stage, throttled: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its neighbours in the chunk wait for the next attempt, which tries each alone; however late it is met."""
        claim = stage.ledger.claim

        async def break_at_one(requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
            if any(one.activity.learning_content_id == "content-1" for one in requests):
                raise LookupError("SECRET")
            return await claim(requests)

        batch = await stage.accept(courses(3))
        stage.graph.arm("create", [Fault(THROTTLED)] * 3 * throttled)
        for _ in range(1 + throttled):
            await stage.deliver_next()
        monkeypatch.setattr(stage.ledger, "claim", break_at_one)
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED, "internalError", CREATED]
        _, results = await stage.report(batch)
        assert "SECRET" not in results[1].error_message
        assert stage.graph.contents == ["content-0", "content-2"]

    async def test_a_bug_that_is_met_every_time_is_given_up_in_the_end(self, stage: Stage) -> None:
        def choose(_: str) -> Fault:
            raise LookupError("SECRET")

        stage.graph.choose_fault = choose
        batch = await stage.accept(courses(2))
        # The first message, and one for each attempt.
        assert await stage.run_dry() == 1 + BUG_ATTEMPTS
        assert await stage.outcomes(batch) == ["internalError"] * 2
        assert stage.failures.kept == {}

    async def test_a_bug_that_is_met_once_is_forgotten(self, stage: Stage) -> None:
        def choose(operation: str) -> Fault | None:
            if operation == "create" and len(stage.graph.calls) < 2:
                raise LookupError("SECRET")
            return None

        stage.graph.choose_fault = choose
        batch = await stage.accept(courses(3))
        await stage.run_dry()
        assert set(await stage.outcomes(batch)) <= {CREATED, UNCHANGED}
        assert stage.graph.contents == ["content-0", "content-1", "content-2"]

    async def test_a_bug_in_the_check_of_a_record_ends_that_record(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_at_one(content: Any, **options: Any) -> ActivityRequest:
            if content["learningContentId"] == "content-1":
                raise LookupError("SECRET")
            return parse_activity(content, **options)

        monkeypatch.setattr("activities.batches.attempt.parse_activity", break_at_one)
        batch = await stage.accept(courses(3))
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED, "internalError", CREATED]
