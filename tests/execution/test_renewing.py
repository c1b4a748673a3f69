"""A lease is short, so that a crash holds nobody up for long; a slow Graph must lose no claim because of that."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution import together
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed
from activities.execution.once import create_once
from activities.execution.sameness import content_hash
from activities.execution.sending import Clock, Creation, Outcome
from activities.execution.together import create_all_once
from tests.support.fakes import FakeGraph, FakeLedger, activity_request

REQUEST = activity_request()
NO_STORAGE = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "no storage", retry_after_seconds=30)


class SlowGraph(FakeGraph):
    """Begins a create and ends it only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.done = asyncio.Event(), asyncio.Event()

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        await self.go_on.wait()
        self.done.set()
        return await super().create_activity(request, timeout_seconds=timeout_seconds)

    async def create_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        await self.go_on.wait()
        self.done.set()
        return await super().create_activities(requests, timeout_seconds=timeout_seconds)

    async def find_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        await self.go_on.wait()
        return await super().find_activities(requests, timeout_seconds=timeout_seconds)


class RenewedLedger(FakeLedger):
    """Tells that a renewal began, and ends it only when it is told to."""

    def __init__(self) -> None:
        super().__init__(lease_seconds=0.003)
        self.renewals = 0
        self.renewed_keys: list[tuple[str, str]] = []
        self.renewing, self.go_on = asyncio.Event(), asyncio.Event()

    async def renew(self, claim: Claim) -> None:
        self.renewals += 1
        self.renewed_keys.append(claim.key)
        self.renewing.set()
        await self.go_on.wait()
        await super().renew(claim)

    async def renewed(self, times: int) -> None:
        """Wait until so many renewals have begun."""
        while self.renewals < times:
            self.renewing.clear()
            await self.renewing.wait()


async def test_the_lease_is_renewed_as_long_as_graph_takes_and_no_longer() -> None:
    graph, ledger = SlowGraph(), RenewedLedger()
    ledger.go_on.set()
    creating = asyncio.create_task(create_once(REQUEST, graph=graph, ledger=ledger))
    async with asyncio.timeout(10):
        await ledger.renewed(3)
        graph.go_on.set()
        assert (await creating).outcome is Outcome.CREATED
    assert ledger.calls[-1] == "complete"
    assert set(ledger.calls[1:-1]) == {"renew"}


async def test_a_renewal_under_way_ends_before_the_answer_is_remembered() -> None:
    """It changes the claim: an answer that is written meanwhile would be taken for one of a lost lease."""
    graph, ledger = SlowGraph(), RenewedLedger()
    creating = asyncio.create_task(create_once(REQUEST, graph=graph, ledger=ledger))
    async with asyncio.timeout(10):
        await ledger.renewed(1)
        graph.go_on.set()
        await graph.done.wait()
        assert not creating.done()
        ledger.go_on.set()
        await creating
    assert ledger.calls == ["claim", "renew", "complete"]
    assert isinstance(await ledger.claim(REQUEST, content_hash(REQUEST)), Completed)


async def test_a_renewal_that_fails_takes_nothing_away() -> None:
    graph, ledger = SlowGraph(), RenewedLedger()
    ledger.failures["renew"] = NO_STORAGE
    ledger.go_on.set()
    creating = asyncio.create_task(create_once(REQUEST, graph=graph, ledger=ledger))
    async with asyncio.timeout(10):
        await ledger.renewed(2)
        graph.go_on.set()
        assert (await creating).outcome is Outcome.CREATED


TOGETHER = [activity_request(f"course-{number}") for number in range(3)]


def outcomes(ends: Sequence[together.End]) -> list[Outcome]:
    return [end.outcome for end in ends if isinstance(end, Creation)]


@pytest.mark.parametrize("left_behind", [False, True])
async def test_every_lease_is_renewed_while_graph_takes_its_time_for_several(*, left_behind: bool) -> None:
    """Also while it takes its time for the look-up."""
    graph, ledger = SlowGraph(), RenewedLedger()
    ledger.go_on.set()
    if left_behind:
        await ledger.claim_all([(request, "") for request in TOGETHER])
        ledger.time.pass_by(1)
    clock = Clock(now=lambda: 0.0, sleep=lambda _: asyncio.sleep(0))
    creating = asyncio.create_task(create_all_once(TOGETHER, graph=graph, ledger=ledger, clock=clock))
    async with asyncio.timeout(10):
        await ledger.renewed(9)
        assert len(set(ledger.renewed_keys)) == len(TOGETHER)
        graph.go_on.set()
        assert outcomes(await creating) == [Outcome.CREATED] * 3
    assert ledger.calls[-1] == "settle"


async def test_renewals_of_several_under_way_end_before_the_answers_are_remembered() -> None:
    graph, ledger = SlowGraph(), RenewedLedger()
    creating = asyncio.create_task(create_all_once(TOGETHER, graph=graph, ledger=ledger))
    async with asyncio.timeout(10):
        await ledger.renewed(3)
        graph.go_on.set()
        await graph.done.wait()
        assert not creating.done()
        ledger.go_on.set()
        assert outcomes(await creating) == [Outcome.CREATED] * 3
    assert ledger.calls == ["claimAll", *["renew"] * 3, "settle"]
    again = await create_all_once(TOGETHER, graph=graph, ledger=ledger)
    assert outcomes(again) == [Outcome.UNCHANGED] * 3
