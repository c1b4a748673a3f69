"""Batches in Table Storage: what was sent, what became of it, and which key of a caller's stands for which batch.

All of a batch is one partition under its id: the batch itself, its records in pages of a hundred, and a result record
for each chunk of twenty. A chunk's result record can only become more final, whoever writes it, and however often.
It is written in one transaction with the batch, if that is there: nothing comes back of a batch that is deleted.
Source: https://learn.microsoft.com/azure/storage/tables/table-storage-design-for-query
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.batches import deletion, expiry
from activities.batches.chunks import (
    BATCH_ROW,
    CHUNK,
    CHUNK_ROWS,
    Chunk,
    chunks_of,
    key_of,
    page_row,
    results_in,
    told,
    transactions_of,
)
from activities.batches.records import SentRecord
from activities.batches.results import BATCH_ID, COUNTS_AND_TIMES, Batch, Origin, Progress, added_up, merged
from activities.execution.result import Result
from activities.storage.table_bytes import ANY_VERSION, Entity, Operation, Verb, packed, unpacked
from activities.storage.tables import EntityExistsError, EntityMissingError, Table, TransactionConflictError

TABLE = "activitybatches"
_COUNTS = ("Succeeded", "Failed")
_CHUNKS_AT_ONCE = 64  # A page of the report has a thousand results.
_AFTER_CHUNK_ROWS = "chunk."  # The character after the hyphen.


@dataclass(frozen=True, slots=True)
class Named:
    """What an idempotency key stands for: which batch, since when, and whether it was sent with this very body."""

    batch_id: str
    since: datetime
    is_new: bool
    same_body: bool


class BatchStore:
    """The batches of one function app. Whatever is asked of it can raise ``TransientError``: ``storageUnavailable``."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def named(self, key: str, *, batch_id: str, body: bytes) -> Named:
        """Return the batch that an idempotency key stands for: ``batch_id``, if the key is new."""
        partition = f"{expiry.KEYS}{hashlib.sha256(key.encode(errors='backslashreplace')).hexdigest()}"
        sent = hashlib.sha256(body).hexdigest()
        now = datetime.now(UTC)
        entity = {**key_of(partition, BATCH_ROW), "BatchId": batch_id, "Body": sent, "CreatedAt": now}
        await expiry.note(self._table, partition, created_at=now)
        try:
            await self._table.do(Operation(Verb.CREATE, entity))
        except EntityExistsError:
            known = await self._table.get(partition, BATCH_ROW)
            # It is new as well when the answer to its own creation was lost, and the creation repeated.
            mine = known["BatchId"] == batch_id
            return Named(known["BatchId"], known["CreatedAt"], is_new=mine, same_body=known["Body"] == sent)
        return Named(batch_id, now, is_new=True, same_body=True)

    async def keep(
        self,
        batch: Batch,
        pages: Sequence[Sequence[SentRecord]],
        results: Mapping[Chunk, Sequence[Result]],
        *,
        waiting_until: Mapping[Chunk, datetime] | None = None,
    ) -> None:
        """Keep a batch, its records and the results that there are; the batch itself last: with it, all is there.

        Args:
            batch: The batch.
            pages: Its records.
            results: Those that there are.
            waiting_until: When Graph wants to be asked again about the rest of a chunk.

        Raises:
            TransientError: ``storageUnavailable``; keeping it again is harmless.
        """
        rows = await asyncio.to_thread(_page_rows, batch.id, pages)
        waiting_until, now = waiting_until or {}, datetime.now(UTC)
        rows += [
            {
                **key_of(chunk.batch_id, chunk.row),
                **told(results.get(chunk, ()), now=now, waiting_until=waiting_until.get(chunk)),
            }
            for chunk in results.keys() | waiting_until.keys()
        ]
        rows.append(
            {
                **key_of(batch.id, BATCH_ROW),
                "Name": batch.name,
                "Total": batch.total,
                "CreatedAt": batch.created_at,
                **batch.origin.to_row(),
                "ClientId": batch.client_id,
                "Secret": batch.secret,
                "PageSizes": json.dumps([len(page) for page in pages]),
            }
        )
        await expiry.note(self._table, batch.id, created_at=batch.created_at)
        for operations in transactions_of(rows):
            await self._table.transact(operations)

    async def get(self, batch_id: str) -> tuple[Batch, dict[Chunk, int]] | None:
        """Return a batch and its chunks with how many records each has, or None when there is none with this id."""
        if not BATCH_ID.fullmatch(batch_id):
            return None
        try:
            row = await self._table.get(batch_id, BATCH_ROW)
        except EntityMissingError:
            return None
        # Batches of an earlier version do not say who sent them and in what file, and have no secret.
        later = Origin.from_row(row), row.get("ClientId", ""), row.get("Secret", b"")
        batch = Batch(batch_id, row["Total"], row["CreatedAt"], row["Name"], *later)
        return batch, chunks_of(batch_id, json.loads(row["PageSizes"]))

    async def unfinished(self, chunks: Mapping[Chunk, int]) -> list[Chunk]:
        """Return which chunks of a batch, each with how many records it has, have not come to their end."""
        rows = {chunk.row: chunk for chunk in chunks}
        finished = set()
        async for row in self._table.query(_chunk_rows(next(iter(chunks)).batch_id), select=["RowKey", *_COUNTS]):
            chunk = rows[row["RowKey"]]
            if row["Succeeded"] + row["Failed"] >= chunks[chunk]:
                finished.add(chunk)
        return [chunk for chunk in chunks if chunk not in finished]

    async def records(self, chunk: Chunk) -> list[SentRecord]:
        """Return the records of a chunk; none when the batch is not kept any more, or is deleted: pages go first."""
        try:
            row = await self._table.get(chunk.batch_id, page_row(chunk.page))
        except EntityMissingError:
            return []
        part = unpacked("Records", row)[chunk.part * CHUNK : (chunk.part + 1) * CHUNK]
        return [SentRecord.from_json(stored) for stored in part]

    async def all_records(self, batch_id: str) -> AsyncIterator[SentRecord]:
        """Yield every record of a batch in order."""
        async for row in self._table.query(f"PartitionKey eq '{batch_id}' and RowKey ge 'page-' and RowKey lt 'page.'"):
            for stored in unpacked("Records", row):
                yield SentRecord.from_json(stored)

    async def results(self, chunk: Chunk) -> list[Result]:
        """Return what is known of a chunk so far."""
        try:
            row = await self._table.get(chunk.batch_id, chunk.row)
        except EntityMissingError:
            return []
        return results_in(row)

    async def tell(self, chunk: Chunk, results: Iterable[Result], *, waiting_until: datetime | None = None) -> None:
        """Add results of a chunk to what is known of it; less final ones change nothing, nor any of a deleted batch."""
        results = merged(results)
        first = told(results, now=datetime.now(UTC), waiting_until=waiting_until)
        if await self._told(chunk, first, Verb.CREATE):
            return
        while await self._is_there(chunk.batch_id, BATCH_ROW):
            if await self._told_too(chunk, results, waiting_until):
                return

    async def _told_too(self, chunk: Chunk, results: list[Result], waiting_until: datetime | None) -> bool:
        try:
            known = await self._table.get(chunk.batch_id, chunk.row)
        except EntityMissingError:
            return False  # The batch was deleted since it was seen.
        before = results_in(known)
        after = merged(before, results)
        if after == before and waiting_until is None and "WaitingUntil" not in known:
            return True  # Told before: this is not when the batch came to its end.
        both = told(after, now=datetime.now(UTC), waiting_until=waiting_until)
        return await self._told(chunk, both, Verb.REPLACE, known.metadata["etag"] or "")

    async def _told(self, chunk: Chunk, said: Entity, verb: Verb, etag: str = "") -> bool:
        """Write a result record if it is as the operation assumes, and the batch is there."""
        there = Operation(Verb.MERGE, key_of(chunk.batch_id, BATCH_ROW), ANY_VERSION)
        try:
            await self._table.transact([there, Operation(verb, {**key_of(chunk.batch_id, chunk.row), **said}, etag)])
        except TransactionConflictError:
            return False
        return True

    async def progress(self, batch: Batch) -> Progress:
        """Add up what is known of a batch."""
        return added_up(batch, [row async for row in self._table.query(_chunk_rows(batch.id), select=COUNTS_AND_TIMES)])

    async def results_after(self, batch_id: str, index: int, *, failed_only: bool) -> AsyncIterator[Result]:
        """Yield the results whose index is greater, in order."""
        condition = _chunk_rows(batch_id) + (" and Failed gt 0" if failed_only else "")
        # The last index of a chunk says whether there is anything in it: what comes before is not opened.
        async for row in self._table.query(f"{condition} and LastIndex gt {index}", page_size=_CHUNKS_AT_ONCE):
            for result in results_in(row):
                if result.index > index and (result.failed or not failed_only):
                    yield result

    async def delete(self, batch_id: str) -> int | None:
        """Stop a batch and delete what is kept of it. See ``deletion.delete``."""
        return await deletion.delete(self._table, batch_id) if BATCH_ID.fullmatch(batch_id) else None

    async def was_deleted(self, batch_id: str) -> bool:
        """Tell whether somebody has deleted a batch before its time."""
        return await self._is_there(batch_id, deletion.DELETED_ROW)

    async def delete_before(self, moment: datetime) -> int:
        """Delete every batch, and every key, that is older. See ``expiry.delete_before``."""
        return await expiry.delete_before(self._table, moment)

    async def _is_there(self, partition: str, row: str) -> bool:
        try:
            await self._table.get(partition, row)
        except EntityMissingError:
            return False
        return True


def _chunk_rows(batch_id: str) -> str:
    return f"PartitionKey eq '{batch_id}' and RowKey ge '{CHUNK_ROWS}' and RowKey lt '{_AFTER_CHUNK_ROWS}'"


def _page_rows(batch_id: str, pages: Sequence[Sequence[SentRecord]]) -> list[Entity]:
    return [
        {**key_of(batch_id, page_row(number)), **packed("Records", [record.to_json() for record in page])}
        for number, page in enumerate(pages)
    ]
