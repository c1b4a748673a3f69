"""How cost grows from 1 to 100,000 activities, as single creates and in batches, each in a fresh process.

More than fit into one batch go in several, one after the other.
"""

import asyncio
import time

from bench import batch_rate, cases, load
from bench.candidates import APP, APP_ONCE, EXAMPLE, Candidate, stage
from bench.figures import Figures
from bench.usage import Meter, resident_megabytes

_STEPS = (1, 100, 1000, 10_000, 100_000)
_CALLERS = 32
BATCH = "batch"


def measure(figures: Figures, *, largest: int) -> None:
    """Add the figures of every step up to the largest, once each."""
    for activities in (step for step in _STEPS if step <= largest):
        for way in (APP.key, APP_ONCE.key, BATCH):
            _grow(figures, way, activities)


def _grow(figures: Figures, way: str, activities: int) -> None:
    with stage(latency_seconds=0) as scene, scene.host(APP) as host:
        if way == BATCH:
            batch_rate.wake(scene, host)
        else:
            _create(host.url, APP_ONCE, 1)
        meter = Meter({"host": [host.pid]})
        seconds, done = 0.0, 0
        while done < activities:
            some = min(activities - done, batch_rate.LARGEST)
            scene.forget()
            if way == BATCH:
                seconds += batch_rate.create(scene, host, activities=some)
            else:
                candidate = APP if way == APP.key else APP_ONCE
                seconds += _create(host.url, candidate, some)
            done += some
        figures.add("growth_seconds", cases.activities(activities), way, seconds)
        figures.add(
            "growth_cpu_milliseconds", cases.activities(activities), way, meter.seconds()["host"] / activities * 1000
        )
        figures.add("growth_megabytes", cases.activities(activities), way, resident_megabytes(host.pid))


def _create(url: str, candidate: Candidate, requests: int) -> float:
    begun = time.perf_counter()
    asyncio.run(
        load.create(
            f"{url}/api/assignments",
            EXAMPLE,
            with_external_id=candidate.with_external_id,
            callers=min(_CALLERS, requests),
            requests=requests,
        )
    )
    return time.perf_counter() - begun
