"""The operations over HTTP: each takes the app and a request, and returns the answer; bytes are ``wire``'s."""

import time
from collections.abc import AsyncIterator
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING

from activities import creation, telemetry, wire
from activities.errors import PermanentError
from activities.idempotency import create_once
from activities.messages import Delivery, Failure, Selection, parse_selection
from activities.models import CourseActivity
from activities.runtime import App, Job, UseCase
from activities.validation import parse_activity

if TYPE_CHECKING:
    from activities.failures import Failures

# A flow waits 120 s for an answer; what is left is replayed by the next request.
REPLAY_SECONDS = 60.0


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the operation that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    encode = wire.encode_graph if kind is None else wire.encode_flat

    async def operation(app: App, request: wire.Request) -> wire.Response:
        wanted = parse_activity(wire.decode(request.body), kind=kind, defaults=app.defaults)
        identified = creation.identify(wanted, idempotency_key=request.idempotency_key)
        if wanted.activity.external_course_activity_id or request.idempotency_key:
            created = await create_once(identified, graph=app.graph, ledger=app.required_store().ledger)
        else:
            # Nobody can ask for this activity again: there is nothing to remember, and storage is not needed.
            created = await creation.create(identified, graph=app.graph)
        telemetry.event(
            "activityAnswered",
            outcome=created.outcome,
            registrationId=created.request.registration_id,
            graphRequestId=created.stored.graph_request_id,
        )
        return encode(created, request)

    return operation


def create_from_queue(delivery: Delivery) -> Job:
    """Return the job that creates the activities of a message."""

    async def job(app: App) -> None:
        await app.required_store().worker.handle(delivery)

    return job


async def get_health(app: App, request: wire.Request) -> wire.Response:
    """Say whether the app can work."""
    return wire.encode_health(await app.health.report(), request)


async def get_openapi(_: App, request: wire.Request) -> wire.Response:
    """Describe the API in OpenAPI 3.1; the file is written from the code, and deployed with it."""
    return wire.respond_with(HTTPStatus.OK, _openapi(), request, {"Content-Type": "application/json"})


async def list_failures(app: App, request: wire.Request) -> wire.Response:
    """Show what could not be created from the queues, newest first: ``errorCode`` filters, ``top`` sizes the page."""
    failures, after = await app.required_store().failures.page(
        code=request.parameter("errorCode") or None, size=wire.page_size(request), after=request.parameter("after")
    )
    return wire.encode_failures([failure.to_json() for failure in failures], after, request)


async def replay_failures(app: App, request: wire.Request) -> wire.Response:
    """Put failures back into the activity queue; says how many, and whether there are more."""
    selection = parse_selection(wire.decode(request.body, expected="{} for everything"))
    failures = app.required_store().failures
    until = time.monotonic() + REPLAY_SECONDS
    replayed, more = 0, False
    async for failure in _selected(failures, selection):
        if time.monotonic() > until:
            more = True
            break
        try:
            await failures.replay(failure)
        except PermanentError as error:
            # It stays in the list, and must not keep the others there.
            telemetry.event("replayRefused", code=error.code)
        else:
            replayed += 1
    telemetry.event("replayed", count=replayed, more=more)
    return wire.respond(HTTPStatus.OK, {"replayedCount": replayed, "moreToReplay": more}, request)


@cache
def _openapi() -> bytes:
    return files("activities").joinpath("openapi.json").read_bytes()


async def _selected(failures: "Failures", selection: Selection) -> AsyncIterator[Failure]:
    if selection.ids is not None:
        for failure_id in selection.ids:
            failure = await failures.get(failure_id)
            if failure is not None:
                yield failure
        return
    after = ""
    while True:
        page, after = await failures.page(code=selection.code, size=wire.LARGEST_PAGE, after=after)
        for failure in page:
            yield failure
        if not after:
            return
