"""Dates as a file writes them, in a form that its sender or its system names: read into ISO 8601. Pure.

The names of the forms' parts are those that Excel and flows use:
https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Self

from activities.contract import dates, values
from activities.contract.dates import InvalidDateError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}.*)?", re.ASCII | re.DOTALL)
_HAS_OFFSET = re.compile(r"(?:[Zz]|[+-]\d{2}:?(?:\d{2})?)\Z", re.ASCII)
_TOKEN = re.compile(r"yyyy|dddd|ddd|dd|d|MMMM|MMM|MM|M|HH|H|hh|h|mm|m|ss|s|tt|zzz|z|K|'[^']*'|.", re.DOTALL)
_PARTS = (
    {
        "yyyy": r"(?P<year>\d{4})",
        "dddd": r"[^\W\d]+",
        "ddd": r"[^\W\d]+\.?",
        "MMMM": r"(?P<month_name>[^\W\d]{3,12})",
        "MMM": r"(?P<month_name>[^\W\d]{3,4})\.?",
        "tt": r"(?P<half>[AaPp])\.?[Mm]\.?",
    }
    | {
        part: rf"(?P<{name}>\d{{1,2}})"
        for name, parts in {
            "month": ("MM", "M"),
            "day": ("dd", "d"),
            "hour": ("HH", "H"),
            "half_hour": ("hh", "h"),
            "minute": ("mm", "m"),
            "second": ("ss", "s"),
        }.items()
        for part in parts
    }
    | dict.fromkeys(("zzz", "z", "K"), r"(?P<offset>UTC|GMT|[Zz]|[+-]\d{2}:?\d{2})")
)
_LONGEST_FORM = 60
_NOON = 12


@dataclass(frozen=True, slots=True)
class DateForm:
    """One form of a date, such as ``dd.MM.yyyy HH:mm``."""

    said: str
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, said: str) -> Self:
        """Read what the parts of a form are.

        Raises:
            InvalidValueError: it lacks a day, a month or a year, has one twice, or has letters that mean nothing.
        """
        form = said.strip()
        pattern, named = "", set[str]()
        for letters in _TOKEN.findall(form[:_LONGEST_FORM]):
            part = _PARTS.get(letters) or (r"\s+" if letters.isspace() else re.escape(letters.strip("'") or letters))
            name = part[4 : part.index(">")] if part.startswith("(?P<") else ""
            if name in named or (letters.isalpha() and letters not in _PARTS and letters not in "Tt"):
                raise _no_form()
            named |= {name} if name else set()
            pattern += part
        day = {"year", "day"} <= named and len(named & {"month", "month_name"}) == 1
        if not day or len(form) > _LONGEST_FORM or len(named & {"hour", "half_hour"}) > 1:
            raise _no_form()
        return cls(form, re.compile(pattern))

    def read(self, text: str) -> str:
        """Return the date in ISO 8601, with a time only if the form has one; "" if the text has another form."""
        found = self.pattern.fullmatch(text.strip())
        if not found:
            return ""
        parts = found.groupdict()
        month = _month_named(parts["month_name"]) if "month_name" in parts else int(parts["month"])
        hour = int(parts.get("hour") or parts.get("half_hour") or 0)
        if "half_hour" in parts and parts.get("half"):
            hour = hour % _NOON + (_NOON if parts["half"].casefold() == "p" else 0)
        try:
            moment = datetime(  # noqa: DTZ001 (what it is said without)
                *(int(parts["year"]), month, int(parts["day"])),
                *(hour, int(parts.get("minute") or 0), int(parts.get("second") or 0)),
            )
        except ValueError:
            return ""
        if not {"hour", "half_hour"} & parts.keys():
            return moment.date().isoformat()
        offset = parts.get("offset") or ""
        return moment.isoformat() + ("Z" if offset.casefold() in {"utc", "gmt", "z"} else offset)


def of_cell(moment: datetime) -> str:
    """Return what a workbook's cell holds: whole seconds, as numbers of days cannot tell them exactly."""
    rounded = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    return rounded.isoformat()


def is_iso(text: str) -> bool:
    """Tell whether a text is at least meant as a date in ISO 8601."""
    return _ISO.fullmatch(text.strip()) is not None


def zoned(text: str, zone: tzinfo, *, end_of_day: bool) -> str:
    """Return a date in ISO 8601 with the offset of the zone that it is meant in; as it is, if it has one or is none."""
    said = text.strip()
    if not is_iso(said) or (len(said) > len("2026-12-18") and _HAS_OFFSET.search(said)):
        return text
    try:
        return dates.date_time_offset(
            said, zone=zone, time_if_missing=dates.END_OF_DAY if end_of_day else dates.START_OF_DAY
        )
    except InvalidDateError:
        return text


def _month_named(name: str) -> int:
    begin = name.casefold()[:3]
    return _MONTHS.index(begin) + 1 if begin in _MONTHS else 0


def _no_form() -> values.InvalidValueError:
    return values.InvalidValueError(
        "must say where day, month and year stand, such as dd.MM.yyyy, M/d/yyyy h:mm tt or MMM-dd-yyyy HH:mm:ss"
    )
