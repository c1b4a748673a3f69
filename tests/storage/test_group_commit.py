"""Operations on a table that come at the same time share a request, and each still gets its own end."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from activities import telemetry
from activities.storage.group_commit import LARGEST_GROUP_BYTES, GroupCommit
from activities.storage.table_bytes import LARGEST_TRANSACTION, Operation, Verb
from activities.storage.tables import Table, TransactionConflictError


class ExistsError(Exception):
    """What storage says of an entity that is there."""


@dataclass
class Storage:
    """A table that remembers requests, answers when it is let, and refuses rows whose name begins with "known"."""

    requests: list[list[str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    broken: Exception | None = None
    breaks_alone: bool = False

    async def do(self, operation: Operation) -> str:
        return (await self._answer([operation]))[0]

    async def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        rows = {operation.entity["RowKey"] for operation in operations}
        assert len(rows) == len(operations), "no entity may stand twice in a transaction"
        try:
            return await self._answer(operations)
        except ExistsError as error:
            raise TransactionConflictError from error

    async def _answer(self, operations: Sequence[Operation]) -> list[str]:
        rows = [operation.entity["RowKey"] for operation in operations]
        self.requests.append(rows)
        await self.open.wait()
        if self.broken:
            telemetry.event("storageFailed", rows=rows)
            raise self.broken
        if any(row.startswith("known") for row in rows):
            raise ExistsError
        if self.breaks_alone and rows == ["b"]:
            telemetry.event("storageFailed", rows=rows)
            raise OSError
        return [f"etag of {row}" for row in rows]


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def commits(storage: Storage) -> GroupCommit:
    return GroupCommit(cast("Table", storage))


def create(row: str, partition: str = "p", **properties: object) -> Operation:
    return Operation(Verb.CREATE, {"PartitionKey": partition, "RowKey": row, **properties})


async def ends(storage: Storage, commits: GroupCommit, *operations: Operation) -> list[str | BaseException]:
    """Do all operations at the same time, before storage answers the first."""
    doing = [asyncio.ensure_future(commits.do(operation)) for operation in operations]
    await asyncio.sleep(0)
    storage.open.set()
    return await asyncio.gather(*doing, return_exceptions=True)


async def test_what_comes_alone_goes_alone_and_at_once(storage: Storage, commits: GroupCommit) -> None:
    storage.open.set()
    assert [await commits.do(create(row)) for row in ("a", "b")] == ["etag of a", "etag of b"]
    assert storage.requests == [["a"], ["b"]]


async def test_what_comes_meanwhile_goes_together(storage: Storage, commits: GroupCommit) -> None:
    got = await ends(storage, commits, *(create(f"{number}") for number in range(32)))
    assert got == [f"etag of {number}" for number in range(32)]
    assert [len(request) for request in storage.requests] == [1, 31]


async def test_partitions_do_not_wait_for_each_other(storage: Storage, commits: GroupCommit) -> None:
    await ends(storage, commits, create("a", "one"), create("a", "two"))
    assert storage.requests == [["a"], ["a"]]


async def test_one_that_is_refused_does_not_take_the_others_with_it(storage: Storage, commits: GroupCommit) -> None:
    got = await ends(storage, commits, create("a"), create("b"), create("known"), create("c"))
    assert [type(end) for end in got] == [str, str, ExistsError, str]
    assert storage.requests == [["a"], ["b", "known", "c"], ["b"], ["known"], ["c"]]


async def test_two_operations_on_one_entity_are_done_one_after_the_other(
    storage: Storage, commits: GroupCommit
) -> None:
    await ends(storage, commits, create("a"), create("b"), create("c"), create("b"), create("d"))
    assert storage.requests == [["a"], ["b", "c"], ["b", "d"]]


async def test_a_transaction_is_never_larger_than_storage_takes(storage: Storage, commits: GroupCommit) -> None:
    await ends(storage, commits, *(create(f"{number}") for number in range(2 * LARGEST_TRANSACTION + 2)))
    assert [len(request) for request in storage.requests] == [1, LARGEST_TRANSACTION, LARGEST_TRANSACTION, 1]
    storage.requests.clear()
    large = b"x" * (LARGEST_GROUP_BYTES // 2)
    await ends(storage, commits, *(create(f"{number}", Answer0=large) for number in range(4)))
    assert [len(request) for request in storage.requests] == [1, 1, 1, 1]


async def test_a_storage_that_fails_fails_for_all_who_wait_and_works_again(
    storage: Storage, commits: GroupCommit
) -> None:
    storage.broken = OSError("no storage")
    assert {type(end) for end in await ends(storage, commits, *(create(row) for row in "abc"))} == {OSError}
    storage.broken = None
    assert await commits.do(create("d")) == "etag of d"


async def test_what_is_logged_of_a_shared_request_is_logged_by_each_invocation_that_waits_for_it(
    storage: Storage, commits: GroupCommit, caplog: pytest.LogCaptureFixture
) -> None:
    """The task that sends it belongs to the first invocation, whose lines the platform drops when it is over."""
    caplog.set_level(logging.INFO, logger="activities")
    storage.broken = OSError("no storage")

    async def invoke(row: str) -> None:
        with telemetry.invocation(f"invocation of {row}", {}):
            await commits.do(create(row))

    doing = [asyncio.ensure_future(invoke(row)) for row in "abc"]
    await asyncio.sleep(0)
    storage.open.set()
    await asyncio.gather(*doing, return_exceptions=True)
    said = [json.loads(record.getMessage().partition(" ")[2]) for record in caplog.records]
    assert [(one["invocationId"], one["rows"]) for one in said] == [
        ("invocation of a", ["a"]),
        ("invocation of b", ["b", "c"]),
        ("invocation of c", ["b", "c"]),
    ]


async def test_whoever_finds_out_alone_logs_what_is_its_own(
    storage: Storage, commits: GroupCommit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="activities")

    async def invoke(row: str) -> None:
        with telemetry.invocation(f"invocation of {row}", {}):
            await commits.do(create(row))

    doing = [asyncio.ensure_future(invoke(row)) for row in ("a", "b", "known")]
    await asyncio.sleep(0)
    storage.breaks_alone = True
    storage.open.set()
    await asyncio.gather(*doing, return_exceptions=True)
    said = [json.loads(record.getMessage().partition(" ")[2]) for record in caplog.records]
    assert [(one["invocationId"], one["rows"]) for one in said] == [("invocation of b", ["b"])]


async def test_whoever_gives_up_holds_nobody_up(storage: Storage, commits: GroupCommit) -> None:
    first, second, third = [asyncio.ensure_future(commits.do(create(row))) for row in "abc"]
    await asyncio.sleep(0)
    for impatient in (first, second):
        impatient.cancel()
    storage.open.set()
    assert await third == "etag of c"
    assert first.cancelled()
    assert second.cancelled()
