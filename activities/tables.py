"""A table of the function app's storage, made when it is missing; whatever is wrong with storage is one error."""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from activities import telemetry, transactions
from activities.errors import ErrorCode, TransientError, storage_unavailable
from activities.settings import Storage
from activities.transactions import Entity, Operation

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

    from activities.table_connection import TableConnection

STORAGE_SECONDS = 10.0
# Table Storage takes 64 KiB in a property, 1 MiB in an entity.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
PROPERTY_BYTES = 60_000
MOST_PROPERTIES = 12  # Of one entity; in base64 just below 1 MiB, from which on aiohttp warns that sending blocks.
LARGEST_PAGE = 1000  # Of a query's answer; the service refuses to be asked for more.
_TRANSACTION_HEADERS = {
    "Content-Type": f"multipart/mixed; boundary={transactions.BOUNDARY}",
    "Accept": "application/json",
    "DataServiceVersion": "3.0",
}
_WHILE_IT_IS_MADE_SECONDS = 0.1
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Nobody but an admin can change a refusal, and what they change takes some minutes to work.
_REFUSED_SECONDS = 300.0
# What an admin does about a refusal, by storage's own code for it.
# Source: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
_ADVICE = {
    "AuthorizationPermissionMismatch": "An admin has to give the app's identity the roles Storage Queue Data "
    "Contributor and Storage Table Data Contributor on the storage account. If it has them, it takes up to ten minutes "
    "until they work.",
    "AuthorizationFailure": "An admin has to check whether the network rules of the storage account let the app in.",
    "KeyBasedAuthenticationNotPermitted": "The storage account takes no keys: an admin has to remove the setting "
    "AzureWebJobsStorage and set AzureWebJobsStorage__accountName, AzureWebJobsStorage__credential and "
    "AzureWebJobsStorage__clientId.",
}
_OTHER_ADVICE = (
    "An admin has to check the settings that begin with AzureWebJobsStorage, and that the app's identity belongs to "
    "the storage account's tenant and has its roles there."
)
# Some of the library's methods raise without the code; their error's text holds the answer, in JSON or XML.
_CODE = re.compile(r"""(?:"code" *: *"|<(?:\w+:)?code>)(\w{1,60})""", re.ASCII | re.IGNORECASE)
# What says that an entity is not as an operation, alone or in a transaction, assumed.
_ABOUT_THE_ENTITY: dict[int, type[HttpResponseError]] = {
    HTTPStatus.NOT_FOUND: ResourceNotFoundError,
    HTTPStatus.CONFLICT: ResourceExistsError,
    HTTPStatus.PRECONDITION_FAILED: ResourceModifiedError,
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
            ResourceNotFoundError: there is none.
            TransientError: ``storageUnavailable``.
        """
        return await self._call(lambda: self._connection.client.get_entity(partition, row))

    @property
    def _connection(self) -> "TableConnection":
        if self._opened is None:
            from activities.table_connection import TableConnection  # noqa: PLC0415 (it says why)

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
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            raise
        except (AzureError, TimeoutError, OSError) as error:
            raise translate(error) from error

    async def do(self, operation: Operation) -> str:
        """Do one operation and return the etag of what it leaves.

        Raises:
            ResourceExistsError, ResourceModifiedError, ResourceNotFoundError: about the entity; for the caller to read.
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
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
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
            transactions.address_of(operation, table_url=self._connection.table_url),
            transactions.headers_of(operation),
            transactions.content_of(operation),
        )
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return etag
        about_the_entity = _ABOUT_THE_ENTITY.get(status)
        if about_the_entity and b"TableBeingDeleted" not in body:
            raise about_the_entity(message=body.decode(errors="replace"))
        raise _failed(status, body)

    async def _transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        connection = self._connection
        content = transactions.encode(operations, table_url=connection.table_url)
        status, _, body = await connection.send(
            "POST", f"{connection.account_url}/$batch", _TRANSACTION_HEADERS, content
        )
        answer = transactions.decode(body)
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


def translate(error: Exception) -> TransientError:
    """Return ``storageUnavailable`` for what a storage library raised, and log why; a refusal says who has to act."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = getattr(error, "error_code", None)
    if not code and status is not None:
        code = found[1] if (found := _CODE.search(str(error))) else ""
    code = str(getattr(code, "value", code or ""))
    telemetry.event("storageFailed", kind=type(error).__name__, status=status, storageCode=code)
    if status not in _REFUSED:
        return storage_unavailable()
    return TransientError(
        ErrorCode.STORAGE_UNAVAILABLE,
        f"The storage account refuses the function app ({code or status}), so it cannot tell whether this was done "
        f"before; nothing was created. {_ADVICE.get(code, _OTHER_ADVICE)}",
        retry_after_seconds=_REFUSED_SECONDS,
    )


async def _next_page(pages: AsyncIterator[AsyncIterator[Entity]]) -> list[Entity] | None:
    async for page in pages:
        return [entity async for entity in page]
    return None


def packed(name: str, value: object) -> Entity:
    """Return properties ``name0``, ``name1``, … that hold a JSON value; ``unpacked`` reads it."""
    content = zlib.compress(json.dumps(value).encode())
    return {
        f"{name}{number}": content[begin : begin + PROPERTY_BYTES]
        for number, begin in enumerate(range(0, len(content), PROPERTY_BYTES))
    }


def unpacked(name: str, entity: Mapping[str, Any]) -> Any:
    """Return the JSON value that an entity's properties hold, or None where there are none."""
    names = takewhile(lambda part: part in entity, (f"{name}{number}" for number in count()))
    parts: list[bytes] = [entity[part] for part in names]
    return json.loads(zlib.decompress(b"".join(parts))) if parts else None
