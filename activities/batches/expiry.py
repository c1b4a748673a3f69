"""Batches and keys whose time is over, found by the day on which they came: no other row of the table is looked at.

Before anything of a batch or key is written, its partition is noted under its day; the note goes last. So nothing is
kept that no note tells of, and what could not be finished is found by the next run. Earlier versions took no notes: the
first run looks through the table for what they kept, and leaves a row that says that no other run has to.
Source: https://learn.microsoft.com/azure/storage/tables/table-storage-design-for-query
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from activities.batches import deletion
from activities.batches.chunks import BATCH_ROW, key_of
from activities.storage.table_bytes import ANY_VERSION, Operation, Verb
from activities.storage.tables import EntityMissingError, Table

KEYS = "key-"
_DAYS = "day-"
_ALL_NOTED = key_of("notes", "all")


async def note(table: Table, partition: str, *, created_at: datetime) -> None:
    """Note that a partition is about to come; noting it again is harmless.

    Raises:
        TransientError: ``storageUnavailable``.
    """
    await table.do(Operation(Verb.REPLACE, {**key_of(_day(created_at), partition), "CreatedAt": created_at}))


async def delete_before(table: Table, moment: datetime) -> int:
    """Delete every batch, and every key, that is older; return of how many batches there was something.

    What was deleted is, and the next call goes on.

    Raises:
        TransientError: ``storageUnavailable``.
    """
    if not await _is_there(table, _ALL_NOTED):
        await _note_all(table)
    deleted = 0
    old = f"PartitionKey ge '{_DAYS}' and PartitionKey le '{_day(moment)}' and CreatedAt lt {_literal(moment)}"
    async for noted in table.query(old, select=["PartitionKey", "RowKey"]):
        partition = noted["RowKey"]
        # A key can have come again since then; the batch that it stands for, too.
        if not await _is_there(table, key_of(partition, BATCH_ROW), since=moment):
            rows = await deletion.purge(table, partition)
            await _delete(table, key_of(partition, deletion.DELETED_ROW))
            deleted += rows > 0 and not partition.startswith(KEYS)
        await _delete(table, noted)
    return deleted


async def _note_all(table: Table) -> None:
    """Note every batch and key that there is."""
    async for row in table.query(f"RowKey eq '{BATCH_ROW}'", select=["PartitionKey", "CreatedAt"]):
        await note(table, row["PartitionKey"], created_at=row["CreatedAt"])
    await table.do(Operation(Verb.REPLACE, _ALL_NOTED))


async def _is_there(table: Table, key: dict[str, Any], *, since: datetime | None = None) -> bool:
    try:
        row = await table.get(key["PartitionKey"], key["RowKey"])
    except EntityMissingError:
        return False
    return since is None or row["CreatedAt"] >= since


async def _delete(table: Table, key: dict[str, Any]) -> None:
    with suppress(EntityMissingError):
        await table.do(Operation(Verb.DELETE, key, ANY_VERSION))


def _day(moment: datetime) -> str:
    return f"{_DAYS}{moment.astimezone(UTC):%Y-%m-%d}"


def _literal(moment: datetime) -> str:
    return f"datetime'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
