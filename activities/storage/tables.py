"""A table of the function app's storage, made when it is missing; whatever is wrong with storage is one error."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from activities.settings import Storage
from activities.storage import table_bytes
from activities.storage.outages import translate
from activities.storage.table_bytes import Entity, Operation

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

    from activities.storage.table_connection import TableConnection

STORAGE_SECONDS = 10.0
LARGEST_PAGE = 1000  # Of a query's answer; the service refuses to be asked for more.
_TRANSACTION_HEADERS = {
    "Content-Type": f"multipart/mixed; boundary={table_bytes.BOUNDARY}",
    "Accept": "application/json",
    "DataServiceVersion": "3.0",
}
_WHILE_IT_IS_MADE_SECONDS = 0.1
# What says that an entity is not as an operation, alone or in a transaction, assumed.
_ABOUT_THE_ENTITY: dict[int, type[HttpResponseError]] = {
    HTTPStatus.NOT_FOUND: ResourceNotFoundError,
    HTTPStatus.CONFLICT: ResourceExistsError,
    HTTPStatus.PRECONDITION_FAILED: ResourceModifiedError,
}


class EntityExistsError(Exception):
    """An entity that should be made is there already."""


class EntityChangedError(Exception):
    """An entity has not the version that an operation assumes."""


class EntityMissingError(Exception):
    """There is no such entity."""


# What the library raises, and what that says of the entity to whoever asked.
_OF_THE_ENTITY: dict[type[HttpResponseError], type[Exception]] = {
    ResourceExistsError: EntityExistsError,
    ResourceModifiedError: EntityChangedError,
    ResourceNotFoundError: EntityMissingError,
}


class TransactionConflictError(Exception):
    """An entity of a transaction is there, or gone, or changed: nothing of the transaction was done."""


class Table:
    """One table, opened when it is used first."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        self._storage = storage
        self._name = name
        self._credential = credential
        self._opened: TableConnection | None = None

    async def get(self, partition: str, row: str) -> "TableEntity":
        """Return an entity, its etag in ``metadata``.

        Raises:
            EntityMissingError: there is none.
            TransientError: ``storageUnavailable``.
        """
        return await self._call(lambda: self._connection.client.get_entity(partition, row))

    @property
    def _connection(self) -> "TableConnection":
        if self._opened is None:
            from activities.storage.table_connection import TableConnection  # noqa: PLC0415 (it says why)

            self._opened = TableConnection(self._storage, self._name, credential=self._credential)
        return self._opened

    async def _call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request, making the table if it is missing. Raises what ``do`` raises."""
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
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            raise _OF_THE_ENTITY[type(error)] from error
        except (AzureError, TimeoutError, OSError) as error:
            raise translate(error) from error

    async def do(self, operation: Operation) -> str:
        """Do one operation and return the etag of what it leaves.

        Raises:
            EntityExistsError, EntityChangedError, EntityMissingError: for the caller to read.
            TransientError: ``storageUnavailable``; it may have been done nevertheless.
        """
        return await self._call(lambda: self._do(operation))

    async def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Do all operations or none; all of one partition, at most ``LARGEST_TRANSACTION``. Return the etags.

        Raises:
            TransactionConflictError: an entity is not as an operation assumes.
            TransientError: ``storageUnavailable``; the transaction may have been done nevertheless.
        """
        try:
            return await self._call(lambda: self._transact(operations))
        except (EntityExistsError, EntityChangedError, EntityMissingError) as error:
            raise TransactionConflictError from error

    async def query(
        self,
        condition: str,
        *,
        parameters: dict[str, Any] | None = None,
        select: list[str] | None = None,
        page_size: int = LARGEST_PAGE,
    ) -> AsyncIterator[Entity]:
        """Yield the entities that a condition holds for, by partition and row; ``parameters`` stand for its ``@names``.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        entities = self._connection.client.query_entities(
            condition, parameters=parameters, select=select, results_per_page=page_size
        )
        pages = entities.by_page()
        # A page can be empty although another follows: the service stops its search after a while.
        while (page := await self._call(lambda: _next_page(pages))) is not None:
            for entity in page:
                yield entity

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def _do(self, operation: Operation) -> str:
        status, etag, body = await self._connection.send(
            operation.verb.value,
            table_bytes.address_of(operation, table_url=self._connection.table_url),
            table_bytes.headers_of(operation),
            table_bytes.content_of(operation),
        )
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return etag
        about_the_entity = _ABOUT_THE_ENTITY.get(status)
        if about_the_entity and b"TableBeingDeleted" not in body:
            raise about_the_entity(message=body.decode(errors="replace"))
        raise _failed(status, body)

    async def _transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        connection = self._connection
        content = table_bytes.encode(operations, table_url=connection.table_url)
        status, _, body = await connection.send(
            "POST", f"{connection.account_url}/$batch", _TRANSACTION_HEADERS, content
        )
        answer = table_bytes.decode(body)
        if status == HTTPStatus.ACCEPTED and len(answer.etags) == len(operations):
            return answer.etags
        if b"TableNotFound" in body:
            raise ResourceNotFoundError(message="TableNotFound")
        if answer.failed_status in _ABOUT_THE_ENTITY:
            raise ResourceModifiedError(message="A transaction was refused.")
        raise _failed(answer.failed_status or status, body)

    async def _create(self) -> None:
        try:
            await self._connection.client.create_table()
        except ResourceExistsError:
            # Somebody else is making it at this moment, and it is not there before that is done.
            await asyncio.sleep(_WHILE_IT_IS_MADE_SECONDS)


def _failed(status: int, body: bytes) -> HttpResponseError:
    failed = HttpResponseError(message=body.decode(errors="replace"))
    failed.status_code = status
    return failed


async def _next_page(pages: AsyncIterator[AsyncIterator[Entity]]) -> list[Entity] | None:
    async for page in pages:
        return [entity async for entity in page]
    return None
