"""Ends what batches keep of people: all of a batch when its time is over, single records of a learner who is erased.

An erased record keeps its place, so that the report still adds up; what it held is gone from the pages, from which rows
are filled in again, and from the results. One that waits to be sent is refused instead.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from activities.batches.chunks import CHUNK, Chunk, results_in, told
from activities.batches.records import SentRecord
from activities.batches.store import BatchStore
from activities.contract.learner import Learner
from activities.errors import ErrorCode, PermanentError
from activities.execution.result import Result
from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import Entity, Operation, Verb, packed, unpacked
from activities.storage.tables import EntityChangedError, EntityMissingError, Table
from activities.storage.walking import Walk

_PAGES = "RowKey ge 'page-' and RowKey lt 'page.'"
_ROWS_AT_ONCE = 50  # Up to a hundred records each.
ERASED = PermanentError(
    ErrorCode.NOT_FOUND,
    "This record was erased because its learner was. If it had not been sent to Viva Learning by then, it will not be.",
)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page without the records of a learner, and which they were."""

    operation: Operation
    erased: dict[Chunk, set[int]]


class BatchRetention:
    """Ends what batches keep. See ``Keeper``.

    Args:
        table: Where they are kept.
        store: What knows them.
    """

    def __init__(self, table: Table, store: BatchStore) -> None:
        self._table = table
        self._store = store

    async def expire(self, before: datetime, run: Run) -> Ended:  # noqa: ARG002 (the store bounds itself)
        """Delete the batches that are older. See ``Keeper``."""
        return Ended(await self._store.delete_before(before))

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """Erase the records of a learner. See ``Keeper``."""
        walk = Walk(self._table, "batches", _PAGES, page_size=_ROWS_AT_ONCE)
        return await walk.go(run, partial(self._erase, learner))

    async def _erase(self, learner: Learner, rows: Sequence[Entity]) -> Ended:
        # In a thread: what is unpacked is large.
        pages = await asyncio.to_thread(lambda: [page for row in rows if (page := _without(learner, row)).erased])
        count, more = 0, False
        for page in pages:
            # The page goes last: with its records, the results would not be found again.
            for chunk, indexes in page.erased.items():
                while not await self._blanked(chunk, indexes):
                    pass
            try:
                await self._table.do(page.operation)
            except EntityChangedError:
                more = True
            except EntityMissingError:
                continue  # The batch has been deleted.
            else:
                count += sum(map(len, page.erased.values()))
        return Ended(count, more)

    async def _blanked(self, chunk: Chunk, indexes: set[int]) -> bool:
        """Take out of the results what could lead to the learner; False if somebody else has changed them meanwhile."""
        try:
            known = await self._table.get(chunk.batch_id, chunk.row)
        except EntityMissingError:
            return True
        results = [_blank(one) if one.index in indexes else one for one in results_in(known)]
        entity = {
            "PartitionKey": chunk.batch_id,
            "RowKey": chunk.row,
            **told(results, now=known["ToldAt"], waiting_until=known.get("WaitingUntil")),
        }
        try:
            await self._table.do(Operation(Verb.REPLACE, entity, known.metadata["etag"] or ""))
        except (EntityChangedError, EntityMissingError):
            return False
        return True


def _without(learner: Learner, row: Any) -> _Page:
    batch_id, page = row["PartitionKey"], int(row["RowKey"].removeprefix("page-"))
    erased: defaultdict[Chunk, set[int]] = defaultdict(set)
    kept = []
    for place, stored in enumerate(unpacked("Records", row)):
        record = SentRecord.from_json(stored)
        if learner.is_meant_by(record.content):
            erased[Chunk(batch_id, page, place // CHUNK)].add(record.index)
            record = SentRecord(record.index, {}, ERASED)
        kept.append(record.to_json())
    entity = {"PartitionKey": batch_id, "RowKey": row["RowKey"], **packed("Records", kept)}
    return _Page(Operation(Verb.REPLACE, entity, row.metadata["etag"]), erased)


def _blank(result: Result) -> Result:
    """Return a result without what its sender wrote, and without its place in Viva Learning."""
    return replace(result, id="", external_id="", error_message=ERASED.message if result.failed else "")
