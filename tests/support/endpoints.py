"""Loopback servers for tests of the real gateway: an identity endpoint, and peers that misbehave below HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

IDENTITY_HEADER = "made-up-header"
TOKEN = "made-up-token"

# Every variable by which azure-identity chooses another kind of managed identity, and what may divert loopback calls.
_OTHER_IDENTITIES = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
)

type Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class IdentityEndpoint:
    """The managed-identity endpoint of App Service; ``answer`` can be replaced, ``requests`` says what came."""

    def __init__(self) -> None:
        self.requests: list[web.BaseRequest] = []
        self.answer: Answer = self.give_token

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Remember the request and answer it."""
        self.requests.append(request)
        return await self.answer(request)

    async def give_token(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as App Service does: ``expires_on`` is a text."""
        token: dict[str, Any] = {
            "access_token": TOKEN,
            "expires_on": str(int(time.time()) + 86_400),
            "resource": request.query["resource"],
            "token_type": "Bearer",
        }
        return web.json_response(token)


@asynccontextmanager
async def identity_endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    """Serve an identity endpoint that the environment points to, as Azure Functions does."""
    forget_identity(monkeypatch)
    endpoint = IdentityEndpoint()
    async with RawTestServer(endpoint.handle) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/msi/token")))
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield endpoint


def forget_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every sign of an identity, and of a proxy, out of the environment."""
    for name in _OTHER_IDENTITIES:
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def peer(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve raw connections; yield the base URL. The connection closes when ``talk`` returns."""
    talking: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await talk(reader, writer)
        except asyncio.CancelledError:
            pass  # The test is over, and this peer was still waiting.
        finally:
            writer.close()
            talking.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1.0"
    finally:
        server.close()
        for task in list(talking):
            task.cancel()
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Read one HTTP request to its end: its first line and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return lines[0], await reader.readexactly(int(headers.get("content-length", "0")))


def reply(status: str, body: bytes, *headers: str) -> bytes:
    """Return the bytes of an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
