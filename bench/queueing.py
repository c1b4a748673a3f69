"""The queue: so many messages that a host sees at the same moment, until the last is created and deleted."""

import json
import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import uuid4

from azure.storage.queue import QueueClient

from bench import cases
from bench.candidates import APP, EXAMPLE, FLOOR, PLAIN, Candidate, Stage, stage
from bench.figures import Figures, Row, in_turn
from bench.usage import Meter
from local.processes import Child

_LOOK_SECONDS = 0.05
_SECONDS_TO_FILL = 2.0
_SECONDS_TO_PUT = 0.012
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
    """Let all messages be seen at the same moment by a host that is looking, and measure from then on."""
    scene.forget()
    with QueueClient.from_connection_string(scene.connection_string(), candidate.queue) as queue:
        shown_at = time.time() + _SECONDS_TO_FILL + messages * _SECONDS_TO_PUT
        for _ in range(messages):
            _put(queue, after_seconds=math.ceil(shown_at - time.time()))
        # A host that found nothing looks again after up to two seconds: so it finds something.
        awake = 0
        while time.time() < shown_at + 1:  # Storage counts whole seconds: now it shows the last one.
            _put(queue, after_seconds=0)
            awake += 1
            time.sleep(_LOOK_SECONDS)
        meter = Meter({"host": [host.pid]})
        begun = time.perf_counter()
        left = _left(queue)
        wait_until_empty(queue)
        seconds = time.perf_counter() - begun
    stored = scene.stored() - awake
    if stored != messages:
        raise RuntimeError(f"Of {messages} messages for {candidate.title}, Graph has {stored} activities.")
    row.add("messages_per_second", left / seconds)
    row.add("queue_cpu_milliseconds", meter.seconds()["host"] / left * 1000)


def _put(queue: QueueClient, *, after_seconds: int) -> None:
    content = json.dumps({**EXAMPLE, "externalCourseActivityId": str(uuid4())})
    queue.send_message(content, visibility_timeout=after_seconds)


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
