"""What is kept of a batch: records, results and keys come back as they were, page by page, against Azurite."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.batches.chunks import Chunk, pages_of
from activities.batches.results import Batch, Origin
from activities.batches.store import BatchStore
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, TransientError
from activities.execution.result import Result
from activities.settings import Storage
from activities.storage import tables
from activities.storage.tables import Table
from local.environment import storage_connection_string
from local.lifecycle import free_ports
from tests.support.batch_stage import Ports, Stage, batch_stage, chunk_at, courses, sent
from tests.support.failed_records import incompressible

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


def batch_of(total: int, name: str = "") -> Batch:
    return Batch(uuid4().hex, total, NOW, name)


async def kept(stage: Stage, contents: list[Any], name: str = "") -> Batch:
    batch = batch_of(len(contents), name)
    await stage.batches.keep(batch, pages_of(sent(contents)), {})
    return batch


async def told(stage: Stage, total: int, *, failed: range = range(0)) -> Batch:
    """Keep a batch of which every record has a result."""
    batch = batch_of(total)
    outcomes = [Outcome.FAILED if index in failed else Outcome.CREATED for index in range(total)]
    results: dict[Chunk, list[Result]] = {}
    for index, outcome in enumerate(outcomes):
        results.setdefault(chunk_at(batch, index), []).append(Result(index, outcome, f"id-{index}"))
    await stage.batches.keep(batch, pages_of(sent(courses(total))), results)
    return batch


async def indexes(stage: Stage, batch: Batch, after: int = -1, *, failed_only: bool = False) -> list[int]:
    return [one.index async for one in stage.batches.results_after(batch.id, after, failed_only=failed_only)]


class TestKeeping:
    @pytest.mark.parametrize("count", [1, 20, 21, 100, 101, 250])
    async def test_a_batch_is_read_as_it_was_kept(self, stage: Stage, count: int) -> None:
        batch = replace(
            batch_of(count, "Müller's\t\U0001f393\n"),
            origin=Origin("\t", workbook=True, headings=(("Kurs-Nr.", "status"),), remarks=("Read.",)),
        )
        await stage.batches.keep(batch, pages_of(sent(courses(count))), {})
        found = await stage.batches.get(batch.id)
        assert found is not None
        assert found[0] == batch
        assert sum(found[1].values()) == count
        assert [one async for one in stage.batches.all_records(batch.id)] == sent(courses(count))
        by_chunk = [one for chunk in found[1] for one in await stage.batches.records(chunk)]
        assert by_chunk == sent(courses(count))
        assert [len(await stage.batches.records(chunk)) for chunk in found[1]] == list(found[1].values())
        assert await stage.batches.unfinished(found[1]) == list(found[1])

    @pytest.mark.parametrize("name", ["\ud800", "\0", "\x1b\x7f\ufffe", "'"])
    async def test_any_name_can_be_kept(self, stage: Stage, name: str) -> None:
        batch = await kept(stage, [1], name)
        found = await stage.batches.get(batch.id)
        assert found is not None
        assert found[0].name == name

    @pytest.mark.parametrize(("count", "size"), [(30, 500_000), (16, 1_000_000)])
    async def test_sixteen_mebibytes_are_kept_completely(self, stage: Stage, count: int, size: int) -> None:
        """One that fits into no page is told to be too large; all others come back as they were."""
        text = incompressible(size)
        contents = [{"notes": text[number:]} for number in range(count)]
        batch = await kept(stage, contents)
        found = [one async for one in stage.batches.all_records(batch.id)]
        assert [one.index for one in found] == list(range(count))
        for one, content in zip(found, contents, strict=True):
            if size > 600_000:
                assert one.problem is not None
                assert one.problem.code is ErrorCode.REQUEST_TOO_LARGE
            else:
                assert one.content == content

    async def test_ten_thousand_records_are_kept(self, stage: Stage) -> None:
        batch = await kept(stage, courses(10_000))
        found = await stage.batches.get(batch.id)
        assert found is not None
        assert len(found[1]) == 500
        assert [one.index async for one in stage.batches.all_records(batch.id)] == list(range(10_000))

    async def test_a_batch_that_is_kept_twice_is_one(self, stage: Stage) -> None:
        batch, pages = batch_of(150), pages_of(sent(courses(150)))
        await stage.batches.keep(batch, pages, {})
        await stage.batches.tell(chunk_at(batch, 120), [Result(120, Outcome.CREATED)])
        await stage.batches.keep(batch, pages, {})
        assert await indexes(stage, batch) == [120]
        assert len([one async for one in stage.batches.all_records(batch.id)]) == 150

    async def test_the_results_that_there_are_and_the_throttling_are_kept_with_it(self, stage: Stage) -> None:
        batch = batch_of(25)
        first, second = chunk_at(batch, 0), chunk_at(batch, 20)
        results = {first: [Result(0, Outcome.CREATED), Result(3, Outcome.FAILED)]}
        await stage.batches.keep(batch, pages_of(sent(courses(25))), results, waiting_until={second: NOW})
        progress, found = await stage.report(batch)
        assert (progress.succeeded, progress.failed, progress.waiting_until) == (1, 1, NOW)
        assert found == results[first]
        assert await stage.batches.results(first) == results[first]
        assert await stage.batches.results(second) == []

    @pytest.mark.parametrize("batch_id", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "' or PartitionKey ne '", "a/b"])
    async def test_an_id_that_cannot_be_one_costs_no_call(self, stage: Stage, batch_id: str) -> None:
        assert await stage.batches.get(batch_id) is None
        assert stage.life.count == 0

    async def test_nobody_has_a_batch_that_is_not_there(self, stage: Stage) -> None:
        chunk = Chunk("0" * 32, 0, 0)
        assert await stage.batches.get(chunk.batch_id) is None
        assert await stage.batches.records(chunk) == []
        assert await stage.batches.results(chunk) == []
        assert await indexes(stage, batch_of(1)) == []
        assert [one async for one in stage.batches.all_records(chunk.batch_id)] == []

    async def test_a_batch_is_there_only_when_all_of_it_is(self, stage: Stage) -> None:
        """It takes several transactions, and the process can die before each."""
        contents = [{"notes": incompressible(500_000)}] * 4
        batch = batch_of(4)
        stage.life.storage_fails = True
        for left in range(50):
            stage.life.left = left
            try:
                await stage.batches.keep(batch, pages_of(sent(contents)), {})
            except TransientError:
                stage.life.left = None
                assert await stage.batches.get(batch.id) is None
            else:
                break
        assert left > 1
        stage.life.left = None
        assert [one.content async for one in stage.batches.all_records(batch.id)] == contents

    async def test_a_storage_that_does_not_answer_is_said_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.05)
        table = Table(Storage(storage_connection_string(*free_ports([0, 0, 0]))), "none", credential=None)
        store, batch = BatchStore(table), batch_of(1)
        for call in (
            store.keep(batch, [[]], {}),
            store.get(batch.id),
            store.progress(batch),
            store.named("key", batch_id=batch.id, body=b""),
            store.tell(chunk_at(batch, 0), []),
        ):
            with pytest.raises(TransientError) as caught:
                await call
            assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        await table.close()


class TestKeys:
    async def test_a_key_stands_for_the_batch_that_it_was_first_sent_with(self, stage: Stage) -> None:
        first, second = uuid4().hex, uuid4().hex
        new = await stage.batches.named("key", batch_id=first, body=b"one")
        again = await stage.batches.named("key", batch_id=second, body=b"one")
        other = await stage.batches.named("key", batch_id=second, body=b"other")
        assert (new.batch_id, new.is_new, new.same_body) == (first, True, True)
        assert (again.batch_id, again.is_new, again.same_body) == (first, False, True)
        assert (other.batch_id, other.is_new, other.same_body) == (first, False, False)
        assert new.since == again.since == other.since

    async def test_two_who_come_with_one_key_at_once_get_one_batch(self, stage: Stage) -> None:
        named = await asyncio.gather(*(stage.batches.named("key", batch_id=uuid4().hex, body=b"one") for _ in range(5)))
        assert len({one.batch_id for one in named}) == 1
        assert [one.is_new for one in named].count(True) == 1

    @pytest.mark.parametrize("key", ["a/b#c?", "\udce4", "k" * 10_000, "'", "\U0001f393"])
    async def test_any_key_is_one(self, stage: Stage, key: str) -> None:
        first = uuid4().hex
        await stage.batches.named(key, batch_id=first, body=b"")
        assert (await stage.batches.named(key, batch_id=uuid4().hex, body=b"")).batch_id == first
        assert (await stage.batches.named(f"{key}x", batch_id=uuid4().hex, body=b"")).is_new


class TestResults:
    async def test_results_come_in_the_order_of_the_records_also_if_there_are_thousands(self, stage: Stage) -> None:
        batch = await told(stage, 2_345, failed=range(1_190, 1_215))
        assert await indexes(stage, batch) == list(range(2_345))
        assert await indexes(stage, batch, failed_only=True) == list(range(1_190, 1_215))
        progress = await stage.batches.progress(batch)
        assert (progress.succeeded, progress.failed, progress.completed) == (2_320, 25, True)

    @pytest.mark.parametrize("after", [-1, 0, 18, 19, 20, 29, 30, 31, 99, 100, 148, 149, 150, 1_048_575, 9_999_999])
    async def test_results_begin_after_any_index_also_in_the_middle_of_a_chunk(self, stage: Stage, after: int) -> None:
        batch = await told(stage, 150, failed=range(15, 31))
        assert await indexes(stage, batch, after) == list(range(after + 1, 150))
        assert await indexes(stage, batch, after, failed_only=True) == [n for n in range(15, 31) if n > after]

    async def test_nobody_sees_the_results_of_another_batch(self, stage: Stage) -> None:
        first, second = await told(stage, 30), await told(stage, 10)
        assert (await stage.batches.progress(first)).done == 30
        assert (await stage.batches.progress(second)).done == 10
        assert await indexes(stage, second) == list(range(10))

    async def test_a_chunk_is_unfinished_as_long_as_a_record_of_it_has_no_result(self, stage: Stage) -> None:
        batch = await kept(stage, courses(45))
        found = await stage.batches.get(batch.id)
        assert found is not None
        first, second, third = found[1]
        await stage.batches.tell(first, [Result(index, Outcome.CREATED) for index in range(19)])
        await stage.batches.tell(second, [Result(index, Outcome.FAILED) for index in range(20, 40)])
        assert await stage.batches.unfinished(found[1]) == [first, third]
        await stage.batches.tell(first, [Result(19, Outcome.UNCHANGED)])
        assert await stage.batches.unfinished(found[1]) == [third]


async def test_what_is_kept_is_what_was_sent_to_the_byte(stage: Stage) -> None:
    """Also what no contract knows: the worker reads it as the check before the acceptance did."""
    content = json.loads('{"a": 1.0, "b": 1e300, "c": [null, true], "d": "\\ud800\\u0000", "e": 12345678901234567890}')
    batch = await kept(stage, [content, None, "text", []])
    records = [one.content async for one in stage.batches.all_records(batch.id)]
    assert json.dumps(records) == json.dumps([content, None, "text", []])
