"""``POST`` of one activity: the operations that create it, and what they answer."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from activities import telemetry
from activities.app import App
from activities.contract import dates, json_text, values
from activities.contract.activity import ActivityRequest, Operation, Outcome
from activities.contract.models import CourseActivity
from activities.contract.validation import parse_activity
from activities.errors import ActivityError
from activities.execution import once
from activities.execution.decisions import Done, creation
from activities.execution.sending import FOR_A_CALLER, Sender
from activities.web import http, repeating
from activities.web.runtime import UseCase

# What is larger is read in a thread: 1 MiB of empty objects takes a quarter of a second. A usual one has 1 KiB.
_LARGE_BYTES = 65_536


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    encode = encode_graph if kind is None else encode_flat

    def parse(app: App, request: http.Request) -> ActivityRequest:
        defaults = replace(app.defaults, client_id=request.client_id)
        body = json_text.decode(request.body, content_type=request.headers.get("content-type", ""))
        return parse_activity(body, kind=kind, defaults=defaults, operation=Operation.CREATE)

    async def operation(app: App, request: http.Request) -> http.Response:
        key = repeating.key_of(request, now=datetime.now(UTC), remembered=app.remembered)
        large = len(request.body) > _LARGE_BYTES
        wanted = await asyncio.to_thread(parse, app, request) if large else parse(app, request)
        sender = Sender(graph=app.graph, effort=FOR_A_CALLER)
        identified = once.identify(wanted, idempotency_key=key)
        if wanted.external_id or key:
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
        return encode(end, request)

    return operation


def encode_graph(done: Done, request: http.Request) -> http.Response:
    """Answer with the entity as Graph told it."""
    return _answer(done, done.stored.entity, request)


def encode_flat(done: Done, request: http.Request) -> http.Response:
    """Answer for flow makers: always the same keys; the percentage is a number, all else text, never null."""
    entity = done.stored.entity
    flat: dict[str, Any] = {
        "outcome": done.outcome,
        "id": done.stored.id,
        "externalCourseActivityId": done.request.external_id,
        "registrationId": done.request.registration_id,
    }
    for model_field in type(done.request.activity).model_fields.values():
        name = model_field.alias or ""
        flat.setdefault(name, _flat(name, entity.get(name)))
    return _answer(done, flat, request)


def _answer(done: Done, body: object, request: http.Request) -> http.Response:
    status = HTTPStatus.CREATED if done.outcome is Outcome.CREATED else HTTPStatus.OK
    return http.respond(status, body, request)


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
