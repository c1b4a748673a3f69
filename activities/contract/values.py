"""The forms in which flows send one value, each turned into the one form of the contract. Lenient in form only.

Every function takes what JSON gave and returns the contract's value or raises ``InvalidValueError``; its message
completes the sentence that begins with the property's name. Blank values never get here: they count as absent.
"""

import re
from collections.abc import Iterable
from datetime import tzinfo

from activities.contract import dates
from activities.contract.limits import LONGEST_NOTES, LONGEST_TEXT

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# "<learner's id>:<guid>": https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
_LEARNER_IN_ID = re.compile(rf"(?:.*:|{_GUID.pattern}[^0-9a-z]+)", re.ASCII | re.IGNORECASE | re.DOTALL)
# What SharePoint puts before the user name of a person.
_CLAIM = "i:0#.f|membership|"
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.0*)?", re.ASCII)
_PERCENT = range(101)
_EXACT = 2**53  # From here on a floating-point number no longer tells its last digit.


class InvalidValueError(ValueError):
    """The value cannot be used; the message completes "<property> …"."""


def is_blank(value: object) -> bool:
    """Tell whether a flow means "nothing" by it: an empty SharePoint column is null, an empty token is ``""``."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_guid(text: str) -> bool:
    """Tell whether the text is a GUID in its usual form of 36 characters."""
    return _GUID.fullmatch(text) is not None


def id_without_learner(graph_id: str) -> str:
    """Return Graph's id of an activity without the learner's id that it begins with."""
    begin = _LEARNER_IN_ID.match(graph_id)
    return graph_id[begin.end() :] if begin else graph_id


def bounded(said: str, *, longest: int = LONGEST_TEXT) -> str:
    """Refuse a text that is longer than any that is meant, before anything is done with it."""
    if len(said) > longest:
        raise InvalidValueError(f"may have up to {longest:,} characters, but has {len(said):,}: shorten it")
    return said


def text(value: object, *, longest: int = LONGEST_TEXT) -> str:
    """Accept a text, or a number where a text is meant (a flow's token may be either); surrounding space goes."""
    match value:
        case str():
            return _speakable(bounded(value, longest=longest)).strip()
        case bool():
            pass
        case int():
            return bounded(str(value), longest=longest)
        case float() if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
    raise InvalidValueError("must be a text")


def whole_percentage(value: object) -> int:
    """Accept 20, 20.0 (SharePoint), "20" and "20.0" (string interpolation)."""
    match value:
        case bool():
            number = None
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if _WHOLE_NUMBER.fullmatch(value.strip()):
            number = int(value.strip().partition(".")[0])
        case _:
            number = None
    if number is None or number not in _PERCENT:
        raise InvalidValueError("must be a whole number from 0 to 100")
    return number


def choice(value: object, names: Iterable[str]) -> str:
    """Accept one of the names in any case, with or without spaces ("In progress")."""
    names = tuple(names)
    allowed = " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"  # noqa: PLR2004 ("a or b")
    if isinstance(value, str):
        said = re.sub(r"[\s_-]", "", value).casefold()
        for name in names:
            if said == name.casefold():
                return name
    raise InvalidValueError(f"must be {allowed}")


def person(value: object) -> str:
    """Accept a user's object ID or what they sign in or are mailed with; of a SharePoint person, the address."""
    match value:
        case str() if is_guid(value.strip()):
            return value.strip()
        case str() if "@" in value:
            return _speakable(value.strip().removeprefix(_CLAIM))
        case {"Email": str(address)} if "@" in address:
            return person(address)
        case dict():
            reason = "is an object without an address"
        case _:
            reason = "is neither a GUID nor an address"
    raise InvalidValueError(
        f"{reason}; it must be the user's e-mail address or user principal name, such as megan@contoso.com, or their "
        "Microsoft Entra object ID, such as 7ba2228a-e020-11ec-9d64-0242ac120002"
    )


def guid(value: object) -> str:
    """Accept a GUID, kept in the caller's spelling."""
    if isinstance(value, str) and is_guid(value.strip()):
        return value.strip()
    raise InvalidValueError("must be a GUID such as 01e8f81b-3060-4dec-acf0-0389665a0a38")


def date_time_offset(value: object, *, zone: tzinfo) -> str:
    """Accept an ISO 8601 text; without an offset it is meant in ``zone``."""
    said = _number_as_text(value)
    if not isinstance(said, str):
        raise InvalidValueError("must be a date written as a text, for example 2026-11-22T10:00:00Z")
    return dates.date_time_offset(said, zone=zone)


def due_date_time(value: object, *, zone: tzinfo) -> dict[str, str] | None:
    """Accept an ISO 8601 text, or Graph's ``{"dateTime", "timeZone"}``; both forms stand on the API page.

    A frame without a date, as a flow sends it for an empty column, means no date.
    """
    match _number_as_text(value):
        case str(moment):
            return dates.date_time_time_zone(moment, zone_name=None, zone=zone)
        case dict() as frame:
            parts = _parts(frame, ("dateTime", "timeZone"))
            match _number_as_text(parts.get("dateTime")), parts.get("timeZone"):
                case None, _:
                    return None
                case str(moment), str() | None as zone_name:
                    return dates.date_time_time_zone(moment, zone_name=zone_name, zone=zone)
    raise InvalidValueError(
        'must be a date such as 2026-11-22T10:00:00Z, or {"dateTime": "2026-11-22T10:00:00", "timeZone": "UTC"}'
    )


def notes(value: object) -> dict[str, str] | None:
    """Accept a plain text, or Graph's itemBody; both forms stand on the API page. The text itself is kept untouched.

    A frame without a text, as a flow sends it for an empty column, means no note.
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
    if isinstance(content, str):
        return {"contentType": content_type, "content": _speakable(bounded(content, longest=LONGEST_NOTES))}
    return {"contentType": content_type, "content": text(content)}


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
