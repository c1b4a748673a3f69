"""The forms in which flows send one value, each turned into the one form of the contract. Lenient in form only.

Every function takes what JSON gave and returns the contract's value or raises ``InvalidValueError``; its message
completes the sentence that begins with the property's name. Blank values never get here: they count as absent.
"""

import re
from collections.abc import Callable, Iterable
from datetime import tzinfo
from functools import partial

from activities.contract import dates, made_by_machines
from activities.contract.limits import LONGEST_NOTES, LONGEST_TEXT

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# What SharePoint puts before the user name of a person.
_CLAIM = "i:0#.f|membership|"
_WHOLE_NUMBER = re.compile(r"([+-]?\d{1,18})(?:\.0*)?", re.ASCII)
_FRACTION = re.compile(r"0?[.,]\d{1,18}", re.ASCII)
_OF_A_HUNDRED = ": a column of percentages holds 0.2 for 20 %, so multiply it by 100"
_PERCENT = range(101)
_EXACT = 2**53  # From here on a floating-point number no longer tells its last digit.


class InvalidValueError(ValueError):
    """The value cannot be used; the message completes "<property> …"."""


def is_blank(value: object) -> bool:
    """Tell whether a flow means "nothing" by it: an empty SharePoint column is null, an empty token is ``""``."""
    return value is None or (isinstance(value, str) and not value[:1].isalnum() and not made_by_machines.trimmed(value))


def says_nothing(name: str, value: object) -> bool:
    """Tell whether the property of this name says nothing: a program's first day is no date, "NULL" no note."""
    if not isinstance(value, str):
        return value is None
    if name == "notes":
        return is_blank(value) or made_by_machines.means_nothing(value)
    return is_blank(value) or (name.endswith("DateTime") and dates.means_no_date(value))


def is_guid(text: str) -> bool:
    """Tell whether the text is a GUID in its usual form of 36 characters."""
    return _GUID.fullmatch(text) is not None


def bounded(said: str, *, longest: int = LONGEST_TEXT) -> str:
    """Refuse a text that is longer than any that is meant, before anything is done with it."""
    if len(said) > longest:
        raise InvalidValueError(f"may have up to {longest:,} characters, but has {len(said):,}: shorten it")
    return said


def bare(said: str) -> str:
    """Return a text without what cannot be seen around it; if it does not fit then, ``meant`` says why."""
    return made_by_machines.trimmed(made_by_machines.unwrapped(said))


def meant(said: str, *, shows: bool = True) -> str:
    """Return a text without what cannot be seen around it, if somebody can have meant it.

    Args:
        said: An id, a date, a number or a word of a list.
        shows: Whether a part of it may stand in a message; a person's id may not.

    Raises:
        InvalidValueError: a machine made it up, or something inside of it cannot be seen.
    """
    trimmed = bare(said)
    if reason := made_by_machines.why_not_meant(trimmed):
        raise InvalidValueError(reason)
    character, before = made_by_machines.hidden(trimmed)
    if character:
        where = f'after "{shown(before[-40:])}"' if shows else f"behind its character {len(before)}"
        raise InvalidValueError(f"holds {character}, which cannot be seen, {where}: write it without it")
    return trimmed


def text(value: object, *, longest: int = LONGEST_TEXT) -> str:
    """Accept a text, or a number where a text is meant (a flow's token may be either); surrounding space goes."""
    match value:
        case str():
            return meant(_speakable(bounded(value, longest=longest)))
        case bool():
            pass
        case int():
            return bounded(str(value), longest=longest)
        case float() if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
    raise InvalidValueError("must be a text")


def whole_percentage(value: object) -> int:
    """Accept 20, 20.0 (SharePoint), "20", "20.0" (string interpolation) and "20 %"."""
    number = None
    match value:
        case bool():
            pass
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if found := _WHOLE_NUMBER.fullmatch(meant(made_by_machines.trimmed(value).removesuffix("%"))):
            number = int(found[1])
    if number is not None and number in _PERCENT:
        return number
    raise InvalidValueError("must be a whole number from 0 to 100" + (_OF_A_HUNDRED if _is_fraction(value) else ""))


def choice(value: object, names: Iterable[str]) -> str:
    """Accept one of the names in any case, with or without spaces ("In progress")."""
    names = tuple(names)
    if isinstance(value, str):
        if value in names:
            return value
        said = made_by_machines.trimmed(re.sub(r"[\s_-]", "", value))
        for name in names:
            if said.casefold() == name.casefold():
                return name
        meant(said)
    allowed = " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"  # noqa: PLR2004 ("a or b")
    raise InvalidValueError(f"must be {allowed}")


def person(value: object) -> str:
    """Accept a user's object ID or what they sign in or are mailed with; of a SharePoint person, the address."""
    match value:
        case str() if is_guid(said := bare(value)):
            return said
        case str() if "@" in (said := meant(value, shows=False)):
            return _speakable(said.removeprefix(_CLAIM))
        case {"Email": str(address)} if "@" in address:
            return person(address)
    reason = "is an object without an address" if isinstance(value, dict) else "is neither a GUID nor an address"
    raise InvalidValueError(
        f"{reason}; it must be the user's e-mail address or user principal name, such as megan@contoso.com, or their "
        "Microsoft Entra object ID, such as 7ba2228a-e020-11ec-9d64-0242ac120002"
    )


def guid(value: object) -> str:
    """Accept a GUID, kept in the caller's spelling."""
    if isinstance(value, str):
        if is_guid(said := bare(value)):
            return said
        meant(value)
    raise InvalidValueError("must be a GUID such as 01e8f81b-3060-4dec-acf0-0389665a0a38")


def date_time_offset(value: object, *, zone: tzinfo) -> str:
    """Accept an ISO 8601 text; without an offset it is meant in ``zone``."""
    said = _number_as_text(value)
    if not isinstance(said, str):
        raise InvalidValueError("must be a date written as a text, for example 2026-11-22T10:00:00Z")
    return _dated(said, partial(dates.date_time_offset, zone=zone))


def due_date_time(value: object, *, zone: tzinfo) -> dict[str, str] | None:
    """Accept an ISO 8601 text, or Graph's ``{"dateTime", "timeZone"}``; both forms stand on the API page.

    A frame without a date, as a flow sends it for an empty column, means no date.
    """
    match _number_as_text(value):
        case str(moment):
            return _dated(moment, partial(dates.date_time_time_zone, zone_name=None, zone=zone))
        case dict() as frame:
            parts = _parts(frame, ("dateTime", "timeZone"))
            match _number_as_text(parts.get("dateTime")), parts.get("timeZone"):
                case None, _:
                    return None
                case str(moment), _ if dates.means_no_date(moment):
                    return None
                case str(moment), str() | None as zone_name:
                    return _dated(moment, partial(dates.date_time_time_zone, zone_name=zone_name, zone=zone))
    raise InvalidValueError(
        'must be a date such as 2026-11-22T10:00:00Z, or {"dateTime": "2026-11-22T10:00:00", "timeZone": "UTC"}'
    )


def _dated[T](said: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(bare(said))
    except dates.InvalidDateError:
        meant(said)
        raise


def notes(value: object) -> dict[str, str] | None:
    """Accept a plain text, or Graph's itemBody; both forms stand on the API page. The text itself is kept untouched.

    A frame without a text, as a flow sends it for an empty column, means no note; so does a tool's word for nothing.
    """
    content, content_type = value, "text"
    if isinstance(value, dict):
        parts = _parts(value, ("contentType", "content"))
        try:
            content_type = choice(parts.get("contentType", "text"), ("text", "html"))
        except InvalidValueError as error:
            raise InvalidValueError(f"has a contentType that {error}") from error
        content = parts.get("content")
        if content is None:
            return None
    if not isinstance(content, str):
        return {"contentType": content_type, "content": text(content)}
    bounded(content, longest=LONGEST_NOTES)
    if made_by_machines.means_nothing(content):
        return None
    if reason := made_by_machines.why_not_written(made_by_machines.trimmed(content)):
        raise InvalidValueError(reason)
    return {"contentType": content_type, "content": _speakable(content)}


def _parts(value: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    unknown = [name for name in value if name not in names]
    if unknown:
        raise InvalidValueError(f'has the unknown part "{shown(unknown[0])}"; it has only {" and ".join(names)}')
    for name, part in value.items():
        if isinstance(part, str):
            try:
                bounded(part, longest=LONGEST_NOTES if name == "content" else LONGEST_TEXT)
            except InvalidValueError as error:
                raise InvalidValueError(f"has a {name} that {error}") from error
    return {name: part for name, part in value.items() if not is_blank(part)}


def _is_fraction(value: object) -> bool:
    if isinstance(value, str):
        return _FRACTION.fullmatch(made_by_machines.trimmed(value)) is not None
    return isinstance(value, float) and 0 < value < 1


def _number_as_text(value: object) -> object:
    """Give a number the message of its text: most often it is an Excel day number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _speakable(said: str) -> str:
    """Refuse half a character (a lone UTF-16 surrogate): JSON can write it, but no service can read it."""
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError("holds half a character (a broken emoji, usually cut off by substring)") from error
    return said


def shown(name: str) -> str:
    """Return a caller's name for something as it can stand in a message: short, on one line, printable."""
    kept = "".join(character if character.isprintable() else "?" for character in name[:40])
    return kept if len(name) <= len(kept) else f"{kept}…"
