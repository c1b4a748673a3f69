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
from azure.core.rest import AsyncHttpResponse, HttpRequest

from activities import telemetry, transactions
from activities.errors import ErrorCode, TransientError, storage_unavailable
from activities.settings import Storage
from activities.transactions import Entity, Operation

if TYPE_CHECKING:
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

STORAGE_SECONDS = 10.0
# Table Storage takes 64 KiB in a property, 1 MiB in an entity.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
PROPERTY_BYTES = 60_000
MOST_PROPERTIES = 12  # Of one entity; in base64 just below 1 MiB, from which on aiohttp warns that sending blocks.
LARGEST_PAGE = 1000  # Of a query's answer; the service refuses to be asked for more.
# The waits of the library's own retry would add up to more than STORAGE_SECONDS.
_OPTIONS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.3, "connection_timeout": 3}
_TRANSACTION_HEADERS = {
    "Content-Type": f"multipart/mixed; boundary={transactions.BOUNDARY}",
    "Accept": "application/json",
    "DataServiceVersion": "3.0",
}
_WHILE_IT_IS_MADE_SECONDS = 0.1
# The library repeats no POST whose answer was lost. The app can: an entity tells whose it is, so whoever finds it
# there, or changed, can see that it was their own.
_REPEATED = frozenset({"POST", "PUT", "DELETE"})
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
_ABOUT_THE_ENTITY: dict[int, type[HttpResponseError]] = {
    HTTPStatus.NOT_FOUND: ResourceNotFoundError,
    HTTPStatus.CONFLICT: ResourceExistsError,
    HTTPStatus.PRECONDITION_FAILED: ResourceModifiedError,
}
# What says that an entity of a transaction is not as the transaction assumed.
_CONFLICTS = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})


class TransactionConflictError(Exception):
    """An entity of a transaction is there, or gone, or changed: nothing of the transaction was done."""


class Table:
    """One table, opened when it is used first."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        self._storage = storage
        self._name = name
        self._credential = credential
        self._opened: TableClient | None = None

    async def get(self, partition: str, row: str) -> "TableEntity":
        """Return an entity, its etag in ``metadata``.

        Raises:
            ResourceNotFoundError: there is none.
            TransientError: ``storageUnavailable``.
        """
        return await self._call(lambda: self._client.get_entity(partition, row))

    @property
    def _client(self) -> "TableClient":
        if self._opened is None:
            from azure.data.tables.aio import TableClient  # noqa: PLC0415 (a create without a key does without it)

            options: dict[str, Any] = {**_OPTIONS, "transport": plain_transport()}
            storage = self._storage
            self._opened = (
                TableClient.from_connection_string(storage.connection_string, self._name, **options)
                if storage.connection_string
                else TableClient(storage.table_url, self._name, credential=self._credential, **options)
            )
        return self._opened

    @property
    def _url(self) -> str:
        return self._client.url.partition("?")[0].rstrip("/")

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
        entities = self._client.query_entities(
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
        response = await self._send(
            operation.verb.value,
            transactions.address_of(operation, table_url=f"{self._url}/{self._name}"),
            transactions.headers_of(operation),
            transactions.content_of(operation).encode(),
        )
        if HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return str(response.headers.get("etag", ""))
        body = (await response.read()).decode(errors="replace")
        about_the_entity = _ABOUT_THE_ENTITY.get(response.status_code)
        if about_the_entity and "TableBeingDeleted" not in body:
            raise about_the_entity(message=body)
        failed = HttpResponseError(message=body)
        failed.status_code = response.status_code
        raise failed

    async def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> AsyncHttpResponse:
        request = HttpRequest(
            method, url, headers={**headers, "x-ms-version": self._client.api_version}, content=content or None
        )
        # The library's own connections, credentials and repetitions; it has no public way to send bytes.
        response = await self._client._client.send_request(request, stream=True, retry_on_methods=_REPEATED)  # noqa: SLF001
        await response.read()
        return response

    async def _transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        content = transactions.encode(operations, table_url=f"{self._url}/{self._name}")
        response = await self._send("POST", f"{self._url}/$batch", _TRANSACTION_HEADERS, content)
        body = await response.read()
        answer = transactions.decode(body)
        if response.status_code == HTTPStatus.ACCEPTED and len(answer.etags) == len(operations):
            return answer.etags
        if b"TableNotFound" in body:
            raise ResourceNotFoundError(message="TableNotFound")
        if answer.failed_status in _CONFLICTS:
            raise ResourceModifiedError(message="A transaction was refused.")
        failed = HttpResponseError(f"A transaction failed: {body.decode(errors='replace')}")
        failed.status_code = answer.failed_status or response.status_code
        raise failed

    async def _create(self) -> None:
        try:
            await self._client.create_table()
        except ResourceExistsError:
            # Somebody else is making it at this moment, and it is not there before that is done.
            await asyncio.sleep(_WHILE_IT_IS_MADE_SECONDS)


def plain_transport() -> "AioHttpTransport":
    """Return the storage libraries' own transport, without its search for a proxy and a password file.

    A thread does that at every request, which takes as much CPU as the request itself.
    """
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 (only with storage)

    return AioHttpTransport(use_env_settings=False)


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
