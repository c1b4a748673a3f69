"""Ends messages on the queue of failures: those whose time is over, and those of a learner who is erased.

The service shows messages only to whoever receives them: those that stay are hidden for a moment. By that they get
another receipt, and a failure has to know the one with which its message can be taken back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from itertools import batched

from activities.contract.learner import Learner
from activities.queueing.failures import PARTITION
from activities.queueing.messages import failure_id_of, tells_of
from activities.storage.queues import Queue, Received
from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import Operation, Verb
from activities.storage.tables import EntityChangedError, EntityMissingError, Table

_AT_ONCE = 16
# So that a call behaves as if it went on where the one before ran out of time: there is a minute between them at most.
_HIDDEN_SECONDS = 120


class ToldFailures:
    """What the queue of failures holds. See ``Keeper``.

    Args:
        queue: The queue of failures.
        table: Where the failures are kept that are told there.
    """

    def __init__(self, queue: Queue, table: Table) -> None:
        self._queue = queue
        self._table = table

    async def expire(self, before: datetime, run: Run) -> Ended:
        """End what is older and does not expire by itself; what was put first stands first. See ``Keeper``."""
        count = 0
        while old := sum(inserted_at < before for inserted_at in await self._queue.first_insertions()):
            if run.is_over():
                return Ended(count, more=True)
            received = await self._queue.receive_some(hidden_seconds=_HIDDEN_SECONDS, most=old)
            # Somebody else may have received those that were meant, and then these are others.
            count += await self._end(received, lambda one: one.inserted_at < before)
        return Ended(count)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """End what is about a learner. See ``Keeper``."""
        count = 0
        while not run.is_over():
            received = await self._queue.receive_some(hidden_seconds=_HIDDEN_SECONDS)
            if not received:
                return Ended(count)
            count += await self._end(received, lambda one: tells_of(one.text, learner))
        return Ended(count, more=True)

    async def _end(self, received: Sequence[Received], is_meant: Callable[[Received], bool]) -> int:
        meant = {one for one in received if is_meant(one)}
        await _some_at_once(self._queue.take_back, (one.receipt for one in meant))
        await _some_at_once(self._note, (one for one in received if one not in meant))
        return len(meant)

    async def _note(self, received: Received) -> None:
        """Let the failure that a message tells of know with which receipt it can be taken back now."""
        try:
            known = await self._table.get(PARTITION, f"id-{failure_id_of(received.text)}")
            if known["MessageId"] == received.receipt.message_id:
                changed = {**known, "PopReceipt": received.receipt.pop_receipt}
                await self._table.do(Operation(Verb.REPLACE, changed, known.metadata["etag"] or ""))
        except (EntityMissingError, EntityChangedError):
            return  # It is not the app's, or was put back or thrown away, and its message with it.


async def _some_at_once[T](do: Callable[[T], Awaitable[None]], these: Iterable[T]) -> None:
    for some in batched(these, _AT_ONCE, strict=False):
        await asyncio.gather(*map(do, some))
