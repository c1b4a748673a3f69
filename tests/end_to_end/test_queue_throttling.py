"""When Graph throttles a provider, its messages wait in the queue as long as Graph says, and nobody else's do."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from azure.data.tables import TableClient

from activities.contract.models import Defaults
from activities.contract.validation import parse_activity
from activities.execution.ledger import Claim, Released
from activities.settings import Storage
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import Table
from tests.end_to_end.queue_stack import (
    OTHER_PROVIDER,
    PROVIDER,
    QueueStack,
    assert_created_once,
    assignment,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json
from tests.support import plain_http
from tests.support.ledgers import app_key

MESSAGES = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("throttling")) as stack:
        yield stack
    stack.assert_discreet()


@pytest.fixture
def stack(running: QueueStack) -> Iterator[QueueStack]:
    """A host of its own: what it learns of throttling stays in its process."""
    running.reset()
    with running.host():
        yield running


def test_while_graph_throttles_a_provider_only_its_messages_wait(stack: QueueStack) -> None:
    """No call for the provider after "Retry after 2 minutes"; each of its messages stays in the queue, delayed."""
    stack.arm({"name": "throttled", "registrationId": PROVIDER})
    _send(stack, PROVIDER, 1)
    wait_until(lambda: _delays(stack), stack.tail)
    _send(stack, PROVIDER, MESSAGES)
    others = _send(stack, OTHER_PROVIDER, MESSAGES)
    wait_until(lambda: len(_delays(stack)) == MESSAGES + 1 and stack.count() == MESSAGES + 1, stack.tail)
    wait_until(lambda: len(stack.created()) == MESSAGES, stack.tail)
    assert_created_once(stack, others)
    assert [call["status"] for call in stack.calls() if call["registrationId"] == PROVIDER] == [429]
    assert {call["status"] for call in stack.calls() if call["registrationId"] == OTHER_PROVIDER} == {201}
    # The first message waits for two minutes and a little more, the others for what is left of them.
    assert 100 < min(_delays(stack)) <= max(_delays(stack)) <= 145
    with stack.queue() as queue:
        assert queue.peek_messages(max_messages=32) == []
    assert stack.count("-failed") == stack.count("-poison") == 0


def test_while_a_provider_is_throttled_what_was_left_behind_waits_as_long_and_costs_nothing(stack: QueueStack) -> None:
    """No look-up at Graph, no claim in storage, and the delay is Graph's own; over HTTP the caller is told it."""
    left_behind = assignment(externalCourseActivityId="left-behind", registrationId=PROVIDER)
    asyncio.run(_leave_behind(stack, left_behind))
    stack.arm({"name": "throttled", "registrationId": PROVIDER})
    _send(stack, PROVIDER, 1)
    wait_until(lambda: _delays(stack), stack.tail)
    remembered = _ledger(stack)
    stack.send(json.dumps(left_behind))
    wait_until(lambda: len(_delays(stack)) == 2, stack.tail)
    answer = plain_http.post(f"{stack.hosts[-1].url}/api/activities", json=left_behind, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "throttled")
    assert 100 < int(answer.headers["retry-after"]) <= 120
    assert 100 < min(_delays(stack)) <= max(_delays(stack)) <= 145
    assert [call["status"] for call in stack.calls()] == [429]
    assert _ledger(stack) == remembered
    assert [event["code"] for event in stack.events("putBack")] == ["throttled"] * 2


def test_after_the_time_that_graph_asked_for_all_are_created(stack: QueueStack) -> None:
    stack.arm({"status": 429, "headers": {"Retry-After": "2.5"}, "registrationId": PROVIDER})
    first = _send(stack, PROVIDER, 1)
    wait_until(lambda: _delays(stack), stack.tail)
    later = _send(stack, PROVIDER, MESSAGES)
    stack.wait_until_empty()
    assert_created_once(stack, first + later)
    throttled, *others = stack.calls()
    assert throttled["status"] == 429
    earliest = min(datetime.fromisoformat(call["time"]) for call in others)
    assert (earliest - datetime.fromisoformat(throttled["time"])).total_seconds() >= 2.5


def _send(stack: QueueStack, registration_id: str, count: int) -> list[Json]:
    activities = [assignment() for _ in range(count)]
    stack.send(*(json.dumps({**one, "registrationId": registration_id}) for one in activities))
    return activities


def _delays(stack: QueueStack) -> list[float]:
    """Return for how many seconds this host put each message back."""
    return [event["delaySeconds"] for event in stack.events("putBack")]


async def _leave_behind(stack: QueueStack, activity: Json) -> None:
    """Claim an activity as a process does that dies before it knows what came of it."""
    request = parse_activity(activity, kind=None, defaults=Defaults())
    table = Table(Storage(stack.connection), TABLE, credential=None)
    ledger = TableLedger(table, key=app_key, lease_seconds=60)
    (claim,) = await ledger.claim([request])
    assert isinstance(claim, Claim)
    await ledger.settle([(claim, Released(outcome_known=False))])
    await table.close()


def _ledger(stack: QueueStack) -> dict[str, str | None]:
    """Return the versions of everything in the ledger."""
    with TableClient.from_connection_string(stack.connection, TABLE) as table:
        return {entity["RowKey"]: entity.metadata["etag"] for entity in table.list_entities()}
