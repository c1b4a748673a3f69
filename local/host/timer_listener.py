"""Run functions with a timer trigger on their schedules, as the real host's timer extension does.

A function runs once at a time; if it took longer than until its next moment, it runs again at once, and only once.
https://github.com/Azure/azure-webjobs-sdk-extensions/tree/main/src/WebJobs.Extensions/Extensions/Timers

Different on purpose: each host runs every timer, where the real ones agree through a blob lease on one among them; and
what ran when is forgotten with the process, so nothing is past due after a restart. Schedules are in UTC, as in Azure.
"""

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime

from local.host.protos import TypedData
from local.host.timer_bindings import TimerBinding
from local.host.worker_library import execute

# A laptop may sleep, and its clock be set: looked at once a minute.
LONGEST_WAIT_SECONDS = 60
_NEVER = datetime.min.replace(tzinfo=UTC)

logger = logging.getLogger("local.timers")


class TimerListener:
    """Calls one function on its schedule."""

    def __init__(self, binding: TimerBinding) -> None:
        self._binding = binding
        now = datetime.now(UTC)
        self._last, self._next = _NEVER, binding.next_after(now)
        self._is_monitored = binding.is_monitored(now)
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin to wait for the schedule, in the running event loop."""
        self._running = asyncio.create_task(self._run_until_stopped())

    async def stop(self, timeout_seconds: float) -> None:
        """Call the function no more, and let a running call finish for a while."""
        self._stopping.set()
        await asyncio.wait({self._running}, timeout=timeout_seconds)

    async def run(self, _: str = "") -> None:
        """Call the function whatever its schedule says; a text that somebody sends it means nothing to a timer."""
        await execute(self._binding.function, TypedData(json=json.dumps(self._timer_info())))

    async def _run_until_stopped(self) -> None:
        name = self._binding.function.name
        logger.info("Function %s runs at '%s', next at %s.", name, self._binding.schedule, self._next.isoformat())
        if self._binding.run_on_startup:
            await self._run_and_reckon()
        while await self._is_time():
            await self._run_and_reckon()

    async def _run_and_reckon(self) -> None:
        begun = datetime.now(UTC)
        await self.run()
        self._last, self._next = begun, self._binding.next_after(begun)

    async def _is_time(self) -> bool:
        """Wait for the next moment and return True, or False as soon as the host stops."""
        while (left := (self._next - datetime.now(UTC)).total_seconds()) > 0 and not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LONGEST_WAIT_SECONDS)):
                    await self._stopping.wait()
        return not self._stopping.is_set()

    def _timer_info(self) -> dict[str, object]:
        """Return what the real host sends: its TimerInfo as JSON."""
        status = {
            "Last": self._last.isoformat(),
            "Next": self._next.isoformat(),
            "LastUpdated": self._last.isoformat(),
        }
        return {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status if self._is_monitored else None,
            "IsPastDue": False,
        }
