"""A table of the function app's storage, made when it is missing; whatever is wrong with storage is one error."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from activities.errors import storage_unavailable
from activities.settings import Storage

STORAGE_SECONDS = 10.0
# Table Storage takes 64 KiB in a property, 1 MiB in an entity.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
PROPERTY_BYTES = 60_000
# The waits of the library's own retry would add up to more than STORAGE_SECONDS.
_OPTIONS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.3, "connection_timeout": 3}
_WHILE_IT_IS_MADE_SECONDS = 0.1


class Table:
    """One table. ``client`` is Microsoft's own, to be used inside ``call``."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        if storage.connection_string:
            self.client = TableClient.from_connection_string(storage.connection_string, name, **_OPTIONS)
        else:
            self.client = TableClient(storage.table_url, name, credential=credential, **_OPTIONS)

    async def call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request, making the table if it is missing.

        Raises:
            ResourceExistsError, ResourceModifiedError, ResourceNotFoundError: about the entity; for the caller to read.
            TransientError: ``storageUnavailable``.
        """
        try:
            async with asyncio.timeout(STORAGE_SECONDS):
                while True:
                    try:
                        return await send()
                    except ResourceNotFoundError as error:
                        # Some of the library's methods raise it without its error_code; the text always names it.
                        if "TableNotFound" not in str(error):
                            raise
                    await self._create()
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            raise
        except (AzureError, TimeoutError, OSError) as error:
            raise storage_unavailable() from error

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def _create(self) -> None:
        try:
            await self.client.create_table()
        except ResourceExistsError:
            # Somebody else is making it at this moment, and it is not there before that is done.
            await asyncio.sleep(_WHILE_IT_IS_MADE_SECONDS)
