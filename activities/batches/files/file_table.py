"""A file as a table: the row of its headings, the rows below it, and where both stand. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from activities.batches.files.layouts import known_headings

FIRST_ROW = 2  # Where a sheet's first record stands, if nothing is above its headings; counted from 1.
MOST_TITLE_ROWS = 30  # Above the headings; below that nobody looks for them.
CSV, SHEET = "CSV file", "sheet"


@dataclass(frozen=True, slots=True)
class Table:
    """What was found in a file.

    Args:
        what: What it is called in a sentence.
        headings: The row of headings.
        number: Which row that is, counted from 1.
        rows: The cells of those below it, as texts; blank ones included.
        delimiter: What separates columns in the CSV that is its like.
        remarks: What its sender should know about how it was read, in sentences.
        workbook: Whether it was a workbook.
    """

    what: str
    headings: Sequence[str]
    number: int
    rows: Iterable[Sequence[str]]
    delimiter: str = ";"
    remarks: tuple[str, ...] = ()
    workbook: bool = False


def heading_row(rows: Sequence[Sequence[str]], chosen: Mapping[str, str]) -> int | None:
    """Return which of the first rows holds the headings: the one of which most is known; None if nothing is."""
    known = [known_headings(row, chosen) for row in rows[:MOST_TITLE_ROWS]]
    return known.index(max(known)) if any(known) else None
