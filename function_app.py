"""The triggers, and nothing else: each binds a request, calls the use case, returns its answer.

Source: https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

import azure.functions as func

from activities.contract.models import Assignment, SelfInitiatedCourse
from activities.queueing.messages import Delivery
from activities.web import about, activities, failures, learners
from activities.web.http import Request
from activities.web.runtime import UseCase, asks_for_key, runtime

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION if asks_for_key() else func.AuthLevel.ANONYMOUS)


@app.route("activities", methods=["POST"])
async def create_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create one activity; body and answer exactly as Microsoft Graph documents them."""
    return await _answer(req, context, activities.create(None))


@app.route("assignments", methods=["POST"])
async def create_assignment(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create an assignment; a flat body without ``@odata.type``, a flat answer with constant keys."""
    return await _answer(req, context, activities.create(Assignment))


@app.route("self-initiated-courses", methods=["POST"])
async def create_self_initiated_course(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create a self-initiated course; a flat body without ``@odata.type``, a flat answer with constant keys."""
    return await _answer(req, context, activities.create(SelfInitiatedCourse))


@app.route("activities", methods=["PUT"])
async def upsert_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Bring one activity to a state, creating it if there is none; bodies as Microsoft Graph documents them."""
    return await _answer(req, context, activities.upsert(None))


@app.route("assignments", methods=["PUT"])
async def upsert_assignment(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Bring an assignment to a state, creating it if there is none."""
    return await _answer(req, context, activities.upsert(Assignment))


@app.route("self-initiated-courses", methods=["PUT"])
async def upsert_self_initiated_course(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Bring a self-initiated course to a state, creating it if there is none."""
    return await _answer(req, context, activities.upsert(SelfInitiatedCourse))


@app.route("activities", methods=["PATCH"])
async def update_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Change parts of one activity; bodies as Microsoft Graph documents them."""
    return await _answer(req, context, activities.update(None))


@app.route("assignments", methods=["PATCH"])
async def update_assignment(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Change parts of an assignment."""
    return await _answer(req, context, activities.update(Assignment))


@app.route("self-initiated-courses", methods=["PATCH"])
async def update_self_initiated_course(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Change parts of a self-initiated course."""
    return await _answer(req, context, activities.update(SelfInitiatedCourse))


@app.route("activities", methods=["GET"])
async def find_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Find one activity by its external id or Graph's; as Microsoft Graph tells it."""
    return await _answer(req, context, activities.find(None))


@app.route("assignments", methods=["GET"])
async def find_assignment(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Find an assignment by its external id or Graph's."""
    return await _answer(req, context, activities.find(Assignment))


@app.route("self-initiated-courses", methods=["GET"])
async def find_self_initiated_course(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Find a self-initiated course by its external id or Graph's."""
    return await _answer(req, context, activities.find(SelfInitiatedCourse))


@app.route("activities", methods=["DELETE"])
async def delete_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Delete one activity."""
    return await _answer(req, context, activities.delete_activity)


# HEAD as GET, for gateways and monitors; the host sends it to no function that does not say so.
@app.route("health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Say whether the app can work."""
    return await _answer(req, context, about.get_health)


@app.route("openapi.json", methods=["GET", "HEAD"])
async def get_openapi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Describe the API; needs the key, so that a connection can be tested with it."""
    return await _answer(req, context, about.get_openapi)


@app.route("failures", methods=["GET"])
async def list_failures(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Show what could not be created from the queue, and why."""
    return await _answer(req, context, failures.list_failures)


@app.route("failures/replay", methods=["POST"])
async def replay_failures(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Put failures back into the queue after their cause is repaired."""
    return await _answer(req, context, failures.replay_failures)


@app.route("learners/erase", methods=["POST"])
async def erase_learner(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Erase what the app keeps about one learner."""
    return await _answer(req, context, learners.erase_learner)


@app.route("learning-contents", methods=["GET"])
async def list_learning_contents(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """List the courses of a learning provider."""
    from activities.web import courses

    return await _answer(req, context, courses.list_learning_contents)


@app.route("failures/discard", methods=["POST"])
async def discard_failures(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Throw failures away for good."""
    return await _answer(req, context, failures.discard_failures)


@app.route("batches", methods=["POST"])
async def create_batch(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create many activities; small batches are answered at once, others with the address of their report."""
    from activities.web import batches

    return await _answer(req, context, batches.create_batch)


@app.route("batches/file", methods=["POST"])
async def send_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create many activities from a file, whatever its content type says."""
    from activities.web import batches

    return await _answer(req, context, batches.send_file)


# Anonymous: flows follow a Location without a key, and the id cannot be guessed.
@app.route("batches/{batchId}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_batch(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Report on a batch: JSON for flows, a page for people."""
    from activities.web import batches

    return await _answer(req, context, batches.get_batch)


@app.route("batches/{batchId}/status", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_batch_status(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Report on a batch to Azure-style clients."""
    from activities.web import batches

    return await _answer(req, context, batches.get_batch_status)


@app.route("batches/{batchId}", methods=["DELETE"])
async def delete_batch(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Stop a batch, and delete what is kept of it."""
    from activities.web import batches

    return await _answer(req, context, batches.delete_batch)


@app.route("tenant-check", methods=["POST"])
async def check_tenant(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Try everything that is assumed about Microsoft Graph."""
    from activities.web import tenant_check

    return await _answer(req, context, tenant_check.check_tenant)


# Anonymous: the page holds nothing, and a browser has no key to ask for it with.
@app.route("tenant-check", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def open_tenant_check(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Show people the page."""
    from activities.web import tenant_check

    return await _answer(req, context, tenant_check.open_tenant_check)


@app.route("tenant-check/last", methods=["GET"])
async def get_tenant_check(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Tell how far the check is, or the last result."""
    from activities.web import tenant_check

    return await _answer(req, context, tenant_check.get_tenant_check)


# As bytes: of a text, the host would let the body's properties hide the message's own id and times.
@app.queue_trigger(
    arg_name="msg", queue_name="%ACTIVITY_QUEUE%", connection="AzureWebJobsStorage", data_type=func.DataType.BINARY
)
async def create_from_queue(msg: func.QueueMessage, context: func.Context) -> None:
    """Create the activities of a queue message."""
    await runtime.run(lambda app: app.create_from_queue(_delivery(msg)), context.invocation_id)


@app.queue_trigger(
    arg_name="msg",
    queue_name="%ACTIVITY_QUEUE%-batches",
    connection="AzureWebJobsStorage",
    data_type=func.DataType.BINARY,
)
async def create_from_batches(msg: func.QueueMessage, context: func.Context) -> None:
    """Work off one chunk of a batch."""
    await runtime.run(lambda app: app.create_from_batches(_delivery(msg)), context.invocation_id)


# Every night at 03:30 UTC.
@app.timer_trigger("timer", schedule="0 30 3 * * *", run_on_startup=False, use_monitor=True)
async def delete_expired(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 (the binding's)
    """Delete what names people and whose time is over."""
    await runtime.run(lambda app: app.delete_expired(), context.invocation_id)


def _delivery(msg: func.QueueMessage) -> Delivery:
    return Delivery(msg.get_body(), msg.id or "", msg.insertion_time, msg.dequeue_count or 1)


async def _answer(req: func.HttpRequest, context: func.Context, use_case: UseCase) -> func.HttpResponse:
    # Whoever sends a body with a GET, to routes that need no key, too, or with a DELETE, finds no reader.
    body = b"" if req.method in {"GET", "HEAD", "DELETE"} else req.get_body()
    sent = (body, req.headers, req.url, req.params, req.route_params)
    response = await runtime.answer(Request(*sent, context.invocation_id, context.function_name), use_case)
    said = b"" if req.method == "HEAD" else response.body
    return func.HttpResponse(said, status_code=response.status, headers=response.headers)
