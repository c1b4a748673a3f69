"""What the address of a file says about it that the file itself does not say. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from activities.batches.files import headings, words
from activities.batches.files.headings import NOT_USED, key
from activities.batches.files.moments import DateForm
from activities.contract import dates, values
from activities.contract.kinds import ODATA_TYPE, TYPE, TYPES
from activities.contract.problems import INVALID, closest
from activities.errors import Problem

SHEET, DATE_FORMAT, TIME_ZONE, COLUMNS = "sheet", "dateFormat", "timeZone", "columns"
# What one file has for all of its rows.
FOR_ALL_ROWS = (TYPE, "assignmentType", headings.STATUS, headings.CONTENT, headings.CONTENT_EXTERNAL_ID)
_NAMES = {name.casefold(): name for name in (SHEET, DATE_FORMAT, TIME_ZONE, COLUMNS, *FOR_ALL_ROWS)}
_MOST_COLUMNS = 100
# The host makes one text of a parameter that is repeated, with commas: "Kurs-Nr.=status,Name, Vorname=".
_COLUMN = re.compile(r"\s*([^=]+?)\s*=[ ]*([A-Za-z@.]*)[ ]*(?:[;,\n]|\Z)")
_SEPARATORS = " ;,\n"


@dataclass(frozen=True, slots=True)
class Choices:
    """What holds for a file.

    Args:
        for_all_rows: By property, what a row means that does not say it.
        sheet: Which sheet of a workbook is meant; the first with a row of headings, if none is named.
        date_form: How the file writes its dates.
        zone: Where dates without an offset are meant.
        columns: By a heading's key, the property that its column holds, ``""`` for one that is not to be used.
    """

    for_all_rows: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""
    date_form: DateForm | None = None
    zone: tzinfo | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def given_to(self, said: Mapping[str, object]) -> dict[str, object]:
        """Return a row's record with what holds for all rows, unless it says it itself."""
        own = {name for name, value in said.items() if not values.is_blank(value)}
        taken = own | {other for pair in headings.PAIRS for other in pair if own & {*pair}}
        taken |= set(TYPES) if own & {*TYPES} else set()
        return {**{name: value for name, value in self.for_all_rows.items() if name not in taken}, **said}


def parse_choices(query: Mapping[str, str], problems: list[Problem]) -> Choices:
    """Return what the parameters of an address say, which are named in any case; add what is wrong with them."""
    said = {_NAMES[name.casefold()]: value.strip() for name, value in query.items() if name.casefold() in _NAMES}
    said = {name: value for name, value in said.items() if value}
    for_all_rows = {name: value for name, value in said.items() if name in FOR_ALL_ROWS}
    if TYPE in for_all_rows:
        for_all_rows[ODATA_TYPE] = words.kind(for_all_rows.pop(TYPE))
    if headings.STATUS in for_all_rows:
        for_all_rows[headings.STATUS] = words.state(for_all_rows[headings.STATUS])
    if {*headings.PAIRS[1]} <= for_all_rows.keys():
        message = f"{' and '.join(headings.PAIRS[1])} both name the course: send one."
        problems.append(Problem(INVALID, message, headings.CONTENT))
    form = _date_form(said.get(DATE_FORMAT, ""), problems)
    zone = dates.find_zone(said[TIME_ZONE]) if TIME_ZONE in said else None
    if TIME_ZONE in said and zone is None:
        message = 'timeZone must be a name such as "UTC", "Europe/Berlin" or "W. Europe Standard Time".'
        problems.append(Problem(INVALID, message, TIME_ZONE))
    return Choices(for_all_rows, said.get(SHEET, ""), form, zone, _columns(said.get(COLUMNS, ""), problems))


def _date_form(said: str, problems: list[Problem]) -> DateForm | None:
    try:
        return DateForm.parse(said) if said else None
    except values.InvalidValueError as error:
        problems.append(Problem(INVALID, f"{DATE_FORMAT} {error}.", DATE_FORMAT))
        return None


def _columns(said: str, problems: list[Problem]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    found = _COLUMN.findall(said)[:_MOST_COLUMNS]
    if said.strip() and (not found or _COLUMN.sub("", said).strip(_SEPARATORS)):
        message = f'{COLUMNS} must be headings and their properties, such as "Kurs-Nr.={headings.CONTENT_EXTERNAL_ID}".'
        problems.append(Problem(INVALID, message, COLUMNS))
    for heading, name in found:
        known = headings.KNOWN.get(key(name), "") if name else NOT_USED
        if name and known not in headings.PROPERTIES:
            close = closest(name, headings.PROPERTIES)
            hint = f'did you mean "{close}"?' if close else "no property has this name."
            problems.append(Problem(INVALID, f'{COLUMNS}: "{values.shown(name)}" is not known: {hint}', COLUMNS))
        else:
            chosen[key(heading)] = ODATA_TYPE if known == TYPE else known
    return chosen
