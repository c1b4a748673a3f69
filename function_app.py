"""The triggers, and nothing else: each binds a request, calls the use case, returns its answer.

Source: https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

import azure.functions as func

from activities import operations
from activities.messages import Delivery
from activities.models import Assignment, SelfInitiatedCourse
from activities.operations import create
from activities.runtime import UseCase, runtime
from activities.wire import Request

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route("activities", methods=["POST"])
async def create_activity(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create one activity; body and answer exactly as Microsoft Graph documents them."""
    return await _answer(req, context, create(kind=None))


@app.route("assignments", methods=["POST"])
async def create_assignment(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create an assignment; a flat body without ``@odata.type``, a flat answer with constant keys."""
    return await _answer(req, context, create(kind=Assignment))


@app.route("self-initiated-courses", methods=["POST"])
async def create_self_initiated_course(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Create a self-initiated course; a flat body without ``@odata.type``, a flat answer with constant keys."""
    return await _answer(req, context, create(kind=SelfInitiatedCourse))


@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Say whether the app can work."""
    return await _answer(req, context, operations.get_health)


@app.route("failures", methods=["GET"])
async def list_failures(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Show what could not be created from the queue, and why."""
    return await _answer(req, context, operations.list_failures)


@app.route("failures/replay", methods=["POST"])
async def replay_failures(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Put failures back into the queue after their cause is repaired."""
    return await _answer(req, context, operations.replay_failures)


# As bytes: of a text, the host would let the body's properties hide the message's own id and times.
@app.queue_trigger(
    arg_name="msg", queue_name="%ACTIVITY_QUEUE%", connection="AzureWebJobsStorage", data_type=func.DataType.BINARY
)
async def create_from_queue(msg: func.QueueMessage, context: func.Context) -> None:
    """Create the activities of a queue message."""
    await runtime.handle(Delivery(msg.get_body(), msg.id or "", msg.insertion_time), context.invocation_id)


async def _answer(req: func.HttpRequest, context: func.Context, use_case: UseCase) -> func.HttpResponse:
    request = Request(req.get_body(), req.headers, req.url, req.params, context.invocation_id)
    response = await runtime.answer(request, use_case)
    return func.HttpResponse(response.body, status_code=response.status, headers=response.headers)
