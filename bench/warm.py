"""Warm creates over HTTP: how many a second, how long each takes, and whose processor time they cost."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack

from bench import cases, load
from bench.candidates import APP, APP_ONCE, EXAMPLE, FLOOR, PLAIN, Candidate, Stage, stage
from bench.figures import Figures, Row, in_turn, percentile
from bench.usage import Meter, with_children
from local.stack.processes import Child

WARMING_REQUESTS = 200
_MOST_CALLERS = 32


def measure(
    figures: Figures, *, callers: Sequence[int], latencies: Sequence[float], rounds: int, seconds: float
) -> None:
    """Add the figures of so many rounds, each candidate being under load for some seconds in each."""
    for latency in latencies:
        with stage(latency_seconds=latency) as scene, ExitStack() as stack:
            hosts = {one.directory: stack.enter_context(scene.host(one)) for one in (APP, PLAIN, FLOOR)}
            for candidate in (APP, APP_ONCE, PLAIN, FLOOR):
                _create(hosts[candidate.directory].url, candidate, callers=_MOST_CALLERS, requests=WARMING_REQUESTS)
            for number in range(rounds):
                for some in callers:
                    for candidate in in_turn((APP, APP_ONCE, PLAIN, FLOOR), number):
                        host = hosts[candidate.directory]
                        row = figures.row(cases.warm(some, latency), candidate.key)
                        _load(row, scene, candidate, host, callers=some, seconds=seconds)


def _load(  # noqa: PLR0913 (all that makes a load)
    row: Row, scene: Stage, candidate: Candidate, host: Child, *, callers: int, seconds: float
) -> None:
    scene.forget()
    storage = with_children(scene.storage.pid)
    meter = Meter({"host": [host.pid], "graph": [scene.graph.pid], "storage": storage, "callers": [os.getpid()]})
    answered = _create(host.url, candidate, callers=callers, seconds=seconds)
    spent = meter.seconds()
    count = len(answered.latencies)
    row.add("creates_per_second", answered.per_second)
    row.add("p50_milliseconds", percentile(answered.latencies, 0.5) * 1000)
    row.add("p99_milliseconds", percentile(answered.latencies, 0.99) * 1000)
    row.add("host_busy", spent["host"] / answered.seconds)
    for process, used in spent.items():
        row.add(f"{process}_cpu_milliseconds", used / count * 1000)


def _create(
    url: str, candidate: Candidate, *, callers: int, seconds: float = float("inf"), requests: int | None = None
) -> load.Answered:
    return asyncio.run(
        load.create(
            f"{url}/api/assignments",
            EXAMPLE,
            with_external_id=candidate.with_external_id,
            callers=callers,
            seconds=seconds,
            requests=requests,
        )
    )
