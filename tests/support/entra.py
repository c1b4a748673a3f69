"""The emulated Microsoft Entra ID and Graph for tests of applications: in process, over http and https, recorded."""

import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from local.emulators.applications import Applications
from local.emulators.exchange import Request
from local.emulators.graph_emulator import Emulator
from local.emulators.identity_endpoint import SYSTEM_ASSIGNED_CLIENT_ID, TENANT_ID, principal_id_of
from local.emulators.tenant import ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE
from local.environment import GRAPH_CLIENT_ID, IDENTITY_HEADER
from local.stack.certificates import write_certificate
from tests.support.endpoints import forget_identity

OTHER_TENANT_ID = "b1f3a9d0-7c55-4e0f-9f1b-2a4c6d8e0f13"
ALL_ROLES = (ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE)
ISSUER = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"


def application(
    *,
    identity: str = SYSTEM_ASSIGNED_CLIENT_ID,
    known_in: Collection[str] = (TENANT_ID,),
    providers: Mapping[str, Mapping[str, str]] | None = None,
    **properties: Any,
) -> dict[str, Any]:
    """Return what `/_emulator/applications` takes: the one application, as it is when everything is right.

    Args:
        identity: the client id of the managed identity that vouches for it.
        known_in: the tenants that have let it in.
        providers: which provider is whose.
        properties: others of the application.
    """
    right = {
        "homeTenantId": TENANT_ID,
        "federatedCredentials": [{"issuer": ISSUER, "subject": principal_id_of(identity)}],
        "tenants": dict.fromkeys(known_in, ALL_ROLES),
        "enabled": True,
    }
    return {"applications": {GRAPH_CLIENT_ID: right | properties}, "providers": dict(providers or {})}


@dataclass
class World:
    """An emulator, where it serves, and everything that was sent to it."""

    emulator: Emulator
    graph_url: str = ""
    login_url: str = ""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """The path of each request, and all of it: address, headers and body."""

    def put(self, said: Mapping[str, Any]) -> None:
        """Say what the applications are."""
        self.emulator.applications = Applications.from_json(said)

    def paths(self) -> list[str]:
        """Return the paths of what was sent."""
        return [path for path, _ in self.sent]


@asynccontextmanager
async def entra(monkeypatch: pytest.MonkeyPatch, folder: Path) -> AsyncIterator[World]:
    """Serve an emulator that the environment points to, and whose certificate this process trusts."""
    forget_identity(monkeypatch)
    emulator = Emulator()
    world = World(emulator)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body, headers = await request.read(), request.headers.items()
        world.sent.append((request.path, f"{request.raw_path} {dict(headers)} {body.decode()}"))
        wire = Request.from_wire(request.method, request.raw_path, headers=headers, body=body, now=datetime.now(UTC))
        response = emulator.handle(wire)
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    certificate, key = write_certificate(folder)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    # aiohttp makes its context when it is imported, which is too early for SSL_CERT_FILE.
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    secure = RawTestServer(answer)
    await secure.start_server(ssl=serving)
    async with RawTestServer(answer) as plain, secure:
        world.graph_url, world.login_url = str(plain.make_url("")).rstrip("/"), f"https://127.0.0.1:{secure.port}"
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{world.graph_url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield world
