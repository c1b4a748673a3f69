"""The two gateways that are held to one contract: ``FakeGraph``, and the real one (azure-identity, msgraph-sdk)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from aiohttp.test_utils import RawTestServer

from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.gateway import GraphGateway
from activities.graph import translation
from activities.graph.client import MicrosoftGraph
from local.emulators.emulator_server import EmulatorServer
from local.emulators.emulator_transport import EmulatorTransport
from local.emulators.graph_emulator import Emulator
from local.environment import IDENTITY_HEADER
from tests.support.endpoints import forget_identity
from tests.support.fakes import FOR_EVER, LEARNER_ID, FakeGraph, Fault
from tests.support.over_httpx import OverHttpx

GATEWAYS = ["FakeGraph", "MicrosoftGraph"]


class Subject(Protocol):
    """A gateway together with what can be done to the Graph behind it."""

    @property
    def gateway(self) -> GraphGateway:
        """The gateway."""

    def count(self) -> int:
        """Return how many activities were created."""

    def throttle(self, seconds: float, *, executed: bool = False) -> None:
        """Throttle the next create."""

    def take_licence(self) -> None:
        """Refuse the next create because of its learner."""

    def lose(self, operation: str, *, executed: bool, hang: bool) -> None:
        """Let the next answer get lost: the connection breaks, or nothing comes."""

    def fail(self, operation: str) -> None:
        """Let the next call fail inside Graph."""

    def stop_identity(self) -> None:
        """Give out no tokens any more."""


@dataclass
class InMemory:
    """``FakeGraph``."""

    gateway: FakeGraph = field(default_factory=FakeGraph)

    def count(self) -> int:
        """Count. See ``Subject``."""
        return len(self.gateway.stored)

    def throttle(self, seconds: float, *, executed: bool = False) -> None:
        """Throttle. See ``Subject``."""
        error = TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=seconds)
        self.gateway.arm("create", [Fault(error, executed=executed)])

    def take_licence(self) -> None:
        """Refuse. See ``Subject``."""
        self.gateway.arm("create", [Fault(PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "no licence"))])

    def lose(self, operation: str, *, executed: bool, hang: bool) -> None:
        """Lose. See ``Subject``."""
        lost = (
            Fault(seconds=FOR_EVER, executed=executed) if hang else Fault(translation.unanswered(), executed=executed)
        )
        self.gateway.arm(operation, [lost])

    def fail(self, operation: str) -> None:
        """Fail. See ``Subject``."""
        error = TransientError(ErrorCode.GRAPH_FAULT, "broken", retry_after_seconds=30, may_have_executed=True)
        self.gateway.arm(operation, [Fault(error)])

    def stop_identity(self) -> None:
        """Stop. See ``Subject``."""
        self.gateway.identity_failure = TransientError(
            ErrorCode.IDENTITY_UNAVAILABLE, "no token", retry_after_seconds=30
        )


@dataclass
class Emulated:
    """The real gateway; Graph is reached without a socket, the identity endpoint over one."""

    emulator: Emulator
    gateway: MicrosoftGraph

    def count(self) -> int:
        """Count. See ``Subject``."""
        return len(self.emulator.activities.stored)

    def throttle(self, seconds: float, *, executed: bool = False) -> None:
        """Throttle. See ``Subject``."""
        headers = {"Retry-After": str(seconds)}
        self.emulator.faults.arm({"status": 429, "headers": headers, "execute": executed})

    def take_licence(self) -> None:
        """Refuse. See ``Subject``."""
        self.emulator.tenant = self.emulator.tenant.patched({"unlicensedLearners": [LEARNER_ID]})

    def lose(self, operation: str, *, executed: bool, hang: bool) -> None:
        """Lose. See ``Subject``."""
        self.emulator.faults.arm({"operation": operation, "hang": hang, "disconnect": not hang, "execute": executed})

    def fail(self, operation: str) -> None:
        """Fail. See ``Subject``."""
        self.emulator.faults.arm({"operation": operation, "status": 500})

    def stop_identity(self) -> None:
        """Stop. See ``Subject``."""
        self.emulator.faults.arm({"operation": "token", "status": 400, "body": {"message": "no"}, "times": 100})


@asynccontextmanager
async def emulated(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    """Give the real gateway and the emulator behind it."""
    emulator = Emulator()
    forget_identity(monkeypatch)
    async with RawTestServer(EmulatorServer(emulator).answer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/msi/token")))
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        gateway = MicrosoftGraph(
            base_url="https://graph.microsoft.com/v1.0",
            client_id=None,
            transport=OverHttpx(EmulatorTransport(emulator)),
        )
        yield Emulated(emulator, gateway)
        await gateway.close()


@asynccontextmanager
async def subject_named(name: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    """Give one of ``GATEWAYS``."""
    if name == "FakeGraph":
        yield InMemory()
        return
    async with emulated(monkeypatch) as subject:
        yield subject
