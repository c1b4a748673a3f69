"""What the columns of a sheet mean: the contract's properties, and what our own sheet of failed rows adds. Pure."""

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
# A spreadsheet takes a cell that begins with "@" for a formula.
_BY_LOWER_CASE = {name.casefold(): name for name in (*PROPERTIES, *OURS, ODATA_TYPE)} | {TYPE: ODATA_TYPE}
# As the connector and the API's documents call them, which is what people see.
_BY_LOWER_CASE |= {
    (one.title or "").casefold(): one.alias or ""
    for model in (CourseActivity, Assignment, SelfInitiatedCourse)
    for one in model.model_fields.values()
}
_SUGGESTED = (*PROPERTIES, TYPE)
_UNREAD = frozenset({"", ROW, *ERRORS})
_FRAMED = frozenset({"dueDateTime", "notes"})  # Properties that can be an object.
_MOST_VALUES_OF_FRAME = 20  # It has two parts. Ten thousand cells with more could be more than a body may hold.
_MOST_PROBLEMS = 20  # An answer is read by a person, and each suggestion costs time.
_ALL = f"{', '.join(_SUGGESTED[:-1])} or {_SUGGESTED[-1]}"
_TIME_ZONE = (
    "it seems to say in which time zone the times of another column are meant. Keep it: write the offset behind those "
    "times instead, such as 2026-12-18T17:00:00-08:00, or else they mean another moment."
)
_EXAMPLE = "learnerUserId, learningContentId, status"


def find_header(text: str) -> tuple[str, list[str]]:
    """Return the delimiter and the headings of a CSV file: the reading in which most names are known.

    Raises:
        PermanentError: ``invalidRequest``: no delimiter makes a row of it.
    """
    readings = csv_text.headers(text)
    delimiter = max(readings, key=lambda one: (sum(map(_is_known, readings[one])), len(readings[one])))
    headings = [heading.strip() for heading in readings[delimiter]]
    while headings and not headings[-1]:
        headings.pop()
    return delimiter, headings


def parse_header(headings: list[str], problems: list[Problem]) -> list[str]:
    """Return which property each column stands for, ``""`` for a column without a heading; add what is wrong."""
    if not any(map(_is_known, headings)):
        begin = values.shown(", ".join(filter(None, headings)))
        holds = f'it begins with "{begin}"' if begin else "it is empty"
        message = f"Row 1 of the CSV file must hold the names of the columns, such as {_EXAMPLE}; {holds}."
        problems.append(Problem("required", message))
        return []
    names = [_BY_LOWER_CASE.get(heading.casefold(), "") for heading in headings]
    first: dict[str, int] = {}
    wrong = [
        column
        for column, (heading, name) in enumerate(zip(headings, names, strict=True))
        if heading and (not name or first.setdefault(name, column) != column)
    ]
    for column in wrong[:_MOST_PROBLEMS]:
        name = names[column]
        problems.append(_twice(name, first[name], column) if name else _unknown(headings[column], column))
    if more := len(wrong[_MOST_PROBLEMS:]):
        problems.append(Problem("unknownProperty", f"{more} more columns are not known, or stand there twice."))
    return names


def parse_row(cells: list[str], names: list[str]) -> dict[str, Any]:
    """Return what the filled cells of a row say, by name; without what the app itself wrote for people to read."""
    said: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=False):
        if not cell or cell.isspace() or name in _UNREAD:
            continue
        text = csv_text.unguarded(cell)
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


def _is_known(heading: str) -> bool:
    return heading.strip().casefold() in _BY_LOWER_CASE


def _unknown(heading: str, column: int) -> Problem:
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


def _twice(name: str, first: int, column: int) -> Problem:
    both = f"{csv_text.letter(first)} and {csv_text.letter(column)}"
    message = f'Columns {both} of the CSV file both hold "{name}": put what they hold into one of them.'
    return Problem("contradiction", message, name)
