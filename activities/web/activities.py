"""One activity: the operations that create, change, find and delete it, and what they answer."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from activities import telemetry
from activities.app import App
from activities.contract import dates, json_text, values
from activities.contract.activity import ActivityRequest, Operation, Outcome, StoredActivity
from activities.contract.models import CourseActivity
from activities.contract.validation import parse_activity
from activities.errors import ActivityError
from activities.execution import once
from activities.execution.decisions import Done, creation, not_found
from activities.execution.sending import FOR_A_CALLER, Sender
from activities.web import finding, http, repeating
from activities.web.runtime import UseCase

# What an answer in Graph's form has no room for in its body.
OUTCOME = "x-ms-outcome"
# What is larger is read in a thread: 1 MiB of empty objects takes a quarter of a second. A usual one has 1 KiB.
_LARGE_BYTES = 65_536


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    return _writing(Operation.CREATE, kind)


def upsert(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that brings one activity to a state, creating it if there is none."""
    return _writing(Operation.UPSERT, kind)


def update(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that changes parts of one activity."""
    return _writing(Operation.UPDATE, kind)


def find(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that finds one activity: of a kind, or of any. It answers what one that changes it does."""
    encode = encode_graph if kind is None else encode_flat

    async def operation(app: App, request: http.Request) -> http.Response:
        wanted = finding.named_in_query(app, request, kind=kind)
        found = await finding.look(app, wanted)
        if found is None:
            raise not_found(wanted)
        telemetry.event("activityFound", registrationId=wanted.registration_id, graphRequestId=found.graph_request_id)
        return encode(Done(Outcome.UNCHANGED, wanted, found), request)

    return operation


async def delete_activity(app: App, request: http.Request) -> http.Response:
    """Delete the activity that the query names; what is gone already is no error."""
    key = _key_of(request, app)
    return encode_deleted(await _carry_out(finding.named_in_query(app, request), app, key), request)


def _writing(operation: Operation, kind: type[CourseActivity] | None) -> UseCase:
    encode = encode_graph if kind is None else encode_flat

    def parse(app: App, request: http.Request) -> ActivityRequest:
        defaults = replace(app.defaults, client_id=request.client_id)
        body = json_text.decode(request.body, content_type=request.headers.get("content-type", ""))
        return parse_activity(body, kind=kind, defaults=defaults, operation=operation)

    async def carry_out(app: App, request: http.Request) -> http.Response:
        key = _key_of(request, app)
        large = len(request.body) > _LARGE_BYTES
        wanted = await asyncio.to_thread(parse, app, request) if large else parse(app, request)
        return encode(await _carry_out(wanted, app, key), request)

    return carry_out


def _key_of(request: http.Request, app: App) -> str | None:
    return repeating.key_of(request, now=datetime.now(UTC), remembered=app.remembered)


async def _carry_out(wanted: ActivityRequest, app: App, key: str | None) -> Done:
    """Carry out a request. Raises its ``ActivityError``."""
    named = await finding.identified(app, wanted) if wanted.graph_id else wanted
    if named is None and wanted.operation is Operation.DELETE:
        return Done(Outcome.UNCHANGED, wanted, StoredActivity({}))
    if named is None:
        raise not_found(wanted)
    sender = Sender(graph=app.graph, effort=FOR_A_CALLER)
    identified = once.identify(named, idempotency_key=key)
    if wanted.operation is not Operation.CREATE or wanted.external_id or key:
        (end,) = await once.carry_out([identified], sender=sender, ledger=app.store.ledger)
    else:
        # Nobody can ask for this activity again: there is nothing to remember, and storage is not needed.
        end = (await sender.send({0: (identified, creation(identified))}))[0]
    if isinstance(end, ActivityError):
        raise end
    telemetry.event(
        "activityAnswered",
        outcome=end.outcome,
        registrationId=end.request.registration_id,
        graphRequestId=end.stored.graph_request_id,
    )
    return end


def encode_graph(done: Done, request: http.Request) -> http.Response:
    """Answer with the entity as Graph told it; a header says what was done."""
    return http.respond(_status(done), done.stored.entity, request, {OUTCOME: str(done.outcome)})


def encode_flat(done: Done, request: http.Request) -> http.Response:
    """Answer for flow makers: always the same keys; the percentage is a number, all else text, never null."""
    entity = done.stored.entity
    flat: dict[str, Any] = {
        "outcome": done.outcome,
        "id": done.stored.id,
        "externalCourseActivityId": done.request.external_id or done.stored.external_id,
        "registrationId": done.request.registration_id,
    }
    for model_field in type(done.request.activity).model_fields.values():
        name = model_field.alias or ""
        flat.setdefault(name, _flat(name, entity.get(name)))
    return http.respond(_status(done), flat, request)


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
