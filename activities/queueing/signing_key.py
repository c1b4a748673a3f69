"""The key with which the app signs what it puts back: made once, kept where no sender can read it."""

import secrets
from contextlib import suppress

from activities import telemetry
from activities.errors import TransientError
from activities.storage.table_bytes import Entity, Operation, Verb
from activities.storage.tables import EntityExistsError, EntityMissingError, Table

_ENTITY: Entity = {"PartitionKey": "signing", "RowKey": "key"}
_BYTES = 32  # As many as SHA-256 has: https://www.rfc-editor.org/rfc/rfc2104#section-3


class SigningKey:
    """The key of one function app, asked for once in a process.

    Args:
        table: Where it is kept.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: bytes | None = None

    async def get(self) -> bytes | None:
        """Return the key; None while the table does not answer, so that messages go on: unsigned, and not believed."""
        if self._known is None:
            try:
                self._known = await self._kept()
            except TransientError as error:
                telemetry.event("signingKeyUnknown", code=error.code)
        return self._known

    async def _kept(self) -> bytes:
        try:
            return await self._found()
        except EntityMissingError:
            # Another process may make it at this moment, or this one has, and the answer was lost.
            with suppress(EntityExistsError):
                await self._table.do(Operation(Verb.CREATE, {**_ENTITY, "Key": secrets.token_bytes(_BYTES)}))
            return await self._found()

    async def _found(self) -> bytes:
        entity = await self._table.get(_ENTITY["PartitionKey"], _ENTITY["RowKey"])
        key: bytes = entity["Key"]
        return key
