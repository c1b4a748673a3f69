"""The queue's figures: there are some however fast the host is."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from bench import queueing
from bench.figures import Figures

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient


@pytest.fixture
def host() -> Iterator[int]:
    """Run a process and give its id."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


class FastQueue:
    """A queue whose host has worked off everything before anybody looks; remembers what its host was doing."""

    def __init__(self, host: int) -> None:
        self._host = psutil.Process(host)
        self.host_at_each_message: list[str] = []

    def send_message(self, _: str) -> None:
        self.host_at_each_message.append(self._host.status())

    def get_queue_properties(self) -> Any:
        return SimpleNamespace(approximate_message_count=0)


@pytest.fixture
def measured(host: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Figures, FastQueue]:
    monkeypatch.setattr(queueing, "MAX_POLLING_SECONDS", 0)
    figures, queue = Figures(), FastQueue(host)
    queueing.drain(figures.row("", "app"), cast("QueueClient", queue), host, messages=20)
    return figures, queue


def test_a_queue_that_is_empty_at_the_first_look_has_figures_too(measured: tuple[Figures, FastQueue]) -> None:
    figures, _ = measured
    rate, cpu = (figures.spread(name, "", "app") for name in ("messages_per_second", "queue_cpu_milliseconds"))
    assert rate is not None
    assert rate.low > 0
    assert cpu is not None
    assert cpu.low >= 0


def test_the_host_works_off_nothing_before_it_is_measured(measured: tuple[Figures, FastQueue]) -> None:
    _, queue = measured
    assert queue.host_at_each_message == [psutil.STATUS_STOPPED] * 20
