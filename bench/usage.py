"""What processes use: processor time and memory, as the operating system counts them.

Processor time is the figure that the other processes of a busy machine falsify least.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.001


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, in millions of bytes."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that some processes have used."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(one.user + one.system for one in times))


def with_children(pid: int) -> list[int]:
    """Return the ids of a process and of all that it started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Let a process do nothing for the length of a ``with`` block; its clocks go on.

    Raises:
        RuntimeError: it does not halt.
    """
    process = psutil.Process(pid)
    process.suspend()
    try:
        late = time.monotonic() + _PATIENCE_SECONDS
        while process.status() != psutil.STATUS_STOPPED:  # A busy system takes a moment to tell it.
            if time.monotonic() > late:
                raise RuntimeError(f"The process {pid} does not halt.")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        process.resume()


@dataclass(slots=True)
class Meter:
    """The processor time of some groups of processes from now on."""

    pids: Mapping[str, Iterable[int]]
    _begun: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self._used()

    def seconds(self) -> dict[str, float]:
        """Return what each has used since the meter was made."""
        return {name: used - self._begun[name] for name, used in self._used().items()}

    def _used(self) -> dict[str, float]:
        return {name: cpu_seconds(pids) for name, pids in self.pids.items()}
