"""``POST`` of one activity: the operations that create it."""

from datetime import UTC, datetime

from activities import telemetry
from activities.app import App
from activities.contract import json_text
from activities.contract.models import CourseActivity
from activities.contract.validation import parse_activity
from activities.execution import sending
from activities.execution.once import create_once
from activities.web import answers, http, repeating
from activities.web.runtime import UseCase


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    encode = answers.encode_graph if kind is None else answers.encode_flat

    async def operation(app: App, request: http.Request) -> http.Response:
        key = repeating.key_of(request, now=datetime.now(UTC), remembered=app.remembered)
        defaults = app.defaults.of_client(request.client_id)
        wanted = parse_activity(json_text.decode(request.body), kind=kind, defaults=defaults)
        identified = sending.identify(wanted, idempotency_key=key)
        if wanted.activity.external_course_activity_id or key:
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
