"""Processes that work on the same activities, die in the middle, and are told what is not true; and what must come out.

Each operation brings about a state that tells its time, so that whoever looks at Graph sees which one it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.contract.models import Defaults, Json
from activities.contract.validation import parse_activity
from activities.errors import ActivityError
from activities.execution import once
from activities.execution.decisions import End
from activities.execution.gateway import ExternalKey, Write
from activities.execution.sending import Effort, Sender
from activities.graph import translation
from activities.graph.throttling import ThrottledGraph
from activities.storage.ledger import TableLedger
from activities.storage.ledger_rows import COMPLETED, forgotten, key_of
from tests.support.fakes import LEARNER_ID, REGISTRATION_ID, FakeGraph, FakeTime, Fault
from tests.support.ledgers import app_key
from tests.support.memory_table import MemoryTable, Rows
from tests.support.world import BROKEN, NO_STORAGE, THROTTLED

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
LEASE_SECONDS = 10_000.0
GRAPH_FAULTS = [
    *[None] * 6,
    Fault(translation.unreachable()),
    *(
        Fault(error, executed=executed)
        for error in (THROTTLED, BROKEN, translation.unanswered())
        for executed in (True, False)
    ),
]
LOOK_FAULTS = [*[None] * 5, Fault(BROKEN), Fault(THROTTLED), Fault(translation.unanswered())]


WHOLE: Json = {
    "@odata.type": "#microsoft.graph.learningSelfInitiatedCourse",
    "learnerUserId": LEARNER_ID,
    "learningContentId": "content-1",
    "status": "inProgress",
}
type Choice = Callable[[int], int]


class Way(Enum):
    """What befalls a request to storage."""

    STRAIGHT = "it is done, and answered"
    AGAIN = "it is done, and said to have failed: the table sends it again"
    LOST = "it is done, and nobody hears of it"
    REFUSED = "it is not done"


WAYS = [*[Way.STRAIGHT] * 8, *Way]


@dataclass(frozen=True)
class Said:
    """One record as its sender says it: about which activity, what is to be done, when that was true, if it tells.

    A state tells its time: of an upsert or update up to 49, two neighbouring times having the same, so that something
    can be so already; of a create 50 more.
    """

    activity: int
    operation: Operation
    time: int
    dated: bool

    @property
    def percentage(self) -> int | None:
        """What it says how much is done; None that there is no activity."""
        if self.operation is Operation.DELETE:
            return None
        return 50 + self.time if self.operation is Operation.CREATE else self.time // 2

    def request(self) -> ActivityRequest:
        """Return the record as it arrives, the first time and every other one."""
        moment = BEGIN + timedelta(minutes=self.time)
        record: Json = {
            "externalCourseActivityId": name_of(self.activity),
            "registrationId": REGISTRATION_ID,
            "operation": str(self.operation),
            "asOfDateTime": moment.isoformat() if self.dated else None,
        }
        if self.operation is not Operation.DELETE:
            record["completionPercentage"] = self.percentage
        if self.operation in {Operation.CREATE, Operation.UPSERT}:
            record |= WHOLE
        return replace(parse_activity(record, kind=None, defaults=Defaults()), arrived_at=moment)


def name_of(activity: int) -> str:
    """Return the external id of an activity."""
    return f"course-{activity}"


@dataclass
class Process:
    """One process: its way to Graph and to storage, and how many requests it has left before it dies."""

    choose: Choice
    left: int | None = None
    executes_last: bool = False
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def step[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Let others go on, send a request, or die before or after it."""
        await asyncio.sleep(0)
        if self.left == 0 and self.executes_last and not self.dead.is_set():
            await send()
        if self.left == 0:
            self.dead.set()
        if self.dead.is_set():
            await asyncio.Event().wait()
        if self.left is not None:
            self.left -= 1
        answer = await send()
        await asyncio.sleep(0)
        return answer

    async def to_storage(self, send: Callable[[], object]) -> object:
        """Send a request to storage, on whatever way."""

        async def on_its_way() -> object:
            way = WAYS[self.choose(len(WAYS))]
            if way is Way.REFUSED:
                raise NO_STORAGE
            if way is Way.AGAIN:
                send()
            answer = send()
            if way is Way.LOST:
                raise NO_STORAGE
            return answer

        return await self.step(on_its_way)


@dataclass
class MortalGraph(FakeGraph):
    """Graph, as one process reaches it."""

    process: Process | None = None

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Change activities. See ``GraphGateway``."""
        assert self.process is not None
        return await self.process.step(lambda: super(MortalGraph, self).write(writes, timeout_seconds=timeout_seconds))

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Find activities. See ``GraphGateway``."""
        assert self.process is not None
        return await self.process.step(lambda: super(MortalGraph, self).find(keys, timeout_seconds=timeout_seconds))

    def _fault(self, operation: str) -> Fault:
        """Outside of a batch Graph executes nothing that it throttles."""
        fault = super()._fault(operation)
        return replace(fault, executed=False) if fault.error is THROTTLED and self.sizes[-1] == 1 else fault


@dataclass
class Lives:
    """Everything that processes share, and the ends that their senders were told."""

    choose: Choice
    time: FakeTime = field(default_factory=FakeTime)
    rows: Rows = field(default_factory=Rows)
    graph: FakeGraph = field(default_factory=FakeGraph)
    ends: list[tuple[Said, End]] = field(default_factory=list)
    ledgers: dict[int, tuple[Process, TableLedger]] = field(default_factory=dict)

    async def run(self, number: int, saids: Sequence[Said], effort: Effort) -> None:
        """Let a process carry out records; if it dies, another one takes its place."""
        process, ledger = self._alive(number)
        graph = MortalGraph(self.time, stored=self.graph.stored, written=self.graph.written, process=process)
        graph.choose_fault = self._fault
        sender = Sender(
            graph=ThrottledGraph(graph, now=lambda: self.time.seconds), effort=effort, clock=self.time.clock
        )
        requests = [one.request() for one in saids]
        work = asyncio.ensure_future(once.carry_out(requests, sender=sender, ledger=ledger))
        death = asyncio.ensure_future(process.dead.wait())
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
            return
        death.cancel()
        self.ends += zip(saids, work.result(), strict=True)

    def kill(self, number: int, *, after: int, executes_last: bool) -> None:
        """Let a process die after so many more requests."""
        process, _ = self._alive(number)
        process.left, process.executes_last = after, executes_last

    def forget(self, activity: int) -> None:
        """Let the time of what is known of an activity be over, as the ledger's retention does."""
        place = key_of(Said(activity, Operation.CREATE, 0, dated=True).request())
        if place in self.rows.kept and self.rows.kept[place][0]["State"] == COMPLETED:
            row, etag = self.rows.kept[place]
            self.rows.kept[place] = (forgotten(row, now=BEGIN), f"{etag}, forgotten")

    def entities(self, activity: int) -> list[Json]:
        """Return what Graph has of an activity."""
        stored = [one.entity for _, one in self.graph.stored]
        return [one for one in stored if one["externalCourseActivityId"] == name_of(activity)]

    def _alive(self, number: int) -> tuple[Process, TableLedger]:
        if number not in self.ledgers or self.ledgers[number][0].dead.is_set():
            process = Process(self.choose)
            table = MemoryTable(self.rows, process.to_storage)
            now = lambda: BEGIN + timedelta(seconds=self.time.seconds)  # noqa: E731
            self.ledgers[number] = process, TableLedger(table, key=app_key, lease_seconds=LEASE_SECONDS, now=now)
        return self.ledgers[number]

    def _fault(self, operation: str) -> Fault | None:
        faults = LOOK_FAULTS if operation == "find" else GRAPH_FAULTS
        return faults[self.choose(len(faults))]
