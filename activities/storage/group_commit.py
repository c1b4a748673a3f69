"""Group commit: what comes for a partition while storage is busy with an earlier operation goes in one transaction.

Nobody waits for company: an operation that comes alone is sent alone, at once. Under load, thirty callers cost three
requests instead of sixty, and of the account's limit on transactions as few.
Source: https://learn.microsoft.com/azure/storage/tables/scalability-targets
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from activities import telemetry
from activities.storage.table_bytes import LARGEST_TRANSACTION, Operation
from activities.storage.tables import EntityChangedError, Table, TransactionConflictError

# Of texts and bytes; base64 makes a third more of it, and a transaction may have 4 MiB.
LARGEST_GROUP_BYTES = 2 * 1024 * 1024


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    etag: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    events: Sequence[telemetry.Event] = ()

    def end(self, end: str | Exception, events: Sequence[telemetry.Event]) -> None:
        """Give whoever waits the etag or what was raised, and what there is to log about it."""
        if self.etag.done():  # They have given up.
            return
        self.events = events
        if isinstance(end, Exception):
            self.etag.set_exception(end)
        else:
            self.etag.set_result(end)


class GroupCommit:
    """Does operations on a table, several at a time where they come at the same time.

    Args:
        table: Does them.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        # By partition; a partition that is here is being worked on.
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, operation: Operation) -> str:
        """Do one operation and return the etag. Raises what ``Table.do`` raises."""
        partition = operation.entity["PartitionKey"]
        line = self._waiting.get(partition)
        if line is not None:
            waiting = _Waiting(operation)
            line.append(waiting)
            try:
                return await waiting.etag
            finally:
                telemetry.say(waiting.events)
        self._waiting[partition] = deque()
        try:
            return await self._table.do(operation)
        finally:
            self._go_on(partition)

    async def do_own(self, operation: Operation, *, owner: str) -> str:
        """Do one operation for an owner, whose name the entity bears, and return the etag.

        What the owner itself has changed is no conflict: storage may have done what it then said to have failed at, or
        later than anybody waited for.

        Raises:
            EntityChangedError: it belongs to somebody else.
            EntityMissingError: it does not exist.
            TransientError: ``storageUnavailable``; it may have been done nevertheless.
        """
        entity = operation.entity
        while True:
            try:
                return await self.do(operation)
            except EntityChangedError:
                known = await self._table.get(entity["PartitionKey"], entity["RowKey"])
                if known.get("Owner") != owner:
                    raise
                operation = replace(operation, etag=known.metadata["etag"] or "")

    def _go_on(self, partition: str) -> None:
        if not self._waiting[partition]:
            del self._waiting[partition]
            return
        task = asyncio.create_task(self._do_next(partition))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do_next(self, partition: str) -> None:
        try:
            await self._do_together(_next_group(self._waiting[partition]))
        finally:
            self._go_on(partition)

    async def _do_together(self, group: Sequence[_Waiting]) -> None:
        if len(group) > 1:
            with telemetry.held() as events:
                try:
                    ends: Sequence[str | Exception] = await self._table.transact([one.operation for one in group])
                except TransactionConflictError:
                    ends = []  # One of them is not as it was thought to be; each finds out for itself.
                except Exception as error:  # noqa: BLE001 (it is for those who wait, whatever it is)
                    ends = [error] * len(group)
            if ends:
                for waiting, end in zip(group, ends, strict=True):
                    waiting.end(end, events)
                return
        await asyncio.gather(*(self._do_alone(waiting) for waiting in group))

    async def _do_alone(self, waiting: _Waiting) -> None:
        with telemetry.held() as events:
            try:
                end: str | Exception = await self._table.do(waiting.operation)
            except Exception as error:  # noqa: BLE001 (likewise)
                end = error
        waiting.end(end, events)


def _next_group(line: deque[_Waiting]) -> list[_Waiting]:
    """Take the next operations that go together: never two on one entity, nor more than a transaction takes."""
    group: list[_Waiting] = []
    rows: set[str] = set()
    size = 0
    while line and len(group) < LARGEST_TRANSACTION:
        entity = line[0].operation.entity
        size += sum(len(value) for value in entity.values() if isinstance(value, str | bytes))
        if group and (entity["RowKey"] in rows or size > LARGEST_GROUP_BYTES):
            break
        rows.add(entity["RowKey"])
        group.append(line.popleft())
    return group
