"""The messages of the batch queue: whatever stands in one it ends, a few at a time, and the report names nobody."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activities import telemetry
from activities.batches.chunks import Chunk
from activities.batches.task import Task
from activities.batches.worker import CHUNKS_AT_ONCE
from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.execution import sending
from activities.execution.gateway import Write
from activities.graph import translation
from activities.queueing.messages import Delivery
from tests.support.batch_stage import (
    ASSIGNER,
    LEARNER,
    Ports,
    Stage,
    StageGraph,
    batch_stage,
    body_of,
    course,
    courses,
)
from tests.support.fakes import Fault
from tests.support.strategies import bodies

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
BATCH_ID = "0123456789abcdef" * 2
NOTE = "Grow where you are planted"
SECRETS = (LEARNER, ASSIGNER, NOTE, "ann@contoso.com")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before a look-up have their own tests."""
    monkeypatch.setattr(sending, "LOOK_UP_PAUSES_SECONDS", (0.0, 0.0))


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


chunks = st.none() | st.builds(Chunk, st.just(BATCH_ID), st.integers(0, 10_000), st.integers(0, 4))
tasks = st.builds(Task, st.just(BATCH_ID), st.just(NOW), chunks, st.integers(0, 10_000), st.booleans())
odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 1e999, 10**30, "", "x", [], {}, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "a/b", "'"]
)

written = tasks.map(lambda task: dict[str, Any](json.loads(task.encode())))
other = st.dictionaries(st.sampled_from(["batchId", "acceptedAt", "attempts", "singly", "page", "part"]), odd)


@given(tasks)
def test_a_message_is_read_as_it_was_written(task: Task) -> None:
    assert Task.decode(task.encode().encode()) == task


@settings(max_examples=60)
@given(bodies | st.builds(lambda said, more: json.dumps({**said, **more}).encode(), written, other))
@example(b"")
@example(b"[]")
@example(b"[" * 100_000)
@example(b'{"batchId": "\xff"}')
@example(Task(BATCH_ID, NOW).encode().replace('"attempts": 0', '"attempts": 1e999').encode())
async def test_whatever_stands_in_a_message_it_ends_and_nothing_is_sent(storage_ports: Ports, body: bytes) -> None:
    """What the app did not write is told as a failure; what it did, about a batch that is gone, is over."""
    async with batch_stage(storage_ports) as stage:
        await stage.worker.handle(Delivery(body, "message-1", NOW))
        try:
            Task.decode(body)
        except PermanentError:
            (failure,) = stage.failures.kept.values()
            assert (failure.code, failure.body) == ("invalidJson", body)
        else:
            assert stage.failures.kept == {}
        assert (stage.graph.calls, stage.queue.messages) == ([], [])


@dataclass
class ClosedGraph(StageGraph):
    """Graph that answers only when ``gate`` is opened; ``full`` as soon as so many wait as a process works at."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    inside: int = 0

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Wait. See ``FakeGraph``."""
        self.inside += 1
        if self.inside == CHUNKS_AT_ONCE:
            self.full.set()
        await self.gate.wait()
        return await super().write(writes, timeout_seconds=timeout_seconds)


async def test_a_process_works_at_a_few_chunks_at_a_time(storage_ports: Ports) -> None:
    """The others wait, and ask neither storage nor Graph for anything meanwhile."""
    async with batch_stage(storage_ports, graph=ClosedGraph) as stage:
        graph = stage.graph
        assert isinstance(graph, ClosedGraph)
        batch = await stage.accept(courses(200))
        await stage.deliver_next()
        before = stage.life.count
        async with asyncio.TaskGroup() as group:
            for message in stage.queue.messages:
                group.create_task(stage.worker.handle(message.delivery))
            await graph.full.wait()
            # Each has read its records and claimed them.
            assert stage.life.count - before == 2 * CHUNKS_AT_ONCE
            graph.gate.set()
        assert (await stage.report(batch))[0].succeeded == 200


def assignment(**properties: Any) -> dict[str, Any]:
    kind = {"@odata.type": "#microsoft.graph.learningAssignment", "assignmentType": "required"}
    return {**course(), **kind, "assignerUserId": ASSIGNER, "notes": NOTE, **properties}


async def said_of(stage: Stage, *contents: Any) -> str:
    """Return all results of a batch."""
    batch = await stage.accept(contents)
    await stage.run_dry()
    progress, results = await stage.report(batch)
    assert progress.completed
    return json.dumps([one.to_json() for one in results])


def assert_nobody(said: str) -> None:
    assert [secret for secret in SECRETS if secret.casefold() in said.casefold()] == []


class TestNobodyIsNamed:
    """Whoever has the address of a report may read it."""

    async def test_an_id_of_graph_is_told_without_the_learner(self, stage: Stage) -> None:
        said = await said_of(stage, assignment(), course())
        assert_nobody(said)
        for (_, activity), result in zip(stage.graph.stored, json.loads(said), strict=True):
            assert activity.id == f"{LEARNER}:{result['id']}"

    async def test_graphs_words_are_not_told(self, stage: Stage) -> None:
        """Whatever they name; which of them may name somebody cannot be told from outside."""
        words = f"The note 'Grow where you\nare planted' for {LEARNER} is refused."
        stage.graph.arm("create", [Fault(PermanentError(ErrorCode.REJECTED_BY_GRAPH, words))])
        said = await said_of(stage, assignment())
        assert_nobody(said)
        assert "planted" not in said
        assert json.loads(said)[0]["errorMessage"].startswith("Microsoft Graph refuses this record. ")

    @pytest.mark.parametrize("place", ["ledger", "Graph"])
    async def test_an_activity_of_somebody_else_with_the_same_external_id_is_told_without_its_learner(
        self, stage: Stage, place: str
    ) -> None:
        other = "badc0de0-e020-11ec-9d64-0242ac120002"
        await said_of(stage, course(1, externalCourseActivityId="taken", learnerUserId=other))
        if place == "Graph":
            stage.ledger._rows.clear()  # noqa: SLF001 (as after somebody else's create)
            stage.graph.arm("create", [Fault(translation.unanswered())])
        said = await said_of(stage, course(2, externalCourseActivityId="taken"))
        (result,) = json.loads(said)
        assert result["errorCode"] == "activityExists"
        assert other not in said
        assert stage.graph.stored[0][1].id.partition(":")[2] in result["errorMessage"]
        assert_nobody(said)

    async def test_a_refused_record_is_told_without_what_it_said_of_people(self, stage: Stage) -> None:
        contents = [
            assignment(status="maybe"),
            assignment(learnerUserId="ann@contoso.com", assignerUserId=f"{ASSIGNER}x"),
            assignment(learnerUserId={"Email": "ann@contoso.com"}, notes={"contentType": NOTE, "content": NOTE}),
            assignment(learnerUserId=[LEARNER], notes=[NOTE], dueDateTime="never"),
        ]
        said = await said_of(stage, *contents)
        assert said.count('"invalidRequest"') == len(contents)
        assert_nobody(said)


async def test_no_id_that_opens_a_report_stands_in_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of a batch that is answered at once nor of one that goes through the queue."""
    caplog.set_level(logging.INFO, logger="activities")
    at_once = body_of(await stage.posts(courses(2)))["batchId"]
    queued = body_of(await stage.posts(courses(2), {"prefer": "respond-async"}))["batchId"]
    await stage.run_dry()
    for batch_id in (at_once, queued):
        await stage.gets(batch_id)
        assert batch_id not in caplog.text
    named = {event.partition(" ")[0]: json.loads(event.partition(" ")[2]).get("batch") for event in caplog.messages}
    assert named["batchAnswered"] == telemetry.digest(at_once)
    assert named["batchAccepted"] == named["chunkWorkedOff"] == telemetry.digest(queued)
