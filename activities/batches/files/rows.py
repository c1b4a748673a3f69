"""The rows of a table as the records of a batch, whatever kind of file they stood in. Pure.

A row that is wrong is the record's own failure later; what is wrong with the columns refuses the file at once.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from activities.batches import columns, csv_text
from activities.batches.files.cells import Reader
from activities.batches.files.choices import Choices
from activities.batches.files.file_table import FIRST_ROW, Table
from activities.batches.files.fractions import whole_percentages
from activities.batches.files.layouts import Layout, understand
from activities.batches.records import Resent, SentRecord
from activities.batches.results import BATCH_ID
from activities.contract import made_by_machines, values
from activities.contract.limits import LARGEST_BATCH, MOST_CORRECTED_BATCHES, MOST_ROWS
from activities.contract.problems import INVALID, REQUIRED, refusal
from activities.errors import ErrorCode, PermanentError, Problem

_SPOKEN = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical line"}
_MOST_PROBLEMS = 20  # An answer is read by a person.
_MOST_NAMED = 30
_INDEX = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a file, the headings of the columns that are used, and what its sender should know."""

    records: tuple[SentRecord, ...]
    headings: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def read(
    table: Table, choices: Choices, problems: list[Problem], *, completed: Callable[[dict[str, Any]], Any]
) -> Rows:
    """Return what the rows of a table are.

    Args:
        table: The table.
        choices: What its sender says about it.
        problems: What is wrong with the address; what is wrong here is added.
        completed: Adds to a record what was said once for all of them.

    Raises:
        PermanentError: ``invalidRequest`` with everything that is wrong with the columns; ``requestTooLarge``.
    """
    layout = understand(table.headings, choices.columns, problems, number=table.number, what=table.what)
    reader = Reader.of(layout, choices)
    unnamed = [column for column, heading in enumerate(layout.headings) if not heading]
    filled: dict[int, int] = {}
    records: list[SentRecord] = []
    count = 0
    percentages = whole_percentages(table, layout) if layout.names else None
    for number, sent in enumerate(table.rows, table.number + 1):
        if number > MOST_ROWS + 1:
            raise too_large(f"The {table.what} has more than {MOST_ROWS:,} rows, more than a spreadsheet can have.")
        if not made_by_machines.trimmed("".join(sent)):
            continue  # Spreadsheets write such rows below the last one.
        count += 1
        if count > LARGEST_BATCH or not layout.names:
            continue
        cells = list(map(made_by_machines.cell, percentages(sent) if percentages else sent))
        for column in takewhile(len(cells).__gt__, unnamed):
            if cells[column].strip():
                filled.setdefault(column, number)
        records.append(_record(number, cells, reader, table, completed))
    for column, number in islice(filled.items(), _MOST_PROBLEMS):
        message = (
            f"Column {csv_text.letter(column)} of the {table.what} has a value in row {number}, but no name in "
            f"row {table.number}: write its property's name there."
        )
        problems.append(Problem(REQUIRED, message))
    _check_corrections(records, table, problems)
    if not count and layout.names:
        message = f"The {table.what} has no rows below row {table.number}: there is nothing to do."
        problems.append(Problem(REQUIRED, message))
    if problems:
        raise refusal(problems)
    check_count(count, "rows")
    used = [(heading, name) for heading, name in zip(layout.headings, layout.names, strict=True) if name]
    own = tuple((heading, name) for heading, name in used if name not in columns.OURS)
    return Rows(tuple(records), own, (*table.remarks, *_remarks(layout)))


def _record(
    number: int, cells: Sequence[str], reader: Reader, table: Table, completed: Callable[[dict[str, Any]], Any]
) -> SentRecord:
    layout = reader.layout
    problems: list[Problem] = []
    said = columns.parse_row(cells, layout.names, guarded=not table.workbook)
    last = len(layout.names)
    if surplus := [column for column, cell in enumerate(cells[last:], last) if cell.strip()]:
        name_it = f"rite the name of its property into row {table.number}."
        quotes = f"Probably a text that holds {_SPOKEN[table.delimiter]} is not in quotes; otherwise w{name_it}"
        message = (
            f"Row {number} has a value in column {csv_text.letter(surplus[0])}, but the last column with a name in row "
            f"{table.number} is {csv_text.letter(last - 1)}. {f'W{name_it}' if table.workbook else quotes}"
        )
        problems.append(Problem(INVALID, message))
    resends = _resent(said, number, problems)
    zones = {name: cells[place] for place, name in (layout.zones or {}).items() if place < len(cells)}
    content = reader.read(said, zones, problems)
    problem = refusal(problems) if problems else None
    return SentRecord(number - FIRST_ROW, completed(content), problem, resends, of_file=True)


def _resent(said: dict[str, Any], number: int, problems: list[Problem]) -> Resent | None:
    names_of_ours = columns.BATCH_ID, columns.INDEX, columns.TOKEN
    batch_id, place, token = (said.pop(name, "").strip() for name in names_of_ours)
    if BATCH_ID.fullmatch(batch_id) and _INDEX.fullmatch(place):
        return Resent(batch_id, int(place), token)
    if batch_id or place or token:
        message = (
            f"Row {number}: {' and '.join(names_of_ours)} say which failed row this one corrects, but they are not "
            "as they were in the downloaded file: copy all three from there, or clear all three to send a new row."
        )
        problems.append(Problem(INVALID, message, columns.BATCH_ID))
    return None


def _remarks(layout: Layout) -> Iterable[str]:
    if layout.export:
        yield f"The file was read as an export of {layout.export.name}."
    if layout.not_used:
        named = [
            f'{csv_text.letter(place)} "{values.shown(layout.headings[place])}"'
            for place in layout.not_used[:_MOST_NAMED]
        ]
        more = len(layout.not_used) - len(named)
        yield f"Columns that are not used: {', '.join(named)}{f' and {more} more' if more else ''}."


def _check_corrections(records: Iterable[SentRecord], table: Table, problems: list[Problem]) -> None:
    if len({record.resends.batch_id for record in records if record.resends}) > MOST_CORRECTED_BATCHES:
        message = (
            f"The rows of the {table.what} correct failed rows of more than {MOST_CORRECTED_BATCHES} batches: send the "
            "corrected rows of each batch, or of a few, in a file of their own."
        )
        problems.append(Problem(INVALID, message, columns.BATCH_ID))


def check_count(count: int, what: str) -> None:
    """Refuse more records than a batch may have.

    Raises:
        PermanentError: ``requestTooLarge``.
    """
    if count > LARGEST_BATCH:
        raise too_large(f"The batch has {count:,} {what}; up to {LARGEST_BATCH:,} are accepted.")


def too_large(message: str) -> PermanentError:
    """Return the refusal of a batch that has to be split."""
    return PermanentError(ErrorCode.REQUEST_TOO_LARGE, f"{message} Split it and send several batches.")
