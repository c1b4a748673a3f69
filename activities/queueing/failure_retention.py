"""Ends failures: those whose time is over, and those of a learner who is erased; each with its message on the queue."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import batched

from activities.contract.learner import Learner
from activities.queueing.failures import PARTITION, row_of
from activities.queueing.messages import is_about
from activities.storage.queues import Queue, Receipt
from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import ANY_VERSION, Entity, Operation, Verb, unpacked
from activities.storage.tables import EntityMissingError, Table
from activities.storage.walking import Walk

_AT_ONCE = 16
_FAILURES = f"PartitionKey eq '{PARTITION}' and RowKey gt @after and RowKey lt 'at.'"
_SMALL_PAGE = 100  # Of rows that are unpacked.


class FailureRetention:
    """Ends failures in their table. See ``Keeper``.

    Args:
        table: Where they are kept.
        failed_queue: Where each was told.
    """

    def __init__(self, table: Table, failed_queue: Queue) -> None:
        self._table = table
        self._failed_queue = failed_queue

    async def expire(self, before: datetime, run: Run) -> Ended:
        """End the failures that are older; they stand behind all younger ones. See ``Keeper``."""
        parameters = {"after": f"{row_of(before)}."}
        walk = Walk(self._table, "failures", _FAILURES, parameters, select=("PartitionKey", "RowKey"))
        return await walk.go(run, self._end)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """End the failures that are about a learner. See ``Keeper``."""
        walk = Walk(self._table, "failures", _FAILURES, {"after": "at-"}, page_size=_SMALL_PAGE)
        return await walk.go(run, partial(self._end_of, learner))

    async def _end_of(self, learner: Learner, rows: Sequence[Entity]) -> Ended:
        # In a thread: what is unpacked may be large.
        return await self._end(await asyncio.to_thread(_about, learner, rows))

    async def _end(self, rows: Sequence[Entity]) -> Ended:
        for some in batched(rows, _AT_ONCE, strict=False):
            await asyncio.gather(*(self._end_one(str(row["RowKey"])) for row in some))
        return Ended(len(rows))

    async def _end_one(self, row: str) -> None:
        """Take the message back, then forget the failure: whoever dies in between finds it again."""
        by_id = f"id-{row.rpartition('-')[2]}"
        try:
            known = await self._table.get(PARTITION, by_id)
        except EntityMissingError:
            known = None
        if known and known["MessageId"]:
            await self._failed_queue.take_back(Receipt(known["MessageId"], known["PopReceipt"]))
        for one in (by_id, row):
            try:
                await self._table.do(Operation(Verb.DELETE, {"PartitionKey": PARTITION, "RowKey": one}, ANY_VERSION))
            except EntityMissingError:
                continue


def _about(learner: Learner, rows: Sequence[Entity]) -> list[Entity]:
    return [row for row in rows if is_about(unpacked("Content", row), learner)]
