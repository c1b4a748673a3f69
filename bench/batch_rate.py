"""Batches: activities a second from the POST to the finished report, beside as many creates of the plain SDK function.

The opponent has no batches: it gets the same activities one by one, from one caller and from 32.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from uuid import uuid4

from azure.storage.queue import QueueClient

from bench import cases, load
from bench.candidates import APP, EXAMPLE, PATIENCE_SECONDS, PLAIN, Stage, stage
from bench.figures import Figures, Row, in_turn
from bench.queueing import wait_until_empty
from bench.usage import Meter
from local.stack.processes import Child

LARGEST = 10_000
_WARMING = 100
_CALLERS = (1, 32)


def plain_key(callers: int) -> str:
    """Return the key of the opponent with so many callers."""
    return f"{PLAIN.key}_{callers}"


def measure(figures: Figures, *, latencies: Sequence[float], rounds: int, activities: int, seconds: float) -> None:
    """Add the figures of so many rounds: one batch, and some seconds of single creates by the opponent."""
    for latency in latencies:
        with stage(latency_seconds=latency) as scene, scene.host(APP) as app, scene.host(PLAIN) as plain:
            name = cases.latency(latency)
            _batch(Figures().row(name, APP.key), scene, app, activities=_WARMING)
            _singly(Figures().row(name, PLAIN.key), scene, plain, callers=_CALLERS[-1], seconds=1)
            for number in range(rounds):
                for one in in_turn((None, *_CALLERS), number):
                    if one is None:
                        _batch(figures.row(name, APP.key), scene, app, activities=activities)
                    else:
                        _singly(figures.row(name, plain_key(one)), scene, plain, callers=one, seconds=seconds)


def create(scene: Stage, host: Child, *, activities: int) -> float:
    """Create one batch and return how many seconds it took.

    Raises:
        RuntimeError: not all of them were created.
    """
    records = [{**EXAMPLE, "externalCourseActivityId": str(uuid4())} for _ in range(activities)]
    body = json.dumps({"activities": records}).encode()
    request = urllib.request.Request(  # noqa: S310 (loopback)
        f"{host.url}/api/batches", data=body, headers={"Content-Type": "application/json", "Prefer": "respond-async"}
    )
    begun = time.perf_counter()
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS * 5) as accepted:  # noqa: S310 (loopback)
        if accepted.status != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"A batch was answered {accepted.status}.")
        location = accepted.headers["Location"]
    # Asked there and not of the host, whose answers would cost what is measured.
    with QueueClient.from_connection_string(scene.connection_string(), f"{APP.queue}-batches") as queue:
        wait_until_empty(queue)
    seconds = time.perf_counter() - begun
    with urllib.request.urlopen(location, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 (loopback)
        report = json.load(answer)
    if report["succeededCount"] != activities:
        said = {name: value for name, value in report.items() if name != "results"}
        raise RuntimeError(f"A batch of {activities} did not end as it should: {said}")
    return seconds


def wake(scene: Stage, host: Child) -> None:
    """Let a host that found nothing in its queue for a while look at once again, as it does after a message."""
    create(scene, host, activities=1)


def _batch(row: Row, scene: Stage, host: Child, *, activities: int) -> None:
    scene.forget()
    wake(scene, host)
    meter = Meter({"host": [host.pid]})
    seconds = create(scene, host, activities=activities)
    row.add("batch_activities_per_second", activities / seconds)
    row.add("batch_cpu_milliseconds", meter.seconds()["host"] / activities * 1000)


def _singly(row: Row, scene: Stage, host: Child, *, callers: int, seconds: float) -> None:
    scene.forget()
    meter = Meter({"host": [host.pid]})
    url = f"{host.url}/api/assignments"
    answered = asyncio.run(load.create(url, EXAMPLE, with_external_id=True, callers=callers, seconds=seconds))
    spent = meter.seconds()["host"]
    row.add("batch_activities_per_second", answered.per_second)
    row.add("batch_cpu_milliseconds", spent / len(answered.latencies) * 1000)
