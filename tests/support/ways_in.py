"""Every way in which a record can come, each down to what Graph would be sent of it, or to the refusal."""

import base64
import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from activities.batches import attempt, requests
from activities.contract.models import Json
from activities.errors import ActivityError, PermanentError
from activities.execution import identifying
from activities.queueing.messages import Delivery
from activities.web import http
from activities.web.activities import create
from tests.support.directories import FakeDirectory
from tests.support.fakes import FakeGraph, FakeLedger, FakeTime
from tests.support.queue_fakes import BEGIN
from tests.support.queue_stage import Stage
from tests.support.records import DEFAULTS, LEARNER

# What the learner of the tests is called.
ADDRESS = "anna@contoso.com"
# What became of a record: the entity as Graph would have it, or why there is none.
type End = Json | str
type Way = Callable[[bytes], Awaitable[End]]


async def over_http(body: bytes, content_type: str = "application/json") -> End:
    """Send a body to ``POST /api/activities``."""
    time = FakeTime()
    graph = FakeGraph(time, directory=_directory())
    app = SimpleNamespace(
        defaults=DEFAULTS,
        graph=graph,
        store=SimpleNamespace(ledger=FakeLedger(time)),
        remembered=timedelta(days=30),
    )
    try:
        await create(kind=None)(cast("Any", app), http.Request(body, {"content-type": content_type}))
    except PermanentError as error:
        return error.message
    return graph.stored[0][1].entity


async def by_queue(body: bytes) -> End:
    """Put a body into the queue as a message."""
    stage = Stage(FakeGraph(directory=_directory()))
    await stage.worker.handle(Delivery(body, "message-1", BEGIN))
    return stage.graph.stored[0][1].entity if stage.graph.stored else next(iter(stage.failures.kept.values())).message


async def in_base64(body: bytes) -> End:
    """Put a body into the queue as Power Automate does."""
    return await by_queue(base64.b64encode(body))


async def in_batch(body: bytes, content_type: str = "application/json", parameters: str = "") -> End:
    """Send a body to ``POST /api/batches``."""
    try:
        wanted = requests.parse(body, media_type=content_type, query={}, content_type=f"{content_type}{parameters}")
    except PermanentError as error:
        return error.message
    now = datetime.now(UTC)
    refused, found = attempt.check(wanted.records[:1], batch_id="0" * 32, accepted_at=now, defaults=DEFAULTS)
    if refused:
        return refused[0].error_message
    ((_, known),) = (await identifying.by_ids(found, FakeGraph(directory=_directory()))).items()
    return known.message if isinstance(known, ActivityError) else known.activity.to_graph()


async def in_sheet(body: bytes) -> End:
    """Send a file to ``POST /api/batches``."""
    return await in_batch(body, "text/csv")


OF_JSON: dict[str, Way] = {"HTTP": over_http, "queue": by_queue, "queue in base64": in_base64, "batch": in_batch}


def sheet_of(record: Json) -> bytes:
    """Return a file with one record, whose values are texts."""
    file = io.StringIO()
    csv.writer(file).writerows([record.keys(), record.values()])
    return file.getvalue().encode()


def json_of(record: object) -> bytes:
    """Return a body with a record, each character as it is."""
    return json.dumps(record, ensure_ascii=False).encode()


def _directory() -> FakeDirectory:
    return FakeDirectory([{"id": LEARNER, "userPrincipalName": ADDRESS}])
