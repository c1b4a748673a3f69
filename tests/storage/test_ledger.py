"""The ledger in Table Storage where it differs from any other: its calls, lost answers, a missing table, no storage.

What every ledger does is in ``test_ledger_contract``.
"""

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Never

import pytest
import pytest_asyncio
from aiohttp import web
from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableServiceClient

from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.contract.models import SelfInitiatedCourse
from activities.errors import ErrorCode, TransientError
from activities.execution.decisions import Known
from activities.execution.ledger import Released
from activities.settings import Storage
from activities.storage import tables
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import STORAGE_SECONDS, Table
from local.environment import STORAGE_ACCOUNT_KEY, storage_connection_string
from tests.support.endpoints import Answer
from tests.support.fakes import OTHER_REGISTRATION_ID
from tests.support.ledgers import app_key, claim, codes_in, held, in_progress, remembered, settle, stored, wanted
from tests.support.storage import TableProxy, failing, table_proxy

STORED = StoredActivity({"@odata.type": SelfInitiatedCourse.odata_type, "id": "an id of Graph"})
FREE, UNKNOWN = Released(outcome_known=True), Released(outcome_known=False)
ENDS: list[StoredActivity | Released] = [STORED, FREE, UNKNOWN]
LOSSES = pytest.mark.parametrize("loss", ["lose", "fail_after"])


@pytest_asyncio.fixture
async def served(storage_ports: tuple[int, int, int]) -> AsyncIterator[tuple[TableProxy, TableLedger]]:
    async with table_proxy(storage_ports) as (proxy, ledger):
        await ledger.check()  # Makes the table, so that every test begins alike.
        proxy.requests.clear()
        yield proxy, ledger


@pytest_asyncio.fixture
async def elsewhere(storage_ports: tuple[int, int, int], proxy: TableProxy) -> AsyncIterator[TableLedger]:
    """The ledger of another process, through the same proxy."""
    table = Table(Storage(storage_connection_string(*storage_ports[:2], proxy.port)), TABLE, credential=None)
    yield TableLedger(table, key=app_key, lease_seconds=60)
    await table.close()


@pytest.fixture
def proxy(served: tuple[TableProxy, TableLedger]) -> TableProxy:
    return served[0]


@pytest.fixture
def ledger(served: tuple[TableProxy, TableLedger]) -> TableLedger:
    return served[1]


@pytest.fixture(params=[1, 3])
def requests(request: pytest.FixtureRequest) -> list[ActivityRequest]:
    """One activity, or several, that nobody has asked for before."""
    return wanted(request.param)


async def unavailable(ledger: TableLedger, *requests: ActivityRequest) -> TransientError:
    """Return the failure of a claim that must not wait for longer than it may."""
    begun = time.monotonic()
    errors = await claim(ledger, *requests or wanted(1))
    assert time.monotonic() - begun < STORAGE_SECONDS + 1
    assert set(codes_in(errors)) == {ErrorCode.STORAGE_UNAVAILABLE}
    assert len(codes_in(errors)) == len(errors)
    assert isinstance(errors[0], TransientError)
    return errors[0]


class TestCalls:
    @pytest.mark.parametrize("count", [1, 20])
    @pytest.mark.parametrize("end", ENDS)
    async def test_one_to_claim_and_one_to_settle(
        self, proxy: TableProxy, ledger: TableLedger, end: StoredActivity | Released, count: int
    ) -> None:
        """However many of one provider there are, and whatever becomes of them."""
        claims = await held(ledger, *wanted(count))
        await settle(ledger, claims, end, *(ENDS * 7)[: count - 1])
        settling = "POST" if count > 1 else {id(STORED): "PUT", id(FREE): "DELETE", id(UNKNOWN): "PATCH"}[id(end)]
        assert proxy.requests == ["POST", settling]

    async def test_each_provider_costs_one(self, proxy: TableProxy, ledger: TableLedger) -> None:
        pairs = zip(wanted(10), wanted(10, registrationId=OTHER_REGISTRATION_ID), strict=True)
        claims = await held(ledger, *(one for pair in pairs for one in pair))
        assert proxy.requests == ["POST"] * 2
        await settle(ledger, claims, *[STORED] * 20)
        assert proxy.requests == ["POST"] * 4

    async def test_a_repetition_costs_two_elsewhere_and_one_in_the_same_process(
        self, proxy: TableProxy, ledger: TableLedger, elsewhere: TableLedger
    ) -> None:
        known = wanted(1)
        await settle(ledger, await held(ledger, *known), STORED)
        for asked, requests in ((elsewhere, ["POST", "GET"]), (ledger, ["PATCH"])):
            proxy.requests.clear()
            await remembered(asked, *known)
            assert proxy.requests == requests

    async def test_what_is_known_elsewhere_makes_only_its_own_provider_be_read(
        self, proxy: TableProxy, ledger: TableLedger, elsewhere: TableLedger
    ) -> None:
        known, mine, others = wanted(1), wanted(2), wanted(5, registrationId=OTHER_REGISTRATION_ID)
        await settle(ledger, await held(ledger, *known), STORED)
        proxy.requests.clear()
        completed, *claims = await claim(elsewhere, *known, *mine, *others)
        assert isinstance(completed, Known)
        assert completed.entity == STORED.entity
        assert (len(claims), codes_in(claims)) == (7, [])
        # A transaction that fails, a look at each, a transaction; that of the other provider.
        assert proxy.requests == ["POST", *["GET"] * 3, "POST", "POST"]

    @pytest.mark.parametrize("operation", [Operation.UPSERT, Operation.UPDATE, Operation.DELETE])
    async def test_twenty_of_which_half_are_known_elsewhere_are_read_once_and_claimed_together(
        self, proxy: TableProxy, ledger: TableLedger, elsewhere: TableLedger, operation: Operation
    ) -> None:
        """As when another instance works on a batch that changes what the first has made."""
        some = wanted(20)
        await settle(ledger, await held(ledger, *some[::2]), *[STORED] * 10)
        proxy.requests.clear()
        claims = await claim(elsewhere, *(replace(one, operation=operation) for one in some))
        assert codes_in(claims) == []
        # Only of what makes an activity it is worth trying whether there is nothing to be read.
        tried = ["POST"] if operation is Operation.UPSERT else []
        assert proxy.requests == [*tried, *["GET"] * 20, "POST"]

    async def test_twenty_answers_as_large_as_graph_takes_them_are_remembered_in_one(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        some = wanted(20)
        notes = hashlib.shake_256(b"notes").hexdigest(8_000)  # 4,000 characters of four bytes; packs to the half.
        large = [StoredActivity({"id": str(number), "notes": notes}) for number in range(20)]
        await settle(ledger, await held(ledger, *some), *large)
        assert proxy.requests == ["POST", "POST"]
        assert await remembered(ledger, *some) == large

    async def test_a_larger_state_among_several_is_looked_up_by_whoever_comes_next(self, ledger: TableLedger) -> None:
        small, large = some = wanted(2)
        notes = hashlib.shake_256(b"notes").hexdigest(200_000)
        await settle(ledger, await held(ledger, *some), STORED, stored(large, notes=notes))
        assert await remembered(ledger, small) == [STORED]
        (claim,) = await held(ledger, large)
        assert claim.known
        assert (claim.known.entity, claim.known.as_of) == (None, large.true_at)

    async def test_a_check_costs_one(self, proxy: TableProxy, ledger: TableLedger) -> None:
        await ledger.check()
        assert proxy.requests == ["GET"]


class TestLostAnswers:
    """The library sends again what was carried out already."""

    @LOSSES
    async def test_claims_are_recognised_as_their_own(
        self, proxy: TableProxy, ledger: TableLedger, requests: list[ActivityRequest], loss: str
    ) -> None:
        proxy.answers.append(getattr(proxy, loss))
        claims = await held(ledger, *requests)
        if len(requests) == 1:
            assert proxy.requests == ["POST", "POST", "GET"]
        await ledger.renew(claims[0])
        await settle(ledger, claims, *[STORED] * len(requests))
        assert await remembered(ledger, *requests) == [STORED] * len(requests)

    @LOSSES
    @pytest.mark.parametrize("end", ENDS)
    async def test_a_settlement_is_not_undone(
        self,
        proxy: TableProxy,
        ledger: TableLedger,
        requests: list[ActivityRequest],
        loss: str,
        end: StoredActivity | Released,
    ) -> None:
        claims = await held(ledger, *requests)
        proxy.answers.append(getattr(proxy, loss))
        await settle(ledger, claims, end, *ENDS[: len(requests) - 1])
        if end is STORED:
            assert await remembered(ledger, requests[0]) == [STORED]
        else:
            await held(ledger, requests[0], left_behind=end is UNKNOWN)

    async def test_a_claim_that_was_released_in_between_is_taken(self, proxy: TableProxy, ledger: TableLedger) -> None:
        """Between the insert that failed and the look at why."""
        proxy.answers.append(failing(409, "EntityAlreadyExists"))
        await held(ledger, *wanted(1))

    @LOSSES
    async def test_the_claim_of_a_known_activity_is_recognised_as_its_own(
        self, proxy: TableProxy, ledger: TableLedger, elsewhere: TableLedger, loss: str
    ) -> None:
        """The repeat of a change that was made is told that the row has changed."""
        some = wanted(1)
        await settle(ledger, await held(ledger, *some), STORED)
        deletion = replace(some[0], operation=Operation.DELETE)
        proxy.answers += [proxy.pass_on, getattr(proxy, loss)]
        (claim,) = await held(elsewhere, deletion)
        proxy.answers += [getattr(proxy, loss)]
        await elsewhere.renew(claim)
        await elsewhere.settle([(claim, gone := Known(deletion.true_at, deleted=True))])
        assert await ledger.claim(some) == [gone]


@pytest.fixture
async def without_table(storage_ports: tuple[int, int, int]) -> AsyncIterator[list[TableLedger]]:
    """Several ledgers of as many processes, on a storage account without their table."""
    connection_string = storage_connection_string(*storage_ports)
    async with TableServiceClient.from_connection_string(connection_string) as service:
        await service.delete_table(TABLE)
    made = [Table(Storage(connection_string), TABLE, credential=None) for _ in range(5)]
    yield [TableLedger(table, key=app_key, lease_seconds=60) for table in made]
    for table in made:
        await table.close()


class TestMissingTable:
    async def test_it_is_made_by_whoever_needs_it_first(
        self, without_table: list[TableLedger], requests: list[ActivityRequest]
    ) -> None:
        await settle(without_table[0], await held(without_table[0], *requests), *[STORED] * len(requests))
        assert await remembered(without_table[1], *requests) == [STORED] * len(requests)

    async def test_also_by_several_at_once(self, without_table: list[TableLedger]) -> None:
        claims = await asyncio.gather(*(held(ledger, *wanted(1)) for ledger in without_table))
        assert len({one.request.key for (one,) in claims}) == len(without_table)

    async def test_of_several_who_want_the_same_one_gets_it(self, without_table: list[TableLedger]) -> None:
        some = wanted(1)
        ends = await asyncio.gather(*(claim(ledger, *some) for ledger in without_table))
        assert codes_in([end for (end,) in ends]) == [ErrorCode.CREATE_IN_PROGRESS] * (len(without_table) - 1)

    async def test_health_makes_it_too(self, without_table: list[TableLedger]) -> None:
        await without_table[0].check()

    async def test_a_table_that_is_there_for_some_and_not_for_others_is_asked_for_again(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        missing = failing(404, "TableNotFound")
        proxy.answers += [missing, failing(409, "TableAlreadyExists"), missing]
        await held(ledger, *wanted(1))

    async def test_a_table_that_is_being_deleted_is_storage_that_is_unavailable(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        """It takes Azure half a minute or more: too long to wait for."""
        proxy.answers += [failing(404, "TableNotFound"), failing(409, "TableBeingDeleted")]
        await unavailable(ledger)


class TestUnavailable:
    @pytest.mark.parametrize(
        "answer",
        [
            failing(500, "InternalError"),
            failing(503, "ServerBusy"),
            failing(400, "InvalidInput"),
            failing(409, "TableBeingDeleted"),
            failing(409, "AnotherConflict"),
        ],
    )
    async def test_whatever_storage_says_that_is_not_about_the_activity(
        self, proxy: TableProxy, ledger: TableLedger, requests: list[ActivityRequest], answer: Answer
    ) -> None:
        proxy.answers += [answer] * 9
        error = await unavailable(ledger, *requests)
        assert error.retry_after_seconds == 30
        assert "AzureWebJobsStorage" in error.message
        assert not error.may_have_executed
        proxy.answers.clear()
        await held(ledger, *requests)

    async def test_every_operation_fails_alike(
        self, proxy: TableProxy, ledger: TableLedger, requests: list[ActivityRequest]
    ) -> None:
        claims = await held(ledger, *requests)
        operations: list[Callable[[], Awaitable[None]]] = [
            lambda: ledger.renew(claims[0]),
            *(lambda end=end: settle(ledger, claims, *[end] * len(claims)) for end in ENDS),
            ledger.check,
        ]
        for operation in operations:
            proxy.answers += [failing(403, "AuthorizationFailure")]
            with pytest.raises(TransientError) as caught:
                await operation()
            assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        await in_progress(ledger, *requests)

    async def test_what_cannot_be_claimed_singly_stands_in_its_place(
        self, proxy: TableProxy, ledger: TableLedger
    ) -> None:
        some = wanted(3)
        await held(ledger, *some[:1])
        proxy.answers += [proxy.pass_on, *[failing(403, "AuthorizationFailure")] * 3]
        assert codes_in(await claim(ledger, *some)) == [ErrorCode.STORAGE_UNAVAILABLE] * 3

    async def test_a_failure_that_passes_at_once_is_not_seen(self, proxy: TableProxy, ledger: TableLedger) -> None:
        proxy.answers += [failing(503, "ServerBusy")]
        await held(ledger, *wanted(1))

    async def test_a_wrong_key(self, storage_ports: tuple[int, int, int]) -> None:
        connection_string = storage_connection_string(*storage_ports).replace(STORAGE_ACCOUNT_KEY, "d3Jvbmc=")
        table = Table(Storage(connection_string), TABLE, credential=None)
        await unavailable(TableLedger(table, key=app_key, lease_seconds=60))
        await table.close()

    async def test_nobody_listens(self) -> None:
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            port = nobody_listens.getsockname()[1]
            table = Table(Storage(storage_connection_string(port, port, port)), TABLE, credential=None)
            await unavailable(TableLedger(table, key=app_key, lease_seconds=60))
            await table.close()

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
    async def test_neither_silence_nor_a_long_delay_is_waited_for(
        self,
        proxy: TableProxy,
        ledger: TableLedger,
        headers: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def silence(_: web.BaseRequest) -> Never:
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.3)
        proxy.answers += [failing(503, "ServerBusy", headers) if headers else silence] * 9
        await unavailable(ledger)


class Identity(AsyncTokenCredential):
    """A managed identity that gives out no tokens."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_: Any) -> Never:
        self.scopes += scopes
        raise TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "no token", retry_after_seconds=30)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_an_identity_that_fails_is_not_taken_for_storage_that_fails() -> None:
    identity = Identity()
    storage = Storage(None, "https://127.0.0.1:1", "https://127.0.0.1:1")
    table = Table(storage, TABLE, credential=identity)
    assert codes_in(await claim(TableLedger(table, key=app_key, lease_seconds=60), *wanted(1))) == [
        ErrorCode.IDENTITY_UNAVAILABLE
    ]
    await table.close()
    assert identity.scopes == ["https://storage.azure.com/.default"]
