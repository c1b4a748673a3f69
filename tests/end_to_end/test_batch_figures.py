"""What a large batch of upserts costs: calls to Graph and requests to storage for each twenty, and a second time.

`--activities 10000` measures it in full, as the largest batch that is accepted.
"""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import self_initiated
from tests.end_to_end.queue_stack import QueueStack, queue_stack, wait_until
from tests.end_to_end.stack import Json

CHUNK = 20
LIMIT_SECONDS = 300.0
GRAPH_SECONDS = 0.5  # As Graph may well take for twenty; most of the time of a batch is its.
# Of accepting a batch and of what a host does by itself, however large the batch is.
BESIDE = 10


@dataclass
class Cost:
    """What a batch came to, and what that took."""

    outcomes: Counter[str]
    graph_calls: int
    table_requests: int
    puts: int
    seconds: float

    def __str__(self) -> str:
        chunks = sum(self.outcomes.values()) / CHUNK
        return (
            f"{dict(self.outcomes)} in {self.seconds:.1f} s; for each twenty {self.graph_calls / chunks:.2f} calls to "
            f"Graph, {self.table_requests / chunks:.2f} requests to tables, {self.puts / chunks:.2f} messages put"
        )


def cost_of(stack: QueueStack, records: list[Json], **said: str) -> Cost:
    """Send a batch and wait for its end without asking the app, which would ask storage."""
    calls, storage = len(stack.http_calls()), stack.storage.asked.copy()
    begun = time.monotonic()
    answer = batch_stack.post(stack, {"activities": records, **said})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: not stack.count("-batches"), stack.tail, limit_seconds=LIMIT_SECONDS, pause_seconds=0.05)
    seconds = time.monotonic() - begun
    storage = stack.storage.asked - storage
    results, _ = batch_stack.all_results(stack, answer.json()["batchId"])
    outcomes = Counter(one["errorCode"] or one["outcome"] for one in results)
    assert sum(outcomes.values()) == len(records)
    return Cost(outcomes, len(stack.http_calls()) - calls, storage["table"], storage["put"], seconds)


def test_a_batch_of_upserts_costs_two_calls_to_graph_and_four_requests_to_tables_for_each_twenty(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Half of its activities exist; one call is enough where the ledger knows them, none where nothing changes."""
    count = int(pytestconfig.getoption("activities"))
    chunks = -(-count // CHUNK)
    records = [self_initiated(externalCourseActivityId=f"xid-{number}") for number in range(count)]
    changed = [{**one, "completionPercentage": 40} for one in records]
    done = [{**one, "status": "completed", "completedDateTime": "2026-05-01T10:00:00Z"} for one in records]
    with queue_stack(tmp_path, latency_seconds=GRAPH_SECONDS) as stack:
        with stack.host():
            made = cost_of(stack, records[::2])
            first = cost_of(stack, changed, operation="upsert")
            again = cost_of(stack, changed, operation="upsert")
            known = cost_of(stack, done, operation="upsert")
        with stack.host():
            elsewhere = cost_of(stack, changed, operation="upsert")
    costs = {"creates": made, "half exist": first, "again": again, "all known": known, "elsewhere": elsewhere}
    for name, cost in costs.items():
        print(f"{count} upserts, {name}: {cost}")
    assert first.outcomes == {"created": count // 2, "updated": count // 2}
    assert again.outcomes == {"unchanged": count}
    assert known.outcomes == elsewhere.outcomes == {"updated": count}
    assert first.graph_calls <= 2 * chunks
    assert known.graph_calls <= chunks
    assert elsewhere.graph_calls <= chunks
    assert again.graph_calls == 0
    for cost in (first, again, known):
        assert cost.table_requests <= 4 * chunks + BESIDE
        assert cost.puts <= chunks + 1
    # Another process has to read what the first remembers, each activity once.
    assert elsewhere.table_requests <= (5 + CHUNK) * chunks + BESIDE
    assert again.seconds < first.seconds / 2
