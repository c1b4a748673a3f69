"""The ledger in Table Storage where it differs from any other: its calls, lost answers, a missing table, no storage.

What every ledger does is in ``test_ledger_contract``.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Never
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableServiceClient

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed
from activities.settings import Storage
from activities.storage import tables
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import STORAGE_SECONDS, Table
from local.environment import STORAGE_ACCOUNT_KEY, storage_connection_string
from tests.support.endpoints import Answer
from tests.support.fakes import activity_request
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


@pytest.fixture
def wanted() -> ActivityRequest:
    """An activity that nobody has asked for before."""
    return activity_request(str(uuid4()))


async def held(ledger: TableLedger, wanted: ActivityRequest, *, left_behind: bool = False) -> Claim:
    claim = await ledger.claim(wanted, CONTENT)
    assert isinstance(claim, Claim)
    assert claim.left_behind is left_behind
    return claim


async def unavailable(ledger: TableLedger, wanted: ActivityRequest) -> TransientError:
    """Return the failure of a claim that must not wait for longer than it may."""
    begun = time.monotonic()
    with pytest.raises(TransientError) as caught:
        await ledger.claim(wanted, CONTENT)
    assert time.monotonic() - begun < STORAGE_SECONDS + 1
    assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
    return caught.value


class TestCalls:
    async def test_a_create_costs_two(self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest) -> None:
        await ledger.complete(await held(ledger, wanted), STORED)
        assert proxy.requests == ["POST", "PUT"]

    async def test_a_repetition_costs_two(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        await ledger.complete(await held(ledger, wanted), STORED)
        proxy.requests.clear()
        assert isinstance(await ledger.claim(wanted, CONTENT), Completed)
        assert proxy.requests == ["POST", "GET"]

    async def test_a_refusal_costs_two(self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest) -> None:
        await ledger.release(await held(ledger, wanted), outcome_known=True)
        assert proxy.requests == ["POST", "DELETE"]

    async def test_a_check_costs_one(self, proxy: TableProxy, ledger: TableLedger) -> None:
        await ledger.check()
        assert proxy.requests == ["GET"]


class TestLostAnswers:
    """The library sends again what was carried out already."""

    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    async def test_a_claim_is_recognised_as_its_own(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest, loss: str
    ) -> None:
        proxy.answers.append(getattr(proxy, loss))
        claim = await held(ledger, wanted)
        assert proxy.requests == ["POST", "POST", "GET"]
        await ledger.renew(claim)
        await ledger.complete(claim, STORED)
        assert await ledger.claim(wanted, CONTENT) == Completed(STORED)

    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    async def test_a_completion_is_not_undone(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest, loss: str
    ) -> None:
        claim = await held(ledger, wanted)
        proxy.answers.append(getattr(proxy, loss))
        await ledger.complete(claim, STORED)
        assert await ledger.claim(wanted, CONTENT) == Completed(STORED)

    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    @pytest.mark.parametrize("known", [True, False])
    async def test_a_release_is_one(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest, loss: str, *, known: bool
    ) -> None:
        claim = await held(ledger, wanted)
        proxy.answers.append(getattr(proxy, loss))
        await ledger.release(claim, outcome_known=known)
        await held(ledger, wanted, left_behind=not known)

    async def test_a_claim_that_was_released_in_between_is_still_in_progress(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        """Between the insert that failed and the look at why: the next attempt gets it."""
        proxy.answers.append(failing(409, "EntityAlreadyExists"))
        with pytest.raises(TransientError) as caught:
            await ledger.claim(wanted, CONTENT)
        assert caught.value.code is ErrorCode.CREATE_IN_PROGRESS
        await held(ledger, wanted)


@pytest.fixture
async def without_table(storage_ports: tuple[int, int, int]) -> AsyncIterator[list[TableLedger]]:
    """Several ledgers of as many processes, on a storage account without their table."""
    connection_string = storage_connection_string(*storage_ports)
    async with TableServiceClient.from_connection_string(connection_string) as service:
        await service.delete_table(TABLE)
    made = [Table(Storage(connection_string), TABLE, credential=None) for _ in range(5)]
    yield [TableLedger(table, lease_seconds=60) for table in made]
    for table in made:
        await table.close()


class TestMissingTable:
    async def test_it_is_made_by_whoever_needs_it_first(
        self, without_table: list[TableLedger], wanted: ActivityRequest
    ) -> None:
        await without_table[0].complete(await held(without_table[0], wanted), STORED)
        assert await without_table[1].claim(wanted, CONTENT) == Completed(STORED)

    async def test_also_by_several_at_once(self, without_table: list[TableLedger]) -> None:
        claims = await asyncio.gather(*(ledger.claim(activity_request(str(uuid4())), "") for ledger in without_table))
        assert len({claim.key for claim in claims if isinstance(claim, Claim)}) == len(without_table)

    async def test_of_several_who_want_the_same_one_gets_it(
        self, without_table: list[TableLedger], wanted: ActivityRequest
    ) -> None:
        ends = await asyncio.gather(*(ledger.claim(wanted, "") for ledger in without_table), return_exceptions=True)
        assert sum(isinstance(end, Claim) for end in ends) == 1
        codes = [end.code for end in ends if isinstance(end, ActivityError)]
        assert codes == [ErrorCode.CREATE_IN_PROGRESS] * (len(without_table) - 1)

    async def test_health_makes_it_too(self, without_table: list[TableLedger]) -> None:
        await without_table[0].check()

    async def test_a_table_that_is_there_for_some_and_not_for_others_is_asked_for_again(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        missing = failing(404, "TableNotFound")
        proxy.answers += [missing, failing(409, "TableAlreadyExists"), missing]
        await held(ledger, wanted)

    async def test_a_table_that_is_being_deleted_is_storage_that_is_unavailable(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        """It takes Azure half a minute or more: too long to wait for."""
        proxy.answers += [failing(404, "TableNotFound"), failing(409, "TableBeingDeleted")]
        await unavailable(ledger, wanted)


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
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest, answer: Answer
    ) -> None:
        proxy.answers += [answer] * 9
        error = await unavailable(ledger, wanted)
        assert error.retry_after_seconds == 30
        assert "AzureWebJobsStorage" in error.message
        assert not error.may_have_executed

    async def test_every_operation_fails_alike(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        claim = await held(ledger, wanted)
        operations: list[Callable[[], Awaitable[None]]] = [
            lambda: ledger.renew(claim),
            lambda: ledger.complete(claim, STORED),
            lambda: ledger.release(claim, outcome_known=True),
            lambda: ledger.release(claim, outcome_known=False),
            ledger.check,
        ]
        for operation in operations:
            proxy.answers += [failing(403, "AuthorizationFailure")]
            with pytest.raises(TransientError) as caught:
                await operation()
            assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE

    async def test_a_failure_that_passes_at_once_is_not_seen(
        self, proxy: TableProxy, ledger: TableLedger, wanted: ActivityRequest
    ) -> None:
        proxy.answers += [failing(503, "ServerBusy")]
        await held(ledger, wanted)

    async def test_a_wrong_key(self, storage_ports: tuple[int, int, int], wanted: ActivityRequest) -> None:
        connection_string = storage_connection_string(*storage_ports).replace(STORAGE_ACCOUNT_KEY, "d3Jvbmc=")
        table = Table(Storage(connection_string), TABLE, credential=None)
        await unavailable(TableLedger(table, lease_seconds=60), wanted)
        await table.close()

    async def test_nobody_listens(self, wanted: ActivityRequest) -> None:
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            port = nobody_listens.getsockname()[1]
            table = Table(Storage(storage_connection_string(port, port, port)), TABLE, credential=None)
            await unavailable(TableLedger(table, lease_seconds=60), wanted)
            await table.close()

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
    async def test_neither_silence_nor_a_long_delay_is_waited_for(
        self,
        proxy: TableProxy,
        ledger: TableLedger,
        wanted: ActivityRequest,
        headers: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def silence(_: web.BaseRequest) -> Never:
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.3)
        proxy.answers += [failing(503, "ServerBusy", headers) if headers else silence] * 9
        await unavailable(ledger, wanted)


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


async def test_an_identity_that_fails_is_not_taken_for_storage_that_fails(wanted: ActivityRequest) -> None:
    identity = Identity()
    storage = Storage(None, "https://127.0.0.1:1", "https://127.0.0.1:1")
    table = Table(storage, TABLE, credential=identity)
    with pytest.raises(TransientError) as caught:
        await TableLedger(table, lease_seconds=60).claim(wanted, CONTENT)
    await table.close()
    assert caught.value.code is ErrorCode.IDENTITY_UNAVAILABLE
    assert identity.scopes == ["https://storage.azure.com/.default"]
