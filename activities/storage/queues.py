"""The only door to Storage Queues: put, receive and delete a message. Knows nothing of what stands in one."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError

from activities.settings import Storage
from activities.storage.outages import is_being_deleted, translate
from activities.storage.tables import STORAGE_SECONDS

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

# The library's own retry would begin after 15 s, which is more than STORAGE_SECONDS.
_OPTIONS: dict[str, Any] = {
    "retry_total": 2,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
    "connection_timeout": 3,
}
MOST_RECEIVED = 32  # At once: https://learn.microsoft.com/rest/api/storageservices/get-messages
_WHILE_IT_IS_MADE_SECONDS = 0.1
_NEVER_EXPIRES = -1  # The default of seven days could be over before a delayed message is seen.


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message in a queue, and the receipt with which it can be taken back until somebody else has received it."""

    message_id: str
    pop_receipt: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message that nobody else sees for a while."""

    text: str
    inserted_at: datetime
    receipt: Receipt


class Queue:
    """One queue of the function app's storage, opened when it is used first, made when it is missing.

    Args:
        storage: Where it is.
        name: What it is called.
        credential: Whose token is shown, where there is no connection string.
        kept_for: How long a message waits to be read before it expires; None means for ever.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        *,
        credential: AsyncTokenCredential | None,
        kept_for: timedelta | None = None,
    ) -> None:
        self._storage = storage
        self._name = name
        self._credential = credential
        self._time_to_live = _NEVER_EXPIRES if kept_for is None else round(kept_for.total_seconds())
        self._opened: QueueClient | None = None

    async def put(self, text: str, *, delay_seconds: float = 0.0) -> Receipt:
        """Add a message that is seen after a delay of up to seven days.

        Raises:
            TransientError: ``storageUnavailable``; the message may have been added nevertheless.
        """
        sent = await self._call(
            lambda: self._client.send_message(
                text, visibility_timeout=math.ceil(delay_seconds), time_to_live=self._time_to_live
            )
        )
        return Receipt(sent.id, sent.pop_receipt or "")

    async def take_back(self, sent: Receipt) -> None:
        """Delete a message unless somebody has received or deleted it since.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        try:
            await self._call(lambda: self._client.delete_message(sent.message_id, sent.pop_receipt))
        except HttpResponseError:
            return

    async def first_insertions(self) -> list[datetime]:
        """Return when the first messages, 32 at most, were put into the queue; they stay as they are.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        peeked = await self._call(lambda: self._client.peek_messages(max_messages=MOST_RECEIVED))
        return [one.inserted_on or datetime.now(UTC) for one in peeked]

    async def receive_some(self, *, hidden_seconds: int, most: int = MOST_RECEIVED) -> list[Received]:
        """Return up to 32 messages, which nobody else sees for that time.

        Earlier receipts of them are worth nothing any more.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        received = await self._call(lambda: _received(self._client, hidden_seconds, most))
        return [
            Received(one.content, one.inserted_on or datetime.now(UTC), Receipt(one.id, one.pop_receipt or ""))
            for one in received
        ]

    async def check(self) -> None:
        """Reach the queue.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        await self._call(self._client.get_queue_properties)

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    @property
    def _client(self) -> "QueueClient":
        if self._opened is None:
            from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 (a create over HTTP does without)
            from azure.storage.queue.aio import QueueClient  # noqa: PLC0415 (likewise)

            # By default a thread looks for a proxy and a password file at every request.
            options: dict[str, Any] = {**_OPTIONS, "transport": AioHttpTransport(use_env_settings=False)}
            storage = self._storage
            self._opened = (
                QueueClient.from_connection_string(storage.connection_string, self._name, **options)
                if storage.connection_string
                else QueueClient(storage.queue_url, self._name, credential=self._credential, **options)
            )
        return self._opened

    async def _call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(STORAGE_SECONDS):
                while True:
                    try:
                        return await send()
                    except ResourceNotFoundError as error:
                        if getattr(error, "error_code", None) != "QueueNotFound":
                            raise
                    await self._create()
        except HttpResponseError as error:
            if error.status_code is not None and error.status_code in {400, 404}:
                raise  # About the message.
            raise translate(error) from error
        except (AzureError, TimeoutError, OSError) as error:
            raise translate(error) from error

    async def _create(self) -> None:
        try:
            await self._client.create_queue()
        except ResourceExistsError as error:
            if is_being_deleted(error):
                raise
            # Somebody else is making it at this moment, and it is not there before that is done.
            await asyncio.sleep(_WHILE_IT_IS_MADE_SECONDS)


async def _received(client: "QueueClient", hidden_seconds: int, most: int) -> "list[QueueMessage]":
    messages = client.receive_messages(max_messages=most, messages_per_page=most, visibility_timeout=hidden_seconds)
    return [message async for message in messages]
