"""What a batch costs in storage: its time is over after the days of the settings, and its requests are counted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.test_utils import RawTestServer

from activities.app import App
from activities.batches import expiry
from activities.batches.accepting import BatchAcceptor
from activities.batches.chunks import pages_of
from activities.batches.results import Batch
from activities.batches.store import BatchStore
from activities.batches.task import Task
from activities.contract.activity import Outcome
from activities.errors import TransientError
from activities.execution.result import Result
from activities.queueing.messages import Delivery
from activities.settings import Settings, Storage
from activities.storage.ledger import TableLedger
from activities.storage.queues import Queue
from activities.storage.table_bytes import Operation, Verb
from activities.storage.tables import Table
from local.environment import storage_connection_string
from local.lifecycle import url_of
from tests.support.batch_stage import Ports, Stage, batch_stage, body_of, chunk_at, courses, sent
from tests.support.ledgers import app_key
from tests.support.queue_storage import DiedError
from tests.support.storage import TableProxy

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=1)
YOUNG = NOW + timedelta(days=1)
ALL_NOTED = ("notes", "all")


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


async def kept(stage: Stage, created_at: datetime, total: int = 3) -> Batch:
    batch = Batch(uuid4().hex, total, created_at)
    await stage.batches.keep(batch, pages_of(sent(courses(total))), {})
    await stage.batches.tell(chunk_at(batch, 0), [Result(0, Outcome.CREATED)])
    return batch


async def rows_of(stage: Stage, batch: Batch) -> int:
    """Return how much there is of a batch: itself, its records, its results."""
    found = await stage.batches.get(batch.id)
    _, results = await stage.report(batch)
    return len([one async for one in stage.batches.all_records(batch.id)]) + len(results) + (found is not None)


class TestDeleting:
    async def test_old_batches_go_completely_and_younger_ones_stay_as_they_are(self, stage: Stage) -> None:
        old, young = [await kept(stage, OLD) for _ in range(2)], [await kept(stage, at) for at in (NOW, YOUNG)]
        assert await stage.batches.delete_before(NOW) == 2
        assert [await rows_of(stage, batch) for batch in (*old, *young)] == [0, 0, 5, 5]
        assert await stage.batches.delete_before(NOW) == 0

    async def test_a_batch_of_more_rows_than_a_transaction_takes_goes_completely(self, stage: Stage) -> None:
        batch = Batch(uuid4().hex, 2_500, OLD)
        await stage.batches.keep(batch, pages_of(sent(courses(batch.total))), {})
        for index in range(0, batch.total, 20):
            await stage.batches.tell(chunk_at(batch, index), [Result(index, Outcome.CREATED)])
        assert await rows_of(stage, batch) == 2_500 + 125 + 1
        assert await stage.batches.delete_before(NOW) == 1
        assert await rows_of(stage, batch) == 0

    async def test_what_fails_in_the_middle_is_done_by_the_next_run(self, stage: Stage) -> None:
        """What is noted of it goes last, so that the rest of it is found again."""
        batches = [await kept(stage, OLD) for _ in range(3)]
        young = await kept(stage, YOUNG)
        stage.life.storage_fails = True
        for left in range(20):
            stage.life.left = left
            try:
                await stage.batches.delete_before(NOW)
            except TransientError:
                stage.life.left = None
            else:
                break
        stage.life.left = None
        assert left > 3
        assert [await rows_of(stage, batch) for batch in (*batches, young)] == [0, 0, 0, 5]

    async def test_what_died_before_the_batch_itself_was_kept_goes_as_well(self, storage_ports: Ports) -> None:
        """What is there is noted before it is there."""
        for left in range(4):
            async with batch_stage(storage_ports) as stage:
                stage.life.left, stage.life.done = left, True
                with suppress(DiedError):
                    await stage.batches.named("key", batch_id="0" * 32, body=b"")
                    await stage.batches.keep(Batch("0" * 32, 3, OLD), pages_of(sent(courses(3))), {})
                stage.life.left = None
                assert await stage.rows() != []
                await stage.batches.delete_before(datetime(9000, 1, 1, tzinfo=UTC))
                assert await stage.rows() == [ALL_NOTED], left

    async def test_batches_of_an_earlier_version_are_found_when_their_time_is_over(self, stage: Stage) -> None:
        """They were not noted under their day."""
        old, young = await kept(stage, OLD), await kept(stage, YOUNG)
        await self._forget_days(stage)
        assert await stage.batches.delete_before(NOW) == 1
        assert [await rows_of(stage, batch) for batch in (old, young)] == [0, 5]
        assert await stage.batches.delete_before(YOUNG + timedelta(days=1)) == 1
        assert await stage.rows() == [ALL_NOTED]

    async def test_the_table_is_looked_through_once_only(self, stage: Stage) -> None:
        assert await stage.batches.delete_before(NOW) == 0
        old = await kept(stage, OLD)
        await self._forget_days(stage)
        assert await stage.batches.delete_before(NOW) == 0
        assert await rows_of(stage, old) == 5

    async def test_looking_through_it_begins_again_if_it_does_not_come_to_its_end(self, storage_ports: Ports) -> None:
        for left in range(5):
            async with batch_stage(storage_ports) as stage:
                batches = [await kept(stage, OLD) for _ in range(3)]
                await self._forget_days(stage)
                stage.life.left, stage.life.storage_fails = left, True
                with pytest.raises(TransientError):
                    await stage.batches.delete_before(NOW)
                stage.life.left = None
                await stage.batches.delete_before(NOW)
                assert [await rows_of(stage, batch) for batch in batches] == [0, 0, 0], left

    async def test_a_key_that_has_come_again_outlives_what_was_noted_of_it_before(self, stage: Stage) -> None:
        batch = await kept(stage, YOUNG)
        await expiry.note(stage.table, batch.id, created_at=OLD)
        assert await stage.batches.delete_before(NOW) == 0
        assert await rows_of(stage, batch) == 5
        assert await stage.batches.delete_before(YOUNG + timedelta(days=1)) == 1

    async def _forget_days(self, stage: Stage) -> None:
        for partition, row in await stage.rows():
            if partition.startswith("day-"):
                await stage.table.do(Operation(Verb.DELETE, {"PartitionKey": partition, "RowKey": row}, "*"))

    async def test_a_key_goes_with_its_time_and_stands_for_another_batch_then(self, stage: Stage) -> None:
        named = await stage.batches.named("key", batch_id="first", body=b"")
        assert await stage.batches.delete_before(named.since) == 0
        assert not (await stage.batches.named("key", batch_id="second", body=b"")).is_new
        assert await stage.batches.delete_before(named.since + timedelta(seconds=2)) == 0
        assert (await stage.batches.named("key", batch_id="second", body=b"")).is_new

    @pytest.mark.parametrize(("days", "left"), [(1, [0, 0, 5]), (30, [0, 5, 5]), (9_999, [5, 5, 5])])
    async def test_the_timer_deletes_what_is_older_than_the_settings_say(
        self, stage: Stage, days: int, left: list[int]
    ) -> None:
        now = datetime.now(UTC)
        batches = [await kept(stage, now - timedelta(days=age, minutes=1)) for age in (30, 1, 0)]
        stage.store = replace(stage.store, retention_days=days)
        await stage.runtime.run(App.delete_expired, "invocation-1")
        assert [await rows_of(stage, batch) for batch in batches] == left

    def test_thirty_days_are_the_default(self) -> None:
        assert Settings.from_environ({}).retention_days == 30
        assert Settings.from_environ({"RETENTION_DAYS": "7"}).retention_days == 7


@dataclass
class Counted:
    """A stage of which every request to storage is counted: the ledger, the batches and the queue are in Azurite."""

    stage: Stage
    proxies: tuple[TableProxy, TableProxy]

    def requests(self) -> tuple[int, int]:
        """Return how many requests to tables and to queues there were since the last time."""
        tables, queues = (len(proxy.requests) for proxy in self.proxies)
        for proxy in self.proxies:
            proxy.requests.clear()
        return tables, queues


@asynccontextmanager
async def counted(ports: Ports) -> AsyncIterator[Counted]:
    """Give a stage behind proxies; its tables and its queue exist."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(batch_stage(ports))
        client = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        proxies = tuple(TableProxy(url_of(port), client) for port in (ports[2], ports[1]))
        table, queue = [(await stack.enter_async_context(RawTestServer(proxy.handle))).port or 0 for proxy in proxies]
        storage = Storage(storage_connection_string(ports[0], queue, table))
        ledger_table, batch_table = (Table(storage, f"t{uuid4().hex}", credential=None) for _ in range(2))
        batch_queue = Queue(storage, f"q-{uuid4()}", credential=None)
        for one in (ledger_table, batch_table, batch_queue):
            stack.push_async_callback(one.close)
        ledger, batches = TableLedger(ledger_table, key=app_key, lease_seconds=60), BatchStore(batch_table)
        worker = replace(stage.worker, ledger=ledger, store=batches, queue=batch_queue)
        stage.worker, stage.batches = worker, batches
        stage.store = replace(
            stage.store,
            ledger=ledger,
            batches=batches,
            batch_queue=batch_queue,
            batch_worker=worker,
            batch_acceptor=BatchAcceptor(batches, worker),
        )
        await stage.posts(courses(1))
        await batch_queue.put("made")
        whole = Counted(stage, (proxies[0], proxies[1]))
        whole.requests()
        stage.graph.calls.clear()
        yield whole


class TestRequests:
    async def test_twenty_at_once_cost_one_request_to_graph_and_four_to_storage(self, storage_ports: Ports) -> None:
        """Claim all, settle all, note the batch under its day, keep it."""
        async with counted(storage_ports) as one:
            assert (await one.stage.posts(courses(20))).status == 200
            assert one.requests() == (4, 0)
            assert one.stage.graph.calls == ["createBatch"]

    async def test_an_idempotency_key_costs_two_requests_more(self, storage_ports: Ports) -> None:
        """Note it under its day, keep it."""
        async with counted(storage_ports) as one:
            assert (await one.stage.posts(courses(20), {"idempotency-key": "run-1"})).status == 200
            assert one.requests() == (6, 0)
            assert one.stage.graph.calls == ["createBatch"]

    async def test_invalid_records_cost_nothing_but_to_be_kept(self, storage_ports: Ports) -> None:
        async with counted(storage_ports) as one:
            assert (await one.stage.posts([{}] * 20)).status == 200
            assert (one.requests(), one.stage.graph.calls) == ((2, 0), [])

    async def test_a_chunk_of_twenty_in_the_queue_costs_four_requests_and_one_message(
        self, storage_ports: Ports
    ) -> None:
        """Read the records, claim all, settle all, tell the results.

        The host's own receive and delete come on top.
        """
        async with counted(storage_ports) as one:
            response = await one.stage.posts(courses(20), {"prefer": "respond-async"})
            # Note and keep the batch; put its first message into the queue.
            assert one.requests() == (2, 1)
            found = await one.stage.batches.get(body_of(response)["batchId"])
            assert found is not None
            one.requests()
            batch, (chunk,) = found[0], found[1]
            await one.stage.worker.begin(Task(batch.id, batch.created_at))
            # Read the batch, find its unfinished chunks; put a message for the one chunk into the queue.
            assert one.requests() == (2, 1)
            task = Task(batch.id, batch.created_at, chunk)
            await one.stage.worker.handle(Delivery(task.encode().encode(), "message-1", NOW))
            assert one.requests() == (4, 0)
            assert one.stage.graph.calls == ["createBatch"]
            assert (await one.stage.batches.progress(batch)).completed

    async def test_asking_for_the_report_costs_three_requests(self, storage_ports: Ports) -> None:
        """The batch, its counts, its results; the job needs no results."""
        async with counted(storage_ports) as one:
            batch_id = body_of(await one.stage.posts(courses(20)))["batchId"]
            one.requests()
            await one.stage.gets(batch_id)
            assert one.requests() == (3, 0)
            await one.stage.gets_status(batch_id)
            assert one.requests() == (2, 0)
