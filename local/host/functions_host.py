"""A small Functions host: the app's HTTP, queue and timer functions, run by Microsoft's own Python worker library.

It behaves as the real host does around an invocation: `http_functions`, `queue_listener`, `timer_listener` and
`manual_runs` say how and where not. It is not the real host: no extension bundle, no scale controller, no key
store, no Easy Auth, no per-function instances (all functions share this process), no function timeout, and no other
triggers or bindings. A function with one of those is named in the log and not run.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from local.host.function_keys import FunctionKey
from local.host.host_json import HostJson, read_host_json
from local.host.http_functions import HttpFunctions, body_limit
from local.host.loaded_modules import write_loaded_modules
from local.host.manual_runs import PREFIX, ManualRuns
from local.host.queue_bindings import bind_queue
from local.host.queue_connections import open_service
from local.host.queue_listener import QueueListener
from local.host.timer_bindings import bind_timer
from local.host.timer_listener import TimerListener
from local.host.worker_library import AppLoadError, Function, OfRunningInvocations, load_app
from local.lifecycle import listen
from local.serving import SHUTDOWN_SECONDS, serve

logger = logging.getLogger("local.host")


def run(arguments: argparse.Namespace) -> int:
    """Serve an app until asked to stop; the arguments are those of `python -m local host`.

    Returns:
        1 when the app cannot be loaded. When asked to stop, it ends the process instead of returning.

    Raises:
        StartError: the port is taken, the directory holds no host.json that can be read, or a queue or timer trigger
            cannot be resolved.
    """
    app = Path(arguments.app).resolve()
    host_json = read_host_json(app)
    endpoint = listen(arguments.port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(OfRunningInvocations())
    # The worker library's own lines (one per invocation) go to the platform's log in Azure, never to the app's.
    logging.getLogger("azure.functions").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve_app(app, host_json, endpoint, arguments))
    except AppLoadError as error:
        print(f"The function app in {app} cannot be loaded.\n{error}", file=sys.stderr)
        return 1
    return 0


async def _serve_app(app: Path, host_json: HostJson, endpoint: socket.socket, arguments: argparse.Namespace) -> None:
    by_trigger: dict[str, list[Function]] = {}
    for function in await load_app(app):
        by_trigger.setdefault(function.trigger["type"], []).append(function)
    key = FunctionKey(arguments.function_key)
    http = HttpFunctions(
        by_trigger.pop("httpTrigger", []),
        prefix=host_json.route_prefix,
        key=key,
        body_limit_bytes=body_limit(os.environ),
    )
    listeners: dict[str, QueueListener | TimerListener] = {}
    queues = [bind_queue(function, os.environ) for function in by_trigger.pop("queueTrigger", [])]
    services = {connection: open_service(connection) for connection in {queue.connection for queue in queues}}
    for queue in queues:
        listeners[queue.function.name] = QueueListener(
            queue,
            services[queue.connection],
            options=host_json.queues,
            lock_seconds=arguments.queue_lock_seconds,
        )
    for function in by_trigger.pop("timerTrigger", []):
        listeners[function.name] = TimerListener(bind_timer(function, os.environ, datetime.now(UTC)))
    manual = ManualRuns({name: listener.run for name, listener in listeners.items()}, key=key)
    for trigger, functions in by_trigger.items():
        for function in functions:
            logger.warning("%s is not run: this host has no %s.", function.name, trigger)

    async def answer(request: web.BaseRequest) -> web.Response:
        return await (manual if request.raw_path.startswith(PREFIX) else http).answer(request)

    async def stop() -> None:
        await asyncio.gather(*(running.stop(SHUTDOWN_SECONDS) for running in (manual, *listeners.values())))

    for listener in listeners.values():
        listener.start()
    await serve(answer, (endpoint, None), lifeline=arguments.lifeline, on_stop=stop)
    if arguments.loaded_modules:
        write_loaded_modules(arguments.loaded_modules)
    # The platform gives an app no moment to close its clients: leaving here spares complaints about that.
    sys.stdout.flush()
    logging.shutdown()
    os._exit(0)
