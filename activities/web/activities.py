"""``POST`` of one activity: the operations that create it."""

import asyncio

from activities import telemetry
from activities.app import App
from activities.contract import json_text
from activities.contract.models import ActivityRequest, CourseActivity
from activities.contract.validation import parse_activity
from activities.execution import sending
from activities.execution.once import create_once
from activities.web import answers, http
from activities.web.runtime import UseCase

# What is larger is read in a thread: 1 MiB of empty objects takes a quarter of a second. A usual one has 1 KiB.
_LARGE_BYTES = 65_536


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    encode = answers.encode_graph if kind is None else answers.encode_flat

    def parse(app: App, request: http.Request) -> ActivityRequest:
        return parse_activity(json_text.decode(request.body), kind=kind, defaults=app.defaults)

    async def operation(app: App, request: http.Request) -> http.Response:
        large = len(request.body) > _LARGE_BYTES
        wanted = await asyncio.to_thread(parse, app, request) if large else parse(app, request)
        identified = sending.identify(wanted, idempotency_key=request.idempotency_key)
        if wanted.activity.external_course_activity_id or request.idempotency_key:
            created = await create_once(identified, graph=app.graph, ledger=app.required_store().ledger)
        else:
            # Nobody can ask for this activity again: there is nothing to remember, and storage is not needed.
            created = await sending.create(identified, graph=app.graph)
        telemetry.event(
            "activityAnswered",
            outcome=created.outcome,
            registrationId=created.request.registration_id,
            graphRequestId=created.stored.graph_request_id,
        )
        return encode(created, request)

    return operation
