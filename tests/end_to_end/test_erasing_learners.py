"""A learner who is erased is nowhere in the app's storage any more, and everybody else is where they were."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.data.tables import TableClient

from activities.storage.table_bytes import unpacked
from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import ended
from tests.end_to_end.queue_stack import (
    TABLES,
    QueueStack,
    assignment,
    base64_of,
    learner,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json
from tests.support import plain_http

ADDRESS = "megan.bowen@contoso.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("erasing")) as stack, stack.host():
        yield stack
    stack.assert_discreet(ADDRESS)


def erase(stack: QueueStack, learner_user_id: str) -> Json:
    url = f"{stack.hosts[-1].url}/api/learners/erase"
    said: Json = plain_http.post(url, json={"learnerUserId": learner_user_id}, timeout=100).raise_for_status().json()
    return said


def kept(stack: QueueStack) -> str:
    """Return everything that tables and queues hold, unpacked, in small letters."""
    found: list[Any] = []
    for name in TABLES:
        with TableClient.from_connection_string(stack.connection, name) as table:
            for row in table.list_entities():
                packs = {name.rstrip("0123456789") for name, value in row.items() if isinstance(value, bytes)} - {"Key"}
                found.append([dict(row), [unpacked(one, row) for one in packs]])
    with stack.queue("-failed") as queue:
        found += [message.content for message in queue.peek_messages(max_messages=32)]
    return json.dumps(found, default=str).casefold()


def test_a_learner_is_erased_everywhere_by_id_and_by_address_and_twice_is_harmless(stack: QueueStack) -> None:
    ann, bob = learner(), learner()
    batch = [
        assignment(learnerUserId=ann, externalCourseActivityId="safety-1"),
        assignment(learnerUserId=ann, status="nope"),
        assignment(learnerUserId=ADDRESS, status="nope"),
        assignment(learnerUserId=bob, status="nope"),
    ]
    report = ended(stack, batch_stack.post(stack, batch))
    refused = [assignment(learnerUserId=one, status="nope") for one in (ann.upper(), ADDRESS, bob)]
    stack.send(*map(json.dumps, refused), base64_of(f"no JSON, but {ADDRESS}"))
    wait_until(lambda: stack.count("-failed") == 4, stack.tail)
    with stack.queue("-failed") as queue:
        (message, *_) = queue.peek_messages()
        assert message.inserted_on
        assert message.expires_on
        assert message.expires_on - message.inserted_on == timedelta(days=30)
    assert ann in kept(stack)
    assert ADDRESS in kept(stack)

    by_id = erase(stack, ann)
    assert (by_id["batchCount"], by_id["failureCount"], by_id["queueCount"], by_id["moreToErase"]) == (2, 1, 0, False)
    assert ann not in kept(stack)
    by_address = erase(stack, ADDRESS)
    expected = {"batchCount": 1, "failureCount": 2, "queueCount": 0, "ledgerCount": 0, "moreToErase": False}
    assert by_address == expected
    assert ADDRESS not in kept(stack)
    assert bob in kept(stack)
    for name in (ann, ADDRESS):
        assert erase(stack, name) == {**dict.fromkeys(expected, 0), "moreToErase": False}

    assert [one["activity"].get("learnerUserId") for one in stack.failures()] == [bob]
    assert stack.count("-failed") == 1
    after = batch_stack.get(stack, report["batchId"]).json()
    assert {name: after[name] for name in ("total", "succeededCount", "failedCount")} == {
        name: report[name] for name in ("total", "succeededCount", "failedCount")
    }
    assert [one["outcome"] for one in after["results"]] == [one["outcome"] for one in report["results"]]


def test_the_timer_says_in_one_line_what_it_ended(stack: QueueStack) -> None:
    url = f"{stack.hosts[-1].url}/admin/functions/delete_expired"
    assert plain_http.post(url, json={}).status_code == 202
    wait_until(lambda: stack.events("expired"), stack.tail)
    (said,) = stack.events("expired")
    del said["invocationId"]
    parts = ("batchCount", "failureCount", "queueCount", "ledgerCount")
    assert said == {**dict.fromkeys(parts, 0), "more": False, "failed": 0}
