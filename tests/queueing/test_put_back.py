"""What the app puts back: believed where it has signed it, split where it is long, and never beyond a message."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from activities.contract.limits import (
    LARGEST_ESCAPED_BYTES,
    LARGEST_MESSAGE_BYTES,
    LONGEST_NOTES,
    MOST_RECORDS_OF_MESSAGE,
)
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.queueing.messages import Delivery, decode
from activities.queueing.put_back import Record, encode, fits, split
from activities.queueing.signing_key import SigningKey
from activities.settings import Storage
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.failed_records import incompressible
from tests.support.queue_fakes import BEGIN, KEY
from tests.support.queue_stage import COURSE, Stage, delivery, error_of

type Ports = tuple[int, int, int]

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
INSERTED = NOW - timedelta(minutes=1)
PATIENCE = timedelta(hours=24)
WAITING = Record(COURSE, "message-1:0", BEGIN, BEGIN + PATIENCE, attempts=7, replays=1)
FRESH = Record(COURSE, "message-1:0", BEGIN, INSERTED + PATIENCE)


def read(message: str, key: bytes | None = KEY) -> list[Record]:
    return decode(Delivery(message.encode(), "another", INSERTED), now=NOW, patience=PATIENCE, key=key)


def changed(message: str, **said: object) -> str:
    envelope: dict[str, Any] = json.loads(message)
    return json.dumps({**envelope, "deferred": {**envelope["deferred"], **said}})


class TestSignature:
    @pytest.mark.parametrize(
        "said",
        [
            {"attempts": 0},
            {"replays": 5},
            {"deadline": "9999-01-01T00:00:00+00:00"},
            {"signature": "0" * 64},
            {"signature": ""},
            {"signature": "\u00fc\ud800"},
            {"signature": None},
        ],
    )
    def test_what_a_sender_writes_of_attempts_and_the_deadline_is_not_believed(self, said: dict[str, object]) -> None:
        assert read(changed(encode(WAITING, key=KEY), **said)) == [FRESH]

    @pytest.mark.parametrize("said", [BEGIN, INSERTED + timedelta(days=1)])
    def test_that_it_came_earlier_is_believed_so_that_it_wins_over_nothing_newer(self, said: datetime) -> None:
        """Also of what was put back without a signature; that it came later than its message, nobody can say."""
        (record,) = read(changed(encode(WAITING, key=None), firstSeenAt=said.isoformat()))
        assert record.arrived_at == min(said, INSERTED)

    def test_a_signature_is_of_its_own_content_alone(self) -> None:
        """Else one message that was seen would be a deadline for every other."""
        envelope = json.loads(encode(WAITING, key=KEY))
        (record,) = read(json.dumps({**envelope, "activity": {"other": 1}}))
        assert record == replace(FRESH, content={"other": 1})

    def test_a_signature_of_another_app_is_not_believed(self) -> None:
        assert read(encode(WAITING, key=b"another's")) == [FRESH]

    @pytest.mark.parametrize("key", [KEY, None])
    def test_what_the_version_before_put_back_is_not_lost_and_is_the_same_activity(self, key: bytes | None) -> None:
        """It did not sign. With another origin, what was perhaps sent to Graph could be sent twice."""
        envelope = json.loads(encode(WAITING, key=KEY))
        del envelope["deferred"]["signature"]
        assert read(json.dumps(envelope), key) == [FRESH]

    def test_without_the_key_a_message_begins_anew_instead_of_being_refused(self) -> None:
        assert read(encode(WAITING, key=KEY), None) == [FRESH]
        assert read(encode(WAITING, key=None)) == [FRESH]

    async def test_a_forged_deadline_does_not_keep_a_record_for_ever(self) -> None:
        stage = Stage()
        stage.fail(error_of(ErrorCode.THROTTLED, 1800.0))
        forged = changed(encode(WAITING, key=None), deadline="9999-01-01T00:00:00+00:00", attempts=-(10**6))
        await stage.worker.handle(delivery(forged))
        assert await stage.run_dry() == 47
        assert stage.failure.failed_at < BEGIN + PATIENCE

    async def test_a_key_that_cannot_be_read_stops_no_message(self) -> None:
        stage = Stage()
        stage.signing_key.key = None
        stage.fail(error_of(ErrorCode.STORAGE_UNAVAILABLE))
        await stage.send(COURSE)
        assert stage.ends == (0, 1, 0)
        stage.fail(None)
        await stage.run_dry()
        assert stage.ends == (1, 0, 0)


class TestSplitting:
    @given(count=st.integers(0, 1700))
    def test_no_message_has_more_records_and_none_is_lost_or_another(self, count: int) -> None:
        records = [Record(place, f"a:b:{place}", BEGIN, BEGIN + PATIENCE) for place in range(count)]
        first, messages = split(records, key=KEY)
        parts = [first, *map(read, messages)]
        assert all(len(part) <= MOST_RECORDS_OF_MESSAGE for part in parts)
        assert sorted((one for part in parts for one in part), key=lambda one: int(one.content)) == records

    def test_a_part_that_fits_into_no_message_is_halved_until_it_does(self) -> None:
        """A provider of the envelope's is written into each record."""
        text = incompressible(200_000)
        notes = [text[begin : begin + 200] for begin in range(0, len(text), 200)]
        records = [Record(one, f"a:{place}", BEGIN, BEGIN + PATIENCE) for place, one in enumerate(notes)]
        first, messages = split(records, key=KEY)
        assert len(messages) > 1
        assert all(map(fits, messages))
        assert {one.content for part in (first, *map(read, messages)) for one in part} == set(notes)

    def test_a_record_that_fits_into_none_stays(self) -> None:
        large = Record(incompressible(70_000), "a:500", BEGIN, BEGIN + PATIENCE)
        records = [replace(large, content=place, origin=f"a:{place}") for place in range(500)]
        assert split([*records, large], key=KEY) == ([*records, large], [])

    async def test_the_rest_of_a_long_message_is_split_off_before_it_is_worked_on(self) -> None:
        stage = Stage()
        courses = [{**COURSE, "externalCourseActivityId": f"c-{place}"} for place in range(60)]
        seen: list[int] = []
        stage.graph.choose_fault = lambda _: seen.append(len(stage.queue.messages))
        with pytest.MonkeyPatch.context() as patch:
            for module in ("put_back", "worker"):
                patch.setattr(f"activities.queueing.{module}.MOST_RECORDS_OF_MESSAGE", 25)
            await stage.worker.handle(delivery(json.dumps(courses)))
            assert (set(seen), len(seen)) == ({2}, 25)
            await stage.run_dry()
        assert stage.ends == (60, 0, 0)

    async def test_a_long_message_that_is_delivered_twice_creates_nothing_twice(self) -> None:
        stage = Stage()
        message = json.dumps([{**COURSE, "learningContentId": f"content-{place}"} for place in range(30)])
        with pytest.MonkeyPatch.context() as patch:
            for module in ("put_back", "worker"):
                patch.setattr(f"activities.queueing.{module}.MOST_RECORDS_OF_MESSAGE", 10)
            await stage.worker.handle(delivery(message))
            await stage.worker.handle(delivery(message))
            await stage.run_dry()
        assert stage.ends == (30, 0, 0)


class TestSize:
    def test_a_message_has_to_fit_as_it_is_and_as_it_is_escaped(self) -> None:
        assert fits("x" * LARGEST_MESSAGE_BYTES)
        assert not fits("x" * (LARGEST_MESSAGE_BYTES + 1))
        assert not fits("\u00fc" * LARGEST_MESSAGE_BYTES)
        # "<" is sent as "&lt;".
        assert fits("<" * 32_000)
        assert not fits("<" * 33_000)

    @pytest.mark.parametrize("text", ["<b>", "&", ">", "\U0001f600", "\u4e2d"])
    def test_notes_of_any_script_and_form_can_be_put_back(self, text: str) -> None:
        notes = (text * LONGEST_NOTES)[:LONGEST_NOTES]
        record = replace(WAITING, content={**COURSE, "notes": notes})
        message = encode(record, key=KEY)
        assert len(message.encode()) <= LARGEST_MESSAGE_BYTES
        assert len(escape(message).encode()) <= LARGEST_ESCAPED_BYTES
        assert read(message) == [record]

    def test_a_compressed_record_is_signed_like_any_other(self) -> None:
        record = replace(WAITING, content={"notes": "a" * 100_000})
        message = encode(record, key=KEY)
        assert "compressedActivity" in message
        assert read(message) == [record]
        assert read(changed(message, attempts=0))[0].attempts == 0
        assert read(changed(message, attempts=1))[0].deadline == INSERTED + PATIENCE

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(PermanentError) as caught:
            encode(replace(WAITING, content=incompressible(70_000)), key=KEY)
        assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE


class TestKey:
    @pytest_asyncio.fixture
    async def table(self, storage_ports: Ports) -> AsyncIterator[Table]:
        table = Table(Storage(storage_connection_string(*storage_ports)), f"t{uuid4().hex}", credential=None)
        yield table
        await table.close()

    async def test_every_process_has_the_same_key_whoever_made_it(self, table: Table) -> None:
        keys = await asyncio.gather(*(SigningKey(table).get() for _ in range(8)))
        assert len(set(keys)) == 1
        assert len(keys[0] or b"") == 32
        assert await SigningKey(table).get() == keys[0]

    async def test_it_is_asked_for_once(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        key = SigningKey(table)
        known = await key.get()
        monkeypatch.setattr(table, "get", None)
        assert await key.get() == known

    async def test_a_table_that_does_not_answer_is_no_error_and_is_asked_again(
        self, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unavailable(*_: str) -> Any:
            raise TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=1.0)

        key = SigningKey(table)
        with monkeypatch.context() as patch:
            patch.setattr(table, "get", unavailable)
            assert await key.get() is None
        assert await key.get()
