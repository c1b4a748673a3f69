"""A host that asks for its function key, as on Azure, with queues and a Graph emulator of its own.

The storage is that of the session: Azurite takes longer to start than all the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from local.environment import app_environment, storage_connection_string
from local.stack.processes import started
from tests.end_to_end.queue_stack import QueueStack
from tests.support import plain_http

KEY = "key-of-the-function"
KEY_HEADER = {"x-functions-key": KEY}


@contextmanager
def keyed_stack(
    logs: Path, storage_ports: tuple[int, int, int], *, app: Path | None = None, **settings: str
) -> Iterator[QueueStack]:
    """Run a Graph emulator and one host of an app, and read the host's log when all is over."""
    with started("graph", "--port", "0", log=logs / "graph.log") as graph:
        environment = app_environment(graph.url, storage_ports=storage_ports)
        environment = {**environment, "ACTIVITY_QUEUE": f"activities-{uuid4()}"[:40], **settings}
        stack = QueueStack(graph.url, storage_connection_string(*storage_ports), environment, logs)
        with stack.queue() as activities:
            activities.create_queue()
        with stack.host(app=app, function_key=KEY):
            yield stack
    stack.assert_discreet(KEY)


def forget(stack: QueueStack) -> None:
    """Bring the emulator back to its beginning; what is in storage belongs to ids that no other test uses."""
    with httpx.Client(base_url=stack.graph_url, verify=plain_http.NO_CERTIFICATES) as emulator:
        for resource in ("faults", "tenant", "activities", "requests"):
            emulator.delete(f"/_emulator/{resource}").raise_for_status()
