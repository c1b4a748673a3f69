"""The envelope of many activities, ``{"activities": […]}``: the same in a queue message and in a batch. Pure.

The envelope is checked completely, no record is: a record that is wrong is the record's own failure later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activities.contract import instructions, values
from activities.contract.instructions import OPERATION
from activities.contract.kinds import TYPES
from activities.contract.limits import LONGEST_BATCH_NAME
from activities.contract.problems import CONTRADICTION, INVALID, REQUIRED, UNKNOWN, closest, refusal
from activities.contract.validation import ALL_NAMES, EXTERNAL_ID_OF_METADATA, PROVIDER
from activities.errors import Problem

ACTIVITIES, NAME = "activities", "name"
EXPECTED = f'{{"{ACTIVITIES}": […]}}'
# What tells a single activity from an envelope.
_ONLY_OF_ACTIVITIES = frozenset({*ALL_NAMES, *TYPES, EXTERNAL_ID_OF_METADATA}) - {*PROVIDER}
_MOST_UNKNOWN = 20  # An answer is read by a person, and each suggestion costs time.


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was sent in one: the records, with the envelope's provider where they name none, and what it is called."""

    records: list[Any]
    name: str = ""


def open_envelope(value: Any, *, beside: Mapping[str, str] | None = None, has_name: bool = True) -> Envelope:
    """Return the records of an envelope, of a bare list, or of an activity that stands alone.

    Args:
        value: What JSON gave.
        beside: What was said about a bare list outside of it: in the address.
        has_name: Whether many activities have a name where this one came from.

    Raises:
        PermanentError: ``invalidRequest`` with everything that is wrong with the envelope.
    """
    problems: list[Problem] = []
    known = (ACTIVITIES, *((NAME,) if has_name else ()), *PROVIDER, OPERATION)
    meant: set[str] = set()
    match value:
        case list():
            envelope: dict[str, Any] = {ACTIVITIES: value}
        case dict() if ACTIVITIES not in value and value.keys() & _ONLY_OF_ACTIVITIES:
            envelope = {ACTIVITIES: value}
        case dict():
            envelope = value
            meant = _refuse_unknown(envelope, known, problems)
        case _:
            raise refusal([Problem(INVALID, f"The body must be {EXPECTED} or a list of activities.")])
    # With "activites" it is clear enough what is missing.
    records = [] if ACTIVITIES in meant - envelope.keys() else _records(envelope.get(ACTIVITIES), problems)
    options = parse_options({**(beside or {}), **envelope}, problems)
    if problems:
        raise refusal(problems)
    return Envelope([options.given_to(record) for record in records], options.name)


@dataclass(frozen=True, slots=True)
class Options:
    """What is said once for many records: what they are called, and what holds for those that do not say it."""

    name: str = ""
    registration_id: str = ""
    operation: str = ""

    def given_to(self, record: object) -> Any:
        """Return a record with what it does not say itself: the nearest word holds."""
        if not isinstance(record, dict):
            return record
        named = any(not values.is_blank(record.get(one)) for one in PROVIDER)
        provider = {PROVIDER[0]: self.registration_id} if self.registration_id and not named else {}
        done = not values.is_blank(record.get(OPERATION))
        operation = {OPERATION: self.operation} if self.operation and not done else {}
        return {**record, **provider, **operation} if provider or operation else record


def parse_options(given: Mapping[str, Any], problems: list[Problem]) -> Options:
    """Return what is said once for many activities; add what is wrong."""
    name = ""
    if not values.is_blank(given.get(NAME)):
        try:
            name = values.text(given[NAME], longest=LONGEST_BATCH_NAME)
        except values.InvalidValueError as error:
            problems.append(Problem(INVALID, f"{NAME} {error}.", NAME))
    providers: list[str] = []
    for one in PROVIDER:
        if not values.is_blank(given.get(one)):
            try:
                providers.append(values.guid(given[one]))
            except values.InvalidValueError as error:
                problems.append(Problem(INVALID, f"{one} {error}.", one))
    if len({one.casefold() for one in providers}) > 1:
        message = f"{' and '.join(PROVIDER)} both name the provider, but they differ: send one."
        problems.append(Problem(CONTRADICTION, message, PROVIDER[0]))
    said = given.get(OPERATION)
    operation = "" if values.is_blank(said) else str(instructions.operation_named(said, problems))
    return Options(name, next(iter(providers), ""), operation)


def _refuse_unknown(envelope: Mapping[str, Any], known: tuple[str, ...], problems: list[Problem]) -> set[str]:
    """Add the properties that nobody knows; return what was probably meant by them."""
    unknown = [name for name in envelope if name not in known]
    meant = {name: closest(name, known) for name in unknown[:_MOST_UNKNOWN]}
    options = ", ".join(f'"{one}"' for one in known if one in {NAME, PROVIDER[0], OPERATION})
    for name, close in meant.items():
        what = f'did you mean "{close}"?' if close else f'beside "{ACTIVITIES}" there can be {options}.'
        problems.append(Problem(UNKNOWN, f'"{values.shown(name)}" is not known: {what}', values.shown(name)))
    if more := len(unknown[_MOST_UNKNOWN:]):
        problems.append(Problem(UNKNOWN, f"{more} more properties are not known."))
    return set(meant.values())


def _records(value: Any, problems: list[Problem]) -> list[Any]:
    match value:
        case [_, *_]:
            return list(value)
        case dict():
            return [value]
        case []:
            message, code = "is an empty list: there is nothing to do.", REQUIRED
        case _ if values.is_blank(value):
            message, code = "is required: the list of the activities.", REQUIRED
        case str():
            message, code = "is a text, but must be a list: in a flow, put json(…) around it.", INVALID
        case _:
            message, code = "must be a list of activities.", INVALID
    problems.append(Problem(code, f"{ACTIVITIES} {message}", ACTIVITIES))
    return []
