"""A function app whose queue functions do what a message's body tells them, and show over HTTP what they saw."""

import asyncio
import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen: list[dict[str, object]] = []
released = asyncio.Event()


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
async def work(message: func.QueueMessage, context: func.Context) -> None:
    """Do what the body says."""
    remember("work", message, context)
    await obey(message, context)


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%-poison", connection="AzureWebJobsStorage")
def bury(message: func.QueueMessage, context: func.Context) -> None:
    """Take what always failed, in a thread."""
    remember("bury", message, context)
    if message.get_body() == b"fail 99 buried":
        raise RuntimeError("nothing helps")


@app.queue_trigger(
    arg_name="message", queue_name="binary", connection="AzureWebJobsStorage", data_type=func.DataType.BINARY
)
async def binary(message: func.QueueMessage, context: func.Context) -> None:
    """Take bytes."""
    remember("binary", message, context)


@app.queue_trigger(
    arg_name="message",
    queue_name="%SAMPLE_QUEUE%-batches",
    connection="AzureWebJobsStorage",
    data_type=func.DataType.BINARY,
)
async def batches(message: func.QueueMessage, context: func.Context) -> None:
    """Do what the body says, which comes as bytes."""
    remember("batches", message, context)
    await obey(message, context)


@app.route("seen", methods=["GET"])
async def show(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer what the queue functions saw, in order."""
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route("release", methods=["POST"])
async def release(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Let the functions go on that wait."""
    released.set()
    return func.HttpResponse()


async def obey(message: func.QueueMessage, context: func.Context) -> None:
    """Do what a body says.

    `fail 2 text` the first two times, `take 0.5 text` for that many seconds, `wait text` until released.
    """
    match message.get_body().decode().split():
        case ["fail", times, *_] if (message.dequeue_count or 0) <= int(times):
            raise RuntimeError(f"this is in the log only: {message.dequeue_count}")
        case ["take", seconds, *_]:
            await asyncio.sleep(float(seconds))
            remember("finished", message, context)
        case ["wait", *_]:
            await released.wait()
            remember("finished", message, context)


def remember(event: str, message: func.QueueMessage, context: func.Context) -> None:
    """Add what a function sees of a message."""
    seen.append({"event": event, "invocation": context.invocation_id, **message.to_dict()})
