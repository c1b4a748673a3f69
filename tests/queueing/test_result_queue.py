"""Every record of the queue that comes to its end is told of on the queue of results, which holds nothing up."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from activities import app
from activities.contract.activity import Outcome
from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.contract.models import Defaults
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.patience import PATIENCE
from activities.execution.result import Result
from activities.identity import managed_identity
from activities.queueing.messages import Delivery, decode
from activities.queueing.put_back import Record
from activities.queueing.result_queue import RESULTS_KEPT_FOR, Answer, ResultQueue, encode
from activities.settings import Settings
from tests.support.directories import FakeDirectory
from tests.support.fakes import FakeGraph, Fault
from tests.support.queue_fakes import BEGIN, FakeQueue
from tests.support.queue_stage import COURSE, SECRET, SET_ASIDE, Stage, delivery, error_of
from tests.support.queue_storage import StoredQueue, stored_queue
from tests.support.strategies import bodies, kinds_and_records

type Ports = tuple[int, int, int]

NAMED = {**COURSE, "externalCourseActivityId": "safety-2026-0042"}
NAMES = (
    *("index", "outcome", "id", "externalCourseActivityId", "errorCode", "errorMessage", "errorTarget"),
    *("operation", "messageId"),
)
THROTTLED = error_of(ErrorCode.THROTTLED, 10.0)


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredQueue]:
    async with stored_queue(storage_ports, kept_for=RESULTS_KEPT_FOR) as one:
        yield one


class TestEnds:
    async def test_what_was_created_is_told_as_in_a_report_with_the_senders_message(self, stage: Stage) -> None:
        await stage.send(NAMED)
        [[_, activity]] = stage.graph.stored
        assert stage.told == [
            {
                "index": 0,
                "outcome": "created",
                "id": activity.id.rpartition(":")[2],
                "externalCourseActivityId": "safety-2026-0042",
                "errorCode": "",
                "errorMessage": "",
                "errorTarget": "",
                "operation": "create",
                "messageId": "message-1",
            }
        ]

    async def test_each_operation_is_told_with_its_outcome(self, stage: Stage) -> None:
        """Of a deletion there is no activity left whose id could be told."""
        done = {**NAMED, "operation": "upsert", "status": "completed", "completedDateTime": "2026-05-01T00:00:00Z"}
        which = {"externalCourseActivityId": "safety-2026-0042"}
        gone = {"operation": "delete", **which}
        of_another = {"operation": "update", "externalCourseActivityId": "of nothing", "status": "completed"}
        late = {**done, "asOfDateTime": "2020-01-01T00:00:00Z"}
        await stage.send(
            NAMED, done, done, late, gone, gone, of_another, {"operation": "delete"}, {"operation": "x"}, 5
        )
        [told, *_] = [[(one["operation"], one["outcome"], bool(one["id"])) for one in stage.told]]
        assert told == [
            ("create", "created", True),
            ("upsert", "updated", True),
            ("upsert", "unchanged", True),
            ("upsert", "superseded", True),
            ("delete", "deleted", False),
            ("delete", "unchanged", False),
            ("update", "failed", False),
            ("delete", "failed", False),
            ("", "failed", False),
            ("", "failed", False),
        ]

    @pytest.mark.parametrize("code", ErrorCode)
    async def test_what_is_refused_for_good_is_told_and_what_is_put_back_is_not(
        self, stage: Stage, code: ErrorCode
    ) -> None:
        stage.fail(error_of(code, 3600.0))
        await stage.send(NAMED)
        assert [(one["errorCode"], one["externalCourseActivityId"]) for one in stage.told] == (
            [(code, "safety-2026-0042")] if code in SET_ASIDE else []
        )
        await stage.run_dry()
        [told] = stage.told
        assert (told["outcome"], told["errorCode"], told["messageId"]) == ("failed", code, "message-1")
        assert tuple(told) == NAMES

    @pytest.mark.parametrize("text", ["no JSON", "[]", '{"deferred": {}}'])
    async def test_a_message_that_cannot_be_read_is_told_under_its_id(self, stage: Stage, text: str) -> None:
        await stage.worker.handle(delivery(text))
        [told] = stage.told
        assert tuple(told) == NAMES
        assert (told["outcome"], told["errorCode"]) == ("failed", stage.failure.code)
        assert (told["errorMessage"], told["messageId"]) == (stage.failure.message, "message-1")

    async def test_each_record_of_a_message_is_told_by_its_place(self, stage: Stage) -> None:
        await stage.send(NAMED, {"externalCourseActivityId": "bad"}, 5, {**COURSE, "learningContentId": "another"})
        assert [(one["index"], one["outcome"], one["externalCourseActivityId"]) for one in stage.told[:3]] == [
            (0, "created", "safety-2026-0042"),
            (1, "failed", "bad"),
            (2, "failed", ""),
        ]
        assert (stage.told[3]["index"], stage.told[3]["outcome"]) == (3, "created")
        assert {one["messageId"] for one in stage.told} == {"message-1"}

    async def test_what_was_put_back_is_told_by_the_senders_message_and_place(self, stage: Stage) -> None:
        stage.fail(THROTTLED)
        await stage.send({"bad": 1}, COURSE)
        assert [one["index"] for one in stage.told] == [0]
        stage.fail(None)
        await stage.run_dry()
        assert [(one["messageId"], one["index"]) for one in stage.told] == [("message-1", 0), ("message-1", 1)]

    async def test_what_was_replayed_is_told_again_under_the_same_names(self, stage: Stage) -> None:
        stage.fail(error_of(ErrorCode.LEARNER_NOT_LICENSED))
        await stage.send(NAMED)
        stage.fail(None)
        await stage.failures.replay(stage.failure)
        await stage.run_dry()
        assert [one["outcome"] for one in stage.told] == ["failed", "created"]
        assert {(one["messageId"], one["index"], one["externalCourseActivityId"]) for one in stage.told} == {
            ("message-1", 0, "safety-2026-0042")
        }

    async def test_what_is_too_large_to_be_put_back_is_told(self, stage: Stage) -> None:
        stage.fail(THROTTLED)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("activities.queueing.put_back.LARGEST_MESSAGE_BYTES", 100)
            await stage.send(COURSE)
        assert [one["errorCode"] for one in stage.told] == ["requestTooLarge"]

    @settings(max_examples=60)
    @given(
        bodies
        | st.lists(kinds_and_records.map(lambda one: one[1]), max_size=3).map(lambda one: json.dumps(one).encode())
    )
    async def test_whatever_the_bytes_there_is_one_result_for_each_record(self, body: bytes) -> None:
        stage = Stage()
        sent = Delivery(body, "message-1", BEGIN)
        await stage.worker.handle(sent)
        try:
            expected = len(decode(sent, now=BEGIN, patience=PATIENCE))
        except PermanentError:
            expected = 1
        assert [one["index"] for one in stage.told] == list(range(expected))
        assert all(tuple(one) == NAMES for one in stage.told)


class TestOnceAtLeast:
    async def test_a_message_that_is_delivered_again_is_told_again(self, stage: Stage) -> None:
        for _ in range(2):
            await stage.send(NAMED, {"bad": 1})
        assert [one["outcome"] for one in stage.told] == ["created", "failed", "unchanged", "failed"]

    async def test_nothing_is_told_of_what_has_not_ended_and_what_has_ended_before_is(self, stage: Stage) -> None:
        stage.failures.error = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0)
        await stage.send(COURSE, {"bad": 1}, COURSE)
        assert [one["index"] for one in stage.told] == [0]
        await stage.worker.handle(delivery("no JSON", "message-2"))
        assert [one["index"] for one in stage.told] == [0]
        stage.queue.error = stage.failures.error
        with pytest.raises(TransientError):
            await stage.send(COURSE, {"bad": 1}, COURSE)
        assert [one["index"] for one in stage.told] == [0, 0]


class TestHoldingNothingUp:
    @pytest.mark.parametrize("error", [THROTTLED, RuntimeError(SECRET)])
    async def test_what_cannot_be_told_is_logged_by_its_message_and_the_record_has_ended(
        self, stage: Stage, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        stage.results.error = error
        message_id = str(uuid4())
        with caplog.at_level(logging.INFO):
            await stage.worker.handle(delivery(json.dumps([NAMED, {"notes": SECRET}]), message_id))
        assert stage.ends == (1, 0, 1)
        [line] = [one for one in caplog.messages if one.startswith("resultsNotTold ")]
        fields = json.loads(line.split(" ", 1)[1])
        assert (fields["messageId"], fields["count"]) == (message_id, 2)
        for secret in (SECRET, "safety-2026-0042"):
            assert secret not in line

    async def test_who_find_the_queue_closed_speak_for_those_behind_them(self) -> None:
        """Each would have to wait until storage is given up, one after the other."""
        tried: list[str] = []

        class Closed(FakeQueue):
            async def put(self, text: str, *, delay_seconds: float = 0.0) -> Any:
                tried.append(f"{text}{delay_seconds}")
                raise THROTTLED

        results = [Answer(Result(index, Outcome.CREATED)) for index in range(100)]
        await ResultQueue(Closed()).tell(results, message_id="message-1")
        assert 0 < len(tried) < 20

    async def test_a_message_id_that_somebody_forged_is_not_logged(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        stage.fail(THROTTLED)
        await stage.send(COURSE)
        forged = json.loads(stage.queue.messages.pop().text)
        forged["deferred"]["origin"] = SECRET
        stage.fail(None)
        stage.results.error = THROTTLED
        with caplog.at_level(logging.INFO):
            await stage.worker.handle(delivery(json.dumps(forged)))
        assert "resultsNotTold" in caplog.text
        assert SECRET not in caplog.text

    async def test_nobody_is_told_anything_where_nobody_wants_to_know(self, stage: Stage) -> None:
        worker = replace(stage.worker, results=None)
        await worker.handle(delivery(json.dumps([NAMED, {"bad": 1}])))
        await worker.handle(delivery("no JSON"))
        assert stage.ends == (1, 0, 2)
        assert stage.told == []

    @pytest.mark.parametrize("wanted", [True, False])
    async def test_the_setting_decides(self, *, wanted: bool) -> None:
        chosen = Settings(storage_connection_string="UseDevelopmentStorage=true", queue_results=wanted)
        opened = app.open_store(chosen, Defaults(), FakeGraph(), managed_identity(None), FakeDirectory)
        assert isinstance(opened.worker.results, ResultQueue) is wanted
        await opened.close()


class TestTheMessage:
    async def test_nobody_is_named(self, stage: Stage) -> None:
        """Whoever may read the results may not see the learners."""
        learner = COURSE["learnerUserId"]
        words = f"The user {learner.upper()} has no licence."
        stage.graph.arm("create", [Fault(PermanentError(ErrorCode.REJECTED_BY_GRAPH, words))])
        await stage.send(COURSE)
        assert stage.told[0]["errorMessage"].startswith("Microsoft Graph refuses this record. ")
        assert "licence" not in stage.results.messages[0].text
        assert learner not in stage.results.messages[0].text

    @given(st.builds(Result, st.integers(0, 99_999), st.sampled_from(Outcome), *[st.text()] * 5), *[st.text()] * 2)
    def test_a_result_is_told_completely(self, result: Result, operation: str, message_id: str) -> None:
        message = encode(Answer(result, operation), message_id=message_id)
        assert message.isascii()
        assert json.loads(message) == {**result.to_json(), "operation": operation, "messageId": message_id}

    @pytest.mark.parametrize("character", ["a", "&", "<", "\U0001f600", "\ud800"])
    @pytest.mark.parametrize("length", [2_000, 70_000])
    def test_a_large_one_fits_into_a_message_and_the_xml_around_it(self, character: str, length: int) -> None:
        large = character * length
        message = encode(Answer(Result(1, Outcome.FAILED, *[large] * 5), large), message_id=large)
        assert len(message) <= LARGEST_MESSAGE_BYTES
        escaped = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        # What storage really refuses: https://github.com/Azure/azure-sdk-for-net/issues/32663
        assert len(escaped) <= 131_584
        said = json.loads(message)
        assert (said["index"], said["outcome"], tuple(said)) == (1, "failed", NAMES)
        assert large.startswith(said["errorMessage"])
        assert said["errorMessage"]

    @pytest.mark.parametrize(
        ("origin", "place"),
        [
            ("message-1:7", ("message-1", 7)),
            ("a:b:12", ("a:b", 12)),
            ("a\n:1", ("a\n", 1)),
            *((forged, (forged, 0)) for forged in ("", "message-1", "a:", "a:-1", "a:\u0663", "a:" + "9" * 5_000)),
        ],
    )
    def test_whatever_an_origin_says_it_names_a_place(self, origin: str, place: tuple[str, int]) -> None:
        record = Record(COURSE, origin, BEGIN, BEGIN)
        assert (record.message_id, record.index) == place


class TestStorage:
    async def test_a_result_makes_the_queue_and_expires_after_thirty_days(self, stored: StoredQueue) -> None:
        await ResultQueue(stored.queue).tell([Answer(Result(0, Outcome.CREATED, "1", "mine"))], message_id="message-1")
        [message] = await stored.visible()
        assert json.loads(message)["messageId"] == "message-1"
        expires = await stored.expiry()
        assert expires is not None
        assert abs(expires - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)

    async def test_more_than_are_put_at_once_are_told_completely(self, stored: StoredQueue) -> None:
        results = [Answer(Result(index, Outcome.CREATED)) for index in range(40)]
        await ResultQueue(stored.queue).tell(results, message_id="message-1")
        assert await stored.count() == 40

    @pytest.mark.parametrize("character", ["&", "\U0001f600", "\ud800", "\x00"])
    async def test_whatever_a_text_holds_storage_takes_it(self, stored: StoredQueue, character: str) -> None:
        result = Answer(Result(0, Outcome.FAILED, error_message=character * 70_000))
        await ResultQueue(stored.queue).tell([result], message_id=character)
        assert json.loads((await stored.visible())[0])["messageId"] == character
