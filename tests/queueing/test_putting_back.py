"""When a record is tried again, and when its time or its attempts are over."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import ErrorCode, TransientError
from activities.execution import patience
from activities.execution.patience import LONGEST_DELAY_SECONDS, PATIENCE
from activities.queueing.put_back import Record, encode
from tests.support.fakes import REGISTRATION_ID, Fault
from tests.support.queue_fakes import BEGIN, KEY
from tests.support.queue_stage import ADMIN, COURSE, SECRET, TRANSIENT, Stage, delivery, error_of

WEEK_SECONDS = 7 * 24 * 3600


@given(
    code=st.sampled_from(sorted(TRANSIENT)),
    asked=st.floats(0, 1e300) | st.just(float("inf")),
    attempts=st.integers(-5, 10**6),
    jitter=st.floats(0, 1),
)
def test_no_delay_is_shorter_than_asked_for_or_longer_than_a_queue_allows(
    code: ErrorCode, asked: float, attempts: int, jitter: float
) -> None:
    error = TransientError(code, "", retry_after_seconds=asked)
    delay = patience.delay_seconds(error, attempts=attempts, jitter=lambda: jitter)
    assert min(asked, WEEK_SECONDS) <= delay <= WEEK_SECONDS
    assert delay <= max(asked, 900.0) * 1.2 + 1e-9


def test_what_a_bug_stopped_is_tried_again_and_says_nothing_of_it() -> None:
    error = patience.bug()
    assert (error.code, error.may_have_executed) == (ErrorCode.INTERNAL_ERROR, False)
    assert patience.delay_seconds(error, attempts=1, jitter=lambda: 0.0) == 60


class TestDelays:
    @pytest.mark.parametrize("code", sorted(TRANSIENT))
    @pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
    async def test_graphs_own_delay_is_kept_and_spread_a_little(
        self, stage: Stage, code: ErrorCode, jitter: float
    ) -> None:
        stage.jitter = jitter
        stage.fail(error_of(code, 600.0))
        await stage.send(COURSE)
        assert stage.queue.delays == [pytest.approx(600.0 * (1 + 0.2 * jitter))]

    @pytest.mark.parametrize("attempts", [0, 1, 5, 2_000, 10**6, -5])
    async def test_faults_wait_longer_each_time_up_to_a_quarter_of_an_hour(self, stage: Stage, attempts: int) -> None:
        stage.fail(error_of(ErrorCode.GRAPH_FAULT))
        record = Record(COURSE, "message-1:0", BEGIN, BEGIN + PATIENCE, attempts)
        await stage.worker.handle(delivery(encode(record, key=KEY)))
        assert stage.queue.delays == [min(900.0, 2.0 ** min(attempts + 1, 20))]

    async def test_throttling_waits_no_longer_than_graph_says_however_often(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.THROTTLED, 30.0))
        record = Record(COURSE, "message-1:0", BEGIN, BEGIN + PATIENCE, attempts=50)
        await stage.worker.handle(delivery(encode(record, key=KEY)))
        assert stage.queue.delays == [30.0]

    @pytest.mark.parametrize("external_id", [None, "course-1"])
    async def test_a_provider_that_is_throttled_costs_neither_a_claim_nor_a_call(
        self, stage: Stage, external_id: str | None
    ) -> None:
        error = error_of(ErrorCode.THROTTLED, 600.0)
        assert isinstance(error, TransientError)
        stage.graph.closed = {REGISTRATION_ID: error}
        await stage.send({**COURSE, "externalCourseActivityId": external_id}, COURSE)
        assert (stage.ledger.calls, stage.graph.calls) == ([], [])
        assert stage.queue.delays == [600.0] * 2

    @pytest.mark.parametrize("seconds", [WEEK_SECONDS, WEEK_SECONDS * 0.9, 1e300, float("inf")])
    async def test_no_delay_is_longer_than_a_queue_can_hide_a_message(self, stage: Stage, seconds: float) -> None:
        assert LONGEST_DELAY_SECONDS == WEEK_SECONDS
        stage.jitter = 1.0
        stage.fail(error_of(ErrorCode.THROTTLED, seconds))
        record = Record(COURSE, "message-1:0", BEGIN, BEGIN + timedelta(days=30))
        await stage.worker.handle(delivery(encode(record, key=KEY)))
        assert stage.queue.delays == [WEEK_SECONDS]

    async def test_what_would_come_back_after_its_deadline_is_set_aside_with_the_reason(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.THROTTLED, PATIENCE.total_seconds()))
        await stage.send(COURSE)
        assert stage.ends == (0, 0, 1)
        assert stage.failure.code == "throttled"
        assert stage.failure.record is not None
        assert stage.failure.record.content == COURSE

    @pytest.mark.parametrize("code", sorted(TRANSIENT - {ErrorCode.INTERNAL_ERROR}))
    async def test_what_never_passes_is_set_aside_once_its_day_is_over(self, stage: Stage, code: ErrorCode) -> None:
        stage.fail(error_of(code, 1800.0))
        await stage.send(COURSE)
        assert await stage.run_dry() == 47
        assert stage.ends == (0, 0, 1)
        assert (stage.failure.code, stage.failure.attempts) == (code, 48)
        assert BEGIN + timedelta(hours=23) < stage.failure.failed_at < BEGIN + PATIENCE
        assert stage.failure.first_seen == BEGIN


class TestAttempts:
    @pytest.mark.parametrize("code", sorted(ADMIN))
    async def test_what_an_admin_has_to_repair_is_tried_three_times(self, stage: Stage, code: ErrorCode) -> None:
        stage.fail(error_of(code))
        await stage.send(COURSE)
        assert await stage.run_dry() == 2
        assert (stage.failure.code, stage.failure.attempts) == (code, 3)
        assert stage.queue.time.seconds == 600.0

    async def test_what_an_admin_repairs_meanwhile_is_created(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.PROVIDER_NOT_ENABLED))
        await stage.send(COURSE)
        stage.fail(None)
        await stage.run_dry()
        assert stage.ends == (1, 0, 0)

    async def test_a_bug_is_tried_five_times_and_its_text_goes_nowhere(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        def choose(_: str) -> Fault:
            raise LookupError(SECRET)

        stage.graph.choose_fault = choose
        await stage.send(COURSE)
        assert await stage.run_dry() == 4
        assert (stage.failure.code, stage.failure.attempts) == ("internalError", 5)
        assert SECRET not in json.dumps(stage.failure.to_json())
        assert SECRET not in caplog.text

    async def test_a_record_that_is_too_large_to_be_put_back_is_set_aside(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.THROTTLED, 10.0))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("activities.queueing.put_back.LARGEST_MESSAGE_BYTES", 100)
            await stage.send(COURSE)
        assert stage.ends == (0, 0, 1)
        assert stage.failure.code == "requestTooLarge"
        assert stage.failure.record is not None
        assert stage.failure.record.content == COURSE
