"""Records of a learner who is erased: gone from every page and result, not sent any more; the report still adds up."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from activities.app import App
from activities.batches.erasing import ERASED, BatchRetention
from activities.contract.learner import Learner
from activities.storage.retention import Ended
from activities.storage.tables import Table
from tests.support.batch_stage import LEARNER, Ports, Stage, batch_stage, body_of, course
from tests.support.queue_storage import DiedError
from tests.support.retention import run, short_run

ANN_ID, ANN_ADDRESS = "7ba2228a-e020-11ec-9d64-0242ac120002", "ann@contoso.com"
ANN = Learner.of([ANN_ID, ANN_ADDRESS])


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


def table_of(stage: Stage) -> Table:
    return stage.batches._table  # noqa: SLF001 (the one that nobody else uses)


def retention(stage: Stage) -> BatchRetention:
    return BatchRetention(table_of(stage), stage.batches)


async def everything(stage: Stage) -> str:
    """Return all that is kept, unpacked."""
    kept: list[Any] = [
        {name: value for name, value in row.items() if not isinstance(value, bytes)}
        async for row in table_of(stage).query("PartitionKey ne ''")
    ]
    for batch_id in {row["PartitionKey"] for row in kept}:
        kept += [record.to_json() async for record in stage.batches.all_records(batch_id)]
        results = stage.batches.results_after(batch_id, -1, failed_only=False)
        kept += [result.to_json() async for result in results]
    return json.dumps(kept, default=str)


def mixed(count: int, *, every: int) -> list[dict[str, Any]]:
    """Return records of which every so many is Ann's."""
    return [
        course(number, **({"learnerUserId": ANN_ID, "externalCourseActivityId": f"ann-{number}"} if hit else {}))
        for number in range(count)
        for hit in [number % every == 0]
    ]


async def test_records_that_were_sent_are_gone_and_the_report_still_adds_up(stage: Stage) -> None:
    batch = await stage.accept(mixed(250, every=7))
    await stage.run_dry()
    assert await retention(stage).erase(ANN, run()) == Ended(36)
    progress, results = await stage.report(batch)
    assert (progress.succeeded, progress.failed, progress.completed) == (250, 0, True)
    assert [one.index for one in results] == list(range(250))
    assert {(one.id, one.external_id) for one in results if one.index % 7 == 0} == {("", "")}
    assert all(one.id and one.external_id for one in results if one.index % 7)
    kept = await everything(stage)
    assert ANN_ID not in kept
    assert "ann-" not in kept
    assert LEARNER in kept
    assert await retention(stage).erase(ANN, run()) == Ended(0)


async def test_records_that_wait_are_not_sent_and_their_result_says_why(stage: Stage) -> None:
    batch = await stage.accept(mixed(50, every=10))
    assert await retention(stage).erase(ANN, run()) == Ended(5)
    await stage.run_dry()
    assert len(stage.graph.contents) == 45
    _, results = await stage.report(batch)
    failed = {one.index: (one.error_code, one.error_message, one.external_id) for one in results if one.failed}
    assert failed == dict.fromkeys(range(0, 50, 10), ("notFound", ERASED.message, ""))


@pytest.mark.parametrize("name", [ANN_ID.upper(), ANN_ADDRESS, ANN_ADDRESS.title()])
async def test_a_refused_record_is_found_by_id_and_by_address_and_fills_in_nothing(stage: Stage, name: str) -> None:
    sent = [course(learnerUserId=name, status="nope"), course(1, status="nope"), {"who": name}]
    batch_id = body_of(await stage.posts(sent))["batchId"]
    assert await retention(stage).erase(ANN, run()) == Ended(2)
    first, *_ = body_of(await stage.gets(batch_id))["results"]
    assert (first["errorCode"], first["errorMessage"]) == ("invalidRequest", ERASED.message)
    sheet = (await stage.gets(batch_id, query={"format": "csv"})).body.decode()
    assert ANN_ADDRESS not in sheet.casefold()
    assert [record.content async for record in stage.batches.all_records(batch_id)][0::2] == [{}, {}]
    assert [record.content async for record in stage.batches.all_records(batch_id)][1] == sent[1]


async def test_whoever_assigned_a_record_is_not_its_learner(stage: Stage) -> None:
    assert await stage.accept([course(assignerUserId=ANN_ID)])
    assert await retention(stage).erase(ANN, run()) == Ended(0)


async def test_what_ends_in_the_middle_is_ended_by_the_next_call(stage: Stage) -> None:
    """The page goes last, because by it the results are found."""
    batch = await stage.accept(mixed(50, every=10))
    await stage.run_dry()
    for left in range(30):
        stage.life.left = left
        try:
            await retention(stage).erase(ANN, run())
        except DiedError:
            stage.life.left = None
            kept = await everything(stage)
            assert ANN_ID in kept or "ann-" not in kept, "Nobody will find the results."
        else:
            break
    stage.life.left = None
    assert left > 3
    assert ANN_ID not in await everything(stage)
    assert (await stage.report(batch))[0].succeeded == 50


async def test_many_batches_are_gone_through_in_several_short_calls(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.batches.erasing._ROWS_AT_ONCE", 2)
    for _ in range(5):
        await stage.accept(mixed(3, every=3))
    counts = []
    for _ in range(9):
        ended = await retention(stage).erase(ANN, short_run("erase"))
        counts.append(ended.count)
        if not ended.more:
            break
    assert (sum(counts), len(counts) > 1) == (5, True)


async def test_the_nightly_timer_deletes_old_batches_through_the_same_part(stage: Stage) -> None:
    old = await stage.accept([course()], created_at=datetime(2020, 1, 1, tzinfo=UTC))
    young = await stage.accept([course()])
    await stage.runtime.run(App.delete_expired, "invocation-1")
    assert [await stage.batches.get(one.id) is not None for one in (old, young)] == [False, True]
