"""The queue as it runs: real Azurite, the Graph emulator, and hosts of the app that a test starts and kills.

Everything a message says about people carries a marker, which no log may hold afterwards.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from local.emulators.tenant import OTHER_LEARNING_PROVIDER_ID
from local.environment import LEARNING_PROVIDER_ID, app_environment, storage_connection_string, storage_options
from local.lifecycle import free_ports
from local.stack.processes import Child, started
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Json, Stack, assert_discreet
from tests.support import plain_http
from tests.support.storage_proxy import StorageProxy, storage_proxy

PROVIDER, OTHER_PROVIDER = LEARNING_PROVIDER_ID, OTHER_LEARNING_PROVIDER_ID
MARKER = "5ec2e700-1ea4-4e12"
NOTE = "for Megan Bowen only"
LIMIT_SECONDS = 60.0
LARGEST_PEEK = 32
QUEUES = ("", "-failed", "-poison", "-batches", "-batches-poison")
TABLES = ("activityledger", "activitybatches")
LOG_LINES = 25


def learner() -> str:
    """Return a learner's id that a log would betray."""
    return f"{MARKER}{str(uuid4())[18:]}"


def assignment(**properties: Any) -> Json:
    """Return an assignment with content of its own, by which it is found at Graph, and no external id."""
    return {
        "@odata.type": "#microsoft.graph.learningAssignment",
        "learnerUserId": learner(),
        "learningContentId": f"content-{uuid4()}",
        "assignmentType": "required",
        "status": "notStarted",
        "notes": NOTE,
        **properties,
    }


def base64_of(text: str) -> str:
    """Return a body as Power Automate's connector puts it into a queue."""
    return base64.b64encode(text.encode()).decode()


def wait_until(
    probe: Callable[[], object],
    what: Callable[[], object],
    *,
    limit_seconds: float = LIMIT_SECONDS,
    pause_seconds: float = 0.1,
) -> None:
    """Wait until `probe` is true; after `limit_seconds` fail with what `what` returns."""
    deadline = time.monotonic() + limit_seconds
    while not probe():
        assert time.monotonic() < deadline, f"not so after {limit_seconds:g} s: {what()}"
        time.sleep(pause_seconds)  # Between two looks, so that what is looked at gets the processor.


@dataclass
class QueueStack:
    """An Azurite and a Graph emulator, and the hosts of the app in front of them."""

    graph_url: str
    connection: str
    environment: Mapping[str, str]
    logs: Path
    proxy: StorageProxy | None = None
    hosts: list[Child] = field(default_factory=list)
    log_begin: int = 0

    @property
    def storage(self) -> StorageProxy:
        """What stands between the hosts and their storage."""
        assert self.proxy is not None
        return self.proxy

    @property
    def log_file(self) -> Path:
        return self.logs / "hosts.log"

    def queue(self, suffix: str = "") -> QueueClient:
        """Return the activity queue, or another one of the app by what its name ends with."""
        name = f"{self.environment['ACTIVITY_QUEUE']}{suffix}"
        return QueueClient.from_connection_string(self.connection, name)

    def send(self, *texts: str) -> None:
        """Put messages into the activity queue, as they are."""
        with self.queue() as queue:
            for text in texts:
                queue.send_message(text)

    def count(self, suffix: str = "") -> int:
        """Return how many messages a queue holds, those included that are locked or delayed."""
        try:
            with self.queue(suffix) as queue:
                return queue.get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    def wait_until_empty(self, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        """Wait until every message of the activity queue has come to its end."""
        wait_until(
            lambda: self.count() == 0, lambda: f"{self.count()} messages\n{self.tail()}", limit_seconds=limit_seconds
        )

    def failed_messages(self) -> list[Json]:
        """Return what stands on the queue of failures; afterwards it is hidden for as long as a test takes."""
        with self.queue("-failed") as queue:
            try:
                return [
                    json.loads(one.content)
                    for one in queue.receive_messages(messages_per_page=32, visibility_timeout=600)
                ]
            except ResourceNotFoundError:
                return []

    def failures(self) -> list[Json]:
        """Return every failure that the app lists, page by page."""
        found: list[Json] = []
        url = f"{self.hosts[-1].url}/api/failures?top=100"
        while url:
            answer = plain_http.get(url, timeout=30).raise_for_status().json()
            found += answer["failures"]
            url = answer.get("nextLink", "")
        return found

    def replay(self, selection: Json) -> Json:
        """Put failures back."""
        answer = plain_http.post(f"{self.hosts[-1].url}/api/failures/replay", json=selection, timeout=60)
        said: Json = answer.raise_for_status().json()
        return said

    def activities(self) -> list[Json]:
        """Return what Graph has, each with what it received: what it was made from, and each update."""
        return list(self._emulator("activities")["activities"])

    def created(self) -> list[Json]:
        """Return what Graph received and executed."""
        return [one["received"] for one in self.activities()]

    def contents(self) -> Counter[str]:
        """Return the content of what was created, each with how often."""
        return Counter(one["learningContentId"] for one in self.created())

    def calls(self) -> list[Json]:
        """Return the calls that reached Graph, in order; tokens aside."""
        return [call for call in self._emulator("requests")["requests"] if call["operation"] in {"create", "find"}]

    def http_calls(self) -> list[Json]:
        """Return the HTTP requests that reached Graph, in order: a batch is one; tokens aside."""
        calls = self._emulator("requests")["requests"]
        return [call for call in calls if not call["batched"] and call["operation"] != "token"]

    def arm(self, *faults: Json) -> None:
        """Tell the emulator what goes wrong next."""
        plain_http.post(f"{self.graph_url}/_emulator/faults", json=list(faults)).raise_for_status()

    def armed(self) -> list[Json]:
        """Return the faults that nothing has run into yet."""
        return list(self._emulator("faults")["armed"])

    def change_tenant(self, **changes: Any) -> None:
        """Tell the emulator what is registered, licensed and owned."""
        plain_http.patch(f"{self.graph_url}/_emulator/tenant", json=changes).raise_for_status()

    def reset(self) -> None:
        """Forget everything that was stored anywhere."""
        for resource in ("faults", "tenant", "activities", "requests"):
            plain_http.delete(f"{self.graph_url}/_emulator/{resource}").raise_for_status()
        for suffix in QUEUES:
            with self.queue(suffix) as queue:
                try:
                    queue.create_queue()
                except ResourceExistsError:
                    queue.clear_messages()
        for name in TABLES:
            with TableClient.from_connection_string(self.connection, name) as table:
                table.delete_table()
        self.log_begin = self.log_file.stat().st_size if self.log_file.exists() else 0

    @contextmanager
    def host(
        self, *, app: Path | None = None, lock_seconds: int = 600, function_key: str = "", **settings: str
    ) -> Iterator[Child]:
        """Run one more host."""
        options = ["--queue-lock-seconds", str(lock_seconds)]
        options += ["--function-key", function_key] if function_key else []
        environment = {**self.environment, **settings}
        with started_host(*options, app=app, env=environment, log=self.log_file) as child:
            self.hosts.append(child)
            yield child

    def events(self, name: str) -> list[Json]:
        """Return what the hosts logged under an event's name since everything was forgotten."""
        lines = self.log_file.read_bytes()[self.log_begin :].decode().splitlines()
        return [
            json.loads(line.partition(f" activities {name} ")[2]) for line in lines if f" activities {name} " in line
        ]

    def tail(self) -> str:
        """Return the last lines of the hosts' log, for a test that fails."""
        return "\n".join(self.log_file.read_text(encoding="utf-8").splitlines()[-LOG_LINES:])

    def assert_discreet(self, *said: str) -> None:
        """Check that the hosts' log tells nothing of a learner, and nothing else that a caller wrote."""
        assert_discreet(Stack("", self.graph_url, self.log_file, {MARKER, NOTE, *said}))

    def _emulator(self, resource: str) -> Json:
        answer: Json = plain_http.get(f"{self.graph_url}/_emulator/{resource}", timeout=30).raise_for_status().json()
        return answer


@contextmanager
def queue_stack(logs: Path, *, latency_seconds: float = 0) -> Iterator[QueueStack]:
    """Run an Azurite and a Graph emulator of one's own; hosts are the test's business."""
    blob, queue, table = free_ports([0, 0, 0])
    with (
        started("storage", *storage_options((blob, queue, table)), log=logs / "azurite.log"),
        started("graph", "--port", "0", "--latency-seconds", str(latency_seconds), log=logs / "graph.log") as graph,
        storage_proxy((blob, queue, table)) as storage,
    ):
        environment = app_environment(graph.url, storage_ports=storage.ports)
        stack = QueueStack(graph.url, storage_connection_string(blob, queue, table), environment, logs, storage)
        with stack.queue() as activities:
            activities.create_queue()
        yield stack


def assert_created_once(stack: QueueStack, wanted: Sequence[Json]) -> None:
    """Check that Graph has each activity exactly once, and no other."""
    created = stack.created()
    for name in ("learningContentId", "externalCourseActivityId"):
        times = Counter(one[name] for one in created)
        due = {one[name] for one in wanted if name in one}
        missing, doubled = sorted(due - set(times)), {one: number for one, number in times.items() if number > 1}
        assert not missing, f"{len(missing)} of {len(due)} {name} are missing: {missing[:9]}\n{stack.tail()}"
        assert not doubled, f"created more than once, by {name}: {doubled}\n{stack.tail()}"
    assert len(created) == len(wanted), f"{len(created)} were created, {len(wanted)} were wanted"
