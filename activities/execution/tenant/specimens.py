"""The activities that a check of a tenant makes itself: made, looked at until they are as expected, and taken away.

Their external ids follow from the id of the run, so that one note of that id is enough to find all of them again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from activities.contract.activity import Operation, StoredActivity
from activities.contract.models import Json
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import witness
from activities.execution.gateway import ExternalKey, GraphGateway, Write
from activities.execution.sending import Clock
from activities.execution.witness import Seen

MOST = 7  # Activities of one run.
SEND_SECONDS = 20.0
_SENDS = 3
_LONGEST_PAUSE_SECONDS = 5.0
# Until something is seen that was written.
PATIENCE_SECONDS = 10.0
_LOOK_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0)
_ROUNDS = 5

type Found = StoredActivity | ActivityError | None


def external_id(run_id: str, number: int) -> str:
    """Return the external id of one activity of a run; they are numbered from 1."""
    return f"tenant-check-{run_id}-{number}"


def external_ids(run_id: str) -> list[str]:
    """Return all external ids that a run can have used."""
    return [external_id(run_id, number + 1) for number in range(MOST)]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one request: as the app reads it, and as Graph said it."""

    end: StoredActivity | ActivityError
    seen: Sequence[Seen]

    @property
    def answer(self) -> Seen | None:
        """Graph's last answer, None if there was none."""
        return self.seen[-1] if self.seen else None


@dataclass
class Specimens:
    """The activities of one run.

    Args:
        graph: The way to Graph.
        registration_id: Their provider.
        run_id: What their external ids are made of.
        clock: For the pauses.
    """

    graph: GraphGateway
    registration_id: str
    run_id: str
    clock: Clock = field(default_factory=Clock)
    _made: dict[str, list[str]] = field(default_factory=dict)  # External ids, each with Graph's ids.
    _unclear: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)

    async def create(self, bodies: Sequence[Json]) -> tuple[list[Tried], Sequence[Seen]]:
        """Create activities in one call; return what came of each, and all that Graph answered."""
        writes = [Write(Operation.CREATE, self.registration_id, body) for body in bodies]
        self._unclear |= {str(body["externalCourseActivityId"]) for body in bodies}
        ends, seen = await self._write(writes)
        for body, end in zip(bodies, ends, strict=True):
            said = str(body["externalCourseActivityId"])
            if isinstance(end, StoredActivity):
                self.note(said, end.id)
            if not (isinstance(end, TransientError) and end.may_have_executed):
                self._unclear.discard(said)
        return [Tried(end, seen if len(bodies) == 1 else ()) for end in ends], seen

    def note(self, said: str, graph_id: str) -> None:
        """Note that there is an activity, under this external id."""
        self._unclear.discard(said)
        if graph_id not in self._made.setdefault(said, []):
            self._made[said].append(graph_id)

    async def update(self, graph_id: str, body: Json) -> Tried:
        """Update an activity."""
        ends, seen = await self._write([Write(Operation.UPDATE, self.registration_id, body, graph_id)])
        return Tried(ends[0], seen)

    async def delete(self, graph_id: str) -> Tried:
        """Delete an activity."""
        ends, seen = await self._write([Write(Operation.DELETE, self.registration_id, graph_id=graph_id)])
        if _is_gone(ends[0]):
            self._gone.add(graph_id)
        return Tried(ends[0], seen)

    async def find(self, said: str) -> Found:
        """Look an activity up by its external id, once."""
        return (await self.graph.find([ExternalKey(self.registration_id, said)], timeout_seconds=SEND_SECONDS))[0]

    async def get(self, graph_id: str) -> Found:
        """Look an activity up by Graph's id, once."""
        return (await self.graph.get([graph_id], timeout_seconds=SEND_SECONDS))[0]

    async def read(self, said: str, graph_id: str) -> Found:
        """Look an activity up in whichever way is possible, once."""
        found = await self.get(graph_id)
        return await self.find(said) if isinstance(found, ActivityError) else found

    async def until(
        self, look: Callable[[], Awaitable[Found]], good: Callable[[Found], bool]
    ) -> tuple[Found, float | None]:
        """Look until what is found is good, or looking is refused.

        Returns:
            What was found at last, and after how long: 0.0 at once, None if it was not good until patience ended.
        """
        begun, pauses = self.clock.now(), iter(_LOOK_PAUSES_SECONDS)
        found = await look()
        if good(found) or isinstance(found, PermanentError):
            return found, 0.0
        while self.clock.now() - begun < PATIENCE_SECONDS:
            await self.clock.sleep(next(pauses, _LOOK_PAUSES_SECONDS[-1]))
            found = await look()
            if good(found) or isinstance(found, PermanentError):
                return found, self.clock.now() - begun
        return found, None

    async def take_away(self, *, earlier: bool = False) -> tuple[list[str], bool]:
        """Delete every activity of the run.

        Args:
            earlier: Whether it is a run that ended without that: nobody knows which of its activities were made.

        Returns:
            The external ids of what may still be there, and whether it is sure that there is nothing else.
        """
        if earlier:
            self._unclear = set(external_ids(self.run_id))
        left = {said for said, ids in self._made.items() if not await self._delete(ids)}
        asked = sorted(self._unclear | self._made.keys())
        unclear = set(self._unclear)
        for _ in range(_ROUNDS):
            keys = [ExternalKey(self.registration_id, said) for said in asked]
            found = dict(
                zip(asked, await self.graph.find(keys, timeout_seconds=SEND_SECONDS) if keys else (), strict=True)
            )
            left |= {said for said, one in found.items() if isinstance(one, ActivityError) and said in unclear}
            there = {said: one.id for said, one in found.items() if isinstance(one, StoredActivity)}
            unclear -= there.keys()
            there = {said: graph_id for said, graph_id in there.items() if graph_id not in self._gone}
            for said, graph_id in there.items():
                if not await self._delete([graph_id]):
                    left.add(said)
            asked = [said for said in there if said not in left]
            if not asked:
                break
        return sorted(left | set(asked)), not unclear

    async def _delete(self, graph_ids: Sequence[str]) -> bool:
        return all([_is_gone((await self.delete(one)).end) for one in graph_ids if one not in self._gone])

    async def _write(self, writes: Sequence[Write]) -> tuple[list[StoredActivity | ActivityError], Sequence[Seen]]:
        """Send, and again after a pause what Graph was too busy for."""
        sends = 0
        while True:
            sends += 1
            with witness.watching() as seen:
                ends = await self.graph.write(writes, timeout_seconds=SEND_SECONDS)
            pauses = [_pause(end) for end in ends]
            if sends == _SENDS or max(pauses) > _LONGEST_PAUSE_SECONDS:
                return ends, seen
            await self.clock.sleep(max(pauses))


def _pause(end: StoredActivity | ActivityError) -> float:
    """Return after how long to send again, for ever for what must not be."""
    if isinstance(end, TransientError) and not end.may_have_executed:
        return end.retry_after_seconds
    return float("inf")


def _is_gone(end: StoredActivity | ActivityError) -> bool:
    return isinstance(end, StoredActivity) or end.code is ErrorCode.ACTIVITY_NOT_FOUND
