"""What Graph accepts as a learningCourseActivity, new or changed: OData's types first, then the API pages' field rules.

Pure checks of one body; who may write it, and for whom, is decided in `learning`.
https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
https://learn.microsoft.com/graph/api/learningcourseactivity-update
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from local.emulators import odata
from local.emulators.exchange import GraphError, Request

ASSIGNMENT = "microsoft.graph.learningAssignment"
SELF_INITIATED = "microsoft.graph.learningSelfInitiatedCourse"

# The page spells it with a capital C, the service's metadata with a small one: both are taken, and given back as sent.
EXTERNAL_ID_SPELLINGS = ("externalCourseActivityId", "externalcourseActivityId")

# Microsoft documents the error but no length: these are the emulator's own.
MAX_LENGTH = {"notes": 4000}
MAX_ID_LENGTH = 450

_LOCAL_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?")


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a type: how its value is checked, whether a new activity has to have it, whether it may change."""

    check: Callable[[str, Any], None]
    required: bool = False
    changeable: bool = False


def parse_activity(request: Request) -> dict[str, Any]:
    """Return the activity in a create's body, every property as it was sent.

    Raises:
        GraphError: with Graph's status, code, message and details.
    """
    activity = _parse(request)
    _check_fields(activity, {name for name, one in TYPES[_type_of(activity)].items() if one.required}, given={"id"})
    return activity


def parse_update(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an update's body holds, and what of it changes an activity.

    The page's example holds the whole activity, so what may not change is taken, and changes nothing.

    Raises:
        GraphError: with Graph's status, code, message and details.
    """
    update = _parse(request)
    kind = _type_of(update)
    _check_fields(update, {"status"})
    if kind == SELF_INITIATED and update["status"] == "notStarted":
        raise _field_problems(["Input field status is invalid"])
    return update, {name: update[name] for name, one in TYPES[kind].items() if one.changeable and name in update}


def _parse(request: Request) -> dict[str, Any]:
    activity = odata.parse_object(request)
    properties = TYPES[_type_of(activity)]
    for name, value in activity.items():
        if name.startswith("@"):
            continue
        if name not in properties:
            raise odata.unknown(name, _type_of(activity))
        if value is not None:
            properties[name].check(name, value)
    if all(name in activity for name in EXTERNAL_ID_SPELLINGS):
        raise odata.malformed(
            f"Multiple properties with the name '{EXTERNAL_ID_SPELLINGS[1]}' were detected in a resource."
        )
    return activity


def is_assignment(activity: Mapping[str, Any]) -> bool:
    """Say whether a parsed activity is an assignment; else it is a self-initiated course."""
    return _type_of(activity) == ASSIGNMENT


def external_id_of(activity: Mapping[str, Any]) -> str | None:
    """Return the activity's external id under either spelling."""
    return next((activity[name] for name in EXTERNAL_ID_SPELLINGS if activity.get(name)), None)


def spelled(activity: dict[str, Any], spelling: str) -> dict[str, Any]:
    """Return an activity with its external id under this name; an empty one leaves it under the name it was sent by."""
    names = dict.fromkeys(EXTERNAL_ID_SPELLINGS, spelling) if spelling else {}
    return {names.get(name, name): value for name, value in activity.items()}


def _type_of(activity: Mapping[str, Any]) -> str:
    name = activity.get("@odata.type")
    if name is None:
        raise _field_problems(["Input field @odata.type is required"])
    if not isinstance(name, str) or name.removeprefix("#") not in TYPES:
        raise odata.malformed(
            f"A type named '{name}' could not be resolved by the model. When a model is available, each type name must"
            " resolve to a valid type."
        )
    return name.removeprefix("#")


def _check_fields(
    activity: Mapping[str, Any], required: AbstractSet[str], *, given: AbstractSet[str] = frozenset()
) -> None:
    """Refuse what the pages' tables refuse; `given` are properties that Graph gives and nobody may choose."""
    problems = []
    for name in TYPES[_type_of(activity)]:
        value = activity.get(name)
        if name in required and name not in activity:
            problems.append(f"Input field {name} is required")
        elif name in required and (value is None or not str(value).strip()):
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
    problems += [f"Input field {name} is invalid" for name in given if name in activity]
    if problems:
        raise _field_problems(problems)


def _field_problems(messages: list[str]) -> GraphError:
    details = [{"code": "badRequest", "message": message} for message in messages]
    return GraphError(400, "badRequest", "badRequest", details=details)


_COMMON: dict[str, Property] = {
    "id": Property(odata.text),
    **{name: Property(odata.text) for name in EXTERNAL_ID_SPELLINGS},
    "completedDateTime": Property(odata.date_time_offset, changeable=True),
    "completionPercentage": Property(odata.int32, changeable=True),
    "learnerUserId": Property(odata.text, required=True),
    "learningContentId": Property(odata.text, required=True),
    "learningProviderId": Property(odata.text),
    "status": Property(
        odata.one_of("courseStatus", "notStarted", "inProgress", "completed"), required=True, changeable=True
    ),
}

TYPES: dict[str, dict[str, Property]] = {
    ASSIGNMENT: {
        **_COMMON,
        "assignedDateTime": Property(odata.date_time_offset, changeable=True),
        "assignerUserId": Property(odata.text),
        "assignmentType": Property(
            odata.one_of("assignmentType", "required", "recommended", "unknownFutureValue"), required=True
        ),
        "dueDateTime": Property(
            odata.complex_type("dateTimeTimeZone", dateTime=odata.text, timeZone=odata.text), changeable=True
        ),
        "notes": Property(
            odata.complex_type("itemBody", content=odata.text, contentType=odata.one_of("bodyType", "text", "html")),
            changeable=True,
        ),
    },
    SELF_INITIATED: {**_COMMON, "startedDateTime": Property(odata.date_time_offset, changeable=True)},
}
"""Every property by type. `registrationId`, a row of the page's table, is no property: it is part of the address."""
