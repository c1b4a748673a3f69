"""What a caller of ``POST /api/batches`` sent, as JSON or as a file: the envelope is checked completely, no record is.

A record that is wrong is the record's own failure later; what is wrong with the envelope refuses all of it at once.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from activities.batches.files import kinds, rows, texts
from activities.batches.files.choices import parse_choices
from activities.batches.files.file_table import Table
from activities.batches.files.kinds import FileKind
from activities.batches.records import SentRecord
from activities.batches.results import NO_FILE, Origin
from activities.contract import json_text
from activities.contract.envelope import EXPECTED, NAME, open_envelope, parse_options
from activities.contract.instructions import OPERATION
from activities.contract.limits import LARGEST_BATCH_BYTES
from activities.contract.validation import PROVIDER
from activities.errors import PermanentError, Problem

# Browsers on Windows call a .csv file what Excel registered for it.
_SHEETS = frozenset({"text/csv", "application/csv", "application/vnd.ms-excel"})
_JSON = frozenset({b"{", b"["})


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch that can be accepted."""

    records: tuple[SentRecord, ...]
    name: str = ""
    origin: Origin = NO_FILE


def parse(body: bytes, *, media_type: str, query: Mapping[str, str]) -> BatchRequest:
    """Read the body of a batch.

    Args:
        body: What came.
        media_type: What its sender calls it, in small letters and without parameters.
        query: What the address says beside it, for a body that has no place for it.

    Raises:
        PermanentError: ``invalidJson``; ``invalidFile``; ``invalidRequest`` with everything that is wrong with the
            envelope; ``requestTooLarge``.
    """
    _check_size(body)
    begin = _begin(body)
    # A row of headings cannot begin like this, but flows call JSON anything; and workbooks by any name.
    if kinds.is_workbook(body) or (media_type in _SHEETS and begin not in _JSON):
        return _of_file(body, query)
    try:
        value = json_text.decode(body, largest_bytes=LARGEST_BATCH_BYTES, expected=EXPECTED)
    except PermanentError as error:
        if begin in _JSON | {b"", b'"'}:
            raise
        hint = "To send a CSV file, set the header Content-Type to text/csv."
        raise PermanentError(error.code, f"{error.message} {hint}", target=error.target) from error
    envelope = open_envelope(json_text.writable(value), beside=_from_query(query))
    rows.check_count(len(envelope.records), "activities")
    return BatchRequest(tuple(map(SentRecord, count(), envelope.records)), envelope.name)


def parse_file(body: bytes, *, query: Mapping[str, str]) -> BatchRequest:
    """Read a file, whatever its sender calls it. Parameters as for ``parse``.

    Raises:
        PermanentError: ``invalidFile``: it is none with rows of cells; otherwise as ``parse``.
    """
    _check_size(body)
    if not body.strip():
        raise texts.refuse("The file is empty.")
    if _begin(body) in _JSON:
        raise texts.refuse("The body is JSON, not a file: send it to POST /api/batches.")
    return _of_file(body, query)


def _of_file(body: bytes, query: Mapping[str, str]) -> BatchRequest:
    problems: list[Problem] = []
    options = parse_options(_from_query(query), problems)
    choices = parse_choices(query, problems)
    table, remarks = _table(body, choices.sheet, choices.columns)
    found = rows.read(table, choices, problems, completed=options.given_to)
    origin = Origin(table.delimiter, table.workbook, found.headings, (*remarks, *found.remarks))
    return BatchRequest(found.records, options.name, origin)


def _table(body: bytes, sheet: str, chosen: Mapping[str, str]) -> tuple[Table, tuple[str, ...]]:
    kind = kinds.kind_of(body)
    if kind is FileKind.TEXT:
        text, remarks = texts.decode(body)
        return texts.table_of(text, chosen), remarks
    # Two megabytes of Rust, which most processes never need.
    from activities.batches.files import workbooks  # noqa: PLC0415

    return workbooks.open_table(body, is_packed=kind is FileKind.PACKED, sheet=sheet, chosen=chosen), ()


def _from_query(query: Mapping[str, str]) -> dict[str, str]:
    spelled = {one.casefold(): one for one in (NAME, *PROVIDER, OPERATION)}
    return {spelled[name.casefold()]: value for name, value in query.items() if name.casefold() in spelled}


def _begin(body: bytes) -> bytes:
    return body[:64].removeprefix(codecs.BOM_UTF8).lstrip()[:1]


def _check_size(body: bytes) -> None:
    if len(body) > LARGEST_BATCH_BYTES:
        raise rows.too_large(f"The body has {len(body):,} bytes; a batch may have {LARGEST_BATCH_BYTES:,}.")
