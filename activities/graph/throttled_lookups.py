"""Look-ups behind the same doors as everything that is sent: nobody is asked for while Graph throttles."""

from collections.abc import Sequence

from activities.errors import TransientError
from activities.execution.directory import ContentList, Directory, Finding, Kind, Name
from activities.graph.doors import PEOPLE, Doors


class ThrottledDirectory:
    """The directory that is not asked while it is throttled: for people of a provider's tenant, or for its contents.

    Args:
        directory: What is asked.
        doors: Those of the activities: a provider that is throttled is left alone.
    """

    def __init__(self, directory: Directory, doors: Doors) -> None:
        self._directory = directory
        self._doors = doors

    async def find(self, names: Sequence[Name], *, timeout_seconds: float) -> list[Finding]:
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

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> ContentList:
        """List a provider's contents. See ``Directory``.

        Raises:
            TransientError: also ``throttled``, without asking.
        """
        self._doors.check(registration_id)
        try:
            return await self._directory.contents_of(registration_id, timeout_seconds=timeout_seconds)
        except TransientError as error:
            self._doors.learn(registration_id, error)
            raise


def _door(name: Name) -> str:
    return name.registration_id if name.kind is Kind.CONTENT else f"{PEOPLE}{name.registration_id}"
