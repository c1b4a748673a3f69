"""What a caller sees of one activity, as JSON answers: in Graph's form, or flat with constant keys. Pure."""

from http import HTTPStatus
from typing import Any

from activities.contract import dates, values
from activities.contract.activity import ActivityRequest, Outcome, StoredActivity
from activities.contract.models import CourseActivity
from activities.execution.decisions import Done
from activities.web import http

# Where the body is Graph's, and has no room for it.
OUTCOME = "x-ms-outcome"


def encode_graph(done: Done, request: http.Request) -> http.Response:
    """Answer with the entity as Graph told it; a header says what was done."""
    return http.respond(_status(done), done.stored.entity, request, {OUTCOME: str(done.outcome)})


def encode_flat(done: Done, request: http.Request) -> http.Response:
    """Answer for flow makers: always the same keys; the percentage is a number, all else text, never null."""
    flat = _flat_activity(done.stored, done.request, type(done.request.activity))
    return http.respond(_status(done), {"outcome": done.outcome, **flat}, request)


def encode_found(
    found: StoredActivity, wanted: ActivityRequest, request: http.Request, *, kind: type[CourseActivity] | None
) -> http.Response:
    """Answer with an activity that was asked for: flat for the routes of a kind, else as Graph told it."""
    body = _flat_activity(found, wanted, kind) if kind else found.entity
    return http.respond(HTTPStatus.OK, body, request)


def encode_deleted(done: Done, request: http.Request) -> http.Response:
    """Answer what became of an activity that was to go; always the same keys, never null."""
    body = {
        "outcome": done.outcome,
        "id": done.stored.id or done.request.graph_id,
        "externalCourseActivityId": done.request.external_id,
        "registrationId": done.request.registration_id,
    }
    return http.respond(HTTPStatus.OK, body, request)


def _status(done: Done) -> HTTPStatus:
    return HTTPStatus.CREATED if done.outcome is Outcome.CREATED else HTTPStatus.OK


def _flat_activity(stored: StoredActivity, wanted: ActivityRequest, kind: type[CourseActivity]) -> dict[str, Any]:
    flat: dict[str, Any] = {
        "id": stored.id,
        "externalCourseActivityId": wanted.external_id or stored.external_id,
        "registrationId": wanted.registration_id,
    }
    for model_field in kind.model_fields.values():
        name = model_field.alias or ""
        flat.setdefault(name, _flat(name, stored.entity.get(name)))
    return flat


def _flat(name: str, value: object) -> str | int:
    if name == "completionPercentage":
        try:
            return values.whole_percentage(value)
        except values.InvalidValueError:
            return 0
    match value:
        case str():
            return value
        case {"content": str(content)}:
            return content
        case {"dateTime": str(text)}:
            moment = dates.moment_of(value)
            return text if moment is None else moment.isoformat().replace("+00:00", "Z")
    return ""
