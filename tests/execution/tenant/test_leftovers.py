"""Whatever happens to a check, the next one leaves nothing of it in the tenant."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.errors import TransientError
from activities.execution.gateway import ExternalKey, Write
from activities.execution.tenant.assumptions import ASSUMPTIONS
from activities.execution.tenant.checks import ALIVE, SHOWN_BY
from activities.execution.tenant.findings import Checked
from tests.support.gateways import Emulated, emulated
from tests.support.tenant_checks import SUBJECT, FakeCheckMemory, checks_of, ready
from tests.support.world import NO_STORAGE


class DeathError(BaseException):
    """The process is gone: nothing of it does anything any more."""


@dataclass
class Mortal:
    """A gateway whose process dies at one of its requests, before or after Graph has done what it says."""

    graph: Any
    dies_at: int
    executes_last: bool
    requests: int = field(default=0, init=False)

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> Any:
        """Send writes. See ``GraphGateway``."""
        return await self._step(lambda: self.graph.write(writes, timeout_seconds=timeout_seconds))

    async def find(self, keys: Sequence[ExternalKey], *, timeout_seconds: float) -> Any:
        """Look activities up. See ``GraphGateway``."""
        return await self._step(lambda: self.graph.find(keys, timeout_seconds=timeout_seconds))

    async def get(self, graph_ids: Sequence[str], *, timeout_seconds: float) -> Any:
        """Look activities up. See ``GraphGateway``."""
        return await self._step(lambda: self.graph.get(graph_ids, timeout_seconds=timeout_seconds))

    async def check_identity(self) -> Any:
        """Get a token. See ``GraphGateway``."""
        return await self._step(self.graph.check_identity)

    async def _step(self, do: Callable[[], Awaitable[Any]]) -> Any:
        self.requests += 1
        if self.requests < self.dies_at:
            return await do()
        if self.requests == self.dies_at and self.executes_last:
            await do()
        raise DeathError


class Clockwork:
    """A time of day that a test moves."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time."""
        return self.moment

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        self.moment += span + timedelta(seconds=1)


def external_ids_in(graph: Emulated) -> list[str]:
    return [str(one.entity["externalCourseActivityId"]) for one in graph.emulator.activities.stored]


async def requests_of_a_check(monkeypatch: pytest.MonkeyPatch) -> int:
    async with emulated(monkeypatch) as graph:
        mortal = Mortal(ready(graph).gateway, dies_at=1000, executes_last=False)
        await checks_of(graph, FakeCheckMemory(), graph=mortal).check_now(SUBJECT)
    return mortal.requests


@pytest.mark.parametrize("executes_last", [True, False])
async def test_nothing_is_left_after_the_next_check_wherever_the_one_before_died(
    monkeypatch: pytest.MonkeyPatch, *, executes_last: bool
) -> None:
    count = await requests_of_a_check(monkeypatch)
    assert count > 20
    async with emulated(monkeypatch) as graph:
        ready(graph)
        left = 0
        for dies_at in range(1, count + 1):
            memory, clock = FakeCheckMemory(), Clockwork()
            mortal = Mortal(graph.gateway, dies_at, executes_last)
            with pytest.raises(DeathError):
                await checks_of(graph, memory, graph=mortal, now=clock.now).check_now(SUBJECT)
            left += bool(external_ids_in(graph))
            clock.pass_by(ALIVE)
            checked = await checks_of(graph, memory, now=clock.now).check_now(SUBJECT)
            assert (external_ids_in(graph), list(checked.leftovers)) == ([], [])
            assert checked.holding == len(ASSUMPTIONS)
    assert left > 10


async def test_a_check_that_breaks_off_takes_its_activities_away_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async with emulated(monkeypatch) as graph:
        memory = FakeCheckMemory()
        checks = checks_of(ready(graph), memory)
        monkeypatch.setattr("activities.execution.tenant.alterations.update", _breaks)
        checked = await checks.check_now(SUBJECT)
        assert (external_ids_in(graph), list(checked.leftovers), memory.left) == ([], [], {})
    untold = [one for one in checked.findings if one.holds is None]
    assert {one.observed for one in untold} == {
        "Not tried: something went wrong inside the function app; its log has the details."
    }


async def _breaks(*_: object) -> None:
    raise LookupError


async def test_a_check_that_runs_out_of_time_takes_its_activities_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.execution.tenant.checks.TRIAL_SECONDS", 0.05)
    async with emulated(monkeypatch) as graph:
        memory = FakeCheckMemory()
        # What is seen late is waited for.
        checked = await checks_of(ready(graph, world="seenAtOnce"), memory).check_now(SUBJECT)
        assert external_ids_in(graph) == []
    assert {one.observed for one in checked.findings if one.holds is None} == {"Not tried: 0 seconds were over."}


async def test_what_cannot_be_taken_away_is_named_and_goes_with_the_next_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async with emulated(monkeypatch) as graph:
        memory = FakeCheckMemory()
        checks = checks_of(ready(graph), memory)
        graph.emulator.faults.arm({"operation": "delete", "status": 500, "times": 1000})
        checked = await checks.check_now(SUBJECT)
        assert sorted(set(external_ids_in(graph))) == list(checked.leftovers) != []
        assert "may still be there" in checked.summary()
        graph.emulator.faults.clear()
        assert list((await checks.check_now(SUBJECT)).leftovers) == external_ids_in(graph) == []


async def test_every_night_what_a_check_has_left_is_taken_away_and_old_results_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with emulated(monkeypatch) as graph:
        memory, clock = FakeCheckMemory(), Clockwork()
        checks = checks_of(ready(graph), memory, now=clock.now)
        await checks.check_now(SUBJECT)
        with pytest.raises(DeathError):
            await checks_of(graph, memory, graph=Mortal(graph.gateway, 9, executes_last=True), now=clock.now).check_now(
                SUBJECT
            )
        assert external_ids_in(graph)
        await checks.tidy_up(clock.moment - timedelta(days=30))
        assert external_ids_in(graph), "a check that may be under way is left alone"
        clock.pass_by(SHOWN_BY)
        await checks.tidy_up(clock.moment - timedelta(days=30))
        assert (external_ids_in(graph), memory.left) == ([], {})
        assert memory.checked is not None
        clock.pass_by(timedelta(days=30))
        await checks.tidy_up(clock.moment - timedelta(days=30))
        assert await checks.last_result() is None


async def test_a_check_that_died_is_told_as_broken_off_with_all_that_it_may_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with emulated(monkeypatch) as graph:
        memory, clock = FakeCheckMemory(), Clockwork()
        mortal = Mortal(ready(graph).gateway, 9, executes_last=False)
        with pytest.raises(DeathError):
            await checks_of(graph, memory, graph=mortal, now=clock.now).check_now(SUBJECT)
        checks = checks_of(graph, memory, now=clock.now)
        assert not isinstance(await checks.last(), Checked)
        clock.pass_by(ALIVE)
        told = await checks.last()
        assert isinstance(told, Checked)
        assert told.broken_off
        assert set(external_ids_in(graph)) < set(told.leftovers)


async def test_only_one_check_is_under_way_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    async def put(text: str) -> None:
        sent.append(text)

    async with emulated(monkeypatch) as graph:
        checks = checks_of(ready(graph), FakeCheckMemory(), put=put)
        first = await checks.order(SUBJECT)
        assert await checks.order(SUBJECT) == first
        assert len(sent) == 1
        with pytest.raises(TransientError, match="under way already"):
            await checks.check_now(SUBJECT)
        assert graph.emulator.calls == []


async def test_storage_that_fails_while_progress_is_told_stops_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise NO_STORAGE

    async with emulated(monkeypatch) as graph:
        memory = FakeCheckMemory()
        monkeypatch.setattr(memory, "advance", fail)
        checked = await checks_of(ready(graph), memory).check_now(SUBJECT)
        assert checked.holding == len(ASSUMPTIONS)
