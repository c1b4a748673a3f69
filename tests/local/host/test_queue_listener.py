"""The local host brings queue messages to functions, and completes them, as the real one does."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.storage.queue import QueueClient, QueueServiceClient

from tests.local.host.queue_calls import QueueHost, queue_client, queue_host, wait_for
from tests.support import plain_http


@pytest.fixture(scope="module")
def host(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueHost]:
    """A host that listens to the queues `shared`, `shared-poison`, `shared-batches` and `binary`."""
    with queue_host(tmp_path_factory.mktemp("queues") / "log", storage, "shared") as running:
        listened = {"shared", "shared-batches", "binary"}
        wait_for(lambda: {queue.name for queue in service(storage).list_queues()} >= listened)
        yield running


@pytest.fixture
def shared(storage: str) -> QueueClient:
    return queue_client(storage, "shared")


@pytest.fixture
def binary(storage: str) -> QueueClient:
    return queue_client(storage, "binary")


def service(connection: str) -> QueueServiceClient:
    return QueueServiceClient.from_connection_string(connection)


def is_empty(queue: QueueClient) -> bool:
    """Say whether a queue holds no message, visible or locked."""
    return queue.get_queue_properties().approximate_message_count == 0


def test_a_function_sees_a_message_with_what_the_queue_knows_of_it(host: QueueHost, shared: QueueClient) -> None:
    sent = shared.send_message("grüße 😀".encode())

    (seen,) = host.wait_until_seen("grüße 😀")

    assert sent.inserted_on is not None
    assert sent.expires_on is not None
    assert (seen["id"], seen["dequeue_count"]) == (sent.id, 1)
    assert seen["insertion_time"] == sent.inserted_on.isoformat()
    assert seen["expiration_time"] == sent.expires_on.isoformat()
    locked = datetime.fromisoformat(seen["time_next_visible"]) - sent.inserted_on
    assert timedelta(minutes=10) <= locked < timedelta(minutes=11)
    assert seen["pop_receipt"]


def test_what_a_function_took_without_raising_is_deleted(host: QueueHost, shared: QueueClient) -> None:
    shared.send_message(b"taken")
    host.wait_until_seen("taken")

    wait_for(lambda: is_empty(shared))
    assert len(host.seen("taken")) == 1


def test_a_json_body_overwrites_what_the_queue_says(host: QueueHost, shared: QueueClient) -> None:
    said = {"ID": 5, "dequeueCount": 7, "popreceipt": "mine", "insertionTime": "01/02/2026 03:04:05Z"}
    shared.send_message(json.dumps(said).encode())

    (seen,) = host.wait_until_seen(json.dumps(said))

    assert (seen["id"], seen["dequeue_count"], seen["pop_receipt"]) == ("5", 7, "mine")
    assert seen["insertion_time"] == "2026-01-02T03:04:05+00:00"
    wait_for(lambda: is_empty(shared))


def test_what_raised_comes_again_after_the_visibility_timeout(host: QueueHost, shared: QueueClient) -> None:
    sent = shared.send_message(b"fail 1 retried")

    seen = host.wait_until_seen("fail 1 retried", times=2)

    assert [attempt["dequeue_count"] for attempt in seen] == [1, 2]
    assert {attempt["id"] for attempt in seen} == {sent.id}
    assert len({attempt["invocation"] for attempt in seen}) == 2
    # Each lock begins when the message is received.
    first, second = (datetime.fromisoformat(attempt["time_next_visible"]) for attempt in seen)
    assert second - first >= timedelta(seconds=1)
    wait_for(lambda: is_empty(shared))
    assert "RuntimeError: this is in the log only: 1" in host.log


def test_what_always_raises_goes_to_the_poison_queue_as_a_new_message(host: QueueHost, shared: QueueClient) -> None:
    sent = shared.send_message(b"fail 99 poison")

    (buried,) = host.wait_until_seen("fail 99 poison", "bury")

    assert len(host.seen("fail 99 poison")) == 2
    assert buried["id"] != sent.id
    assert buried["dequeue_count"] == 1
    wait_for(lambda: is_empty(shared))
    assert "Message has reached MaxDequeueCount of 2. Moving message to queue 'shared-poison'." in host.log


def test_what_no_function_can_take_goes_to_the_poison_queue_uncalled(host: QueueHost, shared: QueueClient) -> None:
    """Each attempt fails before the function: the worker reads no such date, and text is UTF-8."""
    body = json.dumps({"expirationTime": "2026-01-02T03:04:05Z"})
    shared.send_message(body.encode())
    shared.send_message(b"\xff")

    wait_for(lambda: is_empty(shared))

    assert host.log.count("the body is not UTF-8") >= 2
    assert host.seen(body) == []


def test_a_poison_queue_has_no_poison_queue_and_what_fails_there_stays_locked(
    host: QueueHost, shared: QueueClient, storage: str
) -> None:
    shared.send_message(b"fail 99 buried")
    (buried,) = host.wait_until_seen("fail 99 buried", "bury")

    wait_for(lambda: f"Executed 'bury' (Failed, Id={buried['invocation']})" in host.log)
    poison = queue_client(storage, "shared-poison")
    assert not is_empty(poison)
    assert poison.receive_message() is None
    assert "shared-poison-poison" not in {queue.name for queue in service(storage).list_queues()}


def test_bytes_reach_a_binary_function_and_nothing_is_overwritten(host: QueueHost, binary: QueueClient) -> None:
    sent = binary.send_message(b"\xff\x00\x01")
    other = binary.send_message(b'{"id": "mine", "dequeueCount": 7}')

    def seen() -> list[dict[str, Any]]:
        records = plain_http.get(f"{host.child.url}/api/seen").json()
        return [record for record in records if record["event"] == "binary"]

    wait_for(lambda: len(seen()) == 2)
    assert {record["id"]: record["body"] for record in seen()} == {
        sent.id: {"__encoding": "base64", "value": "/wAB"},
        other.id: '{"id": "mine", "dequeueCount": 7}',
    }
    assert {record["dequeue_count"] for record in seen()} == {1}


def test_a_binary_function_sees_how_often_its_message_came(host: QueueHost, storage: str) -> None:
    queue_client(storage, "shared-batches").send_message(b"fail 1 counted")

    seen = host.wait_until_seen("fail 1 counted", "batches", times=2)

    assert [attempt["dequeue_count"] for attempt in seen] == [1, 2]


def test_two_queues_are_read_side_by_side(host: QueueHost, shared: QueueClient, storage: str) -> None:
    """However long one function takes, the other one gets its messages."""
    enough = 3  # More than newBatchThreshold: nothing else is received from that queue.
    for _ in range(enough):
        shared.send_message(b"wait until released")
    host.wait_until_seen("wait until released", times=enough)

    queue_client(storage, "shared-batches").send_message(b"beside")
    host.wait_until_seen("beside", "batches")

    assert host.seen("wait until released", "finished") == []
    plain_http.post(f"{host.child.url}/api/release").raise_for_status()
    host.wait_until_seen("wait until released", "finished", times=enough)


def test_a_queue_function_can_be_run_by_hand_without_its_queue(host: QueueHost) -> None:
    answer = plain_http.post(f"{host.child.url}/admin/functions/work", json={"input": "by hand 😀"})

    assert (answer.status_code, answer.content) == (202, b"")
    (seen,) = host.wait_until_seen("by hand 😀")
    assert seen["dequeue_count"] == 1
    assert seen["id"]


def test_what_fails_by_hand_stands_in_the_log_and_comes_not_again(host: QueueHost) -> None:
    plain_http.post(f"{host.child.url}/admin/functions/batches", json={"input": "fail 99 by hand"})

    (seen,) = host.wait_until_seen("fail 99 by hand", "batches")

    wait_for(lambda: f"Executed 'batches' (Failed, Id={seen['invocation']})" in host.log)


def test_what_is_not_base64_goes_to_the_poison_queue_at_once_and_unchanged(
    host: QueueHost, binary: QueueClient, storage: str
) -> None:
    QueueClient.from_connection_string(storage, "binary").send_message("neither <base64> nor JSON")

    raw = QueueClient.from_connection_string(storage, "binary-poison")
    wait_for(lambda: "binary-poison" in {queue.name for queue in service(storage).list_queues()})
    message = wait_for(raw.receive_message)

    assert message is not None
    assert (message.content, message.dequeue_count) == ("neither <base64> nor JSON", 1)
    wait_for(lambda: is_empty(binary))
    assert "is not base64, which host.json demands" in host.log


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_message_that_its_function_changed_is_left_alone(
    host: QueueHost, shared: QueueClient, *, is_deleted: bool
) -> None:
    """The pop receipt is no longer the host's: the extension takes that for intended."""
    body = f"take 0.5 changed {is_deleted}"
    shared.send_message(body.encode())
    (seen,) = host.wait_until_seen(body)
    if is_deleted:
        shared.delete_message(seen["id"], seen["pop_receipt"])
    else:
        shared.update_message(seen["id"], seen["pop_receipt"], content=b"changed", visibility_timeout=1)

    host.wait_until_seen(body, "finished")
    if not is_deleted:
        (again,) = host.wait_until_seen("changed")
        assert (again["id"], again["dequeue_count"]) == (seen["id"], 2)
    wait_for(lambda: is_empty(shared))
    assert "cannot be completed" not in host.log
