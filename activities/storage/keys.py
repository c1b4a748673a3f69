"""The keys that the app makes for itself: each made once, kept in its table, where no sender can read it."""

import hmac
import secrets
from contextlib import suppress

from activities.storage.table_bytes import Operation, Verb
from activities.storage.tables import EntityExistsError, EntityMissingError, Table

_PARTITION = "signing"
_BYTES = 32  # As many as SHA-256 has: https://www.rfc-editor.org/rfc/rfc2104#section-3


class OwnKey:
    """One key of one function app, asked for once in a process.

    Args:
        table: Where it is kept.
        row: What it is called there.
    """

    def __init__(self, table: Table, row: str) -> None:
        self._table = table
        self._row = row
        self._known: bytes | None = None

    async def get(self) -> bytes:
        """Return the key.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        if self._known is None:
            self._known = await self._kept()
        return self._known

    async def _kept(self) -> bytes:
        try:
            return await self._found()
        except EntityMissingError:
            entity = {"PartitionKey": _PARTITION, "RowKey": self._row, "Key": secrets.token_bytes(_BYTES)}
            # Another process may make it at this moment, or this one has, and the answer was lost.
            with suppress(EntityExistsError):
                await self._table.do(Operation(Verb.CREATE, entity))
            return await self._found()

    async def _found(self) -> bytes:
        key: bytes = (await self._table.get(_PARTITION, self._row))["Key"]
        return key


class LearnerKey(OwnKey):
    """The key that says what stands in a row for a learner: found by whoever knows the id, telling it to nobody.

    Args:
        table: Where the key is kept.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table, "learners")

    async def learner_hash(self, learner_user_id: str) -> str:
        """Return what ``learner_hash`` makes of an id with this key.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        return learner_hash(learner_user_id, await self.get())


def learner_hash(learner_user_id: str, key: bytes) -> str:
    """Return the hash of an id in 64 hexadecimal digits, the same in every process, however the id is spelled."""
    meant = learner_user_id.strip().lower().encode(errors="backslashreplace")
    return hmac.digest(key, meant, "sha256").hex()
