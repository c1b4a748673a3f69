"""A failure is put back once its cause is repaired: as the same activity, and never lost on the way."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from activities.errors import ErrorCode, PermanentError
from activities.execution.patience import PATIENCE
from activities.queueing.messages import Delivery, decode
from tests.support.failed_records import NOW, SENT, failed, incompressible, listed, unreadable
from tests.support.queue_fakes import KEY
from tests.support.queue_storage import DiedError, StoredFailures, stored_failures

type Ports = tuple[int, int, int]


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredFailures]:
    async with stored_failures(storage_ports) as one:
        yield one


async def test_a_record_begins_anew_as_the_same_activity(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    await stored.failures.replay(failed())
    (text,) = await stored.queue.visible()
    now = datetime.now(UTC)
    (record,) = decode(Delivery(text.encode(), "another", now), now=now, patience=timedelta(), key=KEY)
    assert failed().record == replace(record, attempts=3, replays=0, deadline=SENT + PATIENCE)
    assert (record.attempts, record.replays) == (0, 1)
    assert record.deadline - now > PATIENCE - timedelta(minutes=10)
    assert await stored.failed_queue.count() == 0


@pytest.mark.parametrize("body", [b"no JSON", '{"notes": "\u00fc", '.encode(), b"<b>&amp;</b>", b"[]", b" [ ]\n"])
async def test_a_body_is_put_back_as_it_was(stored: StoredFailures, body: bytes) -> None:
    await stored.failures.add(unreadable(body))
    await stored.failures.replay(unreadable(body))
    assert await stored.queue.visible() == [body.decode()]


@pytest.mark.parametrize("body", [b"\xff\x00", b"a\x00b", "\uffff".encode(), b"\x1b[0m"])
async def test_a_body_that_no_message_can_hold_is_put_back_in_base64(stored: StoredFailures, body: bytes) -> None:
    await stored.failures.add(unreadable(body))
    await stored.failures.replay(unreadable(body))
    assert await stored.queue.visible() == [base64.b64encode(body).decode()]


@pytest.mark.parametrize("steps", range(6))
async def test_dying_in_the_middle_loses_nothing(stored: StoredFailures, steps: int) -> None:
    await stored.failures.add(failed())
    stored.life.left = steps
    if steps < 5:
        with pytest.raises(DiedError):
            await stored.failures.replay(failed())
    else:
        await stored.failures.replay(failed())
    stored.life.left = None
    put_back = await stored.queue.visible()
    still_listed = await listed(stored.failures)
    assert put_back or still_listed == [failed()]
    for failure in still_listed:
        await stored.failures.replay(failure)
    records = [
        decode(Delivery(text.encode(), "another", NOW), now=NOW, patience=PATIENCE, key=KEY)[0]
        for text in await stored.queue.visible()
    ]
    # Twice is harmless: it is the same activity.
    assert {record.origin for record in records} == {"message-0:0"}
    assert len(records) == (2 if steps in {2, 3} else 1)
    assert await listed(stored.failures) == []
    assert await stored.failed_queue.count() == 0


async def test_what_died_before_it_was_noted_as_told_can_be_put_back(stored: StoredFailures) -> None:
    """Its message on the queue of failures is unknown, and no other may be touched."""
    await stored.failures.add(failed(1))
    stored.life.left = 3
    with pytest.raises(DiedError):
        await stored.failures.add(failed())
    stored.life.left = None
    await stored.failures.replay(failed())
    assert await listed(stored.failures) == [failed(1)]
    assert len(await stored.queue.visible()) == 1
    assert failed(1).id in [json.loads(said)["id"] for said in await stored.failed_queue.visible()]


async def test_what_a_flow_has_received_is_put_back_and_left_to_the_flow(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    await stored.failed_queue.receive()
    await stored.failures.replay(failed())
    assert await listed(stored.failures) == []
    assert await stored.failed_queue.count() == 1


async def test_what_fits_into_no_message_stays_listed(stored: StoredFailures) -> None:
    failure = failed(content={"notes": incompressible(70_000)})
    await stored.failures.add(failure)
    with pytest.raises(PermanentError) as caught:
        await stored.failures.replay(failure)
    assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE
    assert await listed(stored.failures) == [failure]


async def test_two_who_put_back_at_once_stumble_over_nothing(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    await asyncio.gather(*(stored.failures.replay(failed()) for _ in range(3)))
    assert await listed(stored.failures) == []
    assert await stored.queue.visible()
