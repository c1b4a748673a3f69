"""The key with which the app signs what it puts back."""

from activities import telemetry
from activities.errors import TransientError
from activities.storage.keys import OwnKey
from activities.storage.tables import Table


class SigningKey:
    """The key of one function app.

    Args:
        table: Where it is kept.
    """

    def __init__(self, table: Table) -> None:
        self._key = OwnKey(table, "key")

    async def get(self) -> bytes | None:
        """Return the key; None while the table does not answer, so that messages go on: unsigned, and not believed."""
        try:
            return await self._key.get()
        except TransientError as error:
            telemetry.event("signingKeyUnknown", code=error.code)
            return None
