"""A batch that is deleted: nothing more of it is sent, and nothing of it stays or comes back, whenever that happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

import pytest
import pytest_asyncio

from activities.batches.chunks import CHUNK
from activities.batches.deletion import DELETED_ROW
from activities.batches.results import Batch
from activities.batches.worker import MOST_DELIVERIES
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, TransientError
from activities.execution.result import Result
from tests.support.batch_stage import Ports, Stage, batch_stage, body_of, chunk_at, courses
from tests.support.error_shape import assert_error
from tests.support.fakes import Fault
from tests.support.queue_storage import DiedError

THROTTLED = TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=90.0)
TOTAL = 2 * CHUNK + 1
REQUESTS = 3 + 3 * 6  # Find and put the three chunks; each is read, claimed, sent, settled, told, put.
KEY = {"repeatability-request-id": "run-1"}
LATER = {"prefer": "respond-async"}
DONE = pytest.mark.parametrize("done", [False, True], ids=["before a request", "before its answer"])


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


async def assert_gone(stage: Stage, batch: Batch) -> None:
    """Check that nothing is kept of a batch but that it was deleted."""
    assert await stage.rows(batch.id) == [(batch.id, DELETED_ROW)]
    assert await stage.batches.get(batch.id) is None


async def half_done(stage: Stage) -> Batch:
    """Return a batch of which one chunk has come to its end, and two wait in the queue."""
    batch = await stage.accept(courses(TOTAL))
    for _ in range(2):
        await stage.deliver_next()
    return batch


@dataclass
class Somebody:
    """Who deletes a batch: what they were told, and how many activities there were when it was gone."""

    stage: Stage
    batch: Batch
    told: int | None = None
    saw_stored: int = -1

    async def deletes(self) -> None:
        self.told = await self.stage.batches.delete(self.batch.id)
        self.saw_stored = len(self.stage.graph.stored)


class TestWhileItIsWorkedOff:
    @DONE
    @pytest.mark.parametrize("faults", [[], [Fault(THROTTLED)]], ids=["all goes well", "throttled"])
    async def test_at_any_request_only_the_chunk_under_way_is_sent_and_nothing_comes_back(
        self, storage_ports: Ports, faults: list[Fault], *, done: bool
    ) -> None:
        for left in count():
            async with batch_stage(storage_ports) as stage:
                batch = await stage.accept(courses(TOTAL))
                stage.graph.arm("create", faults)
                life, stored = stage.life, stage.graph.stored
                somebody = Somebody(stage, batch)
                life.left, life.done, life.meanwhile = left, done, somebody.deletes
                await stage.run_dry()
                if somebody.told is None:
                    break  # It was over before.
                assert stage.deaths == 0
                assert len(stored) - somebody.saw_stored <= CHUNK, left
                # What is on its way when it is counted has not come to its end.
                assert TOTAL - len(stored) <= somebody.told <= TOTAL, left
                await assert_gone(stage, batch)
        assert left >= REQUESTS

    async def test_messages_of_it_that_come_late_or_again_and_again_send_nothing(self, stage: Stage) -> None:
        batch = await stage.accept(courses(TOTAL))
        first = stage.queue.messages[0].delivery
        await stage.deliver_next()
        messages = [first, *(one.delivery for one in stage.queue.messages)]
        assert await stage.batches.delete(batch.id) == TOTAL
        for delivery in messages:
            for deliveries in (1, 2, MOST_DELIVERIES + 1):
                await stage.worker.handle(replace(delivery, deliveries=deliveries))
        await stage.run_dry()
        assert (stage.graph.calls, stage.deaths, stage.failures.kept) == ([], 0, {})
        await assert_gone(stage, batch)

    async def test_many_who_tell_while_it_is_deleted_bring_nothing_back(self, stage: Stage) -> None:
        batch = await half_done(stage)
        tells = [stage.batches.tell(chunk_at(batch, at), [Result(at, Outcome.CREATED)]) for at in (0, 20, 40) * 5]
        await asyncio.gather(*tells[:7], stage.batches.delete(batch.id), *tells[7:])
        await assert_gone(stage, batch)


class TestDying:
    """Whoever deletes it."""

    async def _steps(self, ports: Ports) -> int:
        async with batch_stage(ports) as stage:
            batch = await half_done(stage)
            before = stage.life.count
            assert await stage.batches.delete(batch.id) == TOTAL - CHUNK
            return stage.life.count - before

    @DONE
    async def test_at_any_request_nothing_is_sent_once_it_is_gone_and_deleting_again_does_the_rest(
        self, storage_ports: Ports, *, done: bool
    ) -> None:
        steps = await self._steps(storage_ports)
        for left in range(steps):
            async with batch_stage(storage_ports) as stage:
                batch = await half_done(stage)
                stage.life.left, stage.life.done = left, done
                with suppress(DiedError):
                    await stage.batches.delete(batch.id)
                stage.life.left = None
                if await stage.batches.get(batch.id) is None:
                    await stage.run_dry()
                    assert len(stage.graph.stored) == CHUNK, left
                again = await stage.batches.delete(batch.id)
                assert again == TOTAL - CHUNK or (again is None and done and left == steps - 1), left
                await assert_gone(stage, batch)
                assert await stage.batches.delete(batch.id) is None

    async def test_several_at_once_agree(self, stage: Stage) -> None:
        batch = await half_done(stage)
        ends = await asyncio.gather(*(stage.batches.delete(batch.id) for _ in range(4)))
        assert set(ends) - {None} == {TOTAL - CHUNK}
        await assert_gone(stage, batch)


class TestAsking:
    async def test_it_is_answered_once_and_every_address_says_404_after_it(self, stage: Stage) -> None:
        batch_id = body_of(await stage.posts(courses(25)))["batchId"]
        response = await stage.deletes(batch_id)
        assert (response.status, body_of(response)) == (200, {"batchId": batch_id, "notSentCount": 25})
        assert_error(await stage.deletes(batch_id), 404, "notFound")
        assert_error(await stage.gets(batch_id), 404, "notFound")
        assert_error(await stage.gets(batch_id, query={"format": "csv"}), 404, "notFound")
        assert_error(await stage.gets_status(batch_id), 404, "notFound")
        assert (await stage.gets(batch_id, {"accept": "text/html"})).status == 404
        await stage.run_dry()
        assert stage.graph.calls == []

    async def test_of_a_batch_that_is_finished_nothing_was_not_sent(self, stage: Stage) -> None:
        batch_id = body_of(await stage.posts([*courses(2), {}]))["batchId"]
        assert body_of(await stage.deletes(batch_id))["notSentCount"] == 0

    @pytest.mark.parametrize("batch_id", ["0" * 32, "nonsense", "", "' or PartitionKey ge '"])
    async def test_what_is_no_batch_is_not_found(self, stage: Stage, batch_id: str) -> None:
        assert_error(await stage.deletes(batch_id), 404, "notFound")
        assert await stage.rows() == []

    async def test_the_others_stay(self, stage: Stage) -> None:
        first, second = [body_of(await stage.posts(courses(2)))["batchId"] for _ in range(2)]
        before = body_of(await stage.gets(second))
        await stage.deletes(first)
        assert body_of(await stage.gets(second)) == before

    @pytest.mark.parametrize("headers", [KEY, {**KEY, **LATER}], ids=["at once", "later"])
    async def test_the_same_request_again_does_not_begin_it_anew(self, stage: Stage, headers: dict[str, str]) -> None:
        """A flow repeats by itself, also after a person has stopped the batch."""
        await stage.deletes(body_of(await stage.posts(courses(2), headers))["batchId"])
        sent = len(stage.graph.stored)
        error = assert_error(await stage.posts(courses(2), headers), 404, "notFound")
        assert error["target"] == "Repeatability-Request-ID"
        await stage.run_dry()
        assert len(stage.graph.stored) == sent

    async def test_that_lasts_as_long_as_the_key_is_known(self, stage: Stage) -> None:
        batch_id = body_of(await stage.posts(courses(2), KEY))["batchId"]
        await stage.deletes(batch_id)
        await stage.batches.delete_before(datetime(9000, 1, 1, tzinfo=UTC))
        assert await stage.rows(batch_id) == []
        assert (await stage.posts(courses(2), KEY)).status == 200
