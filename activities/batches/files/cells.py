"""What the cells of one row say, in the contract's words: dates, states, kinds as files and exports write them. Pure.

What cannot be understood stays as it is: then the record says what is wrong with it, like one that came as JSON.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from activities.batches.files import exports, headings, moments, words
from activities.batches.files.choices import Choices
from activities.batches.files.headings import COMPLETED, DATES, DUE, PERCENTAGE, STARTED, STATUS
from activities.batches.files.layouts import Layout
from activities.batches.files.moments import DateForm
from activities.contract import dates, values
from activities.contract.dates import InvalidDateError
from activities.contract.kinds import ODATA_TYPE, TYPES
from activities.contract.models import Assignment, SelfInitiatedCourse
from activities.contract.problems import INVALID
from activities.errors import Problem

_MAILTO = re.compile(r"mailto:", re.IGNORECASE)
_DAY_MONTH_ORDER = re.compile(r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}.*", re.ASCII | re.DOTALL)
_ALL_OF_IT = "100"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rows of one file.

    Args:
        layout: What its columns are for.
        choices: What its sender says about it.
        forms: How it writes dates beside ISO 8601.
    """

    layout: Layout
    choices: Choices
    forms: tuple[DateForm, ...] = ()

    @classmethod
    def of(cls, layout: Layout, choices: Choices) -> "Reader":
        """Return the reader of a file."""
        said = layout.export.date_formats if layout.export else ()
        forms = (choices.date_form,) if choices.date_form else tuple(map(DateForm.parse, said))
        return cls(layout, choices, forms)

    def read(self, said: dict[str, Any], zones: Mapping[str, str], problems: list[Problem]) -> dict[str, Any]:
        """Return a record of what the cells of a row say by name, and what all rows mean; add why it is not sent.

        Args:
            said: The cells that are filled, by the names of their columns.
            zones: What the row says of the time zones of its dates, by property.
            problems: What is wrong with the row so far.
        """
        export = self.layout.export
        if export:
            self._as_exported(said, export)
        record: dict[str, Any] = self.choices.given_to(said)
        if why := words.why_not_sent(str(record.get(STATUS, ""))):
            problems.append(Problem(INVALID, f"This row is not sent: {why}. Leave it out or correct it.", STATUS))
        for name, value in record.items():
            if isinstance(value, str):
                record[name] = self._meant(name, value, zones, problems)
        if export:
            _complete(record, export.name)
        if record.get(STATUS) == words.PAST_DUE:
            begun = record.get(PERCENTAGE, "0") not in {"0", ""} or STARTED in record
            record[STATUS] = words.IN_PROGRESS if begun else words.NOT_STARTED
        self._refuse_unstarted(record, problems)
        return record

    def _meant(self, name: str, text: str, zones: Mapping[str, str], problems: list[Problem]) -> str:
        """Return a cell in the contract's words, or as it is."""
        if name == PERCENTAGE:
            return words.percentage(text, whole=self.layout.export is not None)
        if name in DATES:
            return self._date(name, text, zones, problems)
        return words.MEANINGS[name](text) if name in words.MEANINGS else text

    def _as_exported(self, said: dict[str, Any], export: exports.Export) -> None:
        for first, second in headings.PAIRS:
            if said.get(first) and second in said:
                del said[second]
        if isinstance(learner := said.get(headings.LEARNER), str):
            said[headings.LEARNER] = _MAILTO.sub("", learner, count=1)
        if export.name == exports.MOODLE and (when := self._read(str(said.get(STATUS, "")))):
            said |= {STATUS: words.COMPLETED, COMPLETED: when}

    def _read(self, text: str) -> str:
        """Return a date in ISO 8601 if it has a form of this file's, else ""."""
        found = next((iso for form in self.forms if (iso := form.read(text))), "")
        return found or (text if moments.is_iso(text) else "")

    def _date(self, name: str, text: str, zones: Mapping[str, str], problems: list[Problem]) -> str:
        said = self._read(text)
        if not said and self.choices.date_form:
            message = f'{name} is "{values.shown(text)}", but dateFormat says {self.choices.date_form.said}.'
            problems.append(Problem(INVALID, message, name))
        elif not said and _DAY_MONTH_ORDER.fullmatch(text.strip()) and (why := _why_no_date(name, text)):
            message = f"{name} {why}; or say with dateFormat how the file writes dates, such as dd.MM.yyyy or M/d/yyyy."
            problems.append(Problem(INVALID, message, name))
        zone = dates.find_zone(zones.get(name, "")) or self.choices.zone
        if zone is None and self.layout.export and self.layout.export.zone:
            zone = dates.find_zone(self.layout.export.zone)
        said = said or text
        return moments.zoned(said, zone, end_of_day=name == DUE) if zone else said

    def _refuse_unstarted(self, record: Mapping[str, Any], problems: list[Problem]) -> None:
        alone = record.get(ODATA_TYPE) == SelfInitiatedCourse.odata_type
        if self.layout.export and alone and record.get(STATUS) == words.NOT_STARTED:
            message = "This row is not sent: a course that nobody assigned and nobody has begun is no activity."
            problems.append(Problem(INVALID, message, STATUS))


def _why_no_date(name: str, text: str) -> str:
    """Return what is wrong with a date, as a record would tell it; "" for one that tools write for none."""
    if dates.means_no_date(text):
        return ""
    try:
        if name == DUE:
            values.due_date_time(text, zone=UTC)
        else:
            values.date_time_offset(text, zone=UTC)
    except (values.InvalidValueError, InvalidDateError) as error:
        return str(error)
    return ""


def _complete(record: dict[str, Any], name: str) -> None:
    """Add what an export says without a column for it: the kind, and how far the learner is."""
    if not any(not values.is_blank(record.get(one)) for one in TYPES):
        assigned = any(record.get(one) for one in (DUE, headings.ASSIGNED))
        record[ODATA_TYPE] = (Assignment if assigned else SelfInitiatedCourse).odata_type
    done = record.get(COMPLETED) or record.get(PERCENTAGE) == _ALL_OF_IT
    if not record.get(STATUS):
        record[STATUS] = words.COMPLETED if done else words.IN_PROGRESS
    if name == "xAPI" and record[STATUS] != words.COMPLETED and record.get(COMPLETED):
        # Its one time is that of the statement.
        record.setdefault(STARTED, record.pop(COMPLETED))
