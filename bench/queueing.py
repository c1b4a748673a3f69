"""The queue: so many messages that a host sees at the same moment, until the last is created and deleted."""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import uuid4

from azure.storage.queue import QueueClient

from bench import cases
from bench.candidates import APP, EXAMPLE, FLOOR, PLAIN, Candidate, Stage, stage
from bench.figures import Figures, Row, in_turn
from bench.usage import Meter, halted
from local.host.queue_listener import MAX_POLLING_SECONDS
from local.stack.processes import Child

_LOOK_SECONDS = 0.05
_WARMING_MESSAGES = 50


def measure(figures: Figures, *, latencies: Sequence[float], rounds: int, messages: int) -> None:
    """Add the figures of so many rounds."""
    for latency in latencies:
        with stage(latency_seconds=latency) as scene, ExitStack() as stack:
            hosts = [(one, stack.enter_context(scene.host(one))) for one in (APP, PLAIN, FLOOR)]
            for candidate, host in hosts:
                _drain(Figures().row("", candidate.key), scene, candidate, host, messages=_WARMING_MESSAGES)
            for number in range(rounds):
                for candidate, host in in_turn(hosts, number):
                    row = figures.row(cases.latency(latency), candidate.key)
                    _drain(row, scene, candidate, host, messages=messages)


def _drain(row: Row, scene: Stage, candidate: Candidate, host: Child, *, messages: int) -> None:
    scene.forget()
    with QueueClient.from_connection_string(scene.connection_string(), candidate.queue) as queue:
        drain(row, queue, host.pid, messages=messages)
    stored = scene.stored()
    if stored != messages:
        raise RuntimeError(f"Of {messages} messages for {candidate.title}, Graph has {stored} activities.")


def drain(row: Row, queue: QueueClient, host: int, *, messages: int) -> None:
    """Fill the queue while its host is halted, and measure from the moment it goes on until all messages are deleted.

    Storage can hide messages for whole seconds only. A host that runs meanwhile has worked off some, or all, of those
    that are shown first before the last is shown; then nothing is left to be measured.
    """
    with halted(host):
        wakes_at = time.monotonic() + MAX_POLLING_SECONDS
        for _ in range(messages):
            queue.send_message(json.dumps({**EXAMPLE, "externalCourseActivityId": str(uuid4())}))
        # A host that found nothing looks again after some seconds: then that is over when it goes on.
        time.sleep(max(0, wakes_at - time.monotonic()))
        meter = Meter({"host": [host]})
        begun = time.perf_counter()
    wait_until_empty(queue)
    row.add("messages_per_second", messages / (time.perf_counter() - begun))
    row.add("queue_cpu_milliseconds", meter.seconds()["host"] / messages * 1000)


def _left(queue: QueueClient) -> int:
    return queue.get_queue_properties().approximate_message_count or 0


def wait_until_empty(queue: QueueClient, *, longest_seconds: float = 3600) -> None:
    """Wait until every message, also those that are being worked on, is deleted.

    Raises:
        RuntimeError: that took too long.
    """
    late = time.monotonic() + longest_seconds
    while _left(queue):
        if time.monotonic() > late:
            raise RuntimeError(f"The queue {queue.queue_name} does not become empty.")
        time.sleep(_LOOK_SECONDS)
