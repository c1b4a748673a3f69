"""What a caller of ``POST /api/batches`` sent, as JSON or as a file: the envelope is checked completely, no record is.

A record that is wrong is the record's own failure later; what is wrong with the envelope refuses all of it at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from activities.batches import columns
from activities.batches.files import file_kinds, rows, texts
from activities.batches.files.choices import Choices, parse_choices
from activities.batches.files.file_kinds import FileKind
from activities.batches.files.file_table import Table
from activities.batches.records import SentRecord
from activities.batches.results import NO_FILE, Origin
from activities.contract import json_text, made_by_machines, wrappings
from activities.contract.envelope import EXPECTED, NAME, open_envelope, parse_options
from activities.contract.instructions import OPERATION
from activities.contract.limits import LARGEST_BATCH_BYTES
from activities.contract.validation import PROVIDER
from activities.errors import ErrorCode, PermanentError, Problem

# Browsers on Windows call a .csv file what Excel registered for it.
_SHEETS = frozenset({"text/csv", "application/csv", "application/vnd.ms-excel"})
# SharePoint calls many a file no more than one; JSON is known by how it begins.
_UNNAMED = {"application/octet-stream": "text/csv"}
_JSON = frozenset("{[")


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch that can be accepted."""

    records: tuple[SentRecord, ...]
    name: str = ""
    origin: Origin = NO_FILE


def parse(body: bytes, *, media_type: str, query: Mapping[str, str], content_type: str = "") -> BatchRequest:
    """Read the body of a batch.

    Args:
        body: What came.
        media_type: What its sender calls it, in small letters and without parameters.
        query: What the address says beside it, for a body that has no place for it.
        content_type: The same with its parameters, for the charset.

    Raises:
        PermanentError: ``invalidJson``; ``invalidFile``; ``invalidRequest`` with everything that is wrong with the
            envelope; ``requestTooLarge``.
    """
    _check_size(body)
    body, media_type, content_type = _opened(body, media_type, content_type)
    wrappings.refuse_packed(body)
    if _is_file(body, media_type):
        return _of_file(body, query, content_type)
    try:
        value = json_text.decode(body, largest_bytes=LARGEST_BATCH_BYTES, expected=EXPECTED, content_type=content_type)
    except PermanentError as error:
        if _begin(body) in {*_JSON, "", '"'}:
            raise
        hint = "To send a CSV file, set the header Content-Type to text/csv."
        raise PermanentError(error.code, f"{error.message} {hint}", target=error.target) from error
    envelope = open_envelope(json_text.writable(value), beside=_from_query(query))
    rows.check_count(len(envelope.records), "activities")
    return BatchRequest(tuple(map(SentRecord, count(), envelope.records)), envelope.name)


def parse_file(body: bytes, *, query: Mapping[str, str]) -> BatchRequest:
    """Read a file, whatever its sender calls it.

    Args:
        body: What came.
        query: What the address says beside it.

    Raises:
        PermanentError: ``invalidFile``: it is none with rows of cells; otherwise as ``parse``.
    """
    _check_size(body)
    body, _, content_type = _opened(body, "", "")
    if not body.strip():
        raise texts.refuse("The file is empty.")
    if _begin(body) in _JSON:
        raise texts.refuse("The body is JSON, not a file: send it to POST /api/batches.")
    return _of_file(body, query, content_type)


def records_of_file(body: bytes) -> list[Any] | None:
    """Return the records of a file that a flow holds as one, as it can stand in a queue message; None of others.

    Raises:
        PermanentError: As ``parse``; and for a row that cannot be read, or that corrects one of a batch.
    """
    body, media_type, content_type = _opened(body, "", "")
    if not _is_file(body, media_type):
        return None
    records = _of_file(body, {}, content_type).records
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


def _is_file(body: bytes, media_type: str) -> bool:
    # A row of headings cannot begin like JSON, but flows call JSON anything; and workbooks, too.
    return file_kinds.is_workbook(body) or (media_type in _SHEETS and _begin(body) not in _JSON)


def _of_file(body: bytes, query: Mapping[str, str], content_type: str) -> BatchRequest:
    problems: list[Problem] = []
    options = parse_options(_from_query(query), problems)
    choices = parse_choices(query, problems)
    table, remarks = _table(body, content_type, choices)
    found = rows.read(table, choices, problems, completed=options.given_to)
    origin = Origin(table.delimiter, table.workbook, found.headings, (*remarks, *found.remarks))
    return BatchRequest(found.records, options.name, origin)


def _table(body: bytes, content_type: str, choices: Choices) -> tuple[Table, tuple[str, ...]]:
    kind = file_kinds.kind_of(body)
    if kind is FileKind.TEXT:
        text, remarks = texts.decode(body, content_type=content_type)
        return texts.table_of(text, choices.columns), remarks
    # Two megabytes of Rust, which most processes never need.
    from activities.batches.files import workbooks  # noqa: PLC0415

    return workbooks.open_table(body, choices, is_packed=kind is FileKind.PACKED), ()


def _from_query(query: Mapping[str, str]) -> dict[str, str]:
    spelled = {one.casefold(): one for one in (NAME, *PROVIDER, OPERATION)}
    return {spelled[name.casefold()]: value for name, value in query.items() if name.casefold() in spelled}


def _begin(body: bytes) -> str:
    return body[:64].decode("utf-8-sig", errors="replace").lstrip(made_by_machines.INVISIBLE).lstrip()[:1]


def _check_size(body: bytes) -> None:
    if len(body) > LARGEST_BATCH_BYTES:
        raise rows.too_large(f"The body has {len(body):,} bytes; a batch may have {LARGEST_BATCH_BYTES:,}.")
