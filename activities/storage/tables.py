"""A table of the function app's storage, made when it is missing; whatever is wrong with storage is one error."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from http import HTTPStatus
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline import AsyncPipeline, policies
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient

from activities.settings import Storage
from activities.storage import table_bytes
from activities.storage.outages import is_being_deleted, passes, pauses_seconds, translate
from activities.storage.table_bytes import Entity, Operation

STORAGE_SECONDS = 10.0
LARGEST_PAGE = 1000  # Of a query's answer; the service refuses to be asked for more.
_TRANSACTION_HEADERS = {
    "Content-Type": f"multipart/mixed; boundary={table_bytes.BOUNDARY}",
    "Accept": "application/json",
    "DataServiceVersion": "3.0",
}
_WHILE_IT_IS_MADE_SECONDS = 0.1
# The library would repeat neither a POST whose answer was lost, nor a transaction whose failure stands inside a 202.
# The app can: an entity tells whose it is, so whoever finds it there, or changed, can see that it was their own.
_OPTIONS: dict[str, Any] = {"retry_total": 0, "connection_timeout": 3}
# What an operation does without: half of what one costs. What signs and dates it remains.
_IDLE = (
    policies.AsyncRedirectPolicy,
    policies.ContentDecodePolicy,
    policies.CustomHookPolicy,
    policies.DistributedTracingPolicy,
    policies.HttpLoggingPolicy,
    policies.NetworkTraceLoggingPolicy,
    policies.ProxyPolicy,
    policies.RequestIdPolicy,
    policies.UserAgentPolicy,
)


class EntityExistsError(Exception):
    """An entity that should be made is there already."""


class EntityChangedError(Exception):
    """An entity has not the version that an operation assumes."""


class EntityMissingError(Exception):
    """There is no such entity."""


class TransactionConflictError(Exception):
    """An entity of a transaction is there, or gone, or changed: nothing of the transaction was done."""


# What says that an entity is not as an operation, alone or in a transaction, assumed.
_ABOUT_THE_ENTITY: dict[int, type[Exception]] = {
    HTTPStatus.NOT_FOUND: EntityMissingError,
    HTTPStatus.CONFLICT: EntityExistsError,
    HTTPStatus.PRECONDITION_FAILED: EntityChangedError,
}


class Table:
    """One table, opened when it is used first."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        self._open: Callable[[], _Connection] = lambda: _Connection(storage, name, credential=credential)

    async def get(self, partition: str, row: str) -> TableEntity:
        """Return an entity, its etag in ``metadata``.

        Raises:
            EntityMissingError: there is none.
            TransientError: ``storageUnavailable``.
        """
        return await self._call(lambda: self._connection.client.get_entity(partition, row))

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
        return await self._call(lambda: self._transact(operations))

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
        async for entities, _ in self.pages(table_bytes.Query(condition, parameters, select, page_size)):
            for entity in entities:
                yield entity

    async def pages(
        self, wanted: table_bytes.Query, *, after: table_bytes.Place | None = None
    ) -> AsyncIterator[tuple[list[Entity], table_bytes.Place]]:
        """Yield the pages of ``query``, each with the place of the next one, empty behind the last. Raises as it."""
        # A page can be empty although another follows: the service stops its search after a while.
        entities = self._connection.client.query_entities(
            wanted.condition, parameters=wanted.parameters, select=wanted.select, results_per_page=wanted.page_size
        )
        pages: Any = entities.by_page(after)  # type: ignore[arg-type]  # The library's own tokens are no texts.
        while (page := await self._call(lambda: _next_page(pages))) is not None:
            yield page, pages.continuation_token

    async def close(self) -> None:
        """Close the connections."""
        if "_connection" in self.__dict__:
            await self._connection.client.close()

    @cached_property
    def _connection(self) -> "_Connection":
        return self._open()

    async def _call[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request, and again what passes within the time that storage has. Raises what ``do`` raises."""
        now = asyncio.get_running_loop().time
        deadline, pauses = now() + STORAGE_SECONDS, pauses_seconds()
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    try:
                        return await self._send(send)
                    except AzureError as error:
                        pause = next(pauses, None)
                        if pause is None or not passes(error) or now() + pause >= deadline:
                            raise
                    await asyncio.sleep(pause)
        except (AzureError, TimeoutError, OSError) as error:
            raise translate(error) from error

    async def _send[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send one request, making the table if it is missing."""
        while True:
            try:
                return await send()
            except ResourceNotFoundError as error:
                # Some of the library's methods raise it without its error_code; the text always names it.
                if "TableNotFound" not in str(error):
                    raise EntityMissingError from error
            await self._create()

    async def _do(self, operation: Operation) -> str:
        status, etag, body = await self._connection.send(
            operation.verb.value,
            table_bytes.address_of(operation, table_url=self._connection.table_url),
            table_bytes.headers_of(operation),
            table_bytes.content_of(operation),
        )
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return etag
        raise _failed(status, body, about_the_entity=_ABOUT_THE_ENTITY.get(status))

    async def _transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        connection = self._connection
        content = table_bytes.encode(operations, table_url=connection.table_url)
        status, _, body = await connection.send(
            "POST", f"{connection.account_url}/$batch", _TRANSACTION_HEADERS, content
        )
        answer = table_bytes.decode(body)
        if status == HTTPStatus.ACCEPTED and len(answer.etags) == len(operations):
            return answer.etags
        conflict = TransactionConflictError if answer.failed_status in _ABOUT_THE_ENTITY else None
        raise _failed(answer.failed_status or status, body, about_the_entity=conflict)

    async def _create(self) -> None:
        try:
            await self._connection.client.create_table()
        except ResourceExistsError as error:
            if is_being_deleted(error):
                raise
            # Somebody else is making it at this moment, and it is not there before that is done.
            await asyncio.sleep(_WHILE_IT_IS_MADE_SECONDS)


def _failed(status: int, body: bytes, *, about_the_entity: type[Exception] | None) -> Exception:
    """Return what a refusal says: of the table, of an entity, or of storage."""
    text = body.decode(errors="replace")
    if "TableNotFound" in text:
        return ResourceNotFoundError(message=text)
    if about_the_entity and "TableBeingDeleted" not in text:
        return about_the_entity()
    failed = HttpResponseError(message=text)
    failed.status_code = status
    return failed


async def _next_page(pages: AsyncIterator[AsyncIterator[Entity]]) -> list[Entity] | None:
    async for page in pages:
        return [entity async for entity in page]
    return None


class _Connection:
    """One table as the library sees it (``client``), its address, and a way to send bytes."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        # By default a thread looks for a proxy and a password file at every request, which takes as long as the rest.
        transport = AioHttpTransport(use_env_settings=False)
        options: dict[str, Any] = {**_OPTIONS, "transport": transport}
        self.client = (
            TableClient.from_connection_string(storage.connection_string, name, **options)
            if storage.connection_string
            else TableClient(storage.table_url, name, credential=credential, **options)
        )
        self.account_url = self.client.url.partition("?")[0].rstrip("/")
        self.table_url = f"{self.account_url}/{name}"
        # The library has no public way to send bytes, nor to sign them. Copies, because a policy knows its successor.
        kept = [copy(policy) for policy in self.client._policies if not isinstance(policy, _IDLE)]  # noqa: SLF001
        self._pipeline = AsyncPipeline[HttpRequest, AsyncHttpResponse](transport, kept)

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: str) -> tuple[int, str, bytes]:
        """Send a request and return status, etag and body of the answer.

        Raises:
            AzureError: whatever the library raises.
        """
        version = {"x-ms-version": self.client.api_version}
        request = HttpRequest(method, url, headers={**headers, **version}, content=content.encode() or None)
        answered = await self._pipeline.run(request, stream=True)
        response = answered.http_response
        return response.status_code, str(response.headers.get("etag", "")), await response.read()
