"""The failed rows of a batch as a sheet that a person corrects and sends again. Pure: no I/O, no clock.

Whoever has the batch's address can read it, so it tells nothing about people: what is withheld comes back from the
original record, when the corrected row says which one that is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from activities.batches import columns, csv_text
from activities.batches.records import SentRecord
from activities.batches.requests import FIRST_ROW
from activities.batches.results import Batch
from activities.contract import values
from activities.contract.validation import EXTERNAL_ID, EXTERNAL_ID_OF_METADATA, TYPE, TYPES
from activities.execution.result import Result

WITHHELD = frozenset({"learnerUserId", "assignerUserId", "notes"})


def encode_failed(batch: Batch, rows: Iterable[tuple[Result, Mapping[str, Any]]]) -> bytes:
    """Return failed records as CSV for Excel; ``requests.parse`` understands every column of it.

    Args:
        batch: Whose rows they are; they are separated as its own were.
        rows: What was said about each failed record, and what its sender sent. Properties that the contract does not
            know have no column: the error names them.
    """
    # The row is where the record stood in the sender's own sheet.
    ours = [name for name in columns.OURS if batch.delimiter or name != columns.ROW]
    headings = [*ours, TYPE, *columns.PROPERTIES]
    return csv_text.encode(_rows(batch, ours, headings, rows), batch.delimiter or ",")


def completed(record: SentRecord, original: Mapping[str, Any]) -> SentRecord:
    """Return a corrected row with what was withheld from it; what the person typed themselves stays."""
    content = record.content
    if not isinstance(content, dict) or not isinstance(original, Mapping):
        return record
    missing = {
        name for name in WITHHELD if values.is_blank(content.get(name)) and not values.is_blank(original.get(name))
    }
    return replace(record, content={**content, **{name: original[name] for name in missing}})


def _rows(
    batch: Batch, ours: list[str], headings: list[str], rows: Iterable[tuple[Result, Any]]
) -> Iterator[list[str]]:
    yield headings
    for result, sent in rows:
        original = sent if isinstance(sent, Mapping) else {}
        said = {
            columns.BATCH_ID: batch.id,
            columns.INDEX: result.index,
            columns.ROW: result.index + FIRST_ROW,
            **{name: value for name, value in result.to_json().items() if name in columns.ERRORS},
        }
        yield [_cell(said[name]) for name in ours] + [
            _cell(next((original[name] for name in TYPES if not values.is_blank(original.get(name))), "")),
            *("" if name in WITHHELD else _cell(_property(original, name, result)) for name in columns.PROPERTIES),
        ]


def _property(original: Mapping[str, Any], name: str, result: Result) -> Any:
    if name != EXTERNAL_ID:
        return original.get(name)
    # With the id under which it was tried, the corrected row is the same activity and cannot become a second one.
    if result.external_id:
        return result.external_id
    own = original.get(EXTERNAL_ID)
    return original.get(EXTERNAL_ID_OF_METADATA) if values.is_blank(own) else own


def _cell(value: Any) -> str:
    if values.is_blank(value):
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value)
    try:
        return csv_text.guarded(value if isinstance(value, str) else values.text(value))
    except values.InvalidValueError:
        return csv_text.guarded(json.dumps(value))
