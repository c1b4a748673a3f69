"""How a batch is divided: records into pages of a hundred, pages into chunks of twenty, rows into transactions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.batches.records import SentRecord
from activities.batches.results import counts_of
from activities.errors import ErrorCode, PermanentError
from activities.execution.result import Result
from activities.storage.table_bytes import LARGEST_TRANSACTION, Entity, Operation, Verb, packed, unpacked

CHUNK = 20  # As many as Graph takes in one $batch.
PAGE = 100
# A page has to fit into an entity of 1 MiB, also if nothing in it can be compressed.
LARGEST_PAGE_BYTES = 600_000
# The service takes 4 MiB, but from 1 MiB on aiohttp warns that sending blocks.
LARGEST_TRANSACTION_BYTES = 900_000
BATCH_ROW = "batch"
CHUNK_ROWS = "chunk-"


def page_row(number: int) -> str:
    """Return the row of a page of records; rows sort like the records."""
    return f"page-{number:05}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Which records of a batch are meant: up to twenty of one page."""

    batch_id: str
    page: int
    part: int

    @property
    def row(self) -> str:
        """The row of its result record; rows sort like the records."""
        return f"{CHUNK_ROWS}{self.page:05}-{self.part}"


def chunks_of(batch_id: str, page_sizes: Iterable[int]) -> dict[Chunk, int]:
    """Return the chunks of a batch in the order of its records, each with how many it has."""
    return {
        Chunk(batch_id, page, part): min(CHUNK, size - part * CHUNK)
        for page, size in enumerate(page_sizes)
        for part in range((size + CHUNK - 1) // CHUNK)
    }


def chunk_of_each(batch_id: str, pages: Sequence[Sequence[SentRecord]]) -> dict[int, Chunk]:
    """Return which chunk each record belongs to, by the record's index."""
    return {
        record.index: Chunk(batch_id, number, place // CHUNK)
        for number, page in enumerate(pages)
        for place, record in enumerate(page)
    }


def pages_of(records: Iterable[SentRecord]) -> list[list[SentRecord]]:
    """Divide records into pages that fit into an entity each; one that fits into none becomes a problem."""
    return _grouped(map(_fitting, records), most=PAGE, largest_bytes=LARGEST_PAGE_BYTES)


def transactions_of(rows: Iterable[Entity]) -> list[list[Operation]]:
    """Return the transactions that write rows of one partition, in their order."""
    writes = ((Operation(Verb.REPLACE, row), _sent_bytes(row)) for row in rows)
    return _grouped(writes, most=LARGEST_TRANSACTION, largest_bytes=LARGEST_TRANSACTION_BYTES)


def told(results: Sequence[Result], *, now: datetime, waiting_until: datetime | None = None) -> Entity:
    """Return the properties of a chunk's result record; ``results_in`` reads the results from them."""
    return {
        **counts_of(results),
        "LastIndex": max((result.index for result in results), default=-1),
        "ToldAt": now,
        **({"WaitingUntil": waiting_until} if waiting_until else {}),
        **packed("Results", [result.to_json() for result in results]),
    }


def results_in(row: Mapping[str, Any]) -> list[Result]:
    """Return the results that a result record holds."""
    return [Result.from_json(said) for said in unpacked("Results", row)]


def key_of(partition: str, row: str) -> Entity:
    """Return the key of a row."""
    return {"PartitionKey": partition, "RowKey": row}


def _grouped[T](sized: Iterable[tuple[T, int]], *, most: int, largest_bytes: int) -> list[list[T]]:
    """Divide what comes with its size into groups, in its order."""
    groups: list[list[T]] = []
    free_bytes = 0
    for one, size in sized:
        if not groups or len(groups[-1]) == most or size > free_bytes:
            groups.append([])
            free_bytes = largest_bytes
        groups[-1].append(one)
        free_bytes -= size
    return groups


def _fitting(record: SentRecord) -> tuple[SentRecord, int]:
    size = len(json.dumps(record.to_json()))
    if size > LARGEST_PAGE_BYTES:
        message = "This record is too large for a batch. Send it alone, to POST /api/activities."
        return SentRecord(record.index, {}, PermanentError(ErrorCode.REQUEST_TOO_LARGE, message)), 0
    return record, size


def _sent_bytes(row: Entity) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, bytes | str)) * 4 // 3
