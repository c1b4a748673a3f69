"""Graph, the ledger and the time they share, for several activities at once; and what can go wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.contract.models import ActivityRequest
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.ledger import Claim
from activities.execution.sameness import content_hash
from activities.execution.sending import Creation
from activities.execution.together import End, create_all_once
from activities.graph import translation
from tests.support.fakes import FakeGraph, FakeLedger, FakeTime, Fault, activity_request

A, B, C = ABC = [activity_request(f"course-{letter}") for letter in "abc"]
OTHER_B = activity_request("course-b", status="completed")
REFUSED = PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "no licence")
NO_READING = PermanentError(ErrorCode.GRAPH_PERMISSION_MISSING, "no permission")
EXISTS = PermanentError(ErrorCode.ACTIVITY_EXISTS, "exists")
THROTTLED = TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=7)
UNREACHABLE = translation.unreachable()
NO_STORAGE = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "no storage", retry_after_seconds=30)
GOOD = Fault()


@dataclass
class World:
    """Graph, the ledger and the time they share."""

    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        self.graph = FakeGraph(self.time)
        self.ledger = FakeLedger(self.time)

    async def create(self, requests: Sequence[ActivityRequest] = ABC) -> list[End]:
        """Create activities."""
        return await create_all_once(requests, graph=self.graph, ledger=self.ledger, clock=self.time.clock)

    async def leave_behind(self, *requests: ActivityRequest, executed: bool) -> None:
        """Let somebody claim activities, perhaps create them, and die."""
        for request in requests:
            assert isinstance(await self.ledger.claim(request, content_hash(request)), Claim)
            if executed:
                await self.graph.create_activity(request, timeout_seconds=1)
        self.time.pass_by(self.ledger.lease_seconds + 1)
        self.forget_calls()

    def forget_calls(self) -> None:
        """Count from here."""
        self.graph.calls.clear()
        self.graph.batch_sizes.clear()
        self.ledger.calls.clear()

    def ids(self) -> list[str]:
        """Return the external ids of what is in Graph, in the order of its creation."""
        return [stored.entity["externalCourseActivityId"] for _, stored in self.graph.stored]


def said(ends: Sequence[End]) -> list[str]:
    """Return each end in a word: the outcome, or the error's code."""
    return [end.outcome if isinstance(end, Creation) else end.code for end in ends]
