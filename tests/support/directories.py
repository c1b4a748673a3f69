"""The two directories that are held to one contract: ``FakeDirectory``, and the real one against the emulator."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from aiohttp.test_utils import RawTestServer

from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.directory import Absence, Content, ContentList, Directory, Finding, Kind, Name
from activities.graph import permissions
from activities.graph.client import MicrosoftGraph
from activities.graph.sdk import Answer
from local.emulators.course_catalogue import READ_CONTENT
from local.emulators.emulator_server import EmulatorServer
from local.emulators.emulator_transport import EmulatorTransport
from local.emulators.graph_emulator import Emulator
from local.emulators.people_emulator import READ_ALL, READ_BASIC
from local.environment import IDENTITY_HEADER
from tests.support.endpoints import forget_identity
from tests.support.fakes import REGISTRATION_ID
from tests.support.over_httpx import OverHttpx
from tests.support.wire import GRAPH

DIRECTORIES = ["FakeDirectory", "GraphDirectory"]
ALL_ROLES = (READ_BASIC, READ_ALL, READ_CONTENT)

type Person = Mapping[str, Any]


def address(text: str, provider: str = REGISTRATION_ID) -> Name:
    return Name.of_person(provider, Kind.ADDRESS, text)


def employee(text: str, provider: str = REGISTRATION_ID) -> Name:
    return Name.of_person(provider, Kind.EMPLOYEE_ID, text)


def content(text: str, provider: str = REGISTRATION_ID) -> Name:
    return Name.of_content(provider, text)


class Subject(Protocol):
    """A directory together with the tenant behind it."""

    @property
    def directory(self) -> Directory:
        """The directory."""

    def add_people(self, *people: Person) -> None:
        """Let somebody be in the tenant."""

    def add_contents(self, *contents: Mapping[str, Any], provider: str = REGISTRATION_ID) -> None:
        """Let a provider have contents."""

    def permit(self, *roles: str) -> None:
        """Grant these permissions and no others."""

    def throttle(self, kind: Kind, seconds: float) -> None:
        """Throttle the next question about people or contents."""

    def fail(self, kind: Kind) -> None:
        """Let the next question about people or contents fail inside Graph."""


@dataclass
class FakeDirectory:
    """Implements ``Directory`` in memory; ``asked`` has the names of each look-up."""

    people: list[Person] = field(default_factory=list)
    contents: list[Mapping[str, Any]] = field(default_factory=list)
    roles: frozenset[str] = frozenset(ALL_ROLES)
    asked: list[Sequence[Name]] = field(default_factory=list)
    failures: dict[bool, ActivityError] = field(default_factory=dict)

    async def find(self, names: Sequence[Name], *, timeout_seconds: float) -> list[Finding]:
        """Look names up. See ``Directory``."""
        assert timeout_seconds > 0
        self.asked.append(names)
        failures, self.failures = self.failures, {}
        return [failures.get(name.kind is Kind.CONTENT) or self._find(name) for name in names]

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> ContentList:
        """List. See ``Directory``."""
        assert timeout_seconds > 0
        if READ_CONTENT not in self.roles:
            raise permissions.refused((READ_CONTENT,))
        if (failure := self.failures.pop(True, None)) is not None:
            raise failure
        return ContentList(tuple(_content_of(one) for one in self._contents_of(registration_id)), truncated=False)

    def _find(self, name: Name) -> Finding:
        needed = {Kind.ADDRESS: READ_BASIC, Kind.EMPLOYEE_ID: READ_ALL, Kind.CONTENT: READ_CONTENT}[name.kind]
        if needed not in self.roles and not (needed == READ_BASIC and READ_ALL in self.roles):
            return permissions.refused((needed,))
        if name.kind is Kind.CONTENT:
            found = [one for one in self._contents_of(name.registration_id) if one["externalId"] == name.text]
            if found and not found[0].get("isActive", True):
                return Absence.INACTIVE
        else:
            found = [person for person in self.people if name.text in self._names_of(person, name.kind)]
        if len(found) > 1:
            return Absence.SEVERAL
        return str(found[0]["id"]) if found else Absence.NOTHING

    def _names_of(self, person: Person, kind: Kind) -> set[str]:
        if kind is Kind.EMPLOYEE_ID:
            return {str(person.get("employeeId"))}
        secondary = person.get("proxyAddresses", []) if READ_ALL in self.roles else []
        names = [person["userPrincipalName"], person.get("mail") or "", *secondary]
        return {name.lower().removeprefix("smtp:") for name in names}

    def _contents_of(self, registration_id: str) -> list[Mapping[str, Any]]:
        return [one for one in self.contents if one["learningProviderId"] == registration_id]


def _content_of(one: Mapping[str, Any]) -> Content:
    return Content(one["id"], one["externalId"], one["title"], one.get("isActive", True))


@dataclass
class InMemory:
    """``FakeDirectory``."""

    directory: FakeDirectory = field(default_factory=FakeDirectory)

    def add_people(self, *people: Person) -> None:
        """Add. See ``Subject``."""
        self.directory.people += people

    def add_contents(self, *contents: Mapping[str, Any], provider: str = REGISTRATION_ID) -> None:
        """Add. See ``Subject``."""
        self.directory.contents += [{**one, "learningProviderId": provider} for one in contents]

    def permit(self, *roles: str) -> None:
        """Permit. See ``Subject``."""
        self.directory.roles = frozenset(roles)

    def throttle(self, kind: Kind, seconds: float) -> None:
        """Throttle. See ``Subject``."""
        self.directory.failures[kind is Kind.CONTENT] = TransientError(
            ErrorCode.THROTTLED, "busy", retry_after_seconds=seconds
        )

    def fail(self, kind: Kind) -> None:
        """Fail. See ``Subject``."""
        self.directory.failures[kind is Kind.CONTENT] = TransientError(
            ErrorCode.GRAPH_UNAVAILABLE, "broken", retry_after_seconds=5
        )


@dataclass
class Recording:
    """The network between the app and the emulator; ``calls`` has, for each, the addresses that it asked for."""

    inner: OverHttpx
    calls: list[list[str]] = field(default_factory=list)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send. See ``Transport``."""
        batched = [item["url"] for item in json.loads(body or b"{}").get("requests", [])]
        self.calls.append(batched or [url.removeprefix(GRAPH)])
        return await self.inner.send(method, url, headers, body)

    async def close(self) -> None:
        """Close. See ``Transport``."""
        await self.inner.close()

    @property
    def addresses(self) -> list[str]:
        """Every address that was asked for."""
        return [one for call in self.calls for one in call]


@dataclass
class Emulated:
    """The real directory; Graph is reached without a socket, the identity endpoint over one."""

    emulator: Emulator
    network: Recording
    directory: Directory

    def add_people(self, *people: Person) -> None:
        """Add. See ``Subject``."""
        self.emulator.people.add([*people])

    def add_contents(self, *contents: Mapping[str, Any], provider: str = REGISTRATION_ID) -> None:
        """Add. See ``Subject``."""
        self.emulator.courses.add([{**one, "learningProviderId": provider} for one in contents])

    def permit(self, *roles: str) -> None:
        """Permit. See ``Subject``."""
        self.emulator.tenant = self.emulator.tenant.patched({"roles": [*roles]})

    def throttle(self, kind: Kind, seconds: float) -> None:
        """Throttle. See ``Subject``."""
        self._arm(kind, {"status": 429, "headers": {"Retry-After": str(seconds)}})

    def fail(self, kind: Kind) -> None:
        """Fail. See ``Subject``."""
        self._arm(kind, {"status": 500})

    def _arm(self, kind: Kind, fault: Mapping[str, Any]) -> None:
        self.emulator.faults.arm({"operation": "contents" if kind is Kind.CONTENT else "people", **fault})


@asynccontextmanager
async def emulated_directory(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    """Give the real directory and the emulator behind it, with every permission for look-ups."""
    emulator = Emulator()
    forget_identity(monkeypatch)
    async with RawTestServer(EmulatorServer(emulator).answer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/msi/token")))
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        network = Recording(OverHttpx(EmulatorTransport(emulator)))
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=None, transport=network)
        subject = Emulated(emulator, network, gateway.directory())
        subject.permit(*ALL_ROLES)
        yield subject
        await gateway.close()


@asynccontextmanager
async def directory_named(name: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    """Give one of ``DIRECTORIES``."""
    if name == "FakeDirectory":
        yield InMemory()
        return
    async with emulated_directory(monkeypatch) as subject:
        yield subject


def told(findings: Iterable[Finding]) -> list[str]:
    """Return each finding in a word: the id, the absence, or the error's code."""
    return [str(one.code) if isinstance(one, ActivityError) else str(one) for one in findings]
