"""A batch worker and everything around it: batches in Azurite, the rest in memory, and a process that can die."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from activities.app import App
from activities.batches.accepting import BatchAcceptor
from activities.batches.chunks import Chunk, pages_of
from activities.batches.records import SentRecord
from activities.batches.results import Batch, Progress
from activities.batches.store import BatchStore
from activities.batches.task import Task
from activities.contract.activity import ActivityRequest, StoredActivity
from activities.errors import ActivityError, TransientError
from activities.execution.decisions import Known
from activities.execution.gateway import Write
from activities.execution.ledger import Claim, Released
from activities.execution.result import Result
from activities.health import Health
from activities.settings import Storage
from activities.storage.outages import storage_unavailable
from activities.storage.queues import Receipt
from activities.web import batches, http
from activities.web.runtime import Runtime, UseCase
from local.environment import storage_connection_string
from tests.support.fakes import FakeGraph, FakeLedger, FakeTime
from tests.support.queue_fakes import FakeFailures, FakeQueue
from tests.support.queue_storage import DiedError, Life, MortalTable
from tests.support.stores import DEFAULTS, store_of

if TYPE_CHECKING:
    from activities.app import Store

type Ports = tuple[int, int, int]

URL = "https://contoso.azurewebsites.net/api/batches"
# Not the one that messages give as an example.
LEARNER = "c0ffee00-e020-11ec-9d64-0242ac120002"
ASSIGNER = "decade00-e020-11ec-9d64-0242ac120002"
LEASE_SECONDS = 60.0


def course(number: int = 0, **properties: Any) -> dict[str, Any]:
    """Return a valid record; the number tells it from others."""
    return {
        "@odata.type": "#microsoft.graph.learningSelfInitiatedCourse",
        "learnerUserId": LEARNER,
        "learningContentId": f"content-{number}",
        "status": "inProgress",
        **properties,
    }


def courses(count: int) -> list[dict[str, Any]]:
    """Return so many valid records."""
    return [course(number) for number in range(count)]


def sent(contents: Sequence[Any]) -> list[SentRecord]:
    """Return records as they are kept."""
    return list(map(SentRecord, count(), contents))


@dataclass
class Steps(Life):
    """Counts every request to storage and Graph; after ``left`` of them the process dies, or storage fails.

    Args:
        storage_fails: Instead of dying; then only storage does, and not Graph.
        done: Whether the request at which it happens is done nevertheless.
        meanwhile: What somebody else does there, instead of anything bad; once.
    """

    count: int = 0
    storage_fails: bool = False
    done: bool = False
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def step[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request. See ``Life``."""
        self.count += 1
        if self.left == 0 and self.meanwhile:
            meanwhile, self.meanwhile, self.left = self.meanwhile, None, None
            if not self.done:
                await meanwhile()
            try:
                return await send()
            finally:
                if self.done:
                    await meanwhile()
        if self.left == 0 and self.done:
            await send()
        try:
            return await super().step(send)
        except DiedError:
            if self.storage_fails:
                raise storage_unavailable() from None
            raise


@dataclass
class StageGraph(FakeGraph):
    """Graph, before each call to which the process can die."""

    life: Steps = field(default_factory=Steps)

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Change several activities. See ``FakeGraph``."""

        async def send() -> list[StoredActivity | ActivityError]:
            return await super(StageGraph, self).write(writes, timeout_seconds=timeout_seconds)

        return await (send() if self.life.storage_fails else self.life.step(send))

    @property
    def contents(self) -> list[str]:
        """Of which contents there are activities, each as often as there are."""
        return sorted(activity.entity["learningContentId"] for _, activity in self.stored)


@dataclass
class StageLedger(FakeLedger):
    """A ledger, before each call to which the process can die."""

    life: Steps = field(default_factory=Steps)

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
        """Claim several activities. See ``FakeLedger``."""
        try:
            return await self.life.step(lambda: super(StageLedger, self).claim(requests))
        except TransientError as error:
            return [error] * len(requests)

    async def settle(self, ends: Sequence[tuple[Claim, Known | Released]]) -> None:
        """Complete or release several claims. See ``FakeLedger``."""
        await self.life.step(lambda: super(StageLedger, self).settle(ends))


class StageQueue(FakeQueue):
    """A queue, before each call to which the process can die."""

    def __init__(self, time: FakeTime, life: Steps) -> None:
        super().__init__(time)
        self._life = life

    async def put(self, text: str, *, delay_seconds: float = 0.0) -> Receipt:
        """Add a message. See ``FakeQueue``."""
        return await self._life.step(lambda: super(StageQueue, self).put(text, delay_seconds=delay_seconds))


class Stage:
    """An app with a batch worker; the leases and the queue go by ``time``."""

    def __init__(self, table: MortalTable, life: Steps, graph: type[StageGraph]) -> None:
        self.life = life
        self.table = table
        self.time = FakeTime()
        self.graph = graph(self.time, life=life)
        self.ledger = StageLedger(self.time, LEASE_SECONDS, life=life)
        self.queue = StageQueue(self.time, life)
        self.failures = FakeFailures(FakeQueue(self.time))
        self.batches = BatchStore(table)
        parts = store_of(
            graph=self.graph,
            ledger=self.ledger,
            failures=self.failures,
            batches=self.batches,
            batch_queue=self.queue,
        )
        self.worker = replace(parts.batch_worker, jitter=lambda: 0.0)
        self.store: Store = replace(
            parts, batch_worker=self.worker, batch_acceptor=BatchAcceptor(parts.batches, self.worker)
        )
        self.runtime = Runtime(lambda: App(DEFAULTS, self.graph, Health(self.graph, None), lambda: self.store))
        self.deaths = 0  # How many deliveries were not ended.
        self._deliveries: Counter[str] = Counter()

    async def accept(self, contents: Sequence[Any], *, created_at: datetime | None = None) -> Batch:
        """Keep a batch and put its first message into the queue."""
        batch = Batch(uuid4().hex, len(contents), created_at or datetime.now(UTC))
        await self.batches.keep(batch, pages_of(sent(contents)), {})
        await self.queue.put(Task(batch.id, batch.created_at).encode())
        return batch

    async def deliver_next(self) -> None:
        """Deliver the message that is seen first as the host does: if its function dies or fails, again later."""
        message = min(self.queue.messages, key=lambda one: one.visible_at)
        self.queue.messages.remove(message)
        self.time.pass_by(max(0.0, message.visible_at - self.time.seconds))
        self._deliveries[message.message_id] += 1
        delivery = replace(message.delivery, deliveries=self._deliveries[message.message_id])
        try:
            await self.worker.handle(delivery)
        except (DiedError, TransientError):
            self.deaths += 1
            self.life.left = None
            message.visible_at = self.time.seconds + LEASE_SECONDS + 1
            self.queue.messages.append(message)

    async def run_dry(self, most: int = 100) -> int:
        """Deliver messages until the queue is empty; return how many deliveries that took."""
        for deliveries in range(most):
            if not self.queue.messages:
                return deliveries
            await self.deliver_next()
        raise AssertionError("The queue does not become empty.")

    async def report(self, batch: Batch) -> tuple[Progress, list[Result]]:
        """Return what is known of a batch."""
        results = [one async for one in self.batches.results_after(batch.id, -1, failed_only=False)]
        return await self.batches.progress(batch), results

    async def rows(self, partition: str = "") -> list[tuple[str, str]]:
        """Return what stands in the table of batches, or in a partition of it: partitions and rows."""
        condition = f"PartitionKey eq '{partition}'" if partition else "PartitionKey ge ''"
        return [(row["PartitionKey"], row["RowKey"]) async for row in self.table.query(condition)]

    async def outcomes(self, batch: Batch) -> list[str]:
        """Return what became of each record: its outcome, of a failure its code."""
        _, results = await self.report(batch)
        return [one.error_code or one.outcome.value for one in results]

    async def asks(
        self,
        use_case: UseCase,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        path: str = "",
    ) -> http.Response:
        """Send a request with a function key to the app; the path is what follows ``/api/batches/``."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        route = {"batchId": path.partition("/")[0]}
        url = f"{URL}/{path}" if path else URL
        said = {"code": "KEY", **(query or {})}
        request = http.Request(content, headers or {}, f"{url}?code=KEY", said, route)
        return await self.runtime.answer(request, use_case)

    async def posts(
        self, contents: object, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
    ) -> http.Response:
        """Send a batch."""
        body = contents if isinstance(contents, bytes) else {"activities": contents}
        return await self.asks(batches.create_batch, body, headers, query)

    async def gets(
        self, batch_id: str, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
    ) -> http.Response:
        """Ask for a report."""
        return await self.asks(batches.get_batch, headers=headers, query=query, path=batch_id)

    async def deletes(self, batch_id: str) -> http.Response:
        """Delete a batch."""
        return await self.asks(batches.delete_batch, path=batch_id)

    async def gets_status(self, batch_id: str) -> http.Response:
        """Ask for the job."""
        return await self.asks(batches.get_batch_status, path=f"{batch_id}/status")


@asynccontextmanager
async def batch_stage(ports: Ports, graph: type[StageGraph] = StageGraph) -> AsyncIterator[Stage]:
    """Give a stage whose batches nobody else sees."""
    life = Steps()
    table = MortalTable(Storage(storage_connection_string(*ports)), f"t{uuid4().hex}", life)
    try:
        yield Stage(table, life, graph)
    finally:
        await table.close()


def chunk_at(batch: Batch, index: int) -> Chunk:
    """Return the chunk of a record in a batch of small records."""
    return Chunk(batch.id, index // 100, index % 100 // 20)


def body_of(response: http.Response) -> dict[str, Any]:
    """Return what an answer says in JSON."""
    said: dict[str, Any] = json.loads(response.body)
    return said
