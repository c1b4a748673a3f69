"""What the columns of a sheet mean: the contract's properties, and what our own sheet of failed rows adds. Pure."""

from collections.abc import Sequence
from typing import Any

from activities.batches import csv_text
from activities.contract import json_text, made_by_machines, values
from activities.contract.instructions import NAMES
from activities.contract.kinds import ODATA_TYPE, TYPE, kind_named
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.contract.problems import closest
from activities.errors import PermanentError, Problem

BATCH_ID, INDEX, TOKEN, ROW = "batchId", "index", "rowToken", "row"
ERRORS = ("errorCode", "errorMessage", "errorTarget")
# In the models' order, behind what a row of any kind is for.
PROPERTIES = tuple(
    dict.fromkeys(
        ["registrationId"]
        + [
            one.alias or ""
            for model in (CourseActivity, Assignment, SelfInitiatedCourse)
            for one in model.model_fields.values()
        ]
        + [*NAMES]
    )
)
OURS = (BATCH_ID, INDEX, TOKEN, ROW, *ERRORS)
_SUGGESTED = (*PROPERTIES, TYPE)
_UNREAD = frozenset({"", ROW, *ERRORS})
_FRAMED = frozenset({"dueDateTime", "notes"})  # Properties that can be an object.
_MOST_VALUES_OF_FRAME = 20  # It has two parts. Ten thousand cells with more could be more than a body may hold.
_ALL = f"{', '.join(_SUGGESTED[:-1])} or {_SUGGESTED[-1]}"
_TIME_ZONE = (
    "it seems to say in which time zone the times of another column are meant. Keep it: write the offset behind those "
    "times instead, such as 2026-12-18T17:00:00-08:00, or else they mean another moment."
)


def parse_row(cells: Sequence[str], names: Sequence[str], *, guarded: bool) -> dict[str, Any]:
    """Return what the filled cells of a row say, by name; without what the app itself wrote for people to read.

    ``guarded`` says that an apostrophe in front only keeps a spreadsheet from calculating.
    """
    said: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=False):
        if not cell or cell.isspace() or name in _UNREAD:
            continue
        text = csv_text.unguarded(cell) if guarded else cell
        if name == ODATA_TYPE:
            said[name] = kind_of(text)
        else:
            said[name] = _object_or_text(text) if name in _FRAMED and text == cell else text
    return said


def kind_of(said: str) -> str:
    """Return the ``@odata.type`` that a cell means ("Assignment", "self-initiated course"); what is unknown stays."""
    kind = kind_named(said)
    return kind.odata_type if kind else said


def _object_or_text(cell: str) -> Any:
    if not cell.lstrip().startswith("{") or json_text.has_more_values(cell, than=_MOST_VALUES_OF_FRAME):
        return cell
    try:
        return json_text.writable(json_text.decode(cell.encode()))
    except PermanentError:
        return cell  # A note may begin with a brace.


def unknown(heading: str, column: int) -> Problem:
    """Return what is wrong with a column whose heading nobody knows."""
    character, before = made_by_machines.hidden(heading)
    close = closest(heading, _SUGGESTED)
    if character:
        what_to_do = f'after "{values.shown(before)}" it holds {character}, which cannot be seen: write it without it.'
    elif "timezone" in heading.casefold().replace(" ", ""):
        what_to_do = _TIME_ZONE
    elif close:
        what_to_do = f'did you mean "{close}"?'
    else:
        what_to_do = f"its values would not be sent. Give it the name of what it holds: {_ALL}."
    shown = values.shown(heading)
    return Problem("unknownProperty", f'Column {csv_text.letter(column)}, "{shown}", is not known: {what_to_do}', shown)


def twice(name: str, first: int, column: int) -> Problem:
    """Return what is wrong with two columns for one property."""
    both = f"{csv_text.letter(first)} and {csv_text.letter(column)}"
    message = f'Columns {both} of the file both hold "{name}": put what they hold into one of them.'
    return Problem("contradiction", message, name)
