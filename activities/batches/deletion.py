"""A batch ends before its time: nothing more of it is sent, and nothing is kept of it but that it was deleted.

The batch itself and its records go first, in one transaction with the row that says so: whoever works on it or asks for
it finds no batch from then on, and no result is written any more. The rest follows, and the row remembers how far that
is, so that what ends in the middle goes on when the batch is deleted again. The row stays as long as the key that the
batch was sent with, which would begin it anew.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from activities.batches.chunks import BATCH_ROW, CHUNK_ROWS, key_of, page_row
from activities.storage.table_bytes import ANY_VERSION, LARGEST_TRANSACTION, Operation, Verb
from activities.storage.tables import EntityChangedError, EntityMissingError, Table, TransactionConflictError

DELETED_ROW = "deleted"


async def delete(table: Table, batch_id: str) -> int | None:
    """Delete a batch and return how many of its records had come to no end, or None when there is no such batch.

    Raises:
        TransientError: ``storageUnavailable``: nothing more is sent if it has begun; to be called again for the rest.
    """
    await _stop(table, batch_id)
    while True:
        try:
            deleted = await table.get(batch_id, DELETED_ROW)
            if deleted["Finished"]:
                return None
            if "NotSent" not in deleted:
                not_sent = deleted["Total"] - await _ended(table, batch_id)
                await _remember(table, deleted, deleted.metadata["etag"] or "", NotSent=not_sent)
                continue
        except EntityMissingError:
            return None
        except EntityChangedError:
            continue  # Somebody else deletes it, too, and has counted.
        await purge(table, batch_id)
        await _remember(table, deleted, ANY_VERSION, Finished=True)
        return int(deleted["NotSent"])


async def purge(table: Table, partition: str) -> int:
    """Delete every row of a batch but the one that says that it was deleted; return how many there were."""
    rows, purged = await _rows(table, partition), 0
    while rows:
        for begin in range(0, len(rows), LARGEST_TRANSACTION):
            some = [key_of(partition, row) for row in rows[begin : begin + LARGEST_TRANSACTION]]
            # When somebody else is deleting it at this moment, what they leave is found again.
            with suppress(TransactionConflictError):
                await table.transact([Operation(Verb.DELETE, key, ANY_VERSION) for key in some])
                purged += len(some)
        rows = await _rows(table, partition)
    return purged


async def _stop(table: Table, batch_id: str) -> None:
    try:
        batch = await table.get(batch_id, BATCH_ROW)
    except EntityMissingError:
        return
    said = {"Total": batch["Total"], "CreatedAt": batch["CreatedAt"], "Finished": False}
    deleted = Operation(Verb.CREATE, {**key_of(batch_id, DELETED_ROW), **said})
    # With its page, a chunk finds nothing to send any more; few batches have more pages than go into one transaction.
    pages = [page_row(number) for number in range(len(json.loads(batch["PageSizes"])))]
    gone = [Operation(Verb.DELETE, key_of(batch_id, row), ANY_VERSION) for row in (BATCH_ROW, *pages)]
    for some in ([deleted, *gone[: LARGEST_TRANSACTION - 1]], gone[LARGEST_TRANSACTION - 1 :]):
        # Whoever finds it as nobody left it was overtaken, or repeats what was done before its answer got lost.
        with suppress(TransactionConflictError):
            if some:
                await table.transact(some)


async def _remember(table: Table, deleted: Mapping[str, Any], etag: str, **more: int) -> None:
    await table.do(Operation(Verb.REPLACE, {**deleted, **more}, etag))


async def _ended(table: Table, batch_id: str) -> int:
    chunks = f"PartitionKey eq '{batch_id}' and RowKey ge '{CHUNK_ROWS}' and RowKey lt 'chunk.'"
    return sum([row["Succeeded"] + row["Failed"] async for row in table.query(chunks, select=["Succeeded", "Failed"])])


async def _rows(table: Table, partition: str) -> list[str]:
    rest = f"PartitionKey eq '{partition}' and RowKey ne '{DELETED_ROW}'"
    # The batch itself sorts first, and goes first: what is told of it later has no place any more.
    return [row["RowKey"] async for row in table.query(rest, select=["RowKey"])]
