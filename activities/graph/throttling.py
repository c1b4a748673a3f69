"""Doors to Graph that stay shut for as long as Graph has asked for it, and what is behind them. Nobody waits here."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import ExternalKey, GraphGateway, Write

if TYPE_CHECKING:
    from activities.execution.directory import Absence, Content, ContentList, Directory, Finding, Name, Person
    from activities.execution.names import NameResolver

# In place of a provider's id: what is asked for by Graph's id alone names no provider.
_NO_PROVIDER = ""
PEOPLE = "people of "


class Doors:
    """Remembers which doors are shut, and until when.

    What it knows, it learned from this process's own calls: another instance asks Graph once to learn the same.

    Args:
        now: The clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open_again: dict[str, float] = {}

    def check(self, name: str) -> None:
        """Refuse while a door is shut.

        Raises:
            TransientError: ``throttled``, with the seconds that are left.
        """
        remaining = self._open_again.get(name.casefold(), 0.0) - self._now()
        if remaining > 0:
            whom = "look-ups of people" if name.startswith(PEOPLE) else "this learning provider"
            raise TransientError(
                ErrorCode.THROTTLED,
                f"Microsoft Graph is throttling {whom}. Send the request again after {math.ceil(remaining)} seconds.",
                retry_after_seconds=remaining,
            )
        self._open_again.pop(name.casefold(), None)

    def learn(self, name: str, end: object) -> None:
        """Shut a door if this end of a request says so; never for shorter than was known."""
        if isinstance(end, TransientError) and end.code is ErrorCode.THROTTLED:
            until = self._now() + end.retry_after_seconds
            self._open_again[name.casefold()] = max(until, self._open_again.get(name.casefold(), until))


class ThrottledGraph:
    """The gateway behind which nothing is sent for a provider that is throttled.

    Args:
        graph: The gateway that sends.
        now: The clock, in seconds.

    Its ``doors``, one for each provider, are shared with whoever else calls Graph for a provider.
    """

    def __init__(self, graph: GraphGateway, *, now: Callable[[], float] = time.monotonic) -> None:
        self._graph = graph
        self.doors = Doors(now)

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Send writes. See ``GraphGateway``; those of a provider that is throttled are not sent."""
        return await self._send(
            writes, _provider_of, lambda some: self._graph.write(some, timeout_seconds=timeout_seconds)
        )

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up. See ``GraphGateway``; those of a provider that is throttled are not asked for."""
        return await self._send(
            keys, _provider_of, lambda some: self._graph.find(some, timeout_seconds=timeout_seconds)
        )

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by Graph's ids. See ``GraphGateway``; these have a door of their own."""
        return await self._send(
            graph_ids, lambda _: _NO_PROVIDER, lambda some: self._graph.get(some, timeout_seconds=timeout_seconds)
        )

    @cached_property
    def names(self) -> "NameResolver":
        """What finds the ids of people and courses, behind the same doors. See ``GraphGateway``."""
        from activities.execution.names import NameResolver

        return NameResolver(lambda: ThrottledDirectory(self._graph.names.directory, self.doors))

    def check_open(self, registration_id: str) -> None:
        """Refuse while a provider is throttled. See ``GraphGateway``."""
        self.doors.check(registration_id)

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token. See ``GraphGateway``."""
        return await self._graph.check_identity()

    async def close(self) -> None:
        """Close the connections."""
        await self._graph.close()

    async def _send[Sent, Answer](
        self,
        requests: Sequence[Sent],
        provider_of: Callable[[Sent], str],
        send: Callable[[Sequence[Sent]], Awaitable[list[Answer | ActivityError]]],
    ) -> list[Answer | ActivityError]:
        ends: dict[int, Answer | ActivityError] = {}
        for place, request in enumerate(requests):
            try:
                self.check_open(provider_of(request))
            except TransientError as closed:
                ends[place] = closed
        if sent := [place for place in range(len(requests)) if place not in ends]:
            ends |= zip(sent, await send([requests[place] for place in sent]), strict=True)
        for place in sent:
            self.doors.learn(provider_of(requests[place]), ends[place])
        return [ends[place] for place in range(len(requests))]


def _provider_of(request: Write | ExternalKey) -> str:
    return request.registration_id


class ThrottledDirectory:
    """The directory that is not asked while it is throttled: for people of a provider's tenant, or for its contents.

    Args:
        directory: What is asked.
        doors: Those of the activities: a provider that is throttled is left alone.
    """

    def __init__(self, directory: "Directory", doors: Doors) -> None:
        self._directory = directory
        self._doors = doors

    async def find(self, names: "Sequence[Name]", *, timeout_seconds: float) -> "list[Finding]":
        """Look names up. See ``Directory``; those behind a shut door are not asked for."""
        found: dict[Name, Finding] = {}
        for name in names:
            try:
                self._doors.check(_door(name))
            except TransientError as shut:
                found[name] = shut
        if asked := [name for name in names if name not in found]:
            found |= zip(asked, await self._directory.find(asked, timeout_seconds=timeout_seconds), strict=True)
        for name in asked:
            self._doors.learn(_door(name), found[name])
        return [found[name] for name in names]

    async def person(self, said: str, registration_id: str, *, timeout_seconds: float) -> "Person | None":
        """Look up what somebody is called. See ``Directory``.

        Raises:
            TransientError: also ``throttled``, without asking.
        """
        return await self._through(
            f"{PEOPLE}{registration_id}",
            lambda: self._directory.person(said, registration_id, timeout_seconds=timeout_seconds),
        )

    async def content_named(self, name: "Name", *, timeout_seconds: float) -> "Content | Absence":
        """Look a content up. See ``Directory``.

        Raises:
            TransientError: also ``throttled``, without asking.
        """
        return await self._through(
            _door(name), lambda: self._directory.content_named(name, timeout_seconds=timeout_seconds)
        )

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> "ContentList":
        """List a provider's contents. See ``Directory``.

        Raises:
            TransientError: also ``throttled``, without asking.
        """
        return await self._through(
            registration_id, lambda: self._directory.contents_of(registration_id, timeout_seconds=timeout_seconds)
        )

    async def _through[Answer](self, door: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        self._doors.check(door)
        try:
            return await ask()
        except TransientError as error:
            self._doors.learn(door, error)
            raise


def _door(name: "Name") -> str:
    return f"{PEOPLE}{name.registration_id}" if name.is_of_person else name.registration_id
