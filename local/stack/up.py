"""Everything on the usual ports, as one command that a person starts and ends.

It starts the other commands as children and explains what is where; it serves nothing itself.
"""

import argparse
import os
import queue
import sys
from contextlib import ExitStack

from local.environment import app_environment, storage_options
from local.lifecycle import announce, call_on_stop
from local.stack.processes import started

SUMMARY = """
  Function app     {host}/api
  Graph, identity  {graph}
  Storage          ports {ports} (Azurite, in memory); the queue is {queue}

Try it:
  curl -i {host}/api/activities -H 'Content-Type: application/json'{key} -d @tests/samples/assignment.request.json

What Graph stored:   {graph}/_emulator/activities
What it was asked:   {graph}/_emulator/requests
Faults on demand:    {graph}/_emulator/faults

Ctrl-C ends it all.
"""


def run(arguments: argparse.Namespace) -> int:
    """Run storage, Graph and the host until asked to stop or until one of them ends.

    Returns:
        0 when asked to stop, else the exit code of the child that ended.

    Raises:
        ChildError: a child did not start.
    """
    ended: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
    call_on_stop(lambda: ended.put(None), lifeline=arguments.lifeline)
    storage_ports = (arguments.blob_port, arguments.queue_port, arguments.table_port)
    with ExitStack() as children:

        def start(command: str, *options: str, env: dict[str, str] | None = None) -> str:
            child = started(command, *options, env=env, on_exit=lambda name, code: ended.put((name, code)))
            return children.enter_context(child).url

        start("storage", *storage_options(storage_ports))
        graph = start("graph", "--port", str(arguments.graph_port))
        # What is already in the environment wins: that is how a person changes one setting.
        environment = {**app_environment(graph, storage_ports=storage_ports), **os.environ}
        key = arguments.function_key
        options = ["--port", str(arguments.host_port), "--app", arguments.app]
        host = start("host", *options, *(["--function-key", key] if key else []), env=environment)
        announce(host)
        ports = ", ".join(str(port) for port in storage_ports)
        key_header = f" -H 'x-functions-key: {key}'" if key else ""
        print(
            SUMMARY.format(host=host, graph=graph, ports=ports, key=key_header, queue=environment["ACTIVITY_QUEUE"]),
            flush=True,
        )
        first = ended.get()
    if first is None:
        return 0
    name, code = first
    print(f"{name} ended by itself with exit code {code}, so everything else was stopped.", file=sys.stderr)
    return code
