"""Storage that fails as Azure's does and Azurite never: the app repeats what passes, and knows its own work again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.errors import ErrorCode, TransientError
from activities.execution.decisions import Known
from activities.execution.ledger import Released
from activities.settings import Storage
from activities.storage import outages, tables
from activities.storage.group_commit import GroupCommit
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.queues import Queue
from activities.storage.table_bytes import LARGEST_TRANSACTION, Operation, Verb
from activities.storage.tables import EntityChangedError, Table
from local.environment import storage_connection_string
from tests.support.ledgers import app_key, claim, held, in_progress, settle, stored, wanted
from tests.support.storage_proxy import Fault, StorageProxy, storage_proxy

BUSY, BROKEN = HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.fixture(scope="module")
def serving(storage_ports: tuple[int, int, int]) -> Iterator[StorageProxy]:
    with storage_proxy(storage_ports) as one:
        yield one


@pytest.fixture
def proxy(serving: StorageProxy) -> StorageProxy:
    """Give the proxy with nothing wrong."""
    serving.faults, serving.entities_a_second, serving.throttled = [], 2000, 0
    return serving


@dataclass
class Stored:
    """A table behind the proxy, and a partition of it that nobody else uses."""

    table: Table
    partition: str

    def operations(self, verb: Verb, count: int, etag: str = "", **properties: object) -> list[Operation]:
        return [
            Operation(verb, {"PartitionKey": self.partition, "RowKey": f"{row:03}", **properties}, etag)
            for row in range(count)
        ]

    async def count(self) -> int:
        return len([one async for one in self.table.query(f"PartitionKey eq '{self.partition}'")])


@asynccontextmanager
async def opened(proxy: StorageProxy) -> AsyncIterator[Table]:
    table = Table(Storage(storage_connection_string(*proxy.ports)), TABLE, credential=None)
    try:
        yield table
    finally:
        await table.close()


@pytest_asyncio.fixture
async def table(proxy: StorageProxy) -> AsyncIterator[Stored]:
    async with opened(proxy) as one:
        stored = Stored(one, str(uuid4()))
        await stored.count()  # The table is there.
        yield stored


@pytest_asyncio.fixture
async def ledger(table: Stored) -> TableLedger:
    return TableLedger(table.table, key=app_key, lease_seconds=60)


class TestRepeating:
    @pytest.mark.parametrize("status", [BUSY, BROKEN])
    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.REPLACE])
    async def test_a_failure_inside_of_a_transactions_202_is_repeated(
        self, proxy: StorageProxy, table: Stored, status: HTTPStatus, verb: Verb
    ) -> None:
        proxy.faults = [Fault("ServerBusy", status, inside=True, times=3)]
        assert len(await table.table.transact(table.operations(verb, LARGEST_TRANSACTION))) == LARGEST_TRANSACTION
        assert (proxy.faults[0].met, await table.count()) == (3, LARGEST_TRANSACTION)

    async def test_it_is_repeated_as_often_as_one_around_it_and_then_told(
        self, proxy: StorageProxy, table: Stored
    ) -> None:
        for inside in (True, False):
            proxy.faults = [Fault("OperationTimedOut", BROKEN, inside=inside)]
            with pytest.raises(TransientError) as caught:
                await table.table.transact(table.operations(Verb.CREATE, 2))
            assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
            assert proxy.faults[0].met == 1 + len(outages.PAUSES_SECONDS)

    @pytest.mark.parametrize("operation", ["get", "query", "do"])
    async def test_whatever_is_asked_for_is_repeated_alike(
        self, proxy: StorageProxy, table: Stored, operation: str
    ) -> None:
        first, second = table.operations(Verb.REPLACE, 2)
        await table.table.do(first)
        proxy.faults = [Fault("ServerBusy", BUSY, times=len(outages.PAUSES_SECONDS))]
        match operation:
            case "get":
                await table.table.get(table.partition, "000")
            case "query":
                assert await table.count() == 1
            case _:
                await table.table.do(second)
        assert proxy.faults[0].met == len(outages.PAUSES_SECONDS)

    async def test_a_partition_that_throttles_is_given_the_time_it_asks_for(
        self, proxy: StorageProxy, table: Stored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three hundred operations at once, of which the partition takes a hundred in a second."""
        monkeypatch.setattr(outages, "PAUSES_SECONDS", (0.2, 0.4, 0.8, 1.6, 3.2))
        proxy.entities_a_second = LARGEST_TRANSACTION
        commits = GroupCommit(table.table)
        count = 3 * LARGEST_TRANSACTION
        await asyncio.gather(*map(commits.do, table.operations(Verb.CREATE, count)))
        assert proxy.throttled
        assert await table.count() == count

    async def test_what_is_refused_is_not_repeated(self, proxy: StorageProxy, table: Stored) -> None:
        proxy.faults = [Fault("AuthorizationPermissionMismatch", HTTPStatus.FORBIDDEN)]
        with pytest.raises(TransientError):
            await table.table.transact(table.operations(Verb.CREATE, 2))
        assert proxy.faults[0].met == 1

    async def test_nothing_is_repeated_after_the_time_that_storage_has(
        self, proxy: StorageProxy, table: Stored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.5)
        monkeypatch.setattr(outages, "PAUSES_SECONDS", (0.001, 9.0))
        proxy.faults = [Fault("ServerBusy", BUSY)]
        begun = time.monotonic()
        with pytest.raises(TransientError):
            await table.table.do(table.operations(Verb.CREATE, 1)[0])
        assert proxy.faults[0].met == 2
        assert time.monotonic() - begun < 9


@pytest.mark.usefixtures("proxy")
class TestBeingDeleted:
    @pytest.mark.parametrize("inside", [True, False])
    async def test_a_table_that_is_being_deleted_is_no_conflict_of_a_transaction(
        self, proxy: StorageProxy, table: Stored, *, inside: bool
    ) -> None:
        proxy.faults = [Fault("TableBeingDeleted", HTTPStatus.CONFLICT, inside=inside)]
        with pytest.raises(TransientError) as caught:
            await table.table.transact(table.operations(Verb.CREATE, 2))
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE

    async def test_a_table_that_cannot_be_made_yet_is_asked_for_once(self, proxy: StorageProxy, table: Stored) -> None:
        missing = Fault("TableNotFound", HTTPStatus.NOT_FOUND, lambda asked: asked.writes)
        deleted = Fault("TableBeingDeleted", HTTPStatus.CONFLICT)
        proxy.faults = [missing, deleted]
        for send in (table.table.do, lambda operation: table.table.transact([operation])):
            with pytest.raises(TransientError):
                await send(table.operations(Verb.CREATE, 1)[0])
        assert (missing.met, deleted.met) == (2, 2)

    async def test_a_queue_that_cannot_be_made_yet_is_asked_for_once(self, proxy: StorageProxy) -> None:
        missing = Fault("QueueNotFound", HTTPStatus.NOT_FOUND, lambda asked: asked.puts)
        deleted = Fault("QueueBeingDeleted", HTTPStatus.CONFLICT)
        proxy.faults = [missing, deleted]
        queue = Queue(Storage(storage_connection_string(*proxy.ports)), f"q-{uuid4()}", credential=None)
        with pytest.raises(TransientError) as caught:
            await queue.put("text")
        await queue.close()
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        assert (missing.met, deleted.met) == (1, 1)


def executed(*, every: int = 1, inside: bool = False) -> Fault:
    """Return what does the work and says that it failed."""
    return Fault("InternalError", BROKEN, lambda asked: asked.writes, every, 1, executed=True, inside=inside)


class TestOwnWork:
    """What storage did, and said to have failed at, costs nobody a lease."""

    @pytest.mark.parametrize("count", [1, 3])
    async def test_what_was_claimed_is_held(self, proxy: StorageProxy, ledger: TableLedger, count: int) -> None:
        some = wanted(count)
        proxy.faults = [executed()]
        claims = await held(ledger, *some)
        assert proxy.faults[0].met == 1
        await settle(ledger, claims, *map(stored, some))
        assert all(isinstance(end, Known) for end in await claim(ledger, *some))

    @pytest.mark.parametrize("count", [1, 3])
    async def test_what_was_settled_is_completed(self, proxy: StorageProxy, ledger: TableLedger, count: int) -> None:
        some = wanted(count)
        claims = await held(ledger, *some)
        proxy.faults = [executed()]
        await settle(ledger, claims, *map(stored, some))
        assert proxy.faults[0].met == 1
        assert all(isinstance(end, Known) for end in await claim(ledger, *some))

    async def test_what_was_renewed_can_still_be_settled(self, proxy: StorageProxy, ledger: TableLedger) -> None:
        (one,) = some = wanted(1)
        claims = await held(ledger, one)
        proxy.faults = [executed()]
        await ledger.renew(claims[0])
        assert proxy.faults[0].met == 1
        await in_progress(ledger, one)
        await settle(ledger, claims, stored(one))
        assert isinstance((await claim(ledger, *some))[0], Known)

    async def test_a_renewal_that_was_done_after_it_was_given_up_is_no_conflict(
        self, proxy: StorageProxy, ledger: TableLedger
    ) -> None:
        (one,) = wanted(1)
        claims = await held(ledger, one)
        proxy.faults = [executed(), Fault("InternalError", BROKEN)]
        with pytest.raises(TransientError):
            await ledger.renew(claims[0])
        proxy.faults = []
        await settle(ledger, claims, stored(one))
        assert isinstance((await claim(ledger, one))[0], Known)

    async def test_what_was_taken_over_is_held(self, proxy: StorageProxy, ledger: TableLedger) -> None:
        (one,) = wanted(1)
        await settle(ledger, await held(ledger, one), Released(outcome_known=False))
        # Not the attempt to claim it as if nobody knew it, but the one to take it over.
        proxy.faults = [executed(every=2)]
        claims = await held(ledger, one, left_behind=True)
        assert proxy.faults[0].met == 1
        await settle(ledger, claims, stored(one))
        assert isinstance((await claim(ledger, one))[0], Known)

    async def test_what_belongs_to_somebody_else_stays_theirs(self, table: Stored) -> None:
        commits = GroupCommit(table.table)
        old = await commits.do(table.operations(Verb.CREATE, 1, Owner="I")[0])
        await commits.do(table.operations(Verb.REPLACE, 1, old, Owner="they")[0])
        with pytest.raises(EntityChangedError):
            await commits.do_own(table.operations(Verb.REPLACE, 1, old, Owner="I")[0], owner="I")
        assert (await table.table.get(table.partition, "000"))["Owner"] == "they"


def test_each_pause_is_twice_the_one_before_and_spread() -> None:
    pauses = (0.2, 0.4, 0.8, 1.6, 3.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outages, "PAUSES_SECONDS", pauses)
        assert tuple(outages.pauses_seconds(lambda: 1.0)) == pauses
        assert tuple(outages.pauses_seconds(lambda: 0.0)) == tuple(pause / 2 for pause in pauses)
    assert sum(pauses) < tables.STORAGE_SECONDS
