"""Whether the app can do its work, found out at most every 30 seconds however often it is asked.

Who asks while a slow storage is being asked gets the last answer, so that nobody piles up behind it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from activities.errors import ActivityError
from activities.execution.gateway import GraphGateway
from activities.graph import permissions
from activities.storage.outages import storage_unavailable

if TYPE_CHECKING:
    from activities.execution.tenant.findings import Checked

# The route is anonymous: nobody may use it to hammer the identity endpoint.
FRESH_SECONDS = 30.0


class Reachable(Protocol):
    """What can be asked whether it can be reached."""

    async def check(self) -> None:
        """Reach it.

        Raises:
            TransientError: ``storageUnavailable``.
        """


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one check: when it was made, what failed, if anything, and which Graph permissions the app has.

    An app that creates one kind only needs the permissions of that kind only: a missing one is told, and is no failure
    as long as something can be created. Of those that not everybody needs each is told, granted or not.
    ``tenant_check``: the last check of the tenant. ``old``: a newer report has not come to its end.
    """

    checked_at: datetime
    failure: ActivityError | None = None
    missing_permissions: tuple[str, ...] = ()
    optional_permissions: tuple[tuple[str, bool], ...] = ()
    tenant_check: "Checked | None" = None
    old: bool = False


class Health:
    """Checks identity and storage, and remembers the result; who asks meanwhile is told the last one, if any.

    Args:
        graph: Knows the identity.
        ledger: Knows the tables; None where no storage is set.
        queue: Knows the queues; None likewise.
        last_check: Knows the last check of the tenant.
        now: The clock, in seconds.
    """

    def __init__(
        self,
        graph: GraphGateway,
        ledger: Reachable | None,
        queue: Reachable | None = None,
        *,
        last_check: Callable[[], Awaitable["Checked | None"]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._last_check = last_check
        self._graph = graph
        self._ledger = ledger
        self._queue = queue
        self._now = now
        self._checking = asyncio.Lock()
        self._report: Report | None = None
        self._checked = 0.0

    async def report(self) -> Report:
        """Return a result that is at most ``FRESH_SECONDS`` old, or says that it is old."""
        if self._checking.locked() and self._report is not None:
            return replace(self._report, old=True)
        async with self._checking:
            if self._report is None or self._now() - self._checked > FRESH_SECONDS:
                begun = self._now()
                self._report = await self._check()
                self._checked = begun  # Only now: a check that is cancelled must not make the old result look fresh.
            return self._report

    async def _check(self) -> Report:
        checked_at = datetime.now(UTC)
        missing: tuple[str, ...] = ()
        optional: tuple[tuple[str, bool], ...] = ()
        tenant_check: Checked | None = None
        try:
            roles = await self._graph.check_identity()
            missing, optional = permissions.missing(roles), permissions.optional(roles)
            if self._ledger is None:
                raise storage_unavailable()
            await self._ledger.check()
            tenant_check = await self._last_check() if self._last_check else None
            # Queues have a role of their own, which can be missing alone.
            if self._queue is not None:
                await self._queue.check()
        except ActivityError as error:
            return Report(checked_at, error, missing, optional, tenant_check)
        return Report(checked_at, permissions.nothing_can_be_created(missing), missing, optional, tenant_check)
