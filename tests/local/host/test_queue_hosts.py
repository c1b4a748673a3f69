"""Hosts start, share a queue, stop, are killed and lose their storage without losing a message."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.commands import main
from local.environment import storage_connection_string, storage_options
from local.lifecycle import free_ports
from local.stack.processes import ChildError, started
from tests.local.host.queue_calls import LIMIT_SECONDS, QUEUE_APP, QueueHost, queue_client, queue_host, wait_for
from tests.support import plain_http


def create_queue(connection: str, name: str) -> None:
    queue_client(connection, name).create_queue()


def count(connection: str, name: str) -> int | None:
    """Return how many messages a queue holds, visible or locked."""
    return queue_client(connection, name).get_queue_properties().approximate_message_count


def all_seen(host: QueueHost) -> list[dict[str, str]]:
    records: list[dict[str, str]] = plain_http.get(f"{host.child.url}/api/seen").json()
    return records


def most_at_once(host: QueueHost) -> int:
    """Return how many invocations ran at the same time at most."""
    running = most = 0
    for record in all_seen(host):
        running += {"work": 1, "finished": -1}[record["event"]]
        most = max(most, running)
    return most


def test_two_hosts_share_a_queue_each_with_its_limit(storage: str, tmp_path: Path) -> None:
    """At most batchSize + newBatchThreshold messages at once per host, and each message once."""
    create_queue(storage, "both")
    send = queue_client(storage, "both").send_message
    # The shorter ones of a batch make room for the next batch while the longer ones still run.
    bodies = [f"take {0.8 if number % 2 else 0.1} {number}" for number in range(28)]
    for body in bodies[:16]:
        send(body.encode())

    with queue_host(tmp_path / "1", storage, "both") as one, queue_host(tmp_path / "2", storage, "both") as other:
        for body in bodies[16:]:
            send(body.encode())
        wait_for(lambda: count(storage, "both") == 0)
        seen = [record["body"] for host in (one, other) for record in all_seen(host) if record["event"] == "work"]
        assert sorted(seen) == sorted(bodies)
        assert most_at_once(one) == 6
        assert 1 <= most_at_once(other) <= 6


def test_a_lock_is_renewed_while_its_function_runs(storage: str, tmp_path: Path) -> None:
    create_queue(storage, "renewed")
    with queue_host(tmp_path / "log", storage, "renewed", lock_seconds=1) as host:
        queue_client(storage, "renewed").send_message(b"take 2.5 renewed")
        host.wait_until_seen("take 2.5 renewed", "finished")
        wait_for(lambda: count(storage, "renewed") == 0)

        assert len(host.seen("take 2.5 renewed")) == 1


def test_what_a_killed_host_held_comes_again_when_its_lock_expires(storage: str, tmp_path: Path) -> None:
    create_queue(storage, "killed")
    queue_client(storage, "killed").send_message(b"take 60 killed")
    with queue_host(tmp_path / "1", storage, "killed", lock_seconds=1) as host:
        host.wait_until_seen("take 60 killed")
        host.child.send_signal(signal.SIGKILL)
        host.child.wait(LIMIT_SECONDS)

    with queue_host(tmp_path / "2", storage, "killed") as host:
        (seen,) = host.wait_until_seen("take 60 killed")
        assert seen["dequeue_count"] == 2
        host.child.send_signal(signal.SIGKILL)  # Otherwise it would wait for the function.


def test_a_message_that_was_received_too_often_is_poison_without_a_call(storage: str, tmp_path: Path) -> None:
    """Whoever received it so often crashed each time: the function could crash this host, too."""
    create_queue(storage, "exhausted")
    queue = queue_client(storage, "exhausted")
    queue.send_message(b"exhausted")
    for _ in range(2):
        message = queue.receive_message()
        assert message is not None
        queue.update_message(message.id, message.pop_receipt, visibility_timeout=0)

    with queue_host(tmp_path / "log", storage, "exhausted") as host:
        host.wait_until_seen("exhausted", "bury")
        assert host.seen("exhausted") == []
        wait_for(lambda: count(storage, "exhausted") == 0)


def test_when_asked_to_stop_a_host_finishes_what_it_can_and_receives_no_more(storage: str, tmp_path: Path) -> None:
    create_queue(storage, "stopped")
    queue = queue_client(storage, "stopped")
    with queue_host(tmp_path / "log", storage, "stopped") as host:
        queue.send_message(b"take 1 short")
        queue.send_message(b"take 60 long")
        host.wait_until_seen("take 1 short")
        host.wait_until_seen("take 60 long")
        host.child.send_signal(signal.SIGTERM)
        # It stops to listen for requests and for messages at the same moment.
        wait_for(lambda: not answers(host.child.url))
        queue.send_message(b"too late")
        assert host.child.wait(LIMIT_SECONDS) == 0

    assert count(storage, "stopped") == 2
    message = queue.receive_message()
    assert message is not None
    assert (message.content, message.dequeue_count) == (b"too late", 1)
    assert queue.receive_message() is None


def answers(url: str) -> bool:
    try:
        return plain_http.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_a_host_survives_that_storage_is_not_there_with_one_line_per_outage(tmp_path: Path) -> None:
    blob, queue, table = free_ports([0, 0, 0])
    ports = (blob, queue, table)
    connection = storage_connection_string(*ports)

    def works(host: QueueHost, body: str) -> None:
        send = queue_client(connection, "outage").send_message
        wait_for(lambda: is_sent(lambda: send(body.encode())))
        host.wait_until_seen(body)

    with queue_host(tmp_path / "log", connection, "outage") as host:
        assert answers(host.child.url)
        wait_for(lambda: complaints(host) == 1)
        with started("storage", *storage_options(ports)):
            works(host, "first")
        wait_for(lambda: complaints(host) == 2)
        assert answers(host.child.url)
        with started("storage", *storage_options(ports)):
            works(host, "second")
        wait_for(lambda: complaints(host) == 3)
        assert host.child.exit_code is None


def is_sent(send: Callable[[], object]) -> bool:
    """Send, unless the host has not yet created the queue in a storage that has just begun empty."""
    try:
        send()
    except ResourceNotFoundError:
        return False
    return True


def complaints(host: QueueHost) -> int:
    return len(re.findall(r"WARNING local\.queues Queue outage cannot be read and is tried again: ", host.log))


def test_without_base64_a_body_is_the_text_itself(storage: str, tmp_path: Path) -> None:
    """Every text that XML can carry, for the service's messages are XML."""
    (tmp_path / "function_app.py").write_bytes((QUEUE_APP / "function_app.py").read_bytes())
    queues = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.2"}
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"queues": queues}}))
    create_queue(storage, "plain")
    queue = QueueClient.from_connection_string(storage, "plain")
    text = " <é>&amp;\t\"😀'\r\n\x7f\x85\u2028 "
    with queue_host(tmp_path / "log", storage, "plain", app=tmp_path) as host:
        queue.send_message(text)
        host.wait_until_seen(text)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"SAMPLE_QUEUE": "", "AzureWebJobsStorage": "x"},
            "listens to the queue %SAMPLE_QUEUE%, but SAMPLE_QUEUE is not set.",
        ),
        ({"SAMPLE_QUEUE": "any", "AzureWebJobsStorage": ""}, "set AzureWebJobsStorage to a connection string, or "),
        ({"SAMPLE_QUEUE": "any", "AzureWebJobsStorage": "x"}, "The connection AzureWebJobsStorage cannot be used:"),
    ],
)
def test_a_queue_that_cannot_be_resolved_ends_the_start_with_one_sentence(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(ChildError) as failure,
        started("host", "--port", "0", "--app", str(QUEUE_APP), env=environment, log=log),
    ):
        pass

    assert failure.value.exit_code == 2
    assert sentence in log.read_text()
    assert log.read_text().count("\n") == 1


@pytest.mark.parametrize("seconds", ["0", "604801"])
def test_a_lock_that_storage_does_not_grant_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    with pytest.raises(SystemExit):
        main(["host", "--port", "0", "--queue-lock-seconds", seconds])

    assert "a lock lasts from 1 second to 7 days" in capsys.readouterr().err
