"""Ends messages on the queue of failures: those whose time is over, and those of a learner who is erased.

The service shows messages only to whoever receives them: those that stay are hidden for a moment, and released. By that
they get another receipt, and a failure has to know the one with which its message can be taken back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from itertools import batched

from activities.contract.learner import Learner
from activities.queueing.failures import PARTITION
from activities.queueing.messages import failure_id_of, tells_of
from activities.storage.queues import Queue, Receipt, Received
from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import Operation, Verb
from activities.storage.tables import EntityChangedError, EntityMissingError, Table

_AT_ONCE = 16
_HIDDEN_SECONDS = 300  # Longer than a run, so that none is received twice in one.


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
            count += await self._end(one for one in received if one.inserted_at < before)
            await _some_at_once(self._release, (one for one in received if one.inserted_at >= before))
        return Ended(count)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """End what is about a learner. See ``Keeper``."""
        count, more = 0, True
        others: list[Received] = []
        try:
            while more and not run.is_over():
                received = await self._queue.receive_some(hidden_seconds=_HIDDEN_SECONDS)
                about = [tells_of(one.text, learner) for one in received]
                others += [one for one, its in zip(received, about, strict=True) if not its]
                count += await self._end(one for one, its in zip(received, about, strict=True) if its)
                more = bool(received)
        finally:
            await _some_at_once(self._release, others)
        return Ended(count, more)

    async def _end(self, received: Iterable[Received]) -> int:
        receipts = [one.receipt for one in received]
        await _some_at_once(self._queue.take_back, receipts)
        return len(receipts)

    async def _release(self, received: Received) -> None:
        receipt = await self._queue.release(received.receipt)
        if receipt is not None and (failure_id := failure_id_of(received.text)):
            await self._note(failure_id, receipt)

    async def _note(self, failure_id: str, receipt: Receipt) -> None:
        try:
            known = await self._table.get(PARTITION, f"id-{failure_id}")
            if known["MessageId"] == receipt.message_id:
                changed = {**known, "PopReceipt": receipt.pop_receipt}
                await self._table.do(Operation(Verb.REPLACE, changed, known.metadata["etag"] or ""))
        except (EntityMissingError, EntityChangedError):
            return  # It was put back or thrown away, and its message with it.


async def _some_at_once[T](do: Callable[[T], Awaitable[None]], these: Iterable[T]) -> None:
    for some in batched(these, _AT_ONCE, strict=False):
        await asyncio.gather(*map(do, some))
