"""What a caller of ``POST /api/batches`` sent, as JSON or as CSV: the envelope is checked completely, no record is.

A record that is wrong is the record's own failure later; what is wrong with the envelope refuses all of it at once.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from activities import forms, wire
from activities.batches import columns, delimited
from activities.batches.report import BATCH_ID
from activities.errors import ActivityError, ErrorCode, PermanentError, Problem
from activities.validation import PROVIDER, TYPES, closest, refusal, with_provider

LARGEST_BATCH = 10_000
LARGEST_BATCH_BYTES = 16 * 2**20
LONGEST_NAME = 200
FIRST_ROW = 2  # Where a sheet's first record stands: below the headings, and counted from 1.
_MOST_ROWS = 2**20  # Of a sheet, by Excel: https://support.microsoft.com/office/excel-specifications-and-limits
_ACTIVITIES, _NAME = "activities", "name"
_ENVELOPE = (_ACTIVITIES, _NAME, *PROVIDER)
# What tells a single activity from an envelope.
_ONLY_OF_ACTIVITIES = frozenset({*columns.PROPERTIES, *TYPES, "externalcourseActivityId"}) - {*PROVIDER}
_SPOKEN = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
_MOST_UNKNOWN = 20  # An answer is read by a person, and each suggestion costs time.
# Browsers on Windows call a .csv file what Excel registered for it.
_SHEETS = frozenset({"text/csv", "application/csv", "application/vnd.ms-excel"})
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_JSON = frozenset({b"{", b"["})
_EXPECTED = '{"activities": […]}'
# What details[].code can say.
_REQUIRED, _INVALID, _UNKNOWN, _CONTRADICTION = "required", "invalid", "unknownProperty", "contradiction"


@dataclass(frozen=True, slots=True)
class Resent:
    """The failed record of an earlier batch that a row corrects."""

    batch_id: str
    index: int


@dataclass(frozen=True, slots=True)
class SentRecord:
    """One record as it was sent; nothing of its content is checked.

    Args:
        index: Its place among the records, from 0; of a sheet, among all rows below the first, blank ones included.
        content: What JSON gave, or the cells of a row by the contract's names.
        resends: Which earlier record it corrects.
        problem: Why its row cannot be read; then the content is not to be created.
    """

    index: int
    content: Any
    resends: Resent | None = None
    problem: ActivityError | None = None


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch that can be accepted; ``delimiter`` is what separated the columns of a sheet, empty for JSON."""

    records: tuple[SentRecord, ...]
    name: str = ""
    delimiter: str = ""


def parse(request: wire.Request) -> BatchRequest:
    """Read the body of a batch.

    Raises:
        PermanentError: ``invalidJson``; ``invalidRequest`` with everything that is wrong with the envelope;
            ``requestTooLarge``.
    """
    if len(request.body) > LARGEST_BATCH_BYTES:
        raise _too_large(f"The body has {len(request.body):,} bytes; a batch may have {LARGEST_BATCH_BYTES:,}.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    begin = request.body[:64].removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    # A row of headings cannot begin like this, but flows call JSON anything.
    if media_type in _SHEETS and begin not in _JSON:
        return _of_sheet(delimited.decode(request.body), request.query)
    try:
        value = wire.decode(request.body, largest_bytes=LARGEST_BATCH_BYTES, expected=_EXPECTED)
    except PermanentError as error:
        if begin in _JSON | {b"", b'"'}:
            raise
        hint = "To send a CSV file, set the header Content-Type to text/csv."
        raise PermanentError(error.code, f"{error.message} {hint}", target=error.target) from error
    return _of_json(wire.writable(value), request.query)


def _of_json(value: Any, query: Mapping[str, str]) -> BatchRequest:
    problems: list[Problem] = []
    meant: set[str] = set()
    match value:
        case list():
            envelope: dict[str, Any] = {_ACTIVITIES: value}
        case dict() if _ACTIVITIES not in value and value.keys() & _ONLY_OF_ACTIVITIES:
            envelope = {_ACTIVITIES: value}
        case dict():
            envelope = value
            meant = _refuse_unknown(envelope, problems)
        case _:
            raise refusal([Problem(_INVALID, f"The body must be {_EXPECTED} or a list of activities.")])
    # With "activites" it is clear enough what is missing.
    contents = [] if _ACTIVITIES in meant - envelope.keys() else _contents(envelope.get(_ACTIVITIES), problems)
    # A bare list has no place for them but the address.
    name, registration_id = _options({**_from_query(query), **envelope}, problems)
    if problems:
        raise refusal(problems)
    _check_count(len(contents), "activities")
    records = (SentRecord(index, with_provider(one, registration_id)) for index, one in enumerate(contents))
    return BatchRequest(tuple(records), name)


def _refuse_unknown(envelope: Mapping[str, Any], problems: list[Problem]) -> set[str]:
    """Add the properties that nobody knows; return what was probably meant by them."""
    unknown = [name for name in envelope if name not in _ENVELOPE]
    meant = {name: closest(name, _ENVELOPE) for name in unknown[:_MOST_UNKNOWN]}
    for name, close in meant.items():
        what = (
            f'did you mean "{close}"?'
            if close
            else f'beside "{_ACTIVITIES}" there can be "{_NAME}" and "{PROVIDER[0]}".'
        )
        problems.append(Problem(_UNKNOWN, f'"{forms.shown(name)}" is not known: {what}', forms.shown(name)))
    if more := len(unknown[_MOST_UNKNOWN:]):
        problems.append(Problem(_UNKNOWN, f"{more} more properties are not known."))
    return set(meant.values())


def _contents(value: Any, problems: list[Problem]) -> list[Any]:
    match value:
        case [_, *_]:
            return list(value)
        case dict():
            return [value]
        case []:
            message, code = "is an empty list: there is nothing to create.", _REQUIRED
        case _ if forms.is_blank(value):
            message, code = "is required: the list of the activities to create.", _REQUIRED
        case str():
            message, code = "is a text, but must be a list: in a flow, put json(…) around it.", _INVALID
        case _:
            message, code = "must be a list of activities.", _INVALID
    problems.append(Problem(code, f"{_ACTIVITIES} {message}", _ACTIVITIES))
    return []


def _options(said: Mapping[str, Any], problems: list[Problem]) -> tuple[str, str]:
    """Return what the batch is called, and the provider of the records that name none."""
    name = ""
    if not forms.is_blank(said.get(_NAME)):
        try:
            name = forms.text(said[_NAME])
        except forms.InvalidValueError as error:
            problems.append(Problem(_INVALID, f"{_NAME} {error}.", _NAME))
        if len(name) > LONGEST_NAME:
            message = f"{_NAME} may have up to {LONGEST_NAME} characters, but has {len(name):,}: shorten it."
            problems.append(Problem(_INVALID, message, _NAME))
    providers: list[str] = []
    for one in PROVIDER:
        if not forms.is_blank(said.get(one)):
            try:
                providers.append(forms.guid(said[one]))
            except forms.InvalidValueError as error:
                problems.append(Problem(_INVALID, f"{one} {error}.", one))
    if len({one.casefold() for one in providers}) > 1:
        message = f"{' and '.join(PROVIDER)} both name the provider, but they differ: send one."
        problems.append(Problem(_CONTRADICTION, message, PROVIDER[0]))
    return name, next(iter(providers), "")


def _from_query(query: Mapping[str, str]) -> dict[str, str]:
    spelled = {one.casefold(): one for one in (_NAME, *PROVIDER)}
    return {spelled[name.casefold()]: value for name, value in query.items() if name.casefold() in spelled}


def _of_sheet(text: str, query: Mapping[str, str]) -> BatchRequest:
    problems: list[Problem] = []
    name, registration_id = _options(_from_query(query), problems)
    delimiter, headings = columns.find_header(text)
    names = columns.parse_header(headings, problems)
    unnamed = [column for column, heading in enumerate(headings) if not heading]
    filled: dict[int, int] = {}
    records: list[SentRecord] = []
    count = 0
    for index, cells in enumerate(islice(delimited.decode_rows(text, delimiter), 1, None)):
        if index > _MOST_ROWS:
            raise _too_large(f"The CSV file has more than {_MOST_ROWS:,} rows, more than a spreadsheet can have.")
        if not "".join(cells).strip():
            continue  # Spreadsheets write such rows below the last one.
        count += 1
        if count > LARGEST_BATCH or not names:
            continue
        for column in takewhile(len(cells).__gt__, unnamed):
            if cells[column].strip():
                filled.setdefault(column, index)
        records.append(_of_row(index, cells, names, delimiter, registration_id))
    for column, index in islice(filled.items(), _MOST_UNKNOWN):
        message = (
            f"Column {delimited.letter(column)} of the CSV file has a value in row {index + FIRST_ROW}, but no name in "
            "row 1: give it one or clear the column."
        )
        problems.append(Problem(_REQUIRED, message))
    if not count and names:
        problems.append(Problem(_REQUIRED, "The CSV file has no rows below row 1: there is nothing to create."))
    if problems:
        raise refusal(problems)
    _check_count(count, "rows")
    return BatchRequest(tuple(records), name, delimiter)


def _of_row(index: int, cells: list[str], names: list[str], delimiter: str, registration_id: str) -> SentRecord:
    problems: list[Problem] = []
    row = f"Row {index + FIRST_ROW}"
    said = columns.parse_row(cells, names)
    if surplus := [column for column, cell in enumerate(cells[len(names) :], len(names)) if cell.strip()]:
        message = (
            f"{row} has a value in column {delimited.letter(surplus[0])}, but the last column with a name in row 1 is "
            f"{delimited.letter(len(names) - 1)}. Probably a text that holds {_SPOKEN[delimiter]} is not in quotes; "
            "otherwise clear the cell."
        )
        problems.append(Problem(_INVALID, message))
    batch_id, place = (said.pop(name, "").strip() for name in (columns.BATCH_ID, columns.INDEX))
    resends = None
    if BATCH_ID.fullmatch(batch_id) and _INDEX.fullmatch(place):
        resends = Resent(batch_id, int(place))
    elif batch_id or place:
        message = (
            f"{row}: {columns.BATCH_ID} and {columns.INDEX} say which failed row this one corrects, but they are not "
            "as they were in the downloaded file: copy both from there, or clear both to create a new activity."
        )
        problems.append(Problem(_INVALID, message, columns.BATCH_ID))
    problem = refusal(problems) if problems else None
    return SentRecord(index, with_provider(said, registration_id), resends, problem)


def _check_count(count: int, what: str) -> None:
    if count > LARGEST_BATCH:
        raise _too_large(f"The batch has {count:,} {what}; up to {LARGEST_BATCH:,} are accepted.")


def _too_large(message: str) -> PermanentError:
    return PermanentError(ErrorCode.REQUEST_TOO_LARGE, f"{message} Split it and send several batches.")
