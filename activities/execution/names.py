"""People and courses by their own names: the ids that they stand for, each looked up once for all who ask.

What was found is kept in memory alone, and only for a while: nobody's address is stored or logged.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from activities.errors import ActivityError, TransientError
from activities.execution import unresolved
from activities.execution.directory import Absence, Directory, Finding, Kind, Name

LOOK_UP_SECONDS = 10.0
FOUND_SECONDS = 3600.0
NOT_FOUND_SECONDS = 60.0
# At some hundred bytes each a few megabytes.
MOST_KEPT = 20_000
# As many as twenty records can have: a look-up makes at most three calls for so many.
MOST_PEOPLE = 40
MOST_CONTENTS = 20
# Graph filters by no longer value. Source: https://learn.microsoft.com/graph/aad-advanced-queries
_LONGEST_TEXT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What one record calls its people and its course; None where it gives an id, or nothing."""

    registration_id: str
    learner_address: str | None = field(default=None, repr=False)
    learner_employee_id: str | None = field(default=None, repr=False)
    assigner_address: str | None = field(default=None, repr=False)
    content_external_id: str | None = None

    def by_property(self) -> dict[str, Name]:
        """Return the names by the property that each stands in."""
        said = {
            "learnerUserId": (Kind.ADDRESS, self.learner_address),
            "learnerEmployeeId": (Kind.EMPLOYEE_ID, self.learner_employee_id),
            "assignerUserId": (Kind.ADDRESS, self.assigner_address),
        }
        names = {
            its_property: Name.of_person(self.registration_id, kind, text)
            for its_property, (kind, text) in said.items()
            if text is not None
        }
        if self.content_external_id is not None:
            names["learningContentExternalId"] = Name.of_content(self.registration_id, self.content_external_id)
        return names


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that a record's names stand for; None where it gave none."""

    learner_user_id: str | None = None
    assigner_user_id: str | None = None
    learning_content_id: str | None = None


_ID_OF = {
    "learnerUserId": "learner_user_id",
    "learnerEmployeeId": "learner_user_id",
    "assignerUserId": "assigner_user_id",
    "learningContentExternalId": "learning_content_id",
}


class NameResolver:
    """Finds out which ids names stand for; one per process, shared by all ways in, used on one event loop.

    Args:
        open_directory: Returns what is asked; called when the first name has to be looked up.
        now: The clock, in seconds.
    """

    def __init__(self, open_directory: Callable[[], Directory], *, now: Callable[[], float] = time.monotonic) -> None:
        self._open_directory = open_directory
        self._kept = _Kept(now)
        self._asked: dict[Name, asyncio.Task[dict[Name, Finding]]] = {}

    @cached_property
    def directory(self) -> Directory:
        """What is asked."""
        return self._open_directory()

    async def resolve(self, records: Sequence[Names], *, ahead: Iterable[Names] = ()) -> list[Ids | ActivityError]:
        """Return the ids of up to twenty records; what became of each stands in its place.

        Args:
            records: What the records call their people and courses.
            ahead: Records that will be asked for soon. Their names fill up a call that has to be made anyway.

        Returns:
            For each its ids or ``learnerNotFound``, ``learnerAmbiguous``, ``contentNotFound`` (for whichever property
            the target names; for several with details), ``graphPermissionMissing``, an error about the provider, or a
            ``TransientError``: nothing was sent.
        """
        own = [names.by_property() for names in records]
        found = await self._find(_different(own), ahead)
        return [_resolved({its_property: (name, found[name]) for its_property, name in one.items()}) for one in own]

    async def _find(self, names: Sequence[Name], ahead: Iterable[Names]) -> dict[Name, Finding]:
        found: dict[Name, Finding] = {}
        for name in names:
            if (known := self._known(name)) is not None:
                found[name] = known
        waited_for = [name for name in names if name not in found]
        if fresh := [name for name in waited_for if name not in self._asked]:
            soon = _different(one.by_property() for one in ahead)
            more = [one for one in soon if one not in self._asked and one not in fresh and self._known(one) is None]
            together = [*fresh, *_fitting(more, beside=fresh)]
            self._asked |= dict.fromkeys(together, asyncio.create_task(self._ask(together)))
        for name, asking in {name: self._asked[name] for name in waited_for}.items():
            # Others wait for the same answer: it comes also if this caller has gone.
            found[name] = (await asyncio.shield(asking))[name]
        return found

    def _known(self, name: Name) -> Finding | None:
        return self._kept.get(name) if _can_be(name) else Absence.NOTHING

    async def _ask(self, names: Sequence[Name]) -> dict[Name, Finding]:
        try:
            found = dict(zip(names, await self.directory.find(names, timeout_seconds=LOOK_UP_SECONDS), strict=True))
        finally:
            for name in names:
                del self._asked[name]
        for name, finding in found.items():
            self._kept.put(name, finding)
        return found


class _Kept:
    """What was found, until its time is over or others need the place."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._findings: OrderedDict[Name, tuple[float, Finding]] = OrderedDict()

    def get(self, name: Name) -> Finding | None:
        until, finding = self._findings.get(name, (0.0, None))
        if finding is None or self._now() >= until:
            self._findings.pop(name, None)
            return None
        self._findings.move_to_end(name)
        return finding

    def put(self, name: Name, finding: Finding) -> None:
        if isinstance(finding, TransientError):
            return
        seconds = FOUND_SECONDS if isinstance(finding, str) and not isinstance(finding, Absence) else NOT_FOUND_SECONDS
        self._findings[name] = self._now() + seconds, finding
        self._findings.move_to_end(name)
        if len(self._findings) > MOST_KEPT:
            self._findings.popitem(last=False)


def _different(records: Iterable[dict[str, Name]]) -> list[Name]:
    return list(dict.fromkeys(name for record in records for name in record.values()))


def _fitting(names: Sequence[Name], *, beside: Sequence[Name]) -> list[Name]:
    """Return the first names of both kinds that cost no call more."""
    of_contents = sum(name.kind is Kind.CONTENT for name in beside)
    contents = [name for name in names if name.kind is Kind.CONTENT]
    people = [name for name in names if name.kind is not Kind.CONTENT]
    room_for_people = MOST_PEOPLE - (len(beside) - of_contents)
    return [*people[: max(0, room_for_people)], *contents[: max(0, MOST_CONTENTS - of_contents)]]


def _can_be(name: Name) -> bool:
    """Tell whether there can be such a name; one that cannot be is not asked for."""
    if name.kind is Kind.CONTENT:
        return name.text.isprintable()
    has_space = any(character.isspace() for character in name.text)
    fits = 0 < len(name.text) <= _LONGEST_TEXT and name.text.isprintable()
    return fits and not (name.kind is Kind.ADDRESS and has_space)


def _resolved(findings: dict[str, tuple[Name, Finding]]) -> Ids | ActivityError:
    ids: dict[str, str] = {}
    errors: list[ActivityError] = []
    for its_property, (name, finding) in findings.items():
        match finding:
            case Absence():
                errors.append(unresolved.refused(its_property, name, finding))
            case str():
                ids[_ID_OF[its_property]] = finding
            case _:
                errors.append(finding)
    return unresolved.one_of(errors) if errors else Ids(**ids)
