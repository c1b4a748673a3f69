"""The real gateway: the official SDK and azure-identity, on a wire of the test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import IdentityEndpoint, identity_endpoint
from tests.support.gateways import Emulated, emulated
from tests.support.over_httpx import OverHttpx
from tests.support.wire import GRAPH, Wire


@pytest_asyncio.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    async with identity_endpoint(monkeypatch) as endpoint:
        yield endpoint


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest_asyncio.fixture
async def graph(identity: IdentityEndpoint, wire: Wire) -> AsyncIterator[MicrosoftGraph]:
    assert identity
    gateway = MicrosoftGraph(base_url=GRAPH, client_id=None, transport=OverHttpx(wire))
    yield gateway
    await gateway.close()


@pytest_asyncio.fixture
async def emulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    async with emulated(monkeypatch) as given:
        yield given
