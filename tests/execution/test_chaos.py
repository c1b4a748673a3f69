"""Whatever fails, whoever dies and however often it is repeated: no activity exists twice, and in the end each once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.contract.activity import ActivityRequest, Outcome, StoredActivity
from activities.errors import ActivityError, TransientError
from activities.execution import once
from activities.execution.decisions import Done, End, Known
from activities.execution.gateway import ExternalKey, Write
from activities.execution.ledger import Claim
from activities.execution.sending import FOR_A_CHUNK, FOR_A_MESSAGE, Effort, Sender
from activities.graph import translation
from activities.graph.throttling import ThrottledGraph
from tests.support.fakes import (
    OTHER_REGISTRATION_ID,
    REGISTRATION_ID,
    FakeGraph,
    FakeLedger,
    FakeTime,
    Fault,
    activity_request,
)
from tests.support.world import BROKEN, NO_STORAGE, REFUSED, THROTTLED

PROVIDERS = (REGISTRATION_ID, OTHER_REGISTRATION_ID)
REQUESTS = [activity_request(f"course-{number}", registrationId=PROVIDERS[number % 2]) for number in range(6)]
LEASE_SECONDS = 10_000.0
CREATES = [
    Fault(),
    Fault(REFUSED),
    Fault(translation.unreachable()),
    *(
        Fault(error, executed=executed)
        for error in (THROTTLED, BROKEN, translation.unanswered())
        for executed in (True, False)
    ),
]
FINDS = [Fault(), Fault(), Fault(BROKEN), Fault(THROTTLED), Fault(translation.unanswered())]
FATES = ["lives", "lives", "lives", "dies before it sends", "dies after it sent", "cannot settle", "cannot claim"]


class DiedError(Exception):
    """The process ended here."""


@dataclass
class BusyGraph(FakeGraph):
    """Lets others go on before and after it does something; a process with a fate can die there."""

    fate: str = "lives"

    def _fault(self, operation: str) -> Fault:
        """Outside of a batch Graph executes nothing that it throttles."""
        fault = super()._fault(operation)
        return replace(fault, executed=False) if fault.error is THROTTLED and self.sizes[-1] == 1 else fault

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Change several activities. See ``GraphGateway``."""
        await asyncio.sleep(0)
        if self.fate == "dies before it sends":
            raise DiedError
        ends = await super().write(writes, timeout_seconds=timeout_seconds)
        await asyncio.sleep(0)
        if self.fate == "dies after it sent":
            raise DiedError
        return ends

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Find several activities. See ``GraphGateway``."""
        await asyncio.sleep(0)
        found = await super().find(keys, timeout_seconds=timeout_seconds)
        await asyncio.sleep(0)
        return found


class BusyLedger(FakeLedger):
    """Lets others go on after each claim."""

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
        """Claim several activities. See ``Ledger``."""
        ends = await super().claim(requests)
        await asyncio.sleep(0)
        return ends


@dataclass(frozen=True)
class Attempt:
    """One process's call: which activities, and how the process ends."""

    places: list[int]
    fate: str
    effort: Effort


@dataclass
class World:
    """Several processes on one Graph and one ledger."""

    time: FakeTime = field(default_factory=FakeTime)
    told_created: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.graph = BusyGraph(self.time)
        self.ledger = BusyLedger(self.time, LEASE_SECONDS)

    async def run(self, attempt: Attempt) -> list[End]:
        graph = BusyGraph(self.time, stored=self.graph.stored, fate=attempt.fate)
        graph.choose_fault = self.graph.choose_fault
        ledger = BusyLedger(self.time, LEASE_SECONDS, _rows=self.ledger._rows)  # noqa: SLF001 (one storage, two doors)
        if attempt.fate.startswith("cannot"):
            ledger.failures[{"cannot settle": "settle", "cannot claim": "claim"}[attempt.fate]] = NO_STORAGE
        behind = ThrottledGraph(graph, now=lambda: self.time.seconds)
        requests = [REQUESTS[place] for place in attempt.places]
        sender = Sender(graph=behind, effort=attempt.effort, clock=self.time.clock)
        ends = await once.carry_out(requests, sender=sender, ledger=ledger)
        self.told_created.update(
            place
            for place, end in zip(attempt.places, ends, strict=True)
            if isinstance(end, Done) and end.outcome is Outcome.CREATED
        )
        return ends

    def check(self) -> None:
        """See that nothing exists twice, and that nobody was told twice to have created the same."""
        doubles = Counter((provider, one.entity["externalCourseActivityId"]) for provider, one in self.graph.stored)
        assert max(doubles.values(), default=0) <= 1
        assert max(self.told_created.values(), default=0) <= 1


efforts = st.sampled_from([FOR_A_CHUNK, FOR_A_MESSAGE])
attempts = st.builds(Attempt, st.lists(st.integers(0, len(REQUESTS) - 1), max_size=8), st.sampled_from(FATES), efforts)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.lists(attempts, min_size=1, max_size=3), st.booleans()), max_size=6),
    st.lists(st.integers(0, 100), min_size=1, max_size=40),
)
def test_every_activity_exists_at_most_once_and_in_the_end_exactly_once(
    rounds: list[tuple[list[Attempt], bool]], chance: list[int]
) -> None:
    asyncio.run(_live_through(rounds, chance))


async def _live_through(rounds: list[tuple[list[Attempt], bool]], chance: list[int]) -> None:
    world = World()
    turn = 0

    def choose(operation: str) -> Fault:
        nonlocal turn
        turn += 1
        faults = CREATES if operation == "create" else FINDS
        return faults[chance[turn % len(chance)] % len(faults)]

    world.graph.choose_fault = choose
    for together, leases_end in rounds:
        ends = await asyncio.gather(*(world.run(attempt) for attempt in together), return_exceptions=True)
        bugs = [
            end for end in ends if isinstance(end, BaseException) and not isinstance(end, DiedError | TransientError)
        ]
        assert bugs == []
        world.check()
        if leases_end:
            world.time.pass_by(LEASE_SECONDS + 1)
    world.graph.choose_fault = None
    world.time.pass_by(LEASE_SECONDS + 1)
    everything = Attempt(list(range(len(REQUESTS))), "lives", FOR_A_CHUNK)
    for outcomes in ({Outcome.CREATED, Outcome.UNCHANGED}, {Outcome.UNCHANGED}):
        for end in await world.run(everything):
            assert isinstance(end, Done)
            assert end.outcome in outcomes
        world.check()
    assert len(world.graph.stored) == len(REQUESTS)
