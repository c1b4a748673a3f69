"""How a batch is divided: every record stands in one chunk of one page, and every page and transaction fits."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.batches import chunks
from activities.batches.chunks import (
    CHUNK,
    PAGE,
    Chunk,
    chunk_of_each,
    chunks_of,
    pages_of,
    results_in,
    told,
    transactions_of,
)
from activities.batches.records import SentRecord
from activities.contract.activity import Outcome
from activities.errors import ErrorCode
from activities.execution.result import Result
from activities.storage.table_bytes import LARGEST_TRANSACTION, Entity, encode, packed
from tests.support.failed_records import incompressible

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BATCH_ID = "0" * 32
TABLE_URL = "https://contoso.table.core.windows.net/activitybatches"
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
LARGEST_ENTITY_BYTES = 2**20
# The service takes 4 MiB: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
# From here on aiohttp warns that sending blocks.
LARGEST_TRANSACTION_BYTES = 2**20


def record(index: int, size: int) -> SentRecord:
    return SentRecord(index, {"notes": incompressible(size)})


def length(record: SentRecord) -> int:
    return len(json.dumps(record.to_json()))


def rows_of(pages: list[list[SentRecord]]) -> list[Entity]:
    return [
        {"PartitionKey": BATCH_ID, "RowKey": f"page-{number:05}", **packed("Records", [one.to_json() for one in page])}
        for number, page in enumerate(pages)
    ]


def size_of(entity: Entity) -> int:
    """Return what the service counts: two bytes for each character, and the bytes."""
    return sum(2 * len(name) + len(value) * (2 if isinstance(value, str) else 1) for name, value in entity.items())


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0, 10, 90_000, 599_900, 700_000]), max_size=12), st.integers(0, 250))
def test_every_record_stands_in_one_chunk_and_in_order(sizes: list[int], more: int) -> None:
    """The texts are made up of one letter: what counts is what they are before they are compressed."""
    sent = [SentRecord(3 * place, {"notes": "a" * size}) for place, size in enumerate([*sizes, *[1] * more])]
    pages = pages_of(sent)
    flat = [one for page in pages for one in page]
    assert [one.index for one in flat] == [one.index for one in sent]
    assert all(0 < len(page) <= PAGE for page in pages)
    assert all(sum(map(length, page)) < 610_000 for page in pages)
    chunks = chunks_of(BATCH_ID, map(len, pages))
    of_each = chunk_of_each(BATCH_ID, pages)
    assert list(dict.fromkeys(of_each.values())) == list(chunks)
    assert {chunk: list(of_each.values()).count(chunk) for chunk in chunks} == chunks
    assert all(0 < size <= CHUNK for size in chunks.values())
    assert [chunk.row for chunk in chunks] == sorted(chunk.row for chunk in chunks)
    for one in flat:
        chunk = of_each[one.index]
        assert one in pages[chunk.page][chunk.part * CHUNK :][:CHUNK]


@pytest.mark.parametrize(
    ("count", "size"),
    [(30, 500_000), (60, 299_000), (16, 1_000_000), (10_000, 150), (1, 599_950)],
)
def test_texts_that_cannot_be_compressed_fit_into_entities_and_transactions(count: int, size: int) -> None:
    text = incompressible(size)
    pages = pages_of(SentRecord(index, {"notes": text[index % 50 :]}) for index in range(count))
    entities = rows_of(pages)
    assert all(size_of(entity) < LARGEST_ENTITY_BYTES for entity in entities)
    transactions = transactions_of(entities)
    assert [one.entity for some in transactions for one in some] == entities
    for operations in transactions:
        assert len(operations) <= LARGEST_TRANSACTION
        assert len(encode(operations, table_url=TABLE_URL)) <= LARGEST_TRANSACTION_BYTES


@settings(max_examples=20)
@given(st.lists(st.sampled_from([1, 50_000, 700_000]), max_size=120))
def test_every_row_is_written_once_in_order_and_no_transaction_is_too_large(sizes: list[int]) -> None:
    entities: list[Entity] = [
        {
            "PartitionKey": BATCH_ID,
            "RowKey": f"{place:05}",
            **{f"a{number}": b"x" * min(60_000, size - begin) for number, begin in enumerate(range(0, size, 60_000))},
        }
        for place, size in enumerate(sizes)
    ]
    transactions = transactions_of(entities)
    assert [one.entity for some in transactions for one in some] == entities
    for operations in transactions:
        assert 0 < len(operations) <= LARGEST_TRANSACTION
        assert len(encode(operations, table_url=TABLE_URL)) <= LARGEST_TRANSACTION_BYTES


def test_a_record_that_fits_into_no_page_becomes_a_problem_and_its_neighbours_stay() -> None:
    sent = [record(0, 10), record(1, chunks.LARGEST_PAGE_BYTES), record(2, 10)]
    ((first, too_large, last),) = pages_of(sent)
    assert (first, last) == (sent[0], sent[2])
    assert (too_large.index, too_large.content) == (1, {})
    assert too_large.problem is not None
    assert too_large.problem.code is ErrorCode.REQUEST_TOO_LARGE


def test_a_record_that_just_fits_is_kept_whole() -> None:
    sent = record(0, chunks.LARGEST_PAGE_BYTES - length(record(0, 0)))
    assert length(sent) == chunks.LARGEST_PAGE_BYTES
    assert pages_of([sent]) == [[sent]]


@pytest.mark.parametrize("content", [None, 1.5, "text", [], {"a": {"b": ["\ud800", "\0", "\U0001f393"]}}])
def test_any_json_can_be_kept_and_counts_as_one_record(content: Any) -> None:
    assert pages_of([SentRecord(0, content)]) == [[SentRecord(0, content)]]


results = st.lists(
    st.builds(Result, st.integers(0, 2**20), st.sampled_from(Outcome), *[st.text(st.characters())] * 5),
    unique_by=lambda one: one.index,
    max_size=CHUNK,
)


@given(results)
def test_a_result_record_gives_back_what_it_was_told(some: list[Result]) -> None:
    row = told(some, now=NOW)
    assert results_in(row) == some
    assert row["Succeeded"] + row["Failed"] == len(some)
    assert row["Failed"] == sum(one.outcome is Outcome.FAILED for one in some)
    assert row["LastIndex"] == max((one.index for one in some), default=-1)


def test_the_longest_reasons_of_a_chunk_fit_into_its_result_record() -> None:
    """A reason has up to 20 unknown properties and one sentence for each known one; texts of callers are cut."""
    longest = [Result(index, Outcome.FAILED, "", *[incompressible(10_000)] * 4) for index in range(CHUNK)]
    entity = {"PartitionKey": BATCH_ID, "RowKey": Chunk(BATCH_ID, 99_999, 4).row, **told(longest, now=NOW)}
    assert size_of({name: value for name, value in entity.items() if isinstance(value, bytes | str)}) < 2**20
