"""The answers to who sends by queue, end to end: real Azurite, the real worker library, one host that tells."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage

from tests.end_to_end.queue_stack import OTHER_PROVIDER, PROVIDER, QueueStack, assignment, queue_stack, wait_until

FOREIGN = "content-of-another"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("results")) as stack, stack.host(QUEUE_RESULTS="true"):
        yield stack
    stack.assert_discreet(FOREIGN)


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    """Give a test a stack that has no queue of results yet."""
    running.reset()
    with running.queue("-results") as queue, suppress(ResourceNotFoundError):
        queue.delete_queue()
    return running


def send(stack: QueueStack, body: object) -> str:
    """Put a message into the queue and return its ID."""
    with stack.queue() as queue:
        return str(queue.send_message(body if isinstance(body, str) else json.dumps(body)).id)


def take(stack: QueueStack, count: int) -> list[QueueMessage]:
    """Wait for so many results and take them out of their queue."""
    wait_until(lambda: stack.count("-results") == count, stack.tail)
    with stack.queue("-results") as queue:
        taken = list(queue.receive_messages(messages_per_page=32))
        for message in taken:
            queue.delete_message(message)
    return taken


def test_each_record_is_told_in_a_queue_that_the_app_makes(stack: QueueStack) -> None:
    good = assignment(externalCourseActivityId=str(uuid4()))
    message_id = send(stack, [good, assignment(status="nope")])
    unreadable = send(stack, "no JSON")
    taken = take(stack, 3)
    told = {(one["messageId"], one["index"]): one for one in (json.loads(message.content) for message in taken)}
    assert {place: (one["outcome"], one["errorCode"], one["errorTarget"]) for place, one in told.items()} == {
        (message_id, 0): ("created", "", ""),
        (message_id, 1): ("failed", "invalidRequest", "status"),
        (unreadable, 0): ("failed", "invalidJson", ""),
    }
    assert told[message_id, 0]["externalCourseActivityId"] == good["externalCourseActivityId"]
    assert [told[place]["operation"] for place in ((message_id, 0), (message_id, 1), (unreadable, 0))] == [
        "create",
        "create",
        "",
    ]
    for message in taken:
        assert message.expires_on is not None
        assert timedelta(days=29) < message.expires_on - datetime.now(UTC) <= timedelta(days=30)
        assert good["learnerUserId"] not in message.content


def test_what_was_put_back_or_replayed_is_told_under_the_senders_message(stack: QueueStack) -> None:
    stack.change_tenant(contents={FOREIGN: OTHER_PROVIDER})
    stack.arm({"name": "throttled-fraction"})
    message_id = send(stack, assignment(learningContentId=FOREIGN, learningProviderId=PROVIDER))
    [failed] = [json.loads(message.content) for message in take(stack, 1)]
    assert stack.events("putBack")
    assert (failed["messageId"], failed["errorCode"]) == (message_id, "contentNotOwnedByProvider")
    stack.change_tenant(contents={FOREIGN: PROVIDER})
    assert stack.replay({})["replayedCount"] == 1
    [created] = [json.loads(message.content) for message in take(stack, 1)]
    assert (created["messageId"], created["outcome"]) == (message_id, "created")
