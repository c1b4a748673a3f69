"""Every record of a message comes to one of three ends: created, put back, or set aside with a reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.patience import PATIENCE
from activities.queueing.messages import Delivery, decode
from tests.support.fakes import Fault
from tests.support.queue_fakes import BEGIN
from tests.support.queue_stage import COURSE, PUT_BACK_AFTER_SECONDS, SECRET, SET_ASIDE, Stage, delivery, error_of
from tests.support.strategies import bodies, kinds_and_records

valid_bodies = st.lists(kinds_and_records.map(lambda one: one[1]), max_size=3).map(lambda one: json.dumps(one).encode())


class TestEnds:
    def test_every_code_has_its_end(self) -> None:
        assert set(PUT_BACK_AFTER_SECONDS) | SET_ASIDE == set(ErrorCode)

    @pytest.mark.parametrize("code", ErrorCode)
    async def test_a_record_ends_as_its_code_says(self, stage: Stage, code: ErrorCode) -> None:
        stage.fail(error_of(code))
        await stage.send(COURSE)
        if code in SET_ASIDE:
            assert stage.ends == (0, 0, 1)
            assert (stage.failure.code, stage.failure.message) == (code, f"It is {code}.")
        else:
            assert stage.ends == (0, 1, 0)
            assert stage.queue.delays == [PUT_BACK_AFTER_SECONDS[code]]

    async def test_a_good_record_is_created(self, stage: Stage) -> None:
        await stage.send(COURSE)
        assert stage.ends == (1, 0, 0)

    async def test_a_message_that_cannot_be_read_is_set_aside_as_it_was(self, stage: Stage) -> None:
        await stage.worker.handle(delivery("no JSON"))
        assert stage.ends == (0, 0, 1)
        assert (stage.failure.code, stage.failure.body) == ("invalidJson", b"no JSON")

    async def test_a_failure_tells_every_problem_of_the_record(self, stage: Stage) -> None:
        await stage.send({"learnerUserId": "nobody"})
        assert stage.failure.code == "invalidRequest"
        assert {"@odata.type", "learnerUserId", "learningContentId"} <= {one.target for one in stage.failure.problems}
        assert (stage.failure.attempts, stage.failure.first_seen, stage.failure.failed_at) == (1, BEGIN, BEGIN)

    async def test_each_record_of_a_message_ends_in_its_own_way(self, stage: Stage) -> None:
        def choose(_: str) -> Fault | None:
            match stage.graph.calls.count("create"):
                case 1:
                    return Fault(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=90.0))
                case 2:
                    raise LookupError(SECRET)
            return None

        stage.graph.choose_fault = choose
        names = ["throttled", "buggy", "good"]
        await stage.send({"bad": 1}, *({**COURSE, "learningContentId": name} for name in names))
        assert stage.ends == (1, 2, 1)
        assert stage.queue.delays == [90.0, 60.0]
        assert stage.graph.stored[0][1].entity["learningContentId"] == "good"

    @settings(max_examples=60)
    @given(
        bodies
        | st.lists(kinds_and_records.map(lambda one: one[1]), max_size=3).map(lambda one: json.dumps(one).encode())
    )
    async def test_whatever_the_bytes_nothing_is_lost(self, body: bytes) -> None:
        stage = Stage()
        await stage.worker.handle(Delivery(body, "message-1", BEGIN))
        try:
            expected = len(decode(Delivery(body, "message-1", BEGIN), now=BEGIN, patience=PATIENCE))
        except PermanentError:
            expected = 1
        completed = len(stage.graph.stored)
        assert completed + len(stage.failures.kept) == expected
        assert stage.queue.messages == []

    @settings(max_examples=60)
    @given(bodies | valid_bodies)
    async def test_whatever_the_bytes_a_bug_loses_nothing(self, body: bytes) -> None:
        def choose(_: str) -> Fault:
            raise LookupError(SECRET)

        stage = Stage()
        stage.graph.choose_fault = choose
        await stage.worker.handle(Delivery(body, "message-1", BEGIN))
        assert stage.queue.messages or stage.failures.kept
        await stage.run_dry()
        assert stage.failures.kept
        assert SECRET not in json.dumps([failure.to_json() for failure in stage.failures.kept.values()])


class TestOnce:
    @pytest.mark.parametrize("external_id", [None, "course-1"])
    async def test_a_record_that_comes_back_is_the_same_activity(self, stage: Stage, external_id: str | None) -> None:
        """Graph did the work although it was said to be throttled: the next attempt has to ask for the same id."""
        lost = TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=10.0)
        stage.graph.arm("create", [Fault(lost, executed=True)])
        await stage.send({**COURSE, "externalCourseActivityId": external_id})
        await stage.run_dry()
        first, second = (activity.entity["externalCourseActivityId"] for _, activity in stage.graph.stored)
        assert first == second
        assert first == (external_id or first)

    async def test_a_message_that_is_delivered_again_creates_nothing_twice(self, stage: Stage) -> None:
        for _ in range(3):
            await stage.send(COURSE, {**COURSE, "learningContentId": "another"})
        assert stage.ends == (2, 0, 0)

    async def test_a_crash_between_the_new_message_and_the_delete_is_harmless(self, stage: Stage) -> None:
        """The original is delivered again after what was put back has been created."""
        stage.fail(error_of(ErrorCode.THROTTLED, 10.0))
        await stage.send(COURSE)
        await stage.send(COURSE)
        assert stage.ends == (0, 2, 0)
        stage.fail(None)
        await stage.run_dry()
        await stage.send(COURSE)
        assert stage.ends == (1, 0, 0)

    async def test_a_message_that_is_delivered_again_fails_once(self, stage: Stage) -> None:
        for _ in range(2):
            await stage.send({"bad": 1}, {"bad": 2})
            await stage.worker.handle(delivery("no JSON"))
        assert stage.ends == (0, 0, 3)

    async def test_the_same_content_in_two_messages_is_two_activities(self, stage: Stage) -> None:
        for message_id in ("message-1", "message-2"):
            await stage.worker.handle(delivery(json.dumps(COURSE), message_id))
        assert stage.ends == (2, 0, 0)


class TestStorage:
    ERROR = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0)

    @pytest.mark.parametrize("error", [ERROR, RuntimeError("a bug")])
    async def test_what_cannot_be_put_back_is_delivered_again_by_the_host(self, stage: Stage, error: Exception) -> None:
        stage.fail(error_of(ErrorCode.THROTTLED, 10.0))
        stage.queue.error = error
        with pytest.raises(type(error)):
            await stage.send(COURSE)
        stage.queue.error = None
        await stage.send(COURSE)
        assert stage.ends == (0, 1, 0)

    @pytest.mark.parametrize("error", [ERROR, error_of(ErrorCode.STORAGE_UNAVAILABLE, 300.0)])
    @pytest.mark.parametrize("text", ["no JSON", '{"bad": 1}', "[]"])
    async def test_what_cannot_be_set_aside_is_put_back_with_the_errors_delay(
        self, stage: Stage, text: str, error: TransientError
    ) -> None:
        """The host would give it up after some deliveries, and nobody would know why it failed."""
        stage.failures.error = error
        await stage.worker.handle(delivery(text))
        for _ in range(20):
            assert stage.queue.delays == [error.retry_after_seconds]
            await stage.worker.handle(next(stage.queue.received()))
        assert stage.told == []
        stage.failures.error = None
        await stage.run_dry()
        assert stage.ends == (0, 0, 1)
        assert len(stage.told) == 1
        assert stage.failure.body == (None if stage.failure.record else text.encode())

    @pytest.mark.parametrize("text", ["no JSON", '{"bad": 1}', "[]"])
    async def test_only_what_cannot_be_put_back_either_is_delivered_again_by_the_host(
        self, stage: Stage, text: str
    ) -> None:
        stage.failures.error = stage.queue.error = self.ERROR
        with pytest.raises(TransientError):
            await stage.worker.handle(delivery(text))
        stage.failures.error = stage.queue.error = None
        await stage.worker.handle(delivery(text))
        assert stage.ends == (0, 0, 1)

    async def test_what_was_done_before_storage_failed_is_not_done_twice(self, stage: Stage) -> None:
        records: list[Any] = [COURSE, {"bad": 1}, {**COURSE, "learningContentId": "another"}]
        stage.failures.error = self.ERROR
        await stage.send(*records)
        assert stage.ends == (1, 2, 0)
        stage.failures.error = None
        await stage.send(*records)
        await stage.run_dry()
        assert stage.ends == (2, 0, 1)

    @pytest.mark.parametrize("code", [ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.IDENTITY_UNAVAILABLE])
    async def test_the_first_record_that_meets_an_outage_speaks_for_those_behind_it(
        self, stage: Stage, code: ErrorCode
    ) -> None:
        """Each would wait for storage as long as the first, longer together than a function may run."""
        stage.fail(error_of(code, 30.0))
        await stage.send(*({**COURSE, "learningContentId": f"{number}"} for number in range(500)))
        assert stage.ledger.calls == ["claim"]
        assert stage.queue.delays == [30.0] * 500
        stage.fail(None)
        await stage.run_dry()
        assert stage.ends == (500, 0, 0)

    async def test_an_outage_of_five_minutes_loses_nothing(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.STORAGE_UNAVAILABLE, 30.0))
        stage.failures.error = self.ERROR
        texts = [json.dumps([COURSE, {"bad": 1}]), "no JSON", json.dumps({**COURSE, "status": "maybe"})]
        for number, text in enumerate(texts):
            await stage.worker.handle(delivery(text, f"message-{number}"))
        for again in stage.queue.received():
            if stage.queue.time.seconds > 300:
                stage.fail(None)
                stage.failures.error = None
            await stage.worker.handle(again)
        assert stage.ends == (1, 0, 3)


async def test_a_record_that_fails_again_after_a_replay_is_a_new_failure(stage: Stage) -> None:
    await stage.send({"bad": 1})
    first = stage.failure
    await stage.failures.replay(first)
    await stage.run_dry()
    assert stage.failure.id != first.id
    assert (stage.failure.attempts, stage.failure.first_seen) == (1, first.first_seen)
