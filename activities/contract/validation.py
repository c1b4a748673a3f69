"""One record from outside, checked completely: every problem at once, each naming its property. Pure.

The rules of single properties are the models'; here is what concerns the record as a whole.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from activities.contract import instructions, values, wrappings
from activities.contract.activity import ActivityRequest, Operation
from activities.contract.kinds import TYPE, TYPES, kind_of
from activities.contract.models import Assignment, CourseActivity, Defaults, Json, SelfInitiatedCourse
from activities.contract.problems import CONTRADICTION, INVALID, NOT_ALLOWED, REQUIRED, UNKNOWN, closest, refusal
from activities.errors import ErrorCode, PermanentError, Problem

PROVIDER = ("registrationId", "learningProviderId")  # Two names for one thing.
EXTERNAL_ID = "externalCourseActivityId"
# Operations that need the whole record; the others need no more than the activity's name.
WHOLE = frozenset({Operation.CREATE, Operation.UPSERT})
EXTERNAL_ID_OF_METADATA = "externalcourseActivityId"  # The spelling of Graph's metadata.
_APART = frozenset({*TYPES, EXTERNAL_ID_OF_METADATA})  # Read by themselves.
_ANSWERED_BY_GRAPH = frozenset({"id", "@odata.context", "@odata.etag"})
_MOST_UNKNOWN = 20  # An answer is read by a person, and each suggestion costs time.
_NAMES_OF = {
    model: frozenset(one.alias or "" for one in model.model_fields.values())
    for model in (CourseActivity, Assignment, SelfInitiatedCourse)
}
_NAMES_A_DELETION = frozenset({*TYPES, *PROVIDER, EXTERNAL_ID, EXTERNAL_ID_OF_METADATA})
ALL_NAMES = frozenset[str]().union(*_NAMES_OF.values())
# A null here says no more than a missing property, and Graph must not be sent one.
_NO_NULL = frozenset({EXTERNAL_ID, "learningProviderId", "registrationId"}).union(
    one.alias or "" for model in _NAMES_OF for one in model.model_fields.values() if one.is_required()
)


def parse_activity(
    record: object, *, kind: type[CourseActivity] | None, defaults: Defaults, operation: Operation | None = None
) -> ActivityRequest:
    """Check one record completely.

    Args:
        record: What JSON gave.
        kind: The kind that the route stands for, or None where ``@odata.type`` or ``type`` has to say it.
        defaults: The app's settings that bear on requests.
        operation: What the route does, or None where the record can say it. Where it updates or deletes, the record can
            name the activity by Graph's id, too.

    Raises:
        PermanentError: ``invalidRequest`` with every problem at once, each naming its property; ``notAllowed`` if the
            client application may not write to the provider.
    """
    if not isinstance(record, dict):
        message = "The body must be one JSON object with the activity's properties."
        if isinstance(record, list):
            message += " It is a list: many activities go to POST /api/batches, in one list without lists inside."
        raise refusal([Problem(INVALID, message)])
    record = {
        name: wrappings.opened(value) if isinstance(value, wrappings.NESTING) else value
        for name, value in record.items()
    }
    problems: list[Problem] = []
    wanted, as_of, record = instructions.parse(record, route=operation, zone=defaults.zone, problems=problems)
    graph_id = _graph_id(record.pop("id", None), problems) if operation and wanted not in WHOLE else ""
    if wanted is Operation.DELETE:
        # A list of what is to go may be the list that it was made from.
        record = {name: value for name, value in record.items() if name in _NAMES_A_DELETION}
    model = kind_of(record, kind, problems, needed=wanted in WHOLE) or CourseActivity
    names = _NAMES_OF[model] if model is not CourseActivity else ALL_NAMES
    properties = _known_properties(record, model, names, problems)
    if wanted is not Operation.CREATE and not problems and EXTERNAL_ID not in properties and not graph_id:
        problems.append(Problem(REQUIRED, f"{EXTERNAL_ID} is required: it says which activity is meant.", EXTERNAL_ID))
    if graph_id and EXTERNAL_ID in properties:
        problems.append(
            Problem(CONTRADICTION, f"{EXTERNAL_ID} and id both say which activity is meant: send one.", "id")
        )
    activity: CourseActivity | None = None
    try:
        # Where the kind is unknown, what both kinds share is still checked: one answer names all that is wrong.
        own = properties if wanted not in WHOLE else _only(properties, _NAMES_OF[model])
        activity = _model_of(model, wanted).model_validate(own, context=defaults)
        problems += _percent_of_one(activity)
    except ValidationError as error:
        problems += [_problem(one, model) for one in error.errors(include_url=False, include_input=False)]
    registration_id = _registration_id(properties, defaults, problems)
    if problems or activity is None or registration_id is None:
        raise refusal(problems)
    if not _allows_client(defaults, registration_id):
        message = (
            "The application that sent this may not write to this learning provider. An admin can allow it in the "
            "setting CLIENT_APPLICATION_PROVIDERS."
        )
        raise PermanentError(ErrorCode.NOT_ALLOWED, message, target="registrationId")
    return ActivityRequest(registration_id, activity, wanted, as_of, graph_id=graph_id)


def _graph_id(said: object, problems: list[Problem]) -> str:
    """Return Graph's id of the activity that is meant, "" if none was said; or add what is wrong with it."""
    if values.is_blank(said):
        return ""
    try:
        return values.text(said)
    except values.InvalidValueError as error:
        problems.append(Problem(INVALID, f"id {error}.", "id"))
        return ""


def _only(record: Json, names: Collection[str]) -> Json:
    return {name: value for name, value in record.items() if name in names}


def _model_of(model: type[CourseActivity], wanted: Operation) -> type[CourseActivity]:
    if wanted in WHOLE:
        return model
    from activities.contract.changes import PARTIAL

    return PARTIAL[model]


def _known_properties(
    record: Json, model: type[CourseActivity], names: frozenset[str], problems: list[Problem]
) -> Json:
    """Return the record's properties under the contract's names; what has no place in the model becomes a problem."""
    properties: Json = {}
    unknown: list[str] = []
    for name, value in record.items():
        if name in _APART:
            continue
        if name in names:
            # Null is kept where the API page allows it; an empty text says the same as a missing property.
            if not (values.says_nothing(name, value) and (value is not None or name in _NO_NULL)):
                properties[name] = value
        elif not (values.is_blank(value) and name in ALL_NAMES | _ANSWERED_BY_GRAPH):
            unknown.append(name)
    problems += [
        Problem(UNKNOWN, _why_unknown(name, model, names), values.shown(name)) for name in unknown[:_MOST_UNKNOWN]
    ]
    if more := len(unknown[_MOST_UNKNOWN:]):
        problems.append(Problem(UNKNOWN, f"{more} more properties are not known."))
    other = record.get(EXTERNAL_ID_OF_METADATA)
    if not values.is_blank(other) and not _same_text(properties.setdefault(EXTERNAL_ID, other), other):
        message = f"{EXTERNAL_ID} and {EXTERNAL_ID_OF_METADATA} are the same property, but they differ: send one."
        problems.append(Problem(CONTRADICTION, message, EXTERNAL_ID))
    return properties


def _percent_of_one(activity: CourseActivity) -> list[Problem]:
    if activity.status != "completed" or activity.completion_percentage != 1:
        return []
    message = (
        "completionPercentage is 1 for a course that is completed: a column of percentages holds 1 for 100 %, so "
        "multiply it by 100."
    )
    return [Problem(INVALID, message, "completionPercentage")]


def _same_text(one: object, other: object) -> bool:
    try:
        return one is other or values.text(one) == values.text(other)
    except values.InvalidValueError:
        return False


def _registration_id(properties: Json, defaults: Defaults, problems: list[Problem]) -> str | None:
    given = {name: properties[name] for name in PROVIDER if name in properties}
    if not given:
        if defaults.registration_id is None:
            message = "registrationId is required: the learning provider's registration ID, a GUID."
            problems.append(Problem(REQUIRED, message, "registrationId"))
        return defaults.registration_id
    said = {name: values.bare(value) for name, value in given.items() if isinstance(value, str)}
    if not said:
        return None  # The models say what is wrong with it.
    if len({one.casefold() for one in said.values()}) > 1:
        message = "registrationId and learningProviderId both name the provider, but they differ: send one."
        problems.append(Problem(CONTRADICTION, message, "registrationId"))
    name, registration_id = next(iter(said.items()))
    allowed = defaults.allowed_registration_ids
    if allowed and values.is_guid(registration_id) and registration_id.casefold() not in allowed:
        message = f"{name} is not one of the learning providers that this app may write to; its admin can allow it."
        problems.append(Problem(NOT_ALLOWED, message, name))
    return registration_id


def _allows_client(defaults: Defaults, registration_id: str) -> bool:
    limited = defaults.registration_ids_of_clients.get(defaults.client_id)
    return limited is None or registration_id.casefold() in limited


def _problem(error: Mapping[str, Any], model: type[CourseActivity]) -> Problem:
    name = str(error["loc"][0])
    if error["type"] == "missing":
        description = next(one.description for one in model.model_fields.values() if one.alias == name)
        return Problem(REQUIRED, f"{name} is required. {description}", name)
    return Problem(INVALID, f"{name} {error['ctx']['reason']}.", name)


def _why_unknown(name: str, model: type[CourseActivity], names: frozenset[str]) -> str:
    if name in _ANSWERED_BY_GRAPH:
        return f"{name} is given by Microsoft Graph and cannot be sent: remove it."
    for kind in (Assignment, SelfInitiatedCourse):
        if name in _NAMES_OF[kind]:
            return (
                f"{name} belongs to {kind.spoken_name}; {model.spoken_name} has no such property, so it could not be "
                "sent: is it the right type?"
            )
    close = closest(name, {*names, TYPE})
    suggestion = f'did you mean "{close}"?' if close else f"{model.spoken_name} has no such property."
    return f'"{values.shown(name)}" is not known: {suggestion}'
