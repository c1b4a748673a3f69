"""The queue: so many messages that are there when the host begins to read, until the last is created and deleted."""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import uuid4

import psutil
from azure.storage.queue import QueueClient

from bench import cases
from bench.candidates import APP, EXAMPLE, FLOOR, PLAIN, Candidate, Stage, stage
from bench.figures import Figures, Row, in_turn
from bench.usage import Meter
from local.processes import Child

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
    process = psutil.Process(host.pid)
    with QueueClient.from_connection_string(scene.connection_string(), candidate.queue) as queue:
        # A host that found nothing looks again after up to two seconds: wake it, so that this is not measured.
        _put(queue, 1)
        wait_until_empty(queue)
        process.suspend()  # Nor is filling the queue.
        try:
            _put(queue, messages)
            meter = Meter({"host": [host.pid]})
            begun = time.perf_counter()
        finally:
            process.resume()
        wait_until_empty(queue)
        seconds = time.perf_counter() - begun
    stored = scene.stored() - 1
    if stored != messages:
        raise RuntimeError(f"Of {messages} messages for {candidate.title}, Graph has {stored} activities.")
    row.add("messages_per_second", messages / seconds)
    row.add("queue_cpu_milliseconds", meter.seconds()["host"] / messages * 1000)


def _put(queue: QueueClient, messages: int) -> None:
    for _ in range(messages):
        queue.send_message(json.dumps({**EXAMPLE, "externalCourseActivityId": str(uuid4())}))


def wait_until_empty(queue: QueueClient, *, longest_seconds: float = 3600) -> None:
    """Wait until every message, also those that are being worked on, is deleted.

    Raises:
        RuntimeError: that took too long.
    """
    late = time.monotonic() + longest_seconds
    while queue.get_queue_properties().approximate_message_count:
        if time.monotonic() > late:
            raise RuntimeError(f"The queue {queue.queue_name} does not become empty.")
        time.sleep(_LOOK_SECONDS)
