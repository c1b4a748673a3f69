"""Queues and tables of their own in Azurite for a test, and a look into them from outside."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from azure.storage.queue.aio import QueueClient

from activities.execution.patience import PATIENCE
from activities.queueing.failures import Failures
from activities.settings import Storage
from activities.storage.queues import Queue, Receipt
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.queue_fakes import KnownKey


class DiedError(BaseException):
    """The process ended here."""


@dataclass
class Life:
    """How many requests to storage are left before the process dies; None means that it does not."""

    left: int | None = None

    async def step[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request, or die before it."""
        if self.left is not None:
            if self.left == 0:
                raise DiedError
            self.left -= 1
        return await send()


class MortalTable(Table):
    """A table whose process can die before any request."""

    def __init__(self, storage: Storage, name: str, life: Life) -> None:
        super().__init__(storage, name, credential=None)
        self._life = life

    async def _call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request. See ``Table``."""
        return await self._life.step(lambda: super(MortalTable, self)._call(send))


class MortalQueue(Queue):
    """A queue whose process can die before any request."""

    def __init__(self, storage: Storage, name: str, life: Life, *, kept_for: timedelta | None = None) -> None:
        super().__init__(storage, name, credential=None, kept_for=kept_for)
        self._life = life

    async def put(self, text: str, *, delay_seconds: float = 0.0) -> Receipt:
        """Add a message. See ``Queue``."""
        return await self._life.step(lambda: super(MortalQueue, self).put(text, delay_seconds=delay_seconds))

    async def take_back(self, sent: Receipt) -> None:
        """Delete a message. See ``Queue``."""
        await self._life.step(lambda: super(MortalQueue, self).take_back(sent))


@dataclass
class StoredQueue:
    """A queue in Azurite, and what stands in it."""

    queue: Queue
    outside: QueueClient

    async def visible(self) -> list[str]:
        """Return what can be received at this moment, without receiving it."""
        return [message.content for message in await self.outside.peek_messages(max_messages=32)]

    async def count(self) -> int:
        """Return how many messages there are, the hidden ones as well."""
        return (await self.outside.get_queue_properties()).approximate_message_count or 0

    async def receive(self) -> None:
        """Receive every visible message, which is hidden for a while and has another receipt from then on."""
        async for _ in self.outside.receive_messages(visibility_timeout=600):
            pass

    async def expiry(self) -> datetime | None:
        """Return when the first message expires."""
        (message, *_) = await self.outside.peek_messages()
        return message.expires_on


@dataclass
class StoredFailures:
    """Failures in Azurite with both their queues."""

    failures: Failures
    queue: StoredQueue
    failed_queue: StoredQueue
    table: Table
    life: Life = field(default_factory=Life)


@asynccontextmanager
async def stored_queue(
    ports: tuple[int, int, int], life: Life | None = None, *, kept_for: timedelta | None = None
) -> AsyncIterator[StoredQueue]:
    """Give a queue that nobody else uses; it does not exist yet."""
    name = f"q-{uuid4()}"
    connection = storage_connection_string(*ports)
    queue = MortalQueue(Storage(connection), name, life or Life(), kept_for=kept_for)
    try:
        async with QueueClient.from_connection_string(connection, name) as outside:
            yield StoredQueue(queue, outside)
    finally:
        await queue.close()


@asynccontextmanager
async def stored_failures(ports: tuple[int, int, int]) -> AsyncIterator[StoredFailures]:
    """Give failures that nobody else uses."""
    life = Life()
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(stored_queue(ports, life))
        failed_queue = await stack.enter_async_context(stored_queue(ports, life))
        await queue.outside.create_queue()
        await failed_queue.outside.create_queue()
        table = MortalTable(Storage(storage_connection_string(*ports)), f"t{uuid4().hex}", life)
        stack.push_async_callback(table.close)
        failures = Failures(
            table, queue=queue.queue, failed_queue=failed_queue.queue, patience=PATIENCE, signing_key=KnownKey()
        )
        yield StoredFailures(failures, queue, failed_queue, table, life)
