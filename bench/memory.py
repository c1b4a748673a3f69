"""Resident memory of a fresh process after so many creates over HTTP."""

import asyncio
from collections.abc import Sequence

from bench import cases, load
from bench.candidates import APP, APP_ONCE, EXAMPLE, FLOOR, PLAIN, Candidate, stage
from bench.figures import Figures
from bench.usage import resident_megabytes

_CALLERS = 16
# Between two of them Graph forgets what it has, so that it does not outgrow the machine.
_AT_ONCE = 10_000


def measure(figures: Figures, *, rounds: int, creates: Sequence[int]) -> None:
    """Add the figures of so many fresh processes after each of the numbers of creates, which ascend."""
    for _ in range(rounds):
        with stage(latency_seconds=0) as scene:
            for candidate in (APP, APP_ONCE, PLAIN, FLOOR):
                with scene.host(candidate) as host:
                    done = 0
                    for count in creates:
                        while done < count:
                            scene.forget()
                            some = min(count - done, _AT_ONCE)
                            asyncio.run(_create(host.url, candidate, some))
                            done += some
                        figures.add(
                            "resident_megabytes", cases.after(count), candidate.key, resident_megabytes(host.pid)
                        )


async def _create(url: str, candidate: Candidate, requests: int) -> None:
    await load.create(
        f"{url}/api/assignments",
        EXAMPLE,
        with_external_id=candidate.with_external_id,
        callers=min(_CALLERS, requests),
        requests=requests,
    )
