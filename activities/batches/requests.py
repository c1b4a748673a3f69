"""What a caller of ``POST /api/batches`` sent, as JSON or as CSV: the envelope is checked completely, no record is.

A record that is wrong is the record's own failure later; what is wrong with the envelope refuses all of it at once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count, islice, takewhile
from typing import Any

from activities.batches import columns, csv_text
from activities.batches.records import Resent, SentRecord
from activities.batches.results import BATCH_ID
from activities.contract import json_text, made_by_machines, wrappings
from activities.contract.envelope import EXPECTED, NAME, Options, open_envelope, parse_options
from activities.contract.instructions import OPERATION
from activities.contract.limits import LARGEST_BATCH, LARGEST_BATCH_BYTES, MOST_CORRECTED_BATCHES, MOST_ROWS
from activities.contract.problems import INVALID, REQUIRED, refusal
from activities.contract.validation import PROVIDER
from activities.errors import ErrorCode, PermanentError, Problem

FIRST_ROW = 2  # Where a sheet's first record stands: below the headings, and counted from 1.
_SPOKEN = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical line"}
_MOST_PROBLEMS = 20  # An answer is read by a person.
# Browsers on Windows call a .csv file what Excel registered for it.
_SHEETS = frozenset({"text/csv", "application/csv", "application/vnd.ms-excel"})
# SharePoint calls many a file no more than one; JSON is known by how it begins.
_UNNAMED = {"application/octet-stream": "text/csv"}
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_JSON = frozenset("{[")


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch that can be accepted; ``delimiter`` is what separated the columns of a sheet, empty for JSON."""

    records: tuple[SentRecord, ...]
    name: str = ""
    delimiter: str = ""


def parse(body: bytes, *, media_type: str, query: Mapping[str, str], content_type: str = "") -> BatchRequest:
    """Read the body of a batch.

    Args:
        body: What came.
        media_type: What its sender calls it, in small letters and without parameters.
        query: What the address says beside it, for a body that has no place for it.
        content_type: The same with its parameters, for the charset.

    Raises:
        PermanentError: ``invalidJson``; ``invalidRequest`` with everything that is wrong with the envelope;
            ``requestTooLarge``.
    """
    if len(body) > LARGEST_BATCH_BYTES:
        raise _too_large(f"The body has {len(body):,} bytes; a batch may have {LARGEST_BATCH_BYTES:,}.")
    body, media_type, content_type = _opened(body, media_type, content_type)
    wrappings.refuse_packed(body)
    if _is_sheet(body, media_type):
        return _of_sheet(csv_text.decode(body, content_type=content_type), query)
    try:
        value = json_text.decode(body, largest_bytes=LARGEST_BATCH_BYTES, expected=EXPECTED, content_type=content_type)
    except PermanentError as error:
        if _begin(body) in {*_JSON, "", '"'}:
            raise
        hint = "To send a CSV file, set the header Content-Type to text/csv."
        raise PermanentError(error.code, f"{error.message} {hint}", target=error.target) from error
    envelope = open_envelope(json_text.writable(value), beside=_from_query(query))
    _check_count(len(envelope.records), "activities")
    return BatchRequest(tuple(map(SentRecord, count(), envelope.records)), envelope.name)


def records_of_file(body: bytes) -> list[Any] | None:
    """Return the records of a sheet that a flow holds as a file, as it can stand in a queue message; None of others.

    Raises:
        PermanentError: As ``parse``; and for a row that cannot be read, or that corrects one of a batch.
    """
    body, media_type, content_type = _opened(body, "", "")
    if not _is_sheet(body, media_type):
        return None
    records = _of_sheet(csv_text.decode(body, content_type=content_type), {}).records
    if problem := next((record.problem for record in records if record.problem), None):
        raise problem
    if any(record.resends for record in records):
        message = "The file corrects failed rows of a batch: send it to POST /api/batches, which knows the batch."
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target=columns.BATCH_ID)
    return [record.content for record in records]


def _opened(body: bytes, media_type: str, content_type: str) -> tuple[bytes, str, str]:
    """Return a body without what was put around it, and what it is called there."""
    for _ in range(wrappings.MOST_LAYERS):
        file = wrappings.out_of_file(body)
        if file is None:
            break
        body = file.body
        if file.content_type:
            content_type = file.content_type
            called = content_type.partition(";")[0].strip().casefold()
            media_type = _UNNAMED.get(called, called)
    return body, media_type, content_type


def _is_sheet(body: bytes, media_type: str) -> bool:
    # A row of headings cannot begin like JSON, but flows call JSON anything.
    return media_type in _SHEETS and _begin(body) not in _JSON


def _begin(body: bytes) -> str:
    return body[:64].decode("utf-8-sig", errors="replace").lstrip(made_by_machines.INVISIBLE).lstrip()[:1]


def _from_query(query: Mapping[str, str]) -> dict[str, str]:
    spelled = {one.casefold(): one for one in (NAME, *PROVIDER, OPERATION)}
    return {spelled[name.casefold()]: value for name, value in query.items() if name.casefold() in spelled}


def _of_sheet(text: str, query: Mapping[str, str]) -> BatchRequest:
    delimiter, headings = columns.find_header(text)
    return of_rows(headings, islice(csv_text.decode_rows(text, delimiter), 1, None), query=query, delimiter=delimiter)


def of_rows(
    headings: list[str], rows: Iterable[list[str]], *, query: Mapping[str, str], delimiter: str
) -> BatchRequest:
    """Return the batch that the rows of a sheet are, whatever kind of file they stood in.

    Args:
        headings: The first row, without blank cells at its end.
        rows: The cells of the others, as text.
        query: What the address says beside the file.
        delimiter: What separates the columns in a sheet that answers this one.

    Raises:
        PermanentError: As ``parse``.
    """
    problems: list[Problem] = []
    options = parse_options(_from_query(query), problems)
    names = columns.parse_header(headings, problems)
    unnamed = [column for column, heading in enumerate(headings) if not heading]
    filled: dict[int, int] = {}
    records: list[SentRecord] = []
    count_of_rows = 0
    for index, row in enumerate(rows):
        if index > MOST_ROWS:
            raise _too_large(f"The CSV file has more than {MOST_ROWS:,} rows, more than a spreadsheet can have.")
        if not made_by_machines.trimmed("".join(row)):
            continue  # Spreadsheets write such rows below the last one.
        count_of_rows += 1
        if count_of_rows > LARGEST_BATCH or not names:
            continue
        cells = list(map(made_by_machines.cell, row))
        for column in takewhile(len(cells).__gt__, unnamed):
            if cells[column].strip():
                filled.setdefault(column, index)
        records.append(_of_row(index, cells, names, delimiter, options))
    for column, index in islice(filled.items(), _MOST_PROBLEMS):
        message = (
            f"Column {csv_text.letter(column)} of the CSV file has a value in row {index + FIRST_ROW}, but no name in "
            "row 1: write its property's name there."
        )
        problems.append(Problem(REQUIRED, message))
    _check_corrections(records, problems)
    if not count_of_rows and names:
        problems.append(Problem(REQUIRED, "The CSV file has no rows below row 1: there is nothing to do."))
    if problems:
        raise refusal(problems)
    _check_count(count_of_rows, "rows")
    return BatchRequest(tuple(records), options.name, delimiter)


def _of_row(index: int, cells: list[str], names: list[str], delimiter: str, options: Options) -> SentRecord:
    problems: list[Problem] = []
    row = f"Row {index + FIRST_ROW}"
    said = columns.parse_row(cells, names)
    if surplus := [column for column, cell in enumerate(cells[len(names) :], len(names)) if cell.strip()]:
        message = (
            f"{row} has a value in column {csv_text.letter(surplus[0])}, but the last column with a name in row 1 is "
            f"{csv_text.letter(len(names) - 1)}. Probably a text that holds {_SPOKEN[delimiter]} is not in quotes; "
            "otherwise write the name of its property into row 1."
        )
        problems.append(Problem(INVALID, message))
    names_of_ours = columns.BATCH_ID, columns.INDEX, columns.TOKEN
    batch_id, place, token = (said.pop(name, "").strip() for name in names_of_ours)
    resends = None
    if BATCH_ID.fullmatch(batch_id) and _INDEX.fullmatch(place):
        resends = Resent(batch_id, int(place), token)
    elif batch_id or place or token:
        message = (
            f"{row}: {' and '.join(names_of_ours)} say which failed row this one corrects, but they are not as they "
            "were in the downloaded file: copy all three from there, or clear all three to send it as a row of its own."
        )
        problems.append(Problem(INVALID, message, columns.BATCH_ID))
    problem = refusal(problems) if problems else None
    return SentRecord(index, options.given_to(said), problem, resends, of_file=True)


def _check_corrections(records: Iterable[SentRecord], problems: list[Problem]) -> None:
    if len({record.resends.batch_id for record in records if record.resends}) > MOST_CORRECTED_BATCHES:
        message = (
            f"The rows of the CSV file correct failed rows of more than {MOST_CORRECTED_BATCHES} batches: send the "
            "corrected rows of each batch, or of a few, in a file of their own."
        )
        problems.append(Problem(INVALID, message, columns.BATCH_ID))


def _check_count(count: int, what: str) -> None:
    if count > LARGEST_BATCH:
        raise _too_large(f"The batch has {count:,} {what}; up to {LARGEST_BATCH:,} are accepted.")


def _too_large(message: str) -> PermanentError:
    return PermanentError(ErrorCode.REQUEST_TOO_LARGE, f"{message} Split it and send several batches.")
