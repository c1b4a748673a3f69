"""What several claims at once cost in Table Storage, and what becomes of them when storage fails in the middle.

What every ledger does is in ``test_ledger_batches``.
"""

import hashlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed, Released
from activities.storage.ledger import TableLedger
from tests.support.fakes import OTHER_REGISTRATION_ID, activity_request
from tests.support.storage import TableProxy, failing, table_proxy

CONTENT = "the hash of the content"
STORED = StoredActivity({"id": "an id of Graph"})


@pytest_asyncio.fixture
async def served(storage_ports: tuple[int, int, int]) -> AsyncIterator[tuple[TableProxy, TableLedger]]:
    async with table_proxy(storage_ports) as (proxy, ledger):
        await ledger.check()  # Makes the table, so that every test begins alike.
        proxy.requests.clear()
        yield proxy, ledger


@pytest.fixture
def proxy(served: tuple[TableProxy, TableLedger]) -> TableProxy:
    return served[0]


@pytest.fixture
def ledger(served: tuple[TableProxy, TableLedger]) -> TableLedger:
    return served[1]


def wanted(count: int, **properties: object) -> list[tuple[ActivityRequest, str]]:
    """Return activities that nobody has asked for before."""
    return [(activity_request(str(uuid4()), **properties), CONTENT) for _ in range(count)]


def claims_in(ends: list[Claim | Completed | ActivityError]) -> list[Claim]:
    return [end for end in ends if isinstance(end, Claim)]


def codes_in(ends: list[Claim | Completed | ActivityError]) -> set[ErrorCode]:
    return {end.code for end in ends if isinstance(end, ActivityError)}


async def held(ledger: TableLedger, some: list[tuple[ActivityRequest, str]]) -> list[Claim]:
    claims = claims_in(await ledger.claim_all(some))
    assert [claim.left_behind for claim in claims] == [False] * len(some)
    return claims


class TestCalls:
    async def test_twenty_of_one_provider_cost_one_to_claim_and_one_to_settle(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        claims = await held(ledger, wanted(20))
        assert proxy.requests == ["POST"]
        ends: list[StoredActivity | Released] = [STORED, Released(outcome_known=True), Released(outcome_known=False)]
        await ledger.settle([(claim, ends[number % 3]) for number, claim in enumerate(claims)])
        assert proxy.requests == ["POST", "POST"]

    async def test_each_provider_costs_one(self, proxy: TableProxy, ledger: TableLedger) -> None:
        mine, others = wanted(10), wanted(10, registrationId=OTHER_REGISTRATION_ID)
        both = [one for pair in zip(mine, others, strict=True) for one in pair]
        claims = await held(ledger, both)
        assert proxy.requests == ["POST"] * 2
        await ledger.settle([(claim, STORED) for claim in claims])
        assert proxy.requests == ["POST"] * 4

    async def test_what_is_known_makes_only_its_own_provider_claim_singly(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        known, mine, others = wanted(1), wanted(2), wanted(5, registrationId=OTHER_REGISTRATION_ID)
        await ledger.settle([(claim, STORED) for claim in await held(ledger, known)])
        proxy.requests.clear()
        completed, *claims = await ledger.claim_all([*known, *mine, *others])
        assert completed == Completed(STORED)
        assert len(claims_in(claims)) == 7
        # A transaction that fails, the known one alone and looked at, the two behind it together; a transaction.
        assert sorted(proxy.requests) == ["GET"] + ["POST"] * 4

    async def test_twenty_answers_as_large_as_graph_takes_them_are_remembered_in_one(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        some = wanted(20)
        notes = hashlib.shake_256(b"notes").hexdigest(8_000)  # 4,000 characters of four bytes; packs to the half.
        large = [StoredActivity({"id": str(number), "notes": notes}) for number in range(20)]
        claims = await held(ledger, some)
        await ledger.settle(list(zip(claims, large, strict=True)))
        assert proxy.requests == ["POST", "POST"]
        assert await ledger.claim_all(some) == [Completed(one) for one in large]

    async def test_a_larger_answer_among_several_is_told_by_its_id(self, ledger: TableLedger) -> None:
        (small, large) = some = wanted(2)
        claims = await held(ledger, some)
        notes = hashlib.shake_256(b"notes").hexdigest(200_000)
        await ledger.settle([(claims[0], STORED), (claims[1], StoredActivity({"id": "large", "notes": notes}))])
        first, second = await ledger.claim_all([small, large])
        assert first == Completed(STORED)
        assert isinstance(second, Completed)
        assert second.stored.id == "large"
        assert large[0].activity.to_graph().items() <= second.stored.entity.items()


class TestLostAnswers:
    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    async def test_claims_that_were_carried_out_and_sent_again_are_recognised(
        self, proxy: TableProxy, ledger: TableLedger, loss: str
    ) -> None:
        """The library repeats a POST that was not answered, or with 500: it finds the claims of its first attempt."""
        some = wanted(3)
        proxy.answers.append(getattr(proxy, loss))
        claims = await held(ledger, some)
        await ledger.settle([(claim, STORED) for claim in claims])
        assert await ledger.claim_all(some) == [Completed(STORED)] * 3

    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    async def test_a_settlement_is_not_undone(self, proxy: TableProxy, ledger: TableLedger, loss: str) -> None:
        some = wanted(3)
        first, second, third = await held(ledger, some)
        proxy.answers.append(getattr(proxy, loss))
        ends: list[tuple[Claim, StoredActivity | Released]] = [
            (first, STORED),
            (second, Released(outcome_known=True)),
            (third, Released(outcome_known=False)),
        ]
        await ledger.settle(ends)
        completed, free, left_behind = await ledger.claim_all(some)
        assert completed == Completed(STORED)
        assert [claim.left_behind for claim in claims_in([free, left_behind])] == [False, True]


class TestUnavailable:
    @pytest.mark.parametrize("status", [500, 503, 403, 400])
    async def test_nothing_is_claimed(self, proxy: TableProxy, ledger: TableLedger, status: int) -> None:
        some = wanted(3)
        proxy.answers += [failing(status, "Broken")] * 9
        with pytest.raises(TransientError) as caught:
            await ledger.claim_all(some)
        assert (caught.value.code, caught.value.may_have_executed) == (ErrorCode.STORAGE_UNAVAILABLE, False)
        proxy.answers.clear()
        await held(ledger, some)

    async def test_what_cannot_be_claimed_singly_stands_in_its_place(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        some = wanted(3)
        await held(ledger, some[:1])
        proxy.answers += [proxy.pass_on, *[failing(403, "AuthorizationFailure")] * 3]
        ends = await ledger.claim_all(some)
        assert codes_in(ends) == {ErrorCode.STORAGE_UNAVAILABLE}
        assert len(ends) == 3

    async def test_claims_that_cannot_be_settled_stay_in_progress(self, proxy: TableProxy, ledger: TableLedger) -> None:
        some = wanted(2)
        claims = await held(ledger, some)
        proxy.answers += [failing(403, "AuthorizationFailure")]
        with pytest.raises(TransientError) as caught:
            await ledger.settle([(claim, STORED) for claim in claims])
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert codes_in(await ledger.claim_all(some)) == {ErrorCode.CREATE_IN_PROGRESS}
