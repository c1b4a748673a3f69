"""What the tests of queue triggers share: a queue with the hosts that listen to it, and waiting with a limit."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.storage.queue import BinaryBase64DecodePolicy, BinaryBase64EncodePolicy, QueueClient

from local.stack.processes import Child, started
from tests.support import plain_http

QUEUE_APP = Path(__file__).parent / "queue_app"
SAMPLE_APP = Path(__file__).parent / "sample_app"
LIMIT_SECONDS = 20


def wait_for[T](probe: Callable[[], T]) -> T:
    """Return what `probe` returns as soon as it is true; fail after 20 seconds."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still {found!r} after {LIMIT_SECONDS} s"
        time.sleep(0.02)  # Between two looks, so that what is looked at gets the processor.
    return found


def queue_client(connection: str, name: str) -> QueueClient:
    """Return a client that encodes bodies as the host expects, and tries nothing twice."""
    return QueueClient.from_connection_string(
        connection,
        name,
        message_encode_policy=BinaryBase64EncodePolicy(),
        message_decode_policy=BinaryBase64DecodePolicy(),
        retry_total=0,
    )


@dataclass(frozen=True)
class QueueHost:
    """A running host of the queue app."""

    child: Child
    log_file: Path

    def seen(self, body: str, event: str = "work") -> list[dict[str, Any]]:
        """Return what a function saw of the messages with a body, oldest first."""
        records = plain_http.get(f"{self.child.url}/api/seen").json()
        return [record for record in records if (record["event"], record["body"]) == (event, body)]

    def wait_until_seen(self, body: str, event: str = "work", *, times: int = 1) -> list[dict[str, Any]]:
        """Wait until a body was seen so many times."""
        return wait_for(lambda: seen if len(seen := self.seen(body, event)) >= times else [])

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")


@contextmanager
def queue_host(
    log_file: Path, connection: str, queue: str, *, lock_seconds: int = 600, app: Path = QUEUE_APP
) -> Iterator[QueueHost]:
    """Run a host whose functions listen to a queue and its poison queue."""
    options = ("--port", "0", "--app", str(app), "--queue-lock-seconds", str(lock_seconds))
    environment = {"AzureWebJobsStorage": connection, "SAMPLE_QUEUE": queue}
    with started("host", *options, env=environment, log=log_file) as child:
        yield QueueHost(child, log_file)
