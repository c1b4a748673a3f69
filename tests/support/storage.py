"""Something between the product and Azurite's tables: counts requests, loses answers, fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Never

import aiohttp
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from activities.settings import Storage
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import Table
from local.environment import storage_connection_string
from local.lifecycle import url_of
from tests.support.endpoints import Answer
from tests.support.ledgers import app_key
from tests.support.storage_proxy import forwarded


@dataclass
class TableProxy:
    """Passes everything on to Azurite; ``answers`` says what happens to the next requests instead."""

    target: str
    client: aiohttp.ClientSession
    port: int = 0
    requests: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Remember the request and answer it."""
        self.requests.append(request.method)
        return await (self.answers.pop(0) if self.answers else self.pass_on)(request)

    async def pass_on(self, request: web.BaseRequest) -> web.Response:
        """Answer what Azurite answers."""
        return await forwarded(request, await request.read(), target=self.target, client=self.client)

    async def lose(self, request: web.BaseRequest) -> web.Response:
        """Let Azurite do its work, and break the connection instead of answering."""
        answer = await self.pass_on(request)
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def silence(self, _: web.BaseRequest) -> Never:
        """Say nothing."""
        await asyncio.Event().wait()
        raise AssertionError

    async def fail_after(self, request: web.BaseRequest) -> web.Response:
        """Let Azurite do its work, and answer that it failed."""
        await self.pass_on(request)
        return web.Response(status=500)


def failing(status: int, code: str = "", headers: dict[str, str] | None = None) -> Answer:
    """Return an answer that says as Table Storage does what went wrong."""
    body: dict[str, Any] = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": code}}}

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    return answer


@asynccontextmanager
async def table_proxy(ports: tuple[int, int, int]) -> AsyncIterator[tuple[TableProxy, TableLedger]]:
    """Serve a proxy in front of Azurite, and a ledger that goes through it."""
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        proxy = TableProxy(url_of(ports[2]), client)
        async with RawTestServer(proxy.handle) as server:
            proxy.port = server.port or 0
            with_proxy = storage_connection_string(ports[0], ports[1], proxy.port)
            table = Table(Storage(with_proxy), TABLE, credential=None)
            try:
                yield proxy, TableLedger(table, key=app_key, lease_seconds=60)
            finally:
                await table.close()
