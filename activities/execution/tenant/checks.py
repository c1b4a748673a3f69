"""Checks a tenant: one at a time, its result kept, and what it made taken away again, whatever happens to it.

Before anything is made, the id of the run is noted: whoever comes after a run that died finds all of it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from activities import telemetry
from activities.errors import ErrorCode, TransientError
from activities.execution.gateway import GraphGateway
from activities.execution.sending import Clock
from activities.execution.tenant.assumptions import ASSUMPTIONS
from activities.execution.tenant.findings import Checked, in_order
from activities.execution.tenant.namesakes import OpenDirectory
from activities.execution.tenant.specimens import Specimens, external_ids
from activities.execution.tenant.subject import Order, Subject
from activities.execution.tenant.trial import Trial

# A caller who waits is cut off after 230 s at the latest; taking away needs some of them.
TRIAL_SECONDS = 120.0
# Longer than one step takes, and than a message waits that orders a check.
ALIVE = timedelta(minutes=3)
# A run that died may have sent something that Graph has not shown to anybody yet.
SHOWN_BY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Running:
    """A check that has not come to its end: since when, how far it is, and until when it counts as alive."""

    check_id: str
    started_at: datetime
    alive_until: datetime
    done: int = 0

    def to_json(self) -> dict[str, object]:
        """Return how far it is, as it is told."""
        started = self.started_at.isoformat(timespec="seconds")
        return {"status": "running", "checkedAt": started, "done": self.done, "total": len(ASSUMPTIONS)}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A run that may have left activities: when it began, and for which provider."""

    run_id: str
    registration_id: str
    started_at: datetime


class CheckMemory(Protocol):
    """Remembers checks; every failure is a ``TransientError``: ``storageUnavailable``."""

    async def begin(self, running: Running, *, now: datetime) -> Running:
        """Remember that a check runs, unless another one does; return the one that does."""

    async def advance(self, running: Running) -> None:
        """Remember how far it is."""

    async def end(self, checked: Checked) -> None:
        """Remember the result, and that no check runs."""

    async def last(self) -> tuple[Running | None, Checked | None]:
        """Return the check that has not come to its end, and the result of the one before, if there are any."""

    async def remember(self, leftover: Leftover) -> None:
        """Remember a run before it makes anything."""

    async def forget(self, leftover: Leftover) -> None:
        """Forget a run that has left nothing."""

    async def leftovers(self) -> list[Leftover]:
        """Return the runs that may have left something."""

    async def expire(self, before: datetime) -> None:
        """Forget what is older."""


@dataclass
class TenantChecks:
    """The use case.

    Args:
        graph: The way to Graph.
        directory: Opens what finds people and courses.
        memory: What is remembered.
        put: Puts a message where ``carry_out`` is called with it.
        permissions: What the app needs, and what for.
        clock: For pauses.
        now: The time of day.
    """

    graph: GraphGateway
    directory: OpenDirectory
    memory: CheckMemory
    put: Callable[[str], Awaitable[object]]
    permissions: Mapping[str, str]
    clock: Clock = field(default_factory=Clock)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def order(self, subject: Subject) -> Running:
        """Let a check be made in the background; if one is under way, that one is it.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        running, _ = await self.memory.last()
        if running is not None and running.alive_until > self.now():
            return running
        order = Order(secrets.token_hex(8), subject)
        await self.put(order.encode())
        return await self._begin(order)

    async def check_now(self, subject: Subject) -> Checked:
        """Make a check.

        Raises:
            TransientError: ``createInProgress``: another one is under way. ``storageUnavailable``.
        """
        order = Order(secrets.token_hex(8), subject)
        checked = await self.carry_out(order)
        if checked is None:
            message = "A tenant check is under way already. Ask for its result, or send the request again in a minute."
            raise TransientError(ErrorCode.CREATE_IN_PROGRESS, message, retry_after_seconds=60.0)
        return checked

    async def carry_out(self, order: Order) -> Checked | None:
        """Make a check that was ordered; None, and nothing is done, while another one is under way.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        running = await self._begin(order)
        if running.check_id != order.check_id:
            return None
        earlier = await self._take_earlier_away()
        leftover = Leftover(secrets.token_hex(6), order.subject.registration_id, running.started_at)
        await self.memory.remember(leftover)
        specimens = self._specimens(leftover)
        progress = partial(self._advance, running)
        trial = Trial(self.graph, self.directory, order.subject, specimens, self.permissions, progress)
        own: list[str] = []
        try:
            why_not = await _tried(trial)
        finally:
            own, sure = await specimens.take_away()
            if sure and not own:
                await self.memory.forget(leftover)
        checked = Checked(running.started_at, in_order(trial.findings, why_not=why_not), [*earlier, *own])
        await self.memory.end(checked)
        telemetry.event("tenantChecked", holding=checked.holding, leftovers=len(checked.leftovers))
        return checked

    async def last(self) -> Running | Checked | None:
        """Return the check that is under way, or the result of the last one, if there was one.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        running, checked = await self.memory.last()
        if running is None:
            return checked
        if running.alive_until > self.now():
            return running
        left = [said for one in await self.memory.leftovers() for said in external_ids(one.run_id)]
        return Checked(running.started_at, (), left, broken_off=True)

    async def last_result(self) -> Checked | None:
        """Return the result of the last check that came to its end. Raises as ``last``."""
        _, checked = await self.memory.last()
        return checked

    async def tidy_up(self, before: datetime) -> None:
        """Take away what died runs have left, and forget results that are older.

        Raises:
            TransientError: ``storageUnavailable``; the next night goes on.
        """
        await self.memory.expire(before)
        running, _ = await self.memory.last()
        if running is None or running.alive_until <= self.now():
            await self._take_earlier_away()

    async def _begin(self, order: Order) -> Running:
        now = self.now()
        return await self.memory.begin(Running(order.check_id, now, now + ALIVE), now=now)

    async def _advance(self, running: Running, done: int) -> None:
        """Remember how far a check is; storage that fails takes only that from whoever watches."""
        try:
            await self.memory.advance(replace(running, alive_until=self.now() + ALIVE, done=done))
        except TransientError as error:
            telemetry.event("tenantCheckNotTold", code=error.code)

    def _specimens(self, leftover: Leftover) -> Specimens:
        return Specimens(self.graph, leftover.registration_id, leftover.run_id, self.clock)

    async def _take_earlier_away(self) -> list[str]:
        """Take away what earlier runs have left; return the external ids of what may still be there."""
        left: list[str] = []
        for leftover in await self.memory.leftovers():
            still, _ = await self._specimens(leftover).take_away(earlier=True)
            left += still
            if not still and leftover.started_at + SHOWN_BY < self.now():
                await self.memory.forget(leftover)
        return left


async def _tried(trial: Trial) -> str:
    """Try everything; return why what has no finding then was not tried."""
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            await trial.run()
    except TimeoutError:
        return f"Not tried: {TRIAL_SECONDS:.0f} seconds were over."
    except Exception as error:  # noqa: BLE001 (what was found before it is told all the same)
        telemetry.failure("tenantCheckFailed", error)
        return "Not tried: something went wrong inside the function app; its log has the details."
    return "Not tried: it takes something that failed before."
