"""The counting: whatever order, however often and however late the chunks report, the totals are right."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import batched
from random import Random
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.batches.chunks import Chunk, chunks_of, results_in, told
from activities.batches.results import SUCCESSES, Batch, Progress, added_up, merged
from activities.contract.activity import Outcome
from activities.execution.result import Result
from activities.storage.table_bytes import Entity
from tests.support.batch_stage import Ports, Stage, batch_stage

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FINALITY = [
    Outcome.FAILED,
    Outcome.SUPERSEDED,
    Outcome.UNCHANGED,
    Outcome.DELETED,
    Outcome.UPDATED,
    Outcome.CREATED,
]

# How many records the pages have; a page can end early because its records are large.
page_sizes = st.lists(st.sampled_from([1, 2, 19, 20, 21, 40, 41]), min_size=1, max_size=3)
# Of one record: in which of up to four attempts it has come to which end.
attempts = st.lists(st.none() | st.sampled_from(FINALITY), max_size=4)


@st.composite
def reports_of(draw: st.DrawFn) -> tuple[dict[Chunk, int], list[tuple[Chunk, list[Result]]]]:
    """Return the chunks of a batch and reports of them, overlapping and repeated, in any order."""
    chunks = chunks_of(uuid4().hex, draw(page_sizes))
    reports: list[tuple[Chunk, list[Result]]] = []
    index = 0
    for chunk, size in chunks.items():
        each = [draw(attempts) for _ in range(min(size, 3))]
        each += [[Outcome.CREATED]] * (size - len(each))  # The others are there to be counted.
        for attempt in range(max(map(len, each))):
            ends = [(index + place, one[attempt]) for place, one in enumerate(each) if attempt < len(one)]
            reports.append((chunk, [Result(at, end, f"attempt {attempt}") for at, end in ends if end]))
        index += size
    again = draw(st.lists(st.sampled_from(reports), max_size=3)) if reports else []
    return chunks, draw(st.permutations([*reports, *again]))


def best_of(results: Iterable[Result]) -> dict[int, Outcome]:
    """Return the most final outcome of each record, said in another way than the product does."""
    best: dict[int, Outcome] = {}
    for one in results:
        best[one.index] = max(one.outcome, best.get(one.index, Outcome.FAILED), key=FINALITY.index)
    return best


def counted(batch: Batch, rows: Iterable[Entity]) -> Progress:
    """Add up result records as the store does."""
    return added_up(batch, [{**row, "WaitingUntil": None} for row in rows])


def assert_right(progress: Progress, best: dict[int, Outcome]) -> None:
    failed = list(best.values()).count(Outcome.FAILED)
    assert (progress.succeeded, progress.failed) == (len(best) - failed, failed)
    assert {outcome: count for outcome, count in progress.outcomes.items() if count} == Counter(best.values())
    assert progress.done <= progress.batch.total
    assert progress.completed == (len(best) == progress.batch.total)
    said = progress.to_json([])
    assert said["status"] == ("completed" if progress.completed else "running")
    assert said["allSucceeded"] == (progress.completed and failed == 0)


@given(reports_of())
def test_after_every_report_each_record_counts_once_by_its_most_final_outcome(
    drawn: tuple[dict[Chunk, int], list[tuple[Chunk, list[Result]]]],
) -> None:
    chunks, reports = drawn
    batch = Batch(next(iter(chunks)).batch_id, sum(chunks.values()), NOW)
    rows: dict[Chunk, Entity] = {}
    seen: list[Result] = []
    for chunk, results in reports:
        rows[chunk] = told(merged(results_in(rows[chunk]) if chunk in rows else [], results), now=NOW)
        seen += results
        assert_right(counted(batch, rows.values()), best_of(seen))


@given(reports_of(), st.randoms(use_true_random=False))
def test_the_order_of_the_reports_does_not_matter(
    drawn: tuple[dict[Chunk, int], list[tuple[Chunk, list[Result]]]], random: Random
) -> None:
    _, reports = drawn
    some = [results for _, results in reports]
    shuffled = list(some)
    random.shuffle(shuffled)
    first, second = merged(*some), merged(*shuffled)
    assert [(one.index, one.outcome) for one in first] == [(one.index, one.outcome) for one in second]
    assert [one.index for one in first] == sorted(best_of(one for part in some for one in part))


@given(st.lists(st.sampled_from(FINALITY), min_size=1, max_size=6))
def test_a_report_that_is_not_more_final_changes_nothing(outcomes: list[Outcome]) -> None:
    """Not even the id and the reason: of two that are equally final, the first was true when it was told."""
    results = [Result(0, outcome, f"attempt {number}") for number, outcome in enumerate(outcomes)]
    (kept,) = merged(results)
    most = max(outcomes, key=FINALITY.index)
    assert kept == results[outcomes.index(most)]
    assert merged([kept], results) == [kept]


@settings(max_examples=8)
@given(drawn=reports_of(), together=st.integers(1, 4))
async def test_in_storage_nothing_is_lost_and_nothing_counts_twice_also_if_many_tell_at_once(
    storage_ports: Ports, drawn: tuple[dict[Chunk, int], list[tuple[Chunk, list[Result]]]], together: int
) -> None:
    chunks, reports = drawn
    batch = Batch(next(iter(chunks)).batch_id, sum(chunks.values()), NOW)
    async with batch_stage(storage_ports) as stage:
        await stage.batches.keep(batch, [], {})
        seen: list[Result] = []
        for some in batched(reports, together, strict=False):
            await asyncio.gather(*(stage.batches.tell(chunk, results) for chunk, results in some))
            seen += (one for _, results in some for one in results)
            progress, results = await stage.report(batch)
            assert_right(progress, best_of(seen))
            assert {one.index: one.outcome for one in results} == best_of(seen)
            assert [one.index for one in results] == sorted(best_of(seen))
            unfinished = await stage.batches.unfinished(chunks)
            assert progress.completed == (unfinished == [])


class TestTelling:
    CHUNK = Chunk("0" * 32, 0, 0)
    BATCH = Batch(CHUNK.batch_id, 2, NOW)

    async def _told(self, stage: Stage, *results: Result, waiting_until: datetime | None = None) -> Progress:
        await stage.batches.keep(self.BATCH, [], {})
        await stage.batches.tell(self.CHUNK, results, waiting_until=waiting_until)
        return await stage.batches.progress(self.BATCH)

    async def test_a_report_that_comes_again_does_not_make_the_batch_last_longer(self, storage_ports: Ports) -> None:
        done = [Result(0, Outcome.CREATED), Result(1, Outcome.UNCHANGED)]
        async with batch_stage(storage_ports) as stage:
            first = await self._told(stage, *done)
            assert first.completed
            for again in (done, done[:1], [], [replace(one, outcome=Outcome.FAILED) for one in done]):
                assert await self._told(stage, *again) == first

    async def test_what_was_told_of_throttling_is_over_when_somebody_tells_more(self, storage_ports: Ports) -> None:
        until = datetime(2026, 5, 1, 13, tzinfo=UTC)
        async with batch_stage(storage_ports) as stage:
            assert (await self._told(stage, waiting_until=until)).waiting_until == until
            assert (await self._told(stage, Result(0, Outcome.CREATED), waiting_until=until)).waiting_until == until
            assert (await self._told(stage, Result(0, Outcome.CREATED))).waiting_until is None
            assert (await self._told(stage, waiting_until=until)).waiting_until == until
            assert (await self._told(stage, Result(1, Outcome.CREATED))).waiting_until is None

    async def test_many_who_tell_of_one_chunk_at_once_lose_nothing(self, storage_ports: Ports) -> None:
        batch = replace(self.BATCH, total=8)
        async with batch_stage(storage_ports) as stage:
            await stage.batches.keep(self.BATCH, [], {})
            await asyncio.gather(
                *(stage.batches.tell(self.CHUNK, [Result(index, Outcome.CREATED)]) for index in range(8))
            )
            progress, results = await stage.report(batch)
        assert progress.completed
        assert [one.index for one in results] == list(range(8))


def test_every_outcome_but_failure_is_a_success_with_a_count_of_its_own() -> None:
    """One more outcome would be missing in the report, on the page and in its address for programs."""
    assert {*SUCCESSES, Outcome.FAILED} == set(Outcome)
    counts = {outcome: place for place, outcome in enumerate(Outcome, 1)}
    said = Progress(Batch("0" * 32, 21, NOW), 20, 1, outcomes=counts).counts()
    assert {name: said[f"{name}Count"] for name in SUCCESSES} == {name: counts[name] for name in SUCCESSES}


def test_what_an_earlier_version_has_told_counts_as_succeeded() -> None:
    """It is not known how: its result records have no more than the two counts."""
    earlier = {"Succeeded": 3, "Failed": 1, "ToldAt": NOW, "WaitingUntil": None}
    later = {**told([Result(4, Outcome.UPDATED)], now=NOW), "WaitingUntil": None}
    progress = added_up(Batch("0" * 32, 5, NOW), [earlier, later])
    assert (progress.succeeded, progress.failed, progress.completed) == (4, 1, True)
    assert progress.counts()["updatedCount"] == 1


def test_the_report_has_constant_keys_and_no_nulls() -> None:
    said = Progress(Batch("0" * 32, 1, NOW)).to_json([Result(0, Outcome.FAILED)])
    assert said == {
        "batchId": "0" * 32,
        "name": "",
        "status": "running",
        "createdAt": "2026-05-01T12:00:00+00:00",
        "total": 1,
        "succeededCount": 0,
        "failedCount": 0,
        "createdCount": 0,
        "updatedCount": 0,
        "unchangedCount": 0,
        "deletedCount": 0,
        "supersededCount": 0,
        "allSucceeded": False,
        "remarks": [],
        "results": [
            {
                "index": 0,
                "outcome": "failed",
                "id": "",
                "externalCourseActivityId": "",
                "errorCode": "",
                "errorMessage": "",
                "errorTarget": "",
            }
        ],
    }
