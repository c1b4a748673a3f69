"""A lease is short, so that a crash holds nobody up for long; a slow Graph must lose no claim because of that."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.contract.activity import ActivityRequest, StoredActivity
from activities.errors import ActivityError
from activities.execution.gateway import ExternalKey, Write
from activities.execution.ledger import Claim
from tests.support.fakes import FakeGraph, FakeLedger
from tests.support.world import ABC, NO_STORAGE, STILL, World, outcomes

PATIENCE_SECONDS = 10


class SlowGraph(FakeGraph):
    """Begins a call and ends it only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.done = asyncio.Event(), asyncio.Event()

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        await self.go_on.wait()
        self.done.set()
        return await super().write(writes, timeout_seconds=timeout_seconds)

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        await self.go_on.wait()
        return await super().find(keys, timeout_seconds=timeout_seconds)


class RenewedLedger(FakeLedger):
    """Tells that a renewal began, and ends it only when it is told to."""

    def __init__(self) -> None:
        super().__init__(lease_seconds=0.003)
        self.renewed_keys: list[tuple[str, str]] = []
        self.renewing, self.go_on = asyncio.Event(), asyncio.Event()

    async def renew(self, claim: Claim) -> None:
        self.renewed_keys.append(claim.request.key)
        self.renewing.set()
        await self.go_on.wait()
        await super().renew(claim)

    async def renewed(self, times: int) -> None:
        """Wait until so many renewals have begun."""
        while len(self.renewed_keys) < times:
            self.renewing.clear()
            await self.renewing.wait()


class SlowWorld(World):
    """Where Graph and the renewals of leases take as long as they are told to."""

    def __post_init__(self) -> None:
        self.graph: SlowGraph = SlowGraph()
        self.ledger: RenewedLedger = RenewedLedger()

    def creating(self, requests: list[ActivityRequest]) -> asyncio.Task[list[str]]:
        """Begin."""

        async def create() -> list[str]:
            return outcomes(await self.carry_out(requests, clock=STILL))

        return asyncio.create_task(create())


@pytest.fixture
def world() -> SlowWorld:
    return SlowWorld()


@pytest.fixture(params=[1, 3])
def requests(request: pytest.FixtureRequest) -> list[ActivityRequest]:
    return ABC[: request.param]


@pytest.mark.parametrize("left_behind", [False, True])
async def test_every_lease_is_renewed_as_long_as_graph_takes_and_no_longer(
    world: SlowWorld, requests: list[ActivityRequest], *, left_behind: bool
) -> None:
    """Also while it takes its time for the look-up."""
    world.ledger.go_on.set()
    if left_behind:
        await world.ledger.claim(requests)
        world.ledger.time.pass_by(1)
        world.ledger.calls.clear()
    creating = world.creating(requests)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await world.ledger.renewed(3 * len(requests))
        assert len(set(world.ledger.renewed_keys)) == len(requests)
        world.graph.go_on.set()
        assert await creating == ["created"] * len(requests)
    assert (world.ledger.calls[0], world.ledger.calls[-1]) == ("claim", "settle")
    assert set(world.ledger.calls[1:-1]) == {"renew"}


async def test_renewals_under_way_end_before_the_answers_are_remembered(
    world: SlowWorld, requests: list[ActivityRequest]
) -> None:
    """They change the claims: an answer that is written meanwhile would be taken for one of a lost lease."""
    creating = world.creating(requests)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await world.ledger.renewed(len(requests))
        world.graph.go_on.set()
        await world.graph.done.wait()
        assert not creating.done()
        world.ledger.go_on.set()
        assert await creating == ["created"] * len(requests)
    assert world.ledger.calls == ["claim", *["renew"] * len(requests), "settle"]
    assert await world.creating(requests) == ["unchanged"] * len(requests)


async def test_a_renewal_that_fails_takes_nothing_away(world: SlowWorld, requests: list[ActivityRequest]) -> None:
    world.ledger.failures["renew"] = NO_STORAGE
    world.ledger.go_on.set()
    creating = world.creating(requests)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await world.ledger.renewed(2 * len(requests))
        world.graph.go_on.set()
        assert await creating == ["created"] * len(requests)
