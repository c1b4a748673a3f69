"""One long walk through a table in several runs: each goes on behind the last page of the one before."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import ANY_VERSION, Entity, Operation, Query, Verb
from activities.storage.tables import LARGEST_PAGE, EntityMissingError, Table

_PARTITION = "retention"  # Its rows say where to go on.


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through the rows that a condition holds for.

    Args:
        table: Where they are.
        part: What is walked through, where a table has several parts.
        condition: As that of ``Table.query``; ``parameters``, ``select`` and ``page_size`` likewise.
    """

    table: Table
    part: str
    condition: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    select: tuple[str, ...] | None = None
    page_size: int = LARGEST_PAGE

    async def go(self, run: Run, end: Callable[[list[Entity]], Awaitable[Ended]]) -> Ended:
        """End the rows page by page, until there are none or the time of the run is over.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        key = {"PartitionKey": _PARTITION, "RowKey": f"{self.part}-{run.name}"}
        try:
            place = dict(await self.table.get(_PARTITION, key["RowKey"]))
        except EntityMissingError:
            place = {}
        count, more = 0, bool(place.get("More"))
        after = {"PartitionKey": place["NextPartition"], "RowKey": place["NextRow"]} if place else None
        select = list(self.select) if self.select else None
        wanted = Query(self.condition, dict(self.parameters), select, self.page_size)
        async for rows, following in self.table.pages(wanted, after=after):
            ended = await end(rows)
            count, more = count + ended.count, more or ended.more
            if following and run.is_over():
                at = {"NextPartition": following["PartitionKey"], "NextRow": following["RowKey"], "More": more}
                await self.table.do(Operation(Verb.REPLACE, {**key, **at}))
                return Ended(count, more=True)
        if place:
            with suppress(EntityMissingError):  # Another run has come to the end.
                await self.table.do(Operation(Verb.DELETE, key, ANY_VERSION))
        return Ended(count, more)
