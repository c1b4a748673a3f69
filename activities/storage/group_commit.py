"""Group commit: what comes for a partition while storage is busy with an earlier operation goes in one transaction.

Nobody waits for company: an operation that comes alone is sent alone, at once. Under load, thirty callers cost three
requests instead of sixty, and of the account's limit on transactions as few.
Source: https://learn.microsoft.com/azure/storage/tables/scalability-targets
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.storage.table_bytes import LARGEST_TRANSACTION, Operation
from activities.storage.tables import Table, TransactionConflictError

# Of texts and bytes; base64 makes a third more of it, and a transaction may have 4 MiB.
LARGEST_GROUP_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    operation: Operation
    etag: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


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
            return await waiting.etag
        self._waiting[partition] = deque()
        try:
            return await self._table.do(operation)
        finally:
            self._go_on(partition)

    def _go_on(self, partition: str) -> None:
        if not self._waiting[partition]:
            del self._waiting[partition]
            return
        task = asyncio.create_task(self._do_next(partition))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do_next(self, partition: str) -> None:
        group = _next_group(self._waiting[partition])
        try:
            ends = await self._do_together([waiting.operation for waiting in group])
        except Exception as error:  # noqa: BLE001 (it is for those who wait, whatever it is)
            ends = [error] * len(group)
        finally:
            self._go_on(partition)
        for waiting, end in zip(group, ends, strict=True):
            if waiting.etag.done():  # Whoever waited has given up.
                continue
            if isinstance(end, BaseException):
                waiting.etag.set_exception(end)
            else:
                waiting.etag.set_result(end)

    async def _do_together(self, operations: Sequence[Operation]) -> Sequence[str | BaseException]:
        if len(operations) > 1:
            try:
                return await self._table.transact(operations)
            except TransactionConflictError:
                pass  # One of them is not as it was thought to be; each finds out for itself.
        return await asyncio.gather(*(self._table.do(one) for one in operations), return_exceptions=True)


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
