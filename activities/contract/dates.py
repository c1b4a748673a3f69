"""Dates and time zones as flows send them, turned into what Microsoft Graph accepts. Pure; the clock is not read.

What flows send: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference
(``utcNow()`` has seven fraction digits, ``convertTimeZone()`` no offset, a SharePoint date column no time).
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from activities.contract import calendars, made_by_machines

_ISO_8601 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?:\.\d{1,12})?)?)"
    r"[ ]?(?P<offset>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII | re.IGNORECASE,
)
# A day as every program writes it, whichever of day and month comes first, and its time.
_DAY = re.compile(
    r"(?:(?P<iso>\d{4}-\d{2}-\d{2})|(?P<one>\d{1,2})[/.-](?P<other>\d{1,2})[/.-](?P<year>\d{4}))(?:[T ](?P<time>.*))?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_MIDNIGHT = re.compile(
    r"(?:0?0:00(?::00(?:\.0+)?)?|12:00(?::00)? ?AM) ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
_EPOCH = datetime.fromtimestamp(0, UTC)
_EXCEL_SERIAL = re.compile(r"\d{4,6}(?:\.\d+)?", re.ASCII)
_DAY_MONTH_ORDER = re.compile(r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}.*", re.ASCII | re.DOTALL)
_WIDEST_OFFSET = timedelta(hours=14)  # The world's widest offset, and Edm.DateTimeOffset's limit.

_UTC_NAMES = frozenset({"UTC", "Etc/UTC"})

START_OF_DAY = "00:00:00"
END_OF_DAY = "23:59:59"


class InvalidDateError(ValueError):
    """The text is no date that can be understood in exactly one way; the message completes "dueDateTime …"."""


def find_zone(name: str) -> tzinfo | None:
    """Return the zone for an IANA name ("Europe/Berlin") or a Windows name ("W. Europe Standard Time"), or None."""
    own_name = find_zone_name(name)
    if own_name is None:
        return None
    return UTC if own_name in _UTC_NAMES else ZoneInfo(_zone_keys()[own_name])


def find_zone_name(name: str) -> str | None:
    """Return a zone's name in its own spelling, whatever case and surrounding space it was given in, or None."""
    said = made_by_machines.trimmed(name)
    if said in _UTC_NAMES:
        return said
    if said.casefold() == "z":
        return "UTC"
    return next((own_name for own_name in _zone_keys() if own_name.casefold() == said.casefold()), None)


@cache
def _zone_keys() -> dict[str, str]:
    """Return the zones' names and the IANA key that each means.

    The names are those of the tzdata package: zoneinfo alone would also read what the machine has ("localtime",
    "right/UTC", on some file systems any case), and a date must mean the same on every machine.
    """
    # Imported where it is needed: most apps never see a zone but UTC.
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415

    keys = (files("tzdata") / "zones").read_text("utf-8").split()
    return {key: key for key in keys if key != "Factory"} | win_tz


def means_no_date(text: str) -> bool:
    """Tell whether a program wrote this where there is no date: the first day that it knows, or the last one."""
    # No program begins or ends to count in this century, in which most dates are.
    found = None if text.startswith("20") else _DAY.fullmatch(made_by_machines.trimmed(text))
    if found is None:
        return False
    one, other, year = found["one"], found["other"], found["year"]
    days = {found["iso"]} if found["iso"] else {f"{year}-{one:0>2}-{other:0>2}", f"{year}-{other:0>2}-{one:0>2}"}
    if days & calendars.NEVER:
        return True
    at_midnight = found["time"] is None or _MIDNIGHT.fullmatch(found["time"])
    return bool(at_midnight and days & calendars.NO_DAYS) or moment_of(found[0]) == _EPOCH


def date_time_offset(text: str, *, zone: tzinfo, time_if_missing: str = START_OF_DAY) -> str:
    """Return ``text`` as an Edm.DateTimeOffset literal, every digit kept; what has no offset is meant in ``zone``.

    Raises:
        InvalidDateError: the text is not ISO 8601, or no date of the calendar.
    """
    local, offset = _split(text, time_if_missing=time_if_missing)
    if offset:
        return local + offset
    return local + _offset(_moment(local).replace(tzinfo=zone))


def date_time_time_zone(text: str, *, zone_name: str | None, zone: tzinfo) -> dict[str, str]:
    """Return ``text`` as Graph's dateTimeTimeZone; a date alone means the end of that day.

    A named zone is kept as it is. Without one the moment is told in UTC, which every service understands: from
    the text's own offset, else from ``zone``.
    Source: https://learn.microsoft.com/graph/api/resources/datetimetimezone

    Raises:
        InvalidDateError: the text is no date, the zone is unknown, or offset and zone contradict each other.
    """
    local, offset = _split(text, time_if_missing=END_OF_DAY)
    if zone_name is not None:
        own_name, named = find_zone_name(zone_name), find_zone(zone_name)
        if own_name is None or named is None:
            raise InvalidDateError(
                'has an unknown timeZone: use a name such as "UTC", "Europe/Berlin" or "W. Europe Standard Time"'
            )
        # Not the moments are compared: where the clocks go back, Python calls two zones' moments always unequal.
        if offset and _moment(local + offset).utcoffset() != _moment(local).replace(tzinfo=named).utcoffset():
            raise InvalidDateError("has an offset in dateTime that contradicts its timeZone: correct one of the two")
        return {"dateTime": local, "timeZone": own_name}
    if offset in {"Z", "+00:00"} or (not offset and zone is UTC):
        return {"dateTime": local, "timeZone": "UTC"}
    moment = datetime.fromisoformat(local + offset) if offset else _moment(local).replace(tzinfo=zone)
    in_utc = moment.astimezone(UTC)
    # Only hours and minutes move between zones: the fraction's digits stay as they were sent.
    _, point, fraction = local.partition(".")
    return {"dateTime": in_utc.replace(tzinfo=None, microsecond=0).isoformat() + point + fraction, "timeZone": "UTC"}


def moment_of(value: object) -> datetime | None:
    """Return the moment that a DateTimeOffset literal or a dateTimeTimeZone means, or None when it cannot be told."""
    try:
        match value:
            case str():
                moment = datetime.fromisoformat(value)
                # Without an offset it would be read in the machine's own zone.
                return moment.astimezone(UTC) if moment.tzinfo else None
            case {"dateTime": str(text), "timeZone": str(name)} if zone := find_zone(name):
                return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _split(text: str, *, time_if_missing: str) -> tuple[str, str]:
    """Return local date and time ("2026-11-22T10:00:00.1234567") and offset ("Z", "+02:00" or ""), both checked."""
    found = _ISO_8601.fullmatch(text.strip())
    if found is None:
        raise InvalidDateError(_why_not(text.strip()))
    time = found["time"] or time_if_missing
    if found["time"] and not found["seconds"]:
        time += ":00"
    if time[1] == ":":
        time = f"0{time}"
    offset = (found["offset"] or "").upper()
    if offset in {"UTC", "GMT"}:
        offset = "Z"
    if offset and offset != "Z":
        hours, minutes = offset[:3], offset[3:].lstrip(":") or "00"
        offset = f"{hours}:{minutes}"
        if int(minutes) >= 60 or abs(timedelta(hours=int(hours[1:]), minutes=int(minutes))) > _WIDEST_OFFSET:  # noqa: PLR2004 (minutes of an hour)
            raise InvalidDateError("has an offset that does not exist: it goes from -14:00 to +14:00")
    local = f"{found['date']}T{time}"
    _moment(local)
    if reason := calendars.why_not_year(found["date"]):
        raise InvalidDateError(reason)
    return local, offset


def _moment(local: str) -> datetime:
    try:
        return datetime.fromisoformat(local)
    except ValueError as error:
        raise InvalidDateError("is not a date of the calendar or a time of the day") from error


def _offset(moment: datetime) -> str:
    """Return the moment's UTC offset as "+01:00"; the seconds of Liberia's until 1972 do not exist in OData."""
    minutes = round((moment.utcoffset() or timedelta()) / timedelta(minutes=1))
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _why_not(text: str) -> str:
    if _EXCEL_SERIAL.fullmatch(text):
        return (
            'looks like an Excel day number: in the Excel action, set the advanced option "DateTime Format" to '
            "\"ISO 8601\", and where only the day counts, send formatDateTime(…, 'yyyy-MM-dd') of it"
        )
    if _DAY_MONTH_ORDER.fullmatch(text):
        return (
            "can be read in more than one way (day or month first): write it as 2026-11-22 or 2026-11-22T10:00:00Z, "
            "in a flow with formatDateTime(…, 'yyyy-MM-ddTHH:mm:ssZ')"
        )
    return "is not a date in ISO 8601: write it as 2026-11-22, 2026-11-22T10:00:00Z or 2026-11-22T10:00:00+01:00"
