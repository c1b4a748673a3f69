"""The failed rows of a batch as a sheet that a person corrects and sends again. Pure: no I/O, no clock.

Whoever has the batch's address can read it, so it tells nothing about people: what is withheld comes back from the
original record, when the corrected row proves which one that is, and nobody else's activity can come of it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from activities.batches import columns, csv_text
from activities.batches.files import layouts
from activities.batches.files.file_table import FIRST_ROW
from activities.batches.records import Resent, SentRecord
from activities.batches.results import Batch
from activities.contract import values
from activities.contract.activity import Operation
from activities.contract.instructions import operation_in
from activities.contract.kinds import TYPE, TYPES
from activities.contract.models import Defaults
from activities.contract.validation import EXTERNAL_ID, EXTERNAL_ID_OF_METADATA, PROVIDER
from activities.errors import ErrorCode, PermanentError
from activities.execution.result import Result

WITHHELD = frozenset({"learnerUserId", "learnerEmployeeId", "assignerUserId", "notes"})
SECRET_BYTES = 32  # As many as SHA-256 has: https://www.rfc-editor.org/rfc/rfc2104#section-3
_TOKEN_LETTERS = 32  # Half of it, which is enough: https://www.rfc-editor.org/rfc/rfc2104#section-5


class Json(str):
    """A cell that holds an object: no text that looks like one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """A batch that corrected rows come from, with the contents of those failed records that they have a right to."""

    batch: Batch
    failed: Mapping[int, Any]


def encode_failed(batch: Batch, rows: Sequence[tuple[Result, Mapping[str, Any]]]) -> bytes:
    """Return failed records as CSV for Excel; ``requests.parse`` understands every column of it.

    Args:
        batch: Whose rows they are; they are separated as its own were.
        rows: What was said about each failed record, and what its sender sent. Properties that the contract does not
            know have no column: the error names them.
    """
    return csv_text.encode(
        ([_guarded(cell) for cell in row] for row in table_of(batch, rows)), batch.origin.delimiter or ","
    )


def table_of(batch: Batch, rows: Sequence[tuple[Result, Mapping[str, Any]]]) -> Iterator[list[str]]:
    """Yield the headings and the rows of failed records, cell by cell; parameters as for ``encode_failed``.

    A file comes back with its own headings, and with those properties beside them that have a value.
    """
    # The row is where the record stood in the sender's own sheet.
    ours = [name for name in columns.OURS if batch.origin.delimiter or name != columns.ROW]
    every = (TYPE, *columns.PROPERTIES)
    if batch.origin.headings:
        own = [name for _, name in batch.origin.headings]
        said = {name for _, sent in rows if isinstance(sent, Mapping) for name in sent} | {EXTERNAL_ID}
        said |= {TYPE} if said & {*TYPES} else set()
        more = [name for name in every if name in said and name not in own and not (name == TYPE and {*TYPES} & {*own})]
        yield [*ours, *(layouts.told_alone(heading, name) for heading, name in batch.origin.headings), *more]
        yield from _rows(batch, ours, [*own, *more], rows)
    else:
        yield [*ours, *every]
        yield from _rows(batch, ours, list(every), rows)


def asks_for(record: SentRecord) -> Resent | None:
    """Return whose withheld cells a row wants; those of nobody, if it fills in any of them itself or needs none."""
    if record.resends is None or operation_in(record.content) == Operation.DELETE:
        return None
    return record.resends if all(values.is_blank(record.content.get(name)) for name in WITHHELD) else None


def proves(resent: Resent, batch: Batch) -> bool:
    """Tell whether a row has the token that it was downloaded with."""
    return batch.secret != b"" and hmac.compare_digest(
        _token(batch, resent.index).encode(), resent.token.encode(errors="backslashreplace")
    )


def completed(record: SentRecord, resent: Resent, earlier: Earlier | None, *, defaults: Defaults) -> SentRecord:
    """Return a corrected row with what was withheld from it, or with the reason why it is not filled in.

    Args:
        record: The row, which fills in nothing of it.
        resent: What it asks for.
        earlier: The batch that it comes from, None if that is not kept any more.
        defaults: What the settings say about requests, and who sends the row.
    """
    try:
        original = _original(record, resent, earlier, defaults)
    except PermanentError as refusal:
        return replace(record, problem=record.problem or refusal)
    if not isinstance(original, Mapping):
        return record
    withheld = {name: original[name] for name in WITHHELD if not values.is_blank(original.get(name))}
    return replace(record, content={**record.content, **withheld})


def _original(record: SentRecord, resent: Resent, earlier: Earlier | None, defaults: Defaults) -> Any:
    if earlier is None:
        raise _refused("The batch that this row comes from is not kept any more", record)
    if not proves(resent, earlier.batch):
        raise _refused(
            f"{columns.TOKEN} is not as it was in the downloaded file, in the row with this {columns.INDEX}", record
        )
    if earlier.batch.client_id != defaults.client_id:
        raise _refused("The batch that this row comes from was sent by another application", record)
    if resent.index not in earlier.failed:
        raise _refused("The record that this row comes from has not failed", record)
    original = earlier.failed[resent.index]
    if _provider(record.content, defaults) != _provider(original, defaults):
        raise _refused("The record that this row comes from was sent for another learning provider", record)
    return original


def _refused(why: str, record: SentRecord) -> PermanentError:
    if operation_in(record.content) == Operation.UPDATE:
        message = (
            f"{why}, so its empty cells are not filled in: write the notes into the row if they are to be changed, or "
            f"clear {columns.BATCH_ID}, {columns.INDEX} and {columns.TOKEN} if they are not."
        )
        return PermanentError(ErrorCode.INVALID_REQUEST, message, target="notes")
    message = (
        f"{why}, so its empty cells are not filled in: write the learnerUserId (and assignerUserId and notes, if there "
        "were any) into the row."
    )
    return PermanentError(ErrorCode.INVALID_REQUEST, message, target="learnerUserId")


def _provider(content: object, defaults: Defaults) -> str:
    said = [content.get(name) for name in PROVIDER] if isinstance(content, Mapping) else []
    try:
        return values.text(next((one for one in said if not values.is_blank(one)), defaults.registration_id)).casefold()
    except values.InvalidValueError:
        return ""


def _token(batch: Batch, index: int) -> str:
    """Return what only the download of a failed row says: with the report alone, nobody can tell it."""
    return hmac.new(batch.secret, str(index).encode(), hashlib.sha256).hexdigest()[:_TOKEN_LETTERS]


def _rows(batch: Batch, ours: list[str], names: list[str], rows: Iterable[tuple[Result, Any]]) -> Iterator[list[str]]:
    for result, sent in rows:
        original = sent if isinstance(sent, Mapping) else {}
        said = {
            columns.BATCH_ID: batch.id,
            columns.INDEX: result.index,
            columns.TOKEN: _token(batch, result.index) if batch.secret else "",
            columns.ROW: result.index + FIRST_ROW,
            **{name: value for name, value in result.to_json().items() if name in columns.ERRORS},
        }
        yield [_cell(said[name]) for name in ours] + [
            "" if name in WITHHELD else _cell(_property(original, name, result)) for name in names
        ]


def _property(original: Mapping[str, Any], name: str, result: Result) -> Any:
    if name in TYPES:
        return next((original[one] for one in TYPES if not values.is_blank(original.get(one))), "")
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
        return Json(json.dumps(value))
    try:
        return value if isinstance(value, str) else values.text(value)
    except values.InvalidValueError:
        return json.dumps(value)


def _guarded(cell: str) -> str:
    return cell if isinstance(cell, Json) else csv_text.guarded(cell)
