"""A table of Table Storage in memory: entities, versions, transactions, and what can befall a request on its way."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from azure.data.tables import TableEntity

from activities.storage.ledger import TABLE
from activities.storage.table_bytes import ANY_VERSION, Entity, Operation, Verb
from activities.storage.tables import (
    EntityChangedError,
    EntityExistsError,
    EntityMissingError,
    Table,
    TransactionConflictError,
)
from tests.support.stores import NOWHERE

type Key = tuple[str, str]
type Way = Callable[[Callable[[], object]], Awaitable[object]]


@dataclass
class Rows:
    """What storage holds: each entity and its version, by partition and row."""

    kept: dict[Key, tuple[Entity, str]] = field(default_factory=dict)

    def get(self, key: Key) -> TableEntity:
        """Return an entity. See ``Table``."""
        if key not in self.kept:
            raise EntityMissingError
        properties, etag = self.kept[key]
        entity = TableEntity(properties)
        entity._metadata = {"etag": etag, "timestamp": None}  # noqa: SLF001 (the library fills it in alike)
        return entity

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Do all operations or none. Raises what ``Table.do`` raises for the first that cannot be done."""
        changed = dict(self.kept)
        etags = [_do(changed, one) for one in operations]
        self.kept = changed
        return etags


class MemoryTable(Table):
    """A process's way to a table in memory.

    Args:
        rows: What the processes share.
        way: Lets a request reach storage, or not, and its answer come back, or not.
    """

    def __init__(self, rows: Rows, way: Way | None = None) -> None:
        super().__init__(NOWHERE, TABLE, credential=None)
        self._rows = rows
        self._way = way or _straight

    async def get(self, partition: str, row: str) -> TableEntity:
        """Return an entity. See ``Table``."""
        entity = await self._way(lambda: self._rows.get((partition, row)))
        assert isinstance(entity, TableEntity)
        return entity

    async def do(self, operation: Operation) -> str:
        """Do one operation. See ``Table``."""
        etags = await self._way(lambda: self._rows.transact([operation]))
        assert isinstance(etags, list)
        return str(etags[0])

    async def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Do all operations or none. See ``Table``."""
        try:
            etags = await self._way(lambda: self._rows.transact(operations))
        except (EntityChangedError, EntityExistsError, EntityMissingError) as error:
            raise TransactionConflictError from error
        assert isinstance(etags, list)
        return etags


async def _straight(send: Callable[[], object]) -> object:
    return send()


def _do(kept: dict[Key, tuple[Entity, str]], operation: Operation) -> str:
    key = (operation.entity["PartitionKey"], operation.entity["RowKey"])
    there = kept.get(key)
    if operation.verb is Verb.CREATE and there is not None:
        raise EntityExistsError
    if operation.verb is not Verb.CREATE and operation.etag:
        if there is None:
            raise EntityMissingError
        if operation.etag not in {ANY_VERSION, there[1]}:
            raise EntityChangedError
    if operation.verb is Verb.DELETE:
        del kept[key]
        return ""
    before = there[0] if there is not None and operation.verb is Verb.MERGE else {}
    etag = str(uuid4())
    kept[key] = ({**before, **operation.entity}, etag)
    return etag
