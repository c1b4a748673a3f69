"""What is kept of tenant checks in the ledger's table: the one that runs, the last result, what may be left."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from activities.execution.tenant.checks import Leftover, Running
from activities.execution.tenant.findings import Checked
from activities.storage.table_bytes import ANY_VERSION, Operation, Verb, packed, unpacked
from activities.storage.tables import EntityChangedError, EntityExistsError, EntityMissingError, Table

_PARTITION = "tenantcheck"
_RUNNING, _RESULT, _LEFT = "running", "result", "left-"
_LEFTOVERS = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @after"


class KeptTenantChecks:
    """Implements ``CheckMemory``.

    Args:
        table: The table ``activityledger``. What stands in it names nobody.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    async def begin(self, running: Running, *, now: datetime) -> Running:
        """Remember that a check runs. See ``CheckMemory``."""
        entity = _entity_of(running)
        while True:
            try:
                row = await self._table.get(_PARTITION, _RUNNING)
            except EntityMissingError:
                write = Operation(Verb.CREATE, entity)
            else:
                other = _running_in(row)
                if other.alive_until > now:
                    return other
                write = Operation(Verb.REPLACE, entity, str(row.metadata["etag"]))
            # Somebody else may have begun at this moment, or this one has, and the answer was lost: look again.
            with suppress(EntityExistsError, EntityChangedError, EntityMissingError):
                await self._table.do(write)
                return running

    async def advance(self, running: Running) -> None:
        """Remember how far it is. See ``CheckMemory``."""
        with suppress(EntityMissingError):
            await self._table.do(Operation(Verb.REPLACE, _entity_of(running), ANY_VERSION))

    async def end(self, checked: Checked) -> None:
        """Remember the result. See ``CheckMemory``."""
        entity = {**_key(_RESULT), "CheckedAt": checked.checked_at, **packed("Result", checked.to_kept())}
        await self._table.do(Operation(Verb.REPLACE, entity))
        await self._delete(_RUNNING)

    async def last(self) -> tuple[Running | None, Checked | None]:
        """Return what runs, and the last result. See ``CheckMemory``."""
        running, result = await self._row(_RUNNING), await self._row(_RESULT)
        return (
            _running_in(running) if running is not None else None,
            Checked.of_kept(unpacked("Result", result)) if result is not None else None,
        )

    async def remember(self, leftover: Leftover) -> None:
        """Remember a run. See ``CheckMemory``."""
        said = {"RegistrationId": leftover.registration_id, "StartedAt": leftover.started_at}
        with suppress(EntityExistsError):  # The answer to the first attempt was lost.
            await self._table.do(Operation(Verb.CREATE, {**_key(_LEFT + leftover.run_id), **said}))

    async def forget(self, leftover: Leftover) -> None:
        """Forget a run. See ``CheckMemory``."""
        await self._delete(_LEFT + leftover.run_id)

    async def leftovers(self) -> list[Leftover]:
        """Return the runs that may have left something. See ``CheckMemory``."""
        between = {"partition": _PARTITION, "first": _LEFT, "after": f"{_LEFT}~"}
        return [
            Leftover(row["RowKey"].removeprefix(_LEFT), row["RegistrationId"], row["StartedAt"])
            async for row in self._table.query(_LEFTOVERS, parameters=between)
        ]

    async def expire(self, before: datetime) -> None:
        """Forget what is older. See ``CheckMemory``."""
        result = await self._row(_RESULT)
        if result is not None and result["CheckedAt"] < before:
            await self._delete(_RESULT)
        for leftover in await self.leftovers():
            if leftover.started_at < before:
                await self.forget(leftover)

    async def _row(self, name: str) -> Mapping[str, Any] | None:
        try:
            return await self._table.get(_PARTITION, name)
        except EntityMissingError:
            return None

    async def _delete(self, name: str) -> None:
        with suppress(EntityMissingError):
            await self._table.do(Operation(Verb.DELETE, _key(name), ANY_VERSION))


def _key(name: str) -> dict[str, Any]:
    return {"PartitionKey": _PARTITION, "RowKey": name}


def _entity_of(running: Running) -> dict[str, Any]:
    return {
        **_key(_RUNNING),
        "CheckId": running.check_id,
        "StartedAt": running.started_at,
        "AliveUntil": running.alive_until,
        "Done": running.done,
    }


def _running_in(row: Mapping[str, Any]) -> Running:
    return Running(row["CheckId"], row["StartedAt"], row["AliveUntil"], row["Done"])
