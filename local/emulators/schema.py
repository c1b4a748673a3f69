"""What Graph accepts as a new learningCourseActivity: OData's types first, then the API page's field rules.

Pure checks of one body; who may write it, and for whom, is decided in `learning`.
https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.emulators.exchange import GraphError

ASSIGNMENT = "microsoft.graph.learningAssignment"
SELF_INITIATED = "microsoft.graph.learningSelfInitiatedCourse"

# The page spells it with a capital C, the service's metadata with a small one: both are taken, and given back as sent.
EXTERNAL_ID_SPELLINGS = ("externalCourseActivityId", "externalcourseActivityId")

# Microsoft documents the error but no length: these are the emulator's own.
MAX_LENGTH = {"notes": 4000}
MAX_ID_LENGTH = 450

_DATE_TIME_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:\d\d)")
_LOCAL_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?")
_INT32_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a type: how its value is checked, and whether the API page requires it."""

    check: Callable[[str, Any], None]
    required: bool = False


def parse_activity(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the activity in a request's body, every property as it was sent.

    Raises:
        GraphError: with Graph's status, code, message and details.
    """
    activity = parse_object(body, content_type)
    properties = TYPES[_type_of(activity)]
    for name, value in activity.items():
        if name.startswith("@"):
            continue
        if name not in properties:
            raise _unknown(name, _type_of(activity))
        if value is not None:
            properties[name].check(name, value)
    if all(name in activity for name in EXTERNAL_ID_SPELLINGS):
        raise _malformed(f"Multiple properties with the name '{EXTERNAL_ID_SPELLINGS[1]}' were detected in a resource.")
    _check_fields(activity, properties)
    return activity


def parse_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        GraphError: it says that it is something else, or it is.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise GraphError(415, "UnsupportedMediaType", "The Content-Type must be application/json.")
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _malformed(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid"
            " JSON format."
        )
    return content


def is_assignment(activity: Mapping[str, Any]) -> bool:
    """Say whether a parsed activity is an assignment; else it is a self-initiated course."""
    return _type_of(activity) == ASSIGNMENT


def external_id_of(activity: Mapping[str, Any]) -> str | None:
    """Return the activity's external id under either spelling."""
    return next((activity[name] for name in EXTERNAL_ID_SPELLINGS if activity.get(name)), None)


def _type_of(activity: Mapping[str, Any]) -> str:
    name = activity.get("@odata.type")
    if name is None:
        raise _field_problems(["Input field @odata.type is required"])
    if not isinstance(name, str) or name.removeprefix("#") not in TYPES:
        raise _malformed(
            f"A type named '{name}' could not be resolved by the model. When a model is available, each type name must"
            " resolve to a valid type."
        )
    return name.removeprefix("#")


def _check_fields(activity: Mapping[str, Any], properties: Mapping[str, Property]) -> None:
    problems = []
    for name, definition in properties.items():
        value = activity.get(name)
        if definition.required and name not in activity:
            problems.append(f"Input field {name} is required")
        elif definition.required and (value is None or not str(value).strip()):
            problems.append(f"Input field {name} shouldn't be empty")
        limit = MAX_LENGTH.get(name, MAX_ID_LENGTH)
        text = value.get("content") if name == "notes" and value else value
        if isinstance(text, str) and len(text) > limit:
            problems.append(f"Input field {name} length exceeded than {limit}")
    percentage = activity.get("completionPercentage")
    if percentage is not None and not 0 <= percentage <= 100:  # noqa: PLR2004 - A percentage.
        problems.append("Input field completionPercentage is invalid")
    due = activity.get("dueDateTime")
    if due is not None and not _LOCAL_DATE_TIME.fullmatch(due.get("dateTime") or ""):
        problems.append("Input field dueDateTime is invalid")
    if "id" in activity:
        problems.append("Input field id is invalid")
    if problems:
        raise _field_problems(problems)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _unconvertible(value, "Edm.String") if not isinstance(value, dict | list) else _unexpected(name)


def _int32(name: str, value: Any) -> None:
    if isinstance(value, dict | list):
        raise _unexpected(name)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT32_LIMIT <= value < _INT32_LIMIT:
        raise _unconvertible(value, "Edm.Int32")


def _date_time_offset(name: str, value: Any) -> None:
    _text(name, value)
    if not _DATE_TIME_OFFSET.fullmatch(value):
        raise _unconvertible(value, "Edm.DateTimeOffset")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise _unconvertible(value, "Edm.DateTimeOffset") from None


def _one_of(type_name: str, *members: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        _text(name, value)
        if value not in members:
            raise _unconvertible(value, f"microsoft.graph.{type_name}")

    return check


def _complex(type_name: str, **members: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise _malformed(
                f"An unexpected 'PrimitiveValue' node was found when reading from the JSON reader at '{name}'. A"
                " 'StartObject' node was expected."
            )
        for member, content in value.items():
            if member.startswith("@"):
                continue
            if member not in members:
                raise _unknown(member, f"microsoft.graph.{type_name}")
            if content is not None:
                members[member](member, content)

    return check


def _malformed(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)


def _unknown(name: str, type_name: str) -> GraphError:
    return _malformed(
        f"The property '{name}' does not exist on type '{type_name}'. Make sure to only use property names that are"
        " defined by the type."
    )


def _unconvertible(value: Any, type_name: str) -> GraphError:
    literal = value if isinstance(value, str) else json.dumps(value)
    return _malformed(f"Cannot convert the literal '{literal}' to the expected type '{type_name}'.")


def _unexpected(name: str) -> GraphError:
    return _malformed(
        f"An unexpected 'StartObject' node was found when reading from the JSON reader at '{name}'. A"
        " 'PrimitiveValue' node was expected."
    )


def _field_problems(messages: list[str]) -> GraphError:
    details = [{"code": "badRequest", "message": message} for message in messages]
    return GraphError(400, "badRequest", "badRequest", details=details)


_COMMON: dict[str, Property] = {
    "id": Property(_text),
    **{name: Property(_text) for name in EXTERNAL_ID_SPELLINGS},
    "completedDateTime": Property(_date_time_offset),
    "completionPercentage": Property(_int32),
    "learnerUserId": Property(_text, required=True),
    "learningContentId": Property(_text, required=True),
    "learningProviderId": Property(_text),
    "status": Property(_one_of("courseStatus", "notStarted", "inProgress", "completed"), required=True),
}

TYPES: dict[str, dict[str, Property]] = {
    ASSIGNMENT: {
        **_COMMON,
        "assignedDateTime": Property(_date_time_offset),
        "assignerUserId": Property(_text),
        "assignmentType": Property(
            _one_of("assignmentType", "required", "recommended", "unknownFutureValue"), required=True
        ),
        "dueDateTime": Property(_complex("dateTimeTimeZone", dateTime=_text, timeZone=_text)),
        "notes": Property(_complex("itemBody", content=_text, contentType=_one_of("bodyType", "text", "html"))),
    },
    SELF_INITIATED: {**_COMMON, "startedDateTime": Property(_date_time_offset)},
}
"""Every property by type. `registrationId`, a row of the page's table, is no property: it is part of the address."""
