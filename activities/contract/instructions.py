"""What a record says about itself beside the activity: what is to be done with it, and when it was true. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from activities.contract import dates, values
from activities.contract.activity import Operation
from activities.contract.problems import INVALID, NOT_ALLOWED
from activities.errors import Problem

OPERATION, AS_OF = NAMES = "operation", "asOfDateTime"
# What the drop-down of a connector calls "upsert", a word of those who build services.
_SPOKEN = {"createOrUpdate": Operation.UPSERT}
# A clock that goes wrong by more would keep everything that comes later from being applied.
_FARTHEST_AHEAD = timedelta(days=1)


def parse(
    record: Mapping[str, Any], *, route: Operation | None, zone: tzinfo, problems: list[Problem]
) -> tuple[Operation, datetime | None, dict[str, Any]]:
    """Return the operation, the time as of which it is meant, and the rest of the record.

    Args:
        record: What JSON gave.
        route: What the route does, or None where the record can say it.
        zone: Of a time without an offset.
        problems: What is wrong so far; what is wrong here is added.
    """
    rest = {name: value for name, value in record.items() if name not in NAMES}
    said = record.get(OPERATION)
    operation = route or Operation.CREATE
    if route and not values.is_blank(said):
        message = f"{OPERATION} is not sent here: POST creates, PUT creates or updates, PATCH updates, DELETE deletes."
        problems.append(Problem(NOT_ALLOWED, message, OPERATION))
    elif not values.is_blank(said):
        operation = operation_named(said, problems)
    return operation, as_of(record.get(AS_OF), zone=zone, problems=problems), rest


def operation_named(said: object, problems: list[Problem]) -> Operation:
    """Return the operation that a sender means by a word, or add what is wrong with it."""
    try:
        name = values.choice(said, (*Operation, *_SPOKEN))
        return _SPOKEN.get(name) or Operation(name)
    except values.InvalidValueError as error:
        problems.append(Problem(INVALID, f"{OPERATION} {error}.", OPERATION))
        return Operation.CREATE


def operation_in(record: object) -> str:
    """Return the operation that a record asks for, whatever else it says; "" if it says none that there is."""
    said = record.get(OPERATION) if isinstance(record, Mapping) else None
    problems: list[Problem] = []
    operation = Operation.CREATE if values.is_blank(said) else operation_named(said, problems)
    return "" if problems or not isinstance(record, Mapping) else operation.value


def as_of(said: object, *, zone: tzinfo, problems: list[Problem]) -> datetime | None:
    """Return the moment that a sender means, or None if none was said; add what is wrong with it."""
    if values.is_blank(said):
        return None
    try:
        moment = dates.moment_of(values.date_time_offset(said, zone=zone))
    except (values.InvalidValueError, dates.InvalidDateError) as error:
        problems.append(Problem(INVALID, f"{AS_OF} {error}.", AS_OF))
        return None
    if moment and moment > datetime.now(UTC) + _FARTHEST_AHEAD:
        problems.append(Problem(INVALID, f"{AS_OF} lies in the future, but it says when this was true.", AS_OF))
    return moment
