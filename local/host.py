"""A small Functions host: the app's HTTP and queue functions, run by Microsoft's own Python worker library.

It behaves as the real host does around an invocation: `local.http_functions` and `local.queues` say how and where not.
It is not the real host: no extension bundle, no scale controller, no key store, no Easy Auth, no per-function
instances (all functions share this process), no function timeout, connection strings instead of identities for
queues, and no other triggers or bindings. A function with one of those is named in the log and not run.

When asked to stop, it ends as the platform ends a worker: nothing more is received, running invocations may finish,
nothing of the app is closed or finalised.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from pathlib import Path

from local.host_json import HostJson, read_host_json
from local.http_functions import HttpFunctions
from local.lifecycle import listen
from local.queue_bindings import bind_queue
from local.queues import QueueListener
from local.serving import SHUTDOWN_SECONDS, serve
from local.worker import AppLoadError, Function, load_app

logger = logging.getLogger("local.host")


def run(arguments: argparse.Namespace) -> int:
    """Serve an app until asked to stop; arguments `app`, `port`, `function_key`, `queue_lock_seconds` and `lifeline`.

    Returns:
        1 when the app cannot be loaded. When asked to stop, it ends the process instead of returning.

    Raises:
        StartError: the port is taken, the directory holds no host.json that can be read, or a queue trigger cannot be
            resolved.
    """
    app = Path(arguments.app).resolve()
    host_json = read_host_json(app)
    listener = listen(arguments.port)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The worker library's own lines (one per invocation) go to the platform's log in Azure, never to the app's.
    logging.getLogger("azure.functions").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve_app(app, host_json, listener, arguments))
    except AppLoadError as error:
        print(f"The function app in {app} cannot be loaded.\n{error}", file=sys.stderr)
        return 1
    return 0


async def _serve_app(app: Path, host_json: HostJson, listener: socket.socket, arguments: argparse.Namespace) -> None:
    by_trigger: dict[str, list[Function]] = {}
    for function in await load_app(app):
        by_trigger.setdefault(function.trigger["type"], []).append(function)
    http = HttpFunctions(
        by_trigger.pop("httpTrigger", []), prefix=host_json.route_prefix, function_key=arguments.function_key
    )
    queues = [
        QueueListener(
            bind_queue(function, os.environ), options=host_json.queues, lock_seconds=arguments.queue_lock_seconds
        )
        for function in by_trigger.pop("queueTrigger", [])
    ]
    for trigger, functions in by_trigger.items():
        for function in functions:
            logger.warning("%s is not run: this host has no %s.", function.name, trigger)

    async def stop_queues() -> None:
        await asyncio.gather(*(queue.stop(SHUTDOWN_SECONDS) for queue in queues))

    for queue in queues:
        queue.start()
    await serve(http.answer, listener, lifeline=arguments.lifeline, on_stop=stop_queues)
    # The platform gives an app no moment to close its clients: leaving here spares complaints about that.
    sys.stdout.flush()
    logging.shutdown()
    os._exit(0)
