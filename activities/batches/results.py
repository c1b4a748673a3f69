"""What became of a batch: the result of each record, and what they add up to. Pure: no I/O, no clock.

Every chunk of a batch has a result record of its own, and totals are always added up from those: a chunk that is
finished twice, late, or again after a crash can only improve its own record, never count twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from activities.contract.activity import Outcome
from activities.execution.result import Result
from activities.storage.table_bytes import Entity, packed, unpacked

BATCH_ID = re.compile(r"[0-9a-f]{32}")
RUNNING, COMPLETED = "running", "completed"
# How a record can come to its end without having failed, in the order in which people are told.
SUCCESSES = (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.DELETED, Outcome.SUPERSEDED)
_COUNT_OF = {outcome: outcome.value.capitalize() for outcome in Outcome}
COUNTS_AND_TIMES = ["Succeeded", *_COUNT_OF.values(), "ToldAt", "WaitingUntil"]
_FINALITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


def merged(*results: Iterable[Result]) -> list[Result]:
    """Return one result for each index, the most final one; of equally final ones, the one that came first."""
    best: dict[int, Result] = {}
    for result in (one for some in results for one in some):
        known = best.get(result.index)
        if known is None or _FINALITY[result.outcome] > _FINALITY[known.outcome]:
            best[result.index] = result
    return [best[index] for index in sorted(best)]


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a batch came as; nothing of JSON.

    Args:
        delimiter: What separated the columns of a CSV file, or would in its like.
        workbook: Whether it was a workbook.
        headings: The columns that are used, in order: each heading, and the property that it stands for.
        remarks: What its sender should know about how it was read, in sentences.
    """

    delimiter: str = ""
    workbook: bool = False
    headings: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def to_row(self) -> Entity:
        """Return the properties that hold it; ``from_row`` reads them."""
        return {"Delimiter": self.delimiter, **packed("Origin", [self.workbook, self.headings, self.remarks])}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read what was kept; of a batch of an earlier version, nothing but the delimiter."""
        workbook, headings, remarks = unpacked("Origin", row) if "Origin0" in row else (False, (), ())
        return cls(row["Delimiter"], workbook, tuple(map(tuple, headings)), tuple(remarks))


NO_FILE = Origin()


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was accepted.

    Args:
        id: 128 random bits in hexadecimal; whoever knows it may read the report.
        total: How many records there are to tell of.
        name: What the sender calls it; may be empty.
        origin: The file that it came as, if it did. Then the first record stood in row 2.
        client_id: The application that sent it, where Microsoft Entra ID says so, else empty.
        secret: What the tokens of its failed rows are made with; empty in a batch of an earlier version.
    """

    id: str
    total: int
    created_at: datetime
    name: str = ""
    origin: Origin = NO_FILE
    client_id: str = ""
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, added up from the result records of its chunks.

    Args:
        changed_at: When the last result came in; when the batch was accepted, if none has yet.
        waiting_until: When Graph wants to be asked again, if it throttles.
        outcomes: How many came to which end; what an earlier version has told is only known to have succeeded.
    """

    batch: Batch
    succeeded: int = 0
    failed: int = 0
    changed_at: datetime | None = None
    waiting_until: datetime | None = None
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many records have come to their end."""
        return self.succeeded + self.failed

    @property
    def completed(self) -> bool:
        """Whether every record has come to its end."""
        return self.done >= self.batch.total

    @property
    def percent(self) -> int:
        """Whole percents, rounded down: 100 only at the end."""
        return 100 if self.completed else self.done * 100 // self.batch.total

    @property
    def elapsed(self) -> timedelta:
        """How long the batch took until the last result came in."""
        return (self.changed_at or self.batch.created_at) - self.batch.created_at

    def counts(self) -> dict[str, int]:
        """Return how many records there are, and how many came to which end, by their names in the report."""
        return {
            "total": self.batch.total,
            "succeededCount": self.succeeded,
            "failedCount": self.failed,
            **{f"{outcome}Count": self.outcomes.get(outcome, 0) for outcome in SUCCESSES},
        }

    def to_json(self, results: Iterable[Result]) -> dict[str, Any]:
        """Return the report with some of its results."""
        return {
            "batchId": self.batch.id,
            "name": self.batch.name,
            "status": COMPLETED if self.completed else RUNNING,
            "createdAt": self.batch.created_at.isoformat(timespec="seconds"),
            **self.counts(),
            "allSucceeded": self.completed and not self.failed,
            "remarks": list(self.batch.origin.remarks),
            "results": [result.to_json() for result in results],
        }


def added_up(batch: Batch, rows: Iterable[Mapping[str, Any]]) -> Progress:
    """Return how far a batch is, from the result records of its chunks."""
    succeeded, counts, told_at, waiting_until = 0, Counter[Outcome](), list[datetime](), list[datetime]()
    for row in rows:
        succeeded += row["Succeeded"]
        # What an earlier version has told does not say everything.
        counts.update({outcome: row.get(name) or 0 for outcome, name in _COUNT_OF.items()})
        told_at.append(row["ToldAt"])
        waiting_until += [row["WaitingUntil"]] if row.get("WaitingUntil") else []
    latest = max(told_at, default=None), max(waiting_until, default=None)
    return Progress(batch, succeeded, counts[Outcome.FAILED], *latest, counts)


def counts_of(results: Sequence[Result]) -> dict[str, int]:
    """Return the properties of a chunk's result record that ``added_up`` reads, so that it opens no results."""
    counts = outcomes(results)
    return {
        "Succeeded": len(results) - counts[Outcome.FAILED],
        **{name: counts[outcome] for outcome, name in _COUNT_OF.items()},
    }


def outcomes(results: Iterable[Result]) -> Counter[Outcome]:
    """Return how many records came to which end."""
    return Counter(result.outcome for result in results)


def failed_by_code(results: Iterable[Result]) -> Counter[str]:
    """Return how many records failed with which error code."""
    return Counter(result.error_code for result in results if result.failed)
