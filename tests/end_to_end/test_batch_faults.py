"""Graph takes no batches, throttles or fails some of their records, and each activity is created once in the end."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities, assert_report, ended
from tests.end_to_end.queue_stack import QueueStack, assert_created_once, queue_stack
from tests.end_to_end.stack import Json

SINGLES_AT_ONCE = 4
CHUNKS_AT_ONCE = 4
SOON = {"Retry-After": "1"}
THREE = 3  # Records of the batch that meet each fault.


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("batch-faults")) as stack:
        yield stack
    stack.assert_discreet()


@pytest.fixture
def stack(running: QueueStack) -> Iterator[QueueStack]:
    """A host of its own: what it learns of throttling and batching stays in its process."""
    running.reset()
    with running.host():
        yield running


def counts(stack: QueueStack) -> Counter[str]:
    """Return how often Graph was asked for what, however it came."""
    return Counter(call["operation"] for call in stack.calls())


def test_a_tenant_that_refuses_batches_gets_single_requests_a_few_at_a_time(stack: QueueStack) -> None:
    seconds = 0.2
    stack.arm({"name": "batch-refused", "times": 99}, {"delaySeconds": seconds, "times": 99})
    records = activities(60)
    report = ended(stack, batch_stack.post(stack, records))
    assert_report(report, 60)
    assert_created_once(stack, records)
    assert counts(stack) == {"create": 60}
    assert len(stack.events("batchingRefused")) == 1
    calls = Counter(call["operation"] for call in stack.http_calls())
    assert 1 <= calls["batch"] <= CHUNKS_AT_ONCE
    assert calls["create"] == 60
    # Each takes so long that a fifth one at the same time would come sooner after the first.
    begun = sorted(datetime.fromisoformat(call["time"]) for call in stack.calls())
    apart = [(later - first).total_seconds() for first, later in zip(begun, begun[SINGLES_AT_ONCE:], strict=False)]
    assert min(apart) >= 0.9 * seconds
    assert_report(batch_stack.post(stack, activities(20)).json(), 20)
    assert Counter(call["operation"] for call in stack.http_calls())["batch"] == calls["batch"]


@pytest.mark.parametrize(
    "answer",
    [{"status": 429, "headers": {"Retry-After": "1.5"}}, {"name": "internal-error", "headers": SOON}],
    ids=["throttled", "failed"],
)
def test_records_that_graph_does_not_take_are_looked_up_and_created_once(stack: QueueStack, answer: Json) -> None:
    """Graph has been seen to execute inside of a batch what it answers so: those are found, the others sent again."""
    stack.arm({**answer, "times": THREE}, {**answer, "execute": True, "times": THREE})
    records = activities(20)
    accepted = batch_stack.post(stack, records)
    assert accepted.status_code == 202
    done = accepted.json()
    assert (done["status"], done["succeededCount"], done["failedCount"]) == ("running", 20 - 2 * THREE, 0)
    report = ended(stack, accepted)
    assert_report(report, 20)
    assert_created_once(stack, records)
    assert counts(stack)["create"] == 20 + THREE
    assert counts(stack)["find"] >= 2 * THREE


def test_records_whose_answer_is_lost_are_looked_up_and_created_once(stack: QueueStack) -> None:
    """A gateway's 504 says nothing about what Graph did."""
    stack.arm({"name": "gateway-timeout", "times": THREE}, {"name": "gateway-timeout-executed", "times": THREE})
    records = activities(20)
    assert_report(ended(stack, batch_stack.post(stack, records)), 20)
    assert_created_once(stack, records)
    assert counts(stack)["create"] == 20 + THREE
    assert counts(stack)["find"] >= 2 * THREE


def test_a_batch_that_graph_throttles_as_a_whole_is_sent_again_without_looking(stack: QueueStack) -> None:
    """Graph looked at none of its requests."""
    stack.arm({"operation": "batch", "status": 429, "headers": SOON})
    records = activities(20)
    accepted = batch_stack.post(stack, records)
    assert accepted.status_code == 202
    assert accepted.json()["results"] == []
    assert_report(ended(stack, accepted), 20)
    assert_created_once(stack, records)
    assert counts(stack) == {"create": 20}
    assert [call["operation"] for call in stack.http_calls()] == ["batch"] * 2


def test_while_graph_throttles_nothing_is_sent_for_the_provider(stack: QueueStack) -> None:
    """After the first answers every chunk waits as long as Graph said, and then all are created."""
    stack.arm({"name": "throttling-window", "forSeconds": 3})
    records = activities(400)
    report = ended(stack, batch_stack.post(stack, records))
    assert_report(report, 400)
    assert_created_once(stack, records)
    throttled = [call for call in stack.calls() if call["status"] == 429]
    assert 20 <= len(throttled) <= CHUNKS_AT_ONCE * 20
    batches = [call for call in stack.http_calls() if call["operation"] == "batch"]
    creates = [call for call in stack.calls() if call["status"] == 201]
    pause = datetime.fromisoformat(creates[0]["time"]) - datetime.fromisoformat(batches[0]["time"])
    assert pause.total_seconds() >= 3
