"""A process that dies, or storage that fails, at any moment: no record is lost and no activity is created twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Never

import pytest
import pytest_asyncio

from activities.batches import attempt
from activities.batches.worker import MOST_DELIVERIES
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, TransientError
from activities.execution import sending
from activities.execution.ledger import Claim, Released
from activities.execution.result import Result
from activities.graph import translation
from tests.support.batch_stage import Ports, Stage, batch_stage, chunk_at, course, courses, sent
from tests.support.fakes import Fault
from tests.support.stores import DEFAULTS

THROTTLED = TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=90.0)
DOWN = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0)
CREATED, UNCHANGED = "created", "unchanged"


def down(*_: object, **__: object) -> Never:
    """Fail as tables do that do not answer."""
    raise DOWN


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before a look-up have their own tests."""
    monkeypatch.setattr(sending, "LOOK_UP_PAUSES_SECONDS", (0.0, 0.0))


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


class TestDying:
    CONTENTS = (course(0), course(1, status="maybe"), course(2), course(3, externalCourseActivityId="mine"))

    async def _steps(self, ports: Ports, faults: list[Fault]) -> int:
        """Return how many requests it takes if nobody dies."""
        async with batch_stage(ports) as stage:
            await stage.accept(self.CONTENTS)
            before = stage.life.count
            stage.graph.arm("create", faults)
            await stage.run_dry()
            return stage.life.count - before

    @pytest.mark.parametrize(
        "faults",
        [[], [Fault(THROTTLED)], [Fault(), Fault(translation.unanswered(), executed=True)]],
        ids=["all goes well", "throttled", "an answer gets lost"],
    )
    @pytest.mark.parametrize("done", [False, True], ids=["before a request", "before its answer"])
    async def test_dying_at_any_request_to_storage_or_graph_neither_loses_nor_doubles_anything(
        self, storage_ports: Ports, faults: list[Fault], *, done: bool
    ) -> None:
        for left in range(await self._steps(storage_ports, faults)):
            async with batch_stage(storage_ports) as stage:
                batch = await stage.accept(self.CONTENTS)
                stage.graph.arm("create", faults)
                stage.life.left, stage.life.done = left, done
                await stage.run_dry()
                assert stage.deaths == 1
                outcomes = await stage.outcomes(batch)
                assert outcomes[1] == "invalidRequest", left
                assert {outcomes[0], *outcomes[2:]} <= {CREATED, UNCHANGED}, left
                assert stage.graph.contents == ["content-0", "content-2", "content-3"], left
                progress, _ = await stage.report(batch)
                assert (progress.succeeded, progress.failed, progress.completed) == (3, 1, True), left
                assert stage.failures.kept == {}

    async def test_storage_that_fails_for_a_while_neither_loses_nor_doubles_anything(
        self, storage_ports: Ports
    ) -> None:
        for left in range(await self._steps(storage_ports, []) - 1):
            async with batch_stage(storage_ports) as stage:
                batch = await stage.accept(self.CONTENTS)
                stage.life.left, stage.life.storage_fails = left, True
                await stage.run_dry()
                assert stage.deaths == 1
                progress, _ = await stage.report(batch)
                assert (progress.succeeded, progress.failed) == (3, 1), left
                assert stage.graph.contents == ["content-0", "content-2", "content-3"], left

    @pytest.mark.parametrize("failing", ["get", "query", "do", "claim", "settle"])
    async def test_tables_that_fail_for_long_while_the_queue_works_cost_no_delivery(
        self, stage: Stage, failing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = await stage.accept(self.CONTENTS)
        with monkeypatch.context() as patch:
            if failing in {"claim", "settle"}:
                stage.ledger.failures[failing] = DOWN
            else:
                patch.setattr(stage.table, failing, down)
            for _ in range(3 * MOST_DELIVERIES):
                if stage.queue.messages:
                    await stage.deliver_next()
        stage.ledger.failures = {}
        await stage.run_dry()
        assert stage.deaths == 0
        progress, _ = await stage.report(batch)
        assert (progress.succeeded, progress.failed) == (3, 1)
        assert stage.graph.contents == ["content-0", "content-2", "content-3"]

    async def test_what_is_no_task_is_not_lost_while_it_cannot_be_set_aside(self, stage: Stage) -> None:
        await stage.queue.put("no JSON")
        stage.failures.error = DOWN
        for _ in range(3 * MOST_DELIVERIES):
            await stage.deliver_next()
        stage.failures.error = None
        await stage.run_dry()
        assert stage.deaths == 0
        assert [failure.body for failure in stage.failures.kept.values()] == [b"no JSON"]

    async def test_a_message_that_is_delivered_again_after_the_end_changes_nothing(self, stage: Stage) -> None:
        batch = await stage.accept(courses(3))
        messages = [stage.queue.messages[0].delivery]
        await stage.deliver_next()
        messages += [one.delivery for one in stage.queue.messages]
        await stage.run_dry()
        before = await stage.report(batch)
        for delivery in [*messages, *messages]:
            for deliveries in (1, 2, MOST_DELIVERIES + 1):
                await stage.worker.handle(replace(delivery, deliveries=deliveries))
        await stage.run_dry()
        assert await stage.report(batch) == before
        assert stage.graph.contents == ["content-0", "content-1", "content-2"]

    async def test_what_has_a_result_is_not_tried_again(self, stage: Stage) -> None:
        batch = await stage.accept(courses(3))
        await stage.deliver_next()
        message = stage.queue.messages.pop()
        await stage.batches.tell(chunk_at(batch, 1), [Result(1, Outcome.CREATED)])
        await stage.worker.handle(replace(message.delivery, deliveries=2))
        assert stage.graph.contents == ["content-0", "content-2"]
        assert stage.graph.sizes == [2]

    async def test_one_chunk_in_two_processes_at_once_is_done_once(self, stage: Stage) -> None:
        batch = await stage.accept(courses(5))
        await stage.deliver_next()
        (message,) = stage.queue.messages
        await asyncio.gather(*(stage.worker.handle(message.delivery) for _ in range(3)))
        await stage.run_dry()
        assert (await stage.report(batch))[0].succeeded == 5
        assert stage.graph.contents == [f"content-{number}" for number in range(5)]

    async def test_a_chunk_that_ends_the_process_again_and_again_is_given_up(self, stage: Stage) -> None:
        """Before the host gives its message up, which nobody would see in the report; told is what the ledger knows."""
        named = [course(number, externalCourseActivityId=f"mine-{number}") for number in range(5)]
        done, begun, left, never, ended = named
        await stage.accept([done])
        await stage.run_dry()
        requests = [
            attempt.check(sent([one]), batch_id="", accepted_at=datetime.now(UTC), defaults=DEFAULTS)[1][0]
            for one in (begun, left)
        ]
        claims = await stage.ledger.claim(requests)
        assert isinstance(claims[1], Claim)
        await stage.ledger.settle([(claims[1], Released(outcome_known=False))])
        batch = await stage.accept([done, begun, left, never, course(5, status="maybe"), ended])
        await stage.deliver_next()
        message = stage.queue.messages.pop()
        await stage.batches.tell(chunk_at(batch, 5), [Result(5, Outcome.CREATED)])
        calls = list(stage.graph.calls)
        await stage.worker.handle(replace(message.delivery, deliveries=MOST_DELIVERIES + 1))
        unknown = ["outcomeUnknown"] * 2
        assert await stage.outcomes(batch) == [UNCHANGED, *unknown, "internalError", "invalidRequest", CREATED]
        _, results = await stage.report(batch)
        assert [one.external_id for one in results[:4]] == ["mine-0", "mine-1", "mine-2", "mine-3"]
        assert (stage.graph.calls, stage.queue.messages) == (calls, [])
        # What was never sent, and what was left behind, can be sent again.
        again = await stage.accept([left, never])
        await stage.run_dry()
        assert await stage.outcomes(again) == [CREATED] * 2

    async def test_a_batch_whose_beginning_ends_the_process_again_and_again_is_not_given_up(self, stage: Stage) -> None:
        batch = await stage.accept(courses(2))
        message = stage.queue.messages.pop()
        await stage.worker.handle(replace(message.delivery, deliveries=MOST_DELIVERIES + 1))
        assert stage.queue.delays == [60.0]
        await stage.run_dry()
        assert await stage.outcomes(batch) == [CREATED] * 2

    def test_the_app_gives_a_chunk_up_before_the_host_does(self) -> None:
        host = json.loads((Path(__file__).parents[2] / "host.json").read_text(encoding="utf-8"))
        assert host["extensions"]["queues"]["maxDequeueCount"] > MOST_DELIVERIES
