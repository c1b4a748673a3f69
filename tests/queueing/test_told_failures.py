"""Messages on the queue of failures end with their time, or with their learner; the others are seen as before."""

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from activities.contract.learner import Learner
from activities.queueing import told_failures
from activities.queueing.messages import Failure, encode_failure
from activities.queueing.told_failures import ToldFailures
from activities.storage.retention import Ended
from tests.support.failed_records import COURSE, failed, incompressible, listed, unreadable
from tests.support.queue_storage import StoredFailures, stored_failures, stored_queue
from tests.support.retention import run, short_run

type Ports = tuple[int, int, int]

LEARNER, OTHER = "7ba2228a-e020-11ec-9d64-0242ac120002", "decade00-e020-11ec-9d64-0242ac120002"
ANN = Learner.of([LEARNER, "ann@contoso.com"])
ANNS, BOBS = ({**COURSE, "learnerUserId": one} for one in (LEARNER, OTHER))


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredFailures]:
    async with stored_failures(storage_ports) as one:
        yield one


def told(stored: StoredFailures) -> ToldFailures:
    return ToldFailures(stored.failed_queue.queue, stored.table)


async def put(stored: StoredFailures, *failures: Failure) -> None:
    for failure in failures:
        await stored.failed_queue.queue.put(encode_failure(failure))


class TestTime:
    async def test_what_is_older_goes_and_what_is_younger_is_seen_as_before(self, stored: StoredFailures) -> None:
        await put(stored, *(failed(number) for number in range(40)))
        assert await told(stored).expire(datetime.now(UTC) - timedelta(days=1), run()) == Ended(0)
        assert len(await stored.failed_queue.visible()) == 32
        assert await told(stored).expire(datetime.now(UTC) + timedelta(days=1), run()) == Ended(40)
        assert await stored.failed_queue.count() == 0

    async def test_the_time_is_bounded(self, stored: StoredFailures) -> None:
        await put(stored, *(failed(number) for number in range(40)))
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert await told(stored).expire(tomorrow, short_run(pages=2)) == Ended(32, more=True)
        assert await told(stored).expire(tomorrow, run()) == Ended(8)

    async def test_a_message_expires_by_itself_after_the_days_that_it_was_put_for(self, storage_ports: Ports) -> None:
        async with stored_queue(storage_ports, kept_for=timedelta(days=30)) as queue:
            await queue.queue.put("message")
            expiry = await queue.expiry()
            assert expiry is not None
            assert abs(expiry - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


class TestThoseThatStay:
    """What was received and released has another receipt, and is taken back all the same with its failure."""

    async def test_after_an_erasure_a_failure_that_is_put_back_takes_its_message_along(
        self, stored: StoredFailures
    ) -> None:
        for number in range(40):
            await stored.failures.add(failed(number, BOBS))
        assert await told(stored).erase(ANN, run()) == Ended(0)
        for failure in await listed(stored.failures):
            await stored.failures.replay(failure)
        assert (await stored.failed_queue.count(), await stored.queue.count()) == (0, 40)

    async def test_one_that_somebody_received_and_left_is_known_again(self, stored: StoredFailures) -> None:
        await stored.failures.add(failed(content=BOBS))
        received = [one async for one in stored.failed_queue.outside.receive_messages(visibility_timeout=600)]
        for message in received:
            await stored.failed_queue.outside.update_message(message, visibility_timeout=0)
        await told(stored).erase(ANN, run())
        (failure,) = await listed(stored.failures)
        await stored.failures.replay(failure)
        assert await stored.failed_queue.count() == 0

    async def test_the_nightly_run_touches_none_that_is_young(self, stored: StoredFailures) -> None:
        await stored.failures.add(failed())
        assert await told(stored).expire(datetime.now(UTC) - timedelta(days=1), run()) == Ended(0)
        (message,) = [one async for one in stored.failed_queue.outside.receive_messages()]
        assert message.dequeue_count == 1


class TestErasing:
    @pytest.mark.parametrize(
        "message",
        [
            encode_failure(failed(content=ANNS)),
            encode_failure(unreadable(b"no JSON, but ann@contoso.com")),
            json.dumps({"id": "1", "message": f"{LEARNER} has no licence.", "activityAt": "/api/failures"}),
            f"not the app's, but about {LEARNER}",
            "[]" + LEARNER,
            json.dumps([LEARNER]),
            json.dumps(f"of {LEARNER}"),
        ],
    )
    async def test_a_learners_message_goes(self, stored: StoredFailures, message: str) -> None:
        await stored.failed_queue.queue.put(message)
        await put(stored, failed(1, BOBS))
        assert await told(stored).erase(ANN, run()) == Ended(1)
        assert await stored.failed_queue.count() == 1
        assert await told(stored).erase(ANN, run()) == Ended(0)

    async def test_a_reason_that_names_nobody_stays(self, stored: StoredFailures) -> None:
        await put(stored, failed(content={**BOBS, "padding": incompressible(70_000)}))
        assert await told(stored).erase(ANN, run()) == Ended(0)
        assert await stored.failed_queue.count() == 1

    async def test_of_many_each_is_looked_at_and_the_others_are_seen_again(
        self, stored: StoredFailures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(told_failures, "_HIDDEN_SECONDS", 5)
        await put(stored, *(failed(number, ANNS if number % 10 == 0 else BOBS) for number in range(70)))
        assert await told(stored).erase(ANN, run()) == Ended(7)
        assert await stored.failed_queue.count() == 63
        until = time.monotonic() + 30
        seen: list[str] = []
        while len(seen) < 32 and time.monotonic() < until:
            seen = await stored.failed_queue.visible()
        assert len(seen) == 32

    async def test_what_the_time_was_too_short_for_is_said_and_the_next_call_goes_on_there(
        self, stored: StoredFailures
    ) -> None:
        await put(stored, *(failed(number, BOBS) for number in range(70)), failed(70, ANNS))
        ended = [await told(stored).erase(ANN, short_run(pages=2)) for _ in range(4)]
        assert ended == [Ended(0, more=True), Ended(0, more=True), Ended(1, more=True), Ended(0)]
        assert await stored.failed_queue.count() == 70
