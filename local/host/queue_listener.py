"""Read queues for functions with a queue trigger, as the real host's queue extension does.

Every message is somebody's at least once: what this listener does not get to complete stays locked until its lock
expires. Sources, for behaviour that no documentation page states:
https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues/src

Different on purpose: the queue is created when it is missing (in Azure the deployment does that; the real host waits
for it), an empty queue is asked again within two seconds whatever host.json allows, the lock can be shortened, and
`functionTimeout` is not enforced.
"""

import asyncio
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage, StorageErrorCode
from azure.storage.queue.aio import QueueServiceClient

from local.host.host_json import QueueOptions
from local.host.queue_bindings import QueueBinding
from local.host.queue_messages import NotTextError, UndecodableBodyError, decode_body, to_input, to_trigger_metadata
from local.host.worker_library import execute

MIN_POLLING_SECONDS = 0.1
MAX_POLLING_SECONDS = 2.0

logger = logging.getLogger("local.queues")


class QueueListener:
    """Calls one function for the messages of its queue.

    Args:
        binding: the function and its queue.
        service: a client of the binding's connection.
        options: of host.json.
        lock_seconds: how long a received message is invisible; renewed at half-time while its function runs.
    """

    def __init__(
        self, binding: QueueBinding, service: QueueServiceClient, *, options: QueueOptions, lock_seconds: int
    ) -> None:
        self._function = binding.function
        self._options = options
        self._lock_seconds = lock_seconds
        self._queue = service.get_queue_client(binding.queue)
        self._poison = service.get_queue_client(binding.poison_queue) if binding.poison_queue else None
        self._is_created = self._is_out = False
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin to receive, in the running event loop. Storage need not be reachable."""
        self._stop_asked = asyncio.create_task(self._stopping.wait())
        self._receiving = asyncio.create_task(self._receive_until_stopped())
        self._receiving.add_done_callback(self._say_why)

    async def stop(self, timeout_seconds: float) -> None:
        """Receive no more, and let what is running finish for a while; the locks of what does not simply expire."""
        self._stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.wait({self._receiving})
                if self._running:
                    await asyncio.wait(self._running)

    async def run(self, text: str) -> None:
        """Call the function for a text as if the queue had just given it; nothing is read or completed there."""
        message = QueueMessage(id=str(uuid.uuid4()), pop_receipt="", dequeue_count=1)
        data = to_input(text.encode(errors="replace"), self._function.trigger)
        await execute(self._function, data, trigger_metadata=to_trigger_metadata(message, data))

    def _say_why(self, receiving: asyncio.Task[None]) -> None:
        if error := receiving.exception():
            logger.critical("Queue %s is read no more: a bug", self._queue.queue_name, exc_info=error)

    async def _receive_until_stopped(self) -> None:
        longest = min(self._options.max_polling_interval_seconds, MAX_POLLING_SECONDS)
        pause = MIN_POLLING_SECONDS
        while not self._stopping.is_set():
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                pause = MIN_POLLING_SECONDS
                while len(self._running) > self._options.new_batch_threshold and not self._stopping.is_set():
                    await asyncio.wait({*self._running, self._stop_asked}, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.wait({self._stop_asked}, timeout=pause)
                pause = min(pause * 2, longest)

    async def _receive(self) -> list[QueueMessage]:
        """Return what is there, nothing when storage cannot be reached: that is said once per outage."""
        try:
            if not self._is_created:
                with suppress(ResourceExistsError):
                    await self._queue.create_queue()
                self._is_created = True
            pages = self._queue.receive_messages(
                messages_per_page=self._options.batch_size, visibility_timeout=self._lock_seconds
            ).by_page()
            page = await anext(pages, None)
            messages = [message async for message in page] if page else []
        except AzureError as error:
            if not self._is_out:
                logger.warning("Queue %s cannot be read and is tried again: %s", self._queue.queue_name, _brief(error))
            self._is_out = True
            self._is_created = False  # It may have been deleted, or the storage been replaced by an empty one.
            return []
        self._is_out = False
        return messages

    async def _process(self, message: QueueMessage) -> None:
        try:
            if self._poison and _attempt(message) > self._options.max_dequeue_count:
                await self._move_to_poison_queue(message)
                return
            try:
                body = decode_body(message.content, is_base64=self._options.is_base64)
            except UndecodableBodyError as error:
                logger.warning("Message %s is not base64, which host.json demands: %s", message.id, error)
                await self._move_to_poison_queue(message)
                return
            await self._complete(message, succeeded=await self._call(message, body))
        except AzureError as error:
            # The lock expires, and the message comes again.
            logger.warning("Message %s cannot be completed: %s", message.id, _brief(error))

    async def _call(self, message: QueueMessage, body: bytes) -> bool:
        """Run the function and say whether it returned; meanwhile keep the message locked."""
        try:
            data = to_input(body, self._function.trigger)
        except NotTextError as error:
            logger.warning("Message %s is not for %r: %s", message.id, self._function.name, error)
            return False
        finished = asyncio.Event()
        renewing = asyncio.create_task(self._renew_lock(message, finished))
        try:
            metadata = to_trigger_metadata(message, data)
            return await execute(self._function, data, trigger_metadata=metadata)
        finally:
            finished.set()
            # Not cancelled: a renewal under way changes the pop receipt, which completing needs to know.
            await renewing

    async def _renew_lock(self, message: QueueMessage, finished: asyncio.Event) -> None:
        pause = self._lock_seconds / 2
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await finished.wait()
                    return
            try:
                renewed = await self._queue.update_message(
                    message.id, pop_receipt=message.pop_receipt, visibility_timeout=self._lock_seconds
                )
            except AzureError as error:
                if _lock_is_lost(error):
                    logger.debug("Message %s belongs to somebody else: %s", message.id, _brief(error))
                    return
                logger.warning("The lock of message %s cannot be renewed: %s", message.id, _brief(error))
                pause = self._lock_seconds / 8  # What is left of the lock allows for some more attempts.
            else:
                message.pop_receipt = renewed.pop_receipt
                pause = self._lock_seconds / 2

    async def _complete(self, message: QueueMessage, *, succeeded: bool) -> None:
        if succeeded:
            await self._delete(message)
        elif self._poison is None:
            # Stays locked: released at once, it would fail again at once, for ever.
            pass
        elif _attempt(message) >= self._options.max_dequeue_count:
            await self._move_to_poison_queue(message)
        else:
            with _lock_may_be_lost(message):
                await self._queue.update_message(
                    message.id,
                    pop_receipt=message.pop_receipt,
                    visibility_timeout=self._options.visibility_timeout_seconds,
                )

    async def _move_to_poison_queue(self, message: QueueMessage) -> None:
        """Copy the body and nothing else, as the real host does; the reason stands in the log only."""
        if self._poison is None:
            return
        logger.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue %r.",
            self._options.max_dequeue_count,
            self._poison.queue_name,
        )
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):  # Another message, or another host, was faster.
                await self._poison.create_queue()
            await self._poison.send_message(message.content)
        await self._delete(message)

    async def _delete(self, message: QueueMessage) -> None:
        with _lock_may_be_lost(message):
            await self._queue.delete_message(message.id, message.pop_receipt)


@contextmanager
def _lock_may_be_lost(message: QueueMessage) -> Iterator[None]:
    """Take it for done when the message is gone or has another pop receipt: the function may have seen to that."""
    try:
        yield
    except HttpResponseError as error:
        if not _lock_is_lost(error):
            raise
        logger.debug("Message %s was changed meanwhile: %s", message.id, _brief(error))


def _attempt(message: QueueMessage) -> int:
    return message.dequeue_count or 1  # Only a message that was peeked at has none.


def _lock_is_lost(error: AzureError) -> bool:
    code = getattr(error, "error_code", None)
    return isinstance(error, ResourceNotFoundError) or code == StorageErrorCode.POP_RECEIPT_MISMATCH


def _brief(error: AzureError) -> str:
    return error.message.splitlines()[0]
