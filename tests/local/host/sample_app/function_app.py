"""A function app with one function for each rule of the host that the tests prove."""

import asyncio
import json
import logging
import os

import azure.functions as func

app = func.FunctionApp()
logger = logging.getLogger("sample")


def _seen(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "query": dict(req.params),
        "parameters": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"x-answered-by": "sample"})


@app.route("echo", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what arrived."""
    return _seen(req)


@app.route("items/{item}/parts/{part}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def part(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what arrived, with two route parameters."""
    return _seen(req)


@app.function_name("unrouted")
@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def without_route(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what arrived: any method, in a thread, under the function's name."""
    return _seen(req)


@app.route("locked", methods=["GET"])
async def locked(req: func.HttpRequest) -> func.HttpResponse:
    """Answer only those who know the function key."""
    return _seen(req)


@app.route("failing", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def failing(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise RuntimeError(f"this is in the log only: {req.method}")


@app.route("trace", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def trace(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Log a line and answer the invocation's trace."""
    logger.info("a line of the app for %s", req.url)
    found = {"invocation": context.invocation_id, "trace": context.trace_context.trace_parent}
    return func.HttpResponse(json.dumps(found), mimetype="application/json")


_running: list[func.HttpRequest] = []


@app.route("slow", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Answer as many seconds later as it is told."""
    _running.append(req)
    await asyncio.sleep(float(req.params["seconds"]))
    return func.HttpResponse("finished")


@app.route("running", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def running(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer how many slow invocations began."""
    return func.HttpResponse(str(len(_running)))


_go_on = asyncio.Event()
_background: list[asyncio.Task[None]] = []


async def _log_later(req: func.HttpRequest) -> None:
    logger.info("a line of a task while its invocation runs: %s", req.method)
    await _go_on.wait()
    logger.info("a line of a task after its invocation: %s", req.method)


@app.route("background", methods=["POST", "GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def background(req: func.HttpRequest) -> func.HttpResponse:
    """Start a task that logs, at a POST; let it log once more and wait for it, at a GET."""
    if req.method == "POST":
        _background.append(asyncio.create_task(_log_later(req)))
        await asyncio.sleep(0)
    else:
        _go_on.set()
        await asyncio.gather(*_background)
        logger.info("a line of who waited for the task")
    return func.HttpResponse(status_code=202)


@app.route("settings", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def settings(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer the environment."""
    return func.HttpResponse(json.dumps(dict(os.environ)), mimetype="application/json")


@app.route("formats/{format}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def formats(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a page, a file, a redirection or nothing."""
    match req.route_params["format"]:
        case "page":
            headers = {"Content-Security-Policy": "default-src 'none'; style-src 'sha256-a+/='", "Refresh": "5"}
            return func.HttpResponse("<p>grün</p>", mimetype="text/html", headers=headers)
        case "file":
            headers = {"Content-Type": "text/csv; charset=utf-16", "Content-Disposition": "attachment; filename=a.csv"}
            return func.HttpResponse(bytes(range(256)), headers=headers)
        case "elsewhere":
            return func.HttpResponse(status_code=302, headers={"Location": "/api/echo?a=b%20c"})
        case _:
            return func.HttpResponse(status_code=202, headers={"Location": "../x", "Retry-After": "7"})


@app.route("statuses/{status}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def statuses(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a status, and the body that is asked for."""
    return func.HttpResponse(req.params.get("body"), status_code=int(req.route_params["status"]))


@app.route("first/literal", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@app.function_name("b_literal")
async def first_literal(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer its name, before c_parameter."""
    return func.HttpResponse("b_literal")


@app.route("first/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@app.function_name("c_parameter")
async def later_parameter(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer its name, after b_literal."""
    return func.HttpResponse("c_parameter")


@app.route("literal/literal", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@app.function_name("d_literal")
async def later_literal(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer its name, after a_parameter."""
    return func.HttpResponse("d_literal")


@app.route("literal/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@app.function_name("a_parameter")
async def first_parameter(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """Answer its name, before d_literal."""
    return func.HttpResponse("a_parameter")


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *")
async def scheduled(timer: func.TimerRequest) -> None:
    """Log that it ran."""
    logger.info("scheduled, past due: %s", timer.past_due)


@app.blob_trigger(arg_name="blob", path="any", connection="AzureWebJobsStorage")
async def stored(blob: func.InputStream) -> None:
    """Wait for a blob, which this host does not do."""
    logger.info("%s", blob.name)


@app.route("crash", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def crash(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - The host passes it by name.
    """End the whole process, as a crash of the worker would."""
    os._exit(3)
