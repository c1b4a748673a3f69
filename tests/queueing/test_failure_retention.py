"""Failures end with their time, or with their learner: the row, what it holds, and the message on the queue."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from activities.contract.learner import Learner
from activities.queueing import failure_retention
from activities.queueing.failure_retention import FailureRetention
from activities.queueing.messages import Failure
from activities.storage.retention import Ended
from tests.support.failed_records import COURSE, NOW, failed, incompressible, listed, unreadable
from tests.support.queue_storage import DiedError, StoredFailures, stored_failures
from tests.support.retention import run, short_run

type Ports = tuple[int, int, int]

LEARNER, OTHER = "7ba2228a-e020-11ec-9d64-0242ac120002", "decade00-e020-11ec-9d64-0242ac120002"
ADDRESS = "ann@contoso.com"
ANN = Learner.of([LEARNER, ADDRESS])
ANNS = {**COURSE, "learnerUserId": LEARNER}
BOBS = {**COURSE, "learnerUserId": OTHER, "notes": f"Ask {ADDRESS}."}


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredFailures]:
    async with stored_failures(storage_ports) as one:
        yield one


def retention(stored: StoredFailures) -> FailureRetention:
    return FailureRetention(stored.table, stored.failed_queue.queue)


async def rows(stored: StoredFailures) -> int:
    """Return how many rows there are, of both kinds."""
    return len([one async for one in stored.table.query("PartitionKey eq 'failures'")])


class TestTime:
    async def test_what_is_old_goes_with_its_message_and_what_is_younger_stays(self, stored: StoredFailures) -> None:
        for number in range(40):
            await stored.failures.add(failed(number))
        before = NOW + timedelta(seconds=30)
        assert await retention(stored).expire(before, run()) == Ended(30)
        assert [one.id for one in await listed(stored.failures)] == [failed(number).id for number in range(39, 29, -1)]
        assert (await rows(stored), await stored.failed_queue.count()) == (20, 10)
        assert await retention(stored).expire(before, run()) == Ended(0)

    async def test_a_message_that_somebody_has_received_is_theirs(self, stored: StoredFailures) -> None:
        await stored.failures.add(failed())
        await stored.failed_queue.receive()
        assert await retention(stored).expire(NOW + timedelta(days=1), run()) == Ended(1)
        assert (await rows(stored), await stored.failed_queue.count()) == (0, 1)

    @pytest.mark.parametrize("left", range(4))
    async def test_what_ends_in_the_middle_is_ended_by_the_next_run(self, stored: StoredFailures, left: int) -> None:
        await stored.failures.add(failed())
        stored.life.left = left + 2  # The place of the run, and the page.
        with pytest.raises(DiedError):
            await retention(stored).expire(NOW + timedelta(days=1), run())
        stored.life.left = None
        await retention(stored).expire(NOW + timedelta(days=1), run())
        assert (await rows(stored), await stored.failed_queue.count()) == (0, 0)


class TestErasing:
    @pytest.mark.parametrize(
        "failure",
        [
            failed(content=ANNS),
            failed(content={**COURSE, "learnerUserId": ADDRESS.upper()}),
            failed(content={"learner": ADDRESS}),
            unreadable(b"no JSON, but " + LEARNER.encode()),
            unreadable(base64.b64encode(json.dumps([{"learnerUserId": ADDRESS}]).encode())),
            failed(content={**ANNS, "padding": incompressible(70_000)}),
        ],
    )
    async def test_a_learners_failure_goes_with_its_message(self, stored: StoredFailures, failure: Failure) -> None:
        await stored.failures.add(failure)
        await stored.failures.add(failed(1, BOBS))
        assert await retention(stored).erase(ANN, run()) == Ended(1)
        assert await listed(stored.failures) == [failed(1, BOBS)]
        assert (await rows(stored), await stored.failed_queue.count()) == (2, 1)
        assert await retention(stored).erase(ANN, run()) == Ended(0)

    async def test_one_that_was_erased_cannot_be_put_back(self, stored: StoredFailures) -> None:
        await stored.failures.add(failed(content=ANNS))
        (known,) = await listed(stored.failures)
        await retention(stored).erase(ANN, run())
        assert await stored.failures.get(known.id) is None
        await stored.failures.replay(known)
        assert await stored.queue.count() == 0

    async def test_a_short_time_is_enough_if_it_is_asked_again(
        self, stored: StoredFailures, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(failure_retention, "_SMALL_PAGE", 2)
        for number in range(9):
            await stored.failures.add(failed(number, ANNS if number % 2 else BOBS))
        counts = []
        for _ in range(9):
            ended = await retention(stored).erase(ANN, short_run("erase"))
            counts.append(ended.count)
            if not ended.more:
                break
        assert sum(counts) == 4
        assert len(counts) > 2
        assert [one.record.content for one in await listed(stored.failures) if one.record] == [BOBS] * 5
