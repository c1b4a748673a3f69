"""Transactions on Azurite's tables: everything is done or nothing, and whoever asks is told which."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from azure.core.exceptions import ResourceNotFoundError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.errors import ErrorCode, TransientError
from activities.identity.managed_identity import managed_identity
from activities.settings import Storage
from activities.storage import tables
from activities.storage.table_bytes import LARGEST_TRANSACTION, Entity, Operation, Verb
from activities.storage.tables import Table, TransactionConflictError
from local.environment import STORAGE_ACCOUNT_KEY, storage_connection_string
from tests.support.endpoints import Answer
from tests.support.storage import TableProxy, failing, table_proxy

# What a key may not hold, and what Azurite does not read as Azure does.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/\\#?"), min_size=1)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
moments = st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 (that is what it takes)
values = texts | st.integers(-(2**31), 2**31 - 1) | st.booleans() | moments | st.binary(max_size=300)
names = st.sampled_from(["State", "Owner", "Answer0", "Answer1", "LeaseUntil"])


@dataclass
class Stored:
    """A table, and a partition of it that nobody else uses."""

    table: Table
    partition: str

    def entity(self, row: str, **properties: object) -> Entity:
        return {"PartitionKey": self.partition, "RowKey": row, **properties}

    def create(self, *rows: str, **properties: object) -> list[Operation]:
        return [Operation(Verb.CREATE, self.entity(row, **properties)) for row in rows]

    def replace(self, row: str, etag: str, **properties: object) -> Operation:
        return Operation(Verb.REPLACE, self.entity(row, **properties), etag)

    def delete(self, row: str, etag: str = "*") -> Operation:
        return Operation(Verb.DELETE, self.entity(row), etag)

    async def rows(self) -> dict[str, str]:
        """Return what stands in the partition: the state of each row."""
        found = self.table.query(f"PartitionKey eq '{self.partition}'")
        return {entity["RowKey"]: entity.get("State", "") async for entity in found}

    async def unavailable(self, *operations: Operation) -> None:
        """Do what has to fail because of storage."""
        with pytest.raises(TransientError) as caught:
            await self.table.transact(operations)
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE


@pytest_asyncio.fixture
async def stored(storage_ports: tuple[int, int, int]) -> AsyncIterator[Stored]:
    table = Table(Storage(storage_connection_string(*storage_ports)), "transactions", credential=None)
    yield Stored(table, str(uuid4()))
    await table.close()


@pytest.fixture
def runner(storage_ports: tuple[int, int, int]) -> Iterator[tuple[asyncio.Runner, Table]]:
    """Give an event loop and a table for many examples."""
    with asyncio.Runner() as runner:
        connection = storage_connection_string(*storage_ports)

        async def opened() -> Table:
            return Table(Storage(connection), "transactions", credential=None)

        table = runner.run(opened())
        yield runner, table
        runner.run(table.close())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys, st.dictionaries(keys, st.dictionaries(names, values), min_size=1, max_size=5))
def test_what_is_written_together_is_read_as_it_was(
    runner: tuple[asyncio.Runner, Table], key: str, rows: dict[str, dict[str, object]]
) -> None:
    loop, table = runner
    partition = f"{uuid4()}{key}"

    async def write_and_read() -> dict[str, Entity]:
        for verb in (Verb.CREATE, Verb.REPLACE):
            written = [
                Operation(verb, {"PartitionKey": partition, "RowKey": row, **properties})
                for row, properties in rows.items()
            ]
            assert all(await table.transact(written))
        return {row: await table.get(partition, row) for row in rows}

    expected = {row: {"PartitionKey": partition, "RowKey": row, **properties} for row, properties in rows.items()}
    assert loop.run(write_and_read()) == expected


class TestAllOrNothing:
    async def test_a_hundred_are_done_together_and_their_etags_told_in_order(self, stored: Stored) -> None:
        rows = [f"row-{number}" for number in range(LARGEST_TRANSACTION)]
        etags = await stored.table.transact(stored.create(*rows, State="old"))
        done = await stored.table.transact(
            [stored.replace(row, etag, State="new") for row, etag in zip(rows, etags, strict=True)]
        )
        found = stored.table.query(f"PartitionKey eq '{stored.partition}'")
        told = {entity["RowKey"]: entity.metadata["etag"] async for entity in found}  # type: ignore[attr-defined]
        assert told == dict(zip(rows, done, strict=True))
        assert await stored.rows() == dict.fromkeys(rows, "new")

    async def test_each_operation_can_be_another(self, stored: Stored) -> None:
        first, second = await stored.table.transact(stored.create("a", "b"))
        etags = await stored.table.transact(
            [stored.replace("a", first, State="new"), stored.delete("b", second), *stored.create("c")]
        )
        assert [bool(etag) for etag in etags] == [True, False, True]
        assert await stored.rows() == {"a": "new", "c": ""}
        await stored.table.transact([stored.replace("a", etags[0], State="newer"), stored.delete("c", etags[2])])
        assert await stored.rows() == {"a": "newer"}

    @pytest.mark.parametrize("conflict", ["is there", "has changed", "is gone", "was never there", "to delete is gone"])
    async def test_if_one_is_not_as_assumed_nothing_is_done(self, stored: Stored, conflict: str) -> None:
        old, gone = await stored.table.transact(stored.create("there", "gone", State="old"))
        await stored.table.transact([stored.replace("there", old, State="changed"), stored.delete("gone")])
        operation = {
            "is there": stored.create("there")[0],
            "has changed": stored.replace("there", old, State="mine"),
            "is gone": stored.replace("gone", gone, State="mine"),
            "was never there": stored.replace("never", "*", State="mine"),
            "to delete is gone": stored.delete("gone"),
        }[conflict]
        for wanted in ([operation, *stored.create("new")], [*stored.create("new"), operation]):
            with pytest.raises(TransactionConflictError):
                await stored.table.transact(wanted)
        assert await stored.rows() == {"there": "changed"}

    async def test_what_storage_does_not_take_is_storage_that_is_unavailable(self, stored: Stored) -> None:
        await stored.unavailable(*stored.create("a", "a"))
        await stored.unavailable(*stored.create("no/slash"))
        assert await stored.rows() == {}


async def test_a_missing_table_is_made(storage_ports: tuple[int, int, int]) -> None:
    connection = storage_connection_string(*storage_ports)
    name = f"t{uuid4().hex}"
    made = [Stored(Table(Storage(connection), name, credential=None), "p") for _ in range(3)]
    await asyncio.gather(*(one.table.transact(one.create(f"row-{number}")) for number, one in enumerate(made)))
    assert list(await made[0].rows()) == ["row-0", "row-1", "row-2"]
    await made[0].table._connection.client.delete_table()  # noqa: SLF001 (nothing in the app deletes a table)
    with pytest.raises(ResourceNotFoundError):
        await made[0].table._connection.client.get_entity("p", "row-0")  # noqa: SLF001 (which does not make it again)
    for one in made:
        await one.table.close()


class TestUnavailable:
    @pytest_asyncio.fixture
    async def served(self, storage_ports: tuple[int, int, int]) -> AsyncIterator[tuple[TableProxy, Stored]]:
        async with table_proxy(storage_ports) as (proxy, _):
            connection = storage_connection_string(*storage_ports[:2], proxy.port)
            table = Table(Storage(connection), "transactions", credential=None)
            stored = Stored(table, str(uuid4()))
            await stored.table.transact(stored.create("first"))
            proxy.requests.clear()
            yield proxy, stored
            await table.close()

    @pytest.mark.parametrize(
        "answer",
        [
            failing(500, "InternalError"),
            failing(503, "ServerBusy"),
            failing(403, "AuthenticationFailed"),
            failing(400, "InvalidInput"),
            failing(404, "ResourceNotFound"),
            failing(409, "TableBeingDeleted"),
            failing(413, "RequestBodyTooLarge"),
            failing(202),
            failing(200),
        ],
    )
    async def test_whatever_storage_says_that_is_not_about_the_entities(
        self, served: tuple[TableProxy, Stored], answer: Answer
    ) -> None:
        proxy, stored = served
        proxy.answers += [answer] * 9
        await stored.unavailable(*stored.create("a"))
        proxy.answers.clear()
        assert await stored.rows() == {"first": ""}

    async def test_a_missing_table_is_made_also_if_the_whole_is_refused_because_of_it(
        self, served: tuple[TableProxy, Stored]
    ) -> None:
        proxy, stored = served
        proxy.answers += [failing(404, "TableNotFound")]
        await stored.table.transact(stored.create("a"))
        assert await stored.rows() == {"first": "", "a": ""}

    async def test_a_failure_that_passes_at_once_is_not_seen(self, served: tuple[TableProxy, Stored]) -> None:
        proxy, stored = served
        proxy.answers += [failing(503, "ServerBusy")]
        await stored.table.transact(stored.create("a"))
        assert proxy.requests == ["POST", "POST"]

    @pytest.mark.parametrize("loss", ["lose", "fail_after"])
    async def test_what_was_done_and_is_sent_again_is_a_conflict(
        self, served: tuple[TableProxy, Stored], loss: str
    ) -> None:
        """The app repeats a POST whose answer was lost; the caller has to find out whose entity is there."""
        proxy, stored = served
        proxy.answers += [getattr(proxy, loss)]
        with pytest.raises(TransactionConflictError):
            await stored.table.transact(stored.create("a"))
        assert await stored.rows() == {"first": "", "a": ""}

    async def test_silence_is_not_waited_for(
        self, served: tuple[TableProxy, Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy, stored = served
        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.2)
        proxy.answers += [proxy.silence]
        await stored.unavailable(*stored.create("a"))

    async def test_a_wrong_key(self, storage_ports: tuple[int, int, int]) -> None:
        connection = storage_connection_string(*storage_ports).replace(STORAGE_ACCOUNT_KEY, "d3Jvbmc=")
        stored = Stored(Table(Storage(connection), "transactions", credential=None), "p")
        await stored.unavailable(*stored.create("a"))
        await stored.table.close()


KEPT = {"StorageHeadersPolicy", "StorageHosts", "AsyncTablesRetryPolicy"}


@pytest.mark.parametrize(
    ("storage", "signing"),
    [
        (Storage("UseDevelopmentStorage=true"), "SharedKeyCredentialPolicy"),
        (Storage(None, "https://a.table.core.windows.net", "https://a"), "AsyncBearerTokenChallengePolicy"),
    ],
)
async def test_the_librarys_pipeline_holds_what_the_app_takes_it_for(storage: Storage, signing: str) -> None:
    """It is private: what signs and dates an operation has to be there, and nothing that nobody looked at."""
    table = Table(storage, "any", credential=managed_identity(None))
    policies = table._connection.client._policies  # noqa: SLF001 (there is no public way to them)
    assert {type(one).__name__ for one in policies if not isinstance(one, tables._IDLE)} == KEPT | {signing}  # noqa: SLF001
    assert all(any(isinstance(one, idle) for one in policies) for idle in tables._IDLE)  # noqa: SLF001
    await table.close()
