"""Graph, the ledger and the time they share, as a creation finds them; and what can go wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from activities.contract.activity import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import once
from activities.execution.decisions import Done, End, Known, creation
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Claim, Released
from activities.execution.sending import FOR_A_CHUNK, Clock, Effort, Sender
from activities.graph import translation
from tests.support.fakes import FakeGraph, FakeLedger, FakeTime, Fault, activity_request

A, B, C = ABC = [activity_request(f"course-{letter}") for letter in "abc"]
OTHER_B = activity_request("course-b", status="completed")
REFUSED = PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "no licence")
NO_READING = PermanentError(ErrorCode.GRAPH_PERMISSION_MISSING, "An admin has to grant it.")
EXISTS = PermanentError(ErrorCode.ACTIVITY_EXISTS, "exists")
THROTTLED = TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=7)
BROKEN = TransientError(ErrorCode.GRAPH_FAULT, "broken", retry_after_seconds=30, may_have_executed=True)
UNREACHABLE = translation.unreachable()
NO_STORAGE = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "no storage", retry_after_seconds=30)
GOOD = Fault()
# Time in which nothing passes and everybody else gets a turn.
STILL = Clock(now=lambda: 0.0, sleep=lambda _: asyncio.sleep(0))


@dataclass
class World:
    """Graph, the ledger and the time they share."""

    effort: Effort = FOR_A_CHUNK
    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        self.graph = FakeGraph(self.time)
        self.ledger = FakeLedger(self.time)

    async def carry_out(
        self,
        requests: Sequence[ActivityRequest] = ABC,
        *,
        graph: GraphGateway | None = None,
        clock: Clock | None = None,
    ) -> list[End]:
        """Carry out requests."""
        sender = Sender(graph=graph or self.graph, effort=self.effort, clock=clock or self.time.clock)
        return await once.carry_out(requests, sender=sender, ledger=self.ledger)

    async def claim(self, request: ActivityRequest) -> Claim:
        """Let somebody else be at an activity."""
        (claim,) = await self.ledger.claim([request])
        assert isinstance(claim, Claim)
        return claim

    async def leave_behind(self, *requests: ActivityRequest, executed: bool) -> None:
        """Let somebody claim activities, perhaps create them, and die."""
        for request in requests:
            await self.claim(request)
            if executed:
                await self.put(request)
        self.time.pass_by(self.ledger.lease_seconds + 1)
        self.forget_calls()

    async def put(self, request: ActivityRequest) -> None:
        """Let Graph have an activity that the ledger does not know."""
        await self.graph.write([creation(request).write], timeout_seconds=1)

    def forget_calls(self) -> None:
        """Count from here."""
        self.graph.calls.clear()
        self.graph.sizes.clear()
        self.ledger.calls.clear()

    def ids(self) -> list[str]:
        """Return the external ids of what is in Graph, in the order of its creation."""
        return [stored.entity["externalCourseActivityId"] for _, stored in self.graph.stored]


class EventfulTime(FakeTime):
    """A clock at which, once somebody has waited for it, something happens elsewhere."""

    def __init__(self, time: FakeTime, happen: Callable[[], Awaitable[None]], *, after_seconds: float) -> None:
        super().__init__()
        self._time, self._at = time, time.seconds + after_seconds
        self._happen: Callable[[], Awaitable[None]] | None = happen

    @property
    def clock(self) -> Clock:
        """The clock as the use case takes it."""
        return Clock(now=lambda: self._time.seconds, sleep=self._sleep_and_happen)

    async def _sleep_and_happen(self, seconds: float) -> None:
        self._time.pass_by(seconds)
        if self._happen is not None and self._time.seconds >= self._at:
            happen, self._happen = self._happen, None
            await happen()


def outcomes(ends: Sequence[End]) -> list[str]:
    """Return each end in a word: the outcome, or the error's code."""
    return [end.outcome if isinstance(end, Done) else end.code for end in ends]


def error_in(ends: Sequence[End]) -> ActivityError:
    """Return the only end, which is an error."""
    (end,) = ends
    assert isinstance(end, ActivityError)
    return end


def creation_in(ends: Sequence[End]) -> Done:
    """Return the only end, which is a creation."""
    (end,) = ends
    assert isinstance(end, Done)
    return end


def settling(world: World, claim: Claim, end: Known | Released) -> Callable[[], Awaitable[None]]:
    """Return what lets somebody else come to an end."""
    return lambda: world.ledger.settle([(claim, end)])
