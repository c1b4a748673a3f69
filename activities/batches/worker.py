"""Works a batch off: one message of the batch queue for each chunk, put back as long as records of it wait.

A message says only which chunk; what is done and what is not stands in the chunk's result record. So a message that is
delivered twice, or again after a crash, does what is left, and the ledger makes what was done before harmless.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from activities import telemetry
from activities.batches import results
from activities.batches.attempt import Round, carry_out, check, give_up
from activities.batches.chunks import Chunk
from activities.batches.store import BatchStore
from activities.batches.task import Task
from activities.contract.activity import ActivityRequest
from activities.contract.models import Defaults
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution import patience
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Ledger
from activities.execution.result import Result
from activities.queueing.failures import Failures, text_of
from activities.queueing.messages import Delivery, Failure
from activities.storage.queues import Queue

# Of one process. The rest of the chunks waits, so that requests of people and of the other queue get through.
CHUNKS_AT_ONCE = 4
_PUTS_AT_ONCE = 16
# A message is delivered again when the process died in the middle; the host gives up after maxDequeueCount, silently.
MOST_DELIVERIES = 8


@dataclass(frozen=True, slots=True)
class BatchWorker:
    """Handles the deliveries of the batch queue; one for each process."""

    defaults: Defaults
    graph: GraphGateway
    ledger: Ledger
    store: BatchStore
    queue: Queue
    failures: Failures
    jitter: patience.Jitter = patience.random_jitter
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHUNKS_AT_ONCE))

    async def handle(self, delivery: Delivery) -> None:
        """Do what a message says.

        While tables do not answer, the message is put back: the host gives up what it has delivered some times.

        Raises:
            TransientError: ``storageUnavailable``: nor does the queue; the host has to deliver the message again.
        """
        try:
            task = Task.decode(delivery.body)
        except PermanentError as error:
            telemetry.event("messageRefused", code=error.code)
            try:
                await self.failures.add(Failure.of_message(delivery, error, now=datetime.now(UTC)))
            except TransientError as outage:
                await self._put_off(text_of(delivery.body), outage, attempts=1)
            return
        again = replace(task, attempts=task.attempts + 1)
        try:
            if task.chunk is not None:
                async with self._at_once:
                    await self._work_off(task, task.chunk, deliveries=delivery.deliveries)
            elif delivery.deliveries > MOST_DELIVERIES:
                await self._put_off(again.encode(), patience.bug(), attempts=again.attempts)
            else:
                await self.begin(task)
        except TransientError as outage:
            await self._put_off(again.encode(), outage, attempts=again.attempts)

    async def begin(self, task: Task) -> None:
        """Put a message into the queue for every chunk of a batch that has not come to its end.

        Raises:
            TransientError: ``storageUnavailable``; to be called again then, what was put twice is done once.
        """
        found = await self.store.get(task.batch_id)
        for chunks in _some_at_once(await self.store.unfinished(found[1]) if found else []):
            await asyncio.gather(*(self.queue.put(replace(task, chunk=chunk).encode()) for chunk in chunks))

    async def put_back(self, task: Task, done: Round, *, delay_seconds: float) -> None:
        """Let a chunk be tried again if records of it wait.

        Raises:
            TransientError: ``storageUnavailable``.
        """
        if done.waiting:
            again = replace(task, singly=task.singly or done.met_bug)
            await self.queue.put(again.encode(), delay_seconds=delay_seconds)

    async def _put_off(self, message: str, error: TransientError, *, attempts: int) -> None:
        delay_seconds = patience.delay_seconds(error, attempts=attempts, jitter=self.jitter)
        telemetry.event("putBack", code=error.code, attempts=attempts, delaySeconds=round(delay_seconds))
        await self.queue.put(message, delay_seconds=delay_seconds)

    async def _work_off(self, task: Task, chunk: Chunk, *, deliveries: int) -> None:
        records = await self.store.records(chunk)
        if task.attempts or deliveries > 1:
            ended = {result.index for result in await self.store.results(chunk)}
            records = [record for record in records if record.index not in ended]
        defaults = replace(self.defaults, client_id=task.client_id)
        refused, requests = check(records, batch_id=task.batch_id, accepted_at=task.accepted_at, defaults=defaults)
        task = replace(task, attempts=task.attempts + 1)
        done = await self._carry_out(task, requests, deliveries=deliveries)
        ends = [*refused, *done.results, *_given_up(task, done, requests)]
        delay_seconds = done.delay_seconds(attempts=task.attempts, jitter=self.jitter)
        telemetry.event(
            "chunkWorkedOff",
            batch=telemetry.digest(chunk.batch_id),
            outcomes=results.outcomes(ends),
            failedByCode=results.failed_by_code(ends),
            waitingByCode=done.waiting_by_code,
            attempts=task.attempts,
            ageSeconds=round((datetime.now(UTC) - task.accepted_at).total_seconds()),
            delaySeconds=round(delay_seconds),
        )
        until = datetime.now(UTC) + timedelta(seconds=delay_seconds) if done.sent and done.throttled else None
        if ends or until:
            await self.store.tell(chunk, ends, waiting_until=until)
        await self.put_back(task, done, delay_seconds=delay_seconds)

    async def _carry_out(self, task: Task, requests: Mapping[int, ActivityRequest], *, deliveries: int) -> Round:
        if deliveries > MOST_DELIVERIES:
            telemetry.event("chunkGivenUp", deliveries=deliveries)
            return await give_up(requests, ledger=self.ledger)
        done = Round()
        for some in [dict([one]) for one in requests.items()] if task.singly else [requests]:
            done.add(await carry_out(some, graph=self.graph, ledger=self.ledger))
        return done


def _given_up(task: Task, done: Round, requests: Mapping[int, ActivityRequest]) -> list[Result]:
    """Take out of the waiting what has waited long enough, and return its results."""
    late = datetime.now(UTC) - task.accepted_at > patience.PATIENCE
    # A bug that was met with all of them together says of none that it is the one.
    bugs_end = task.singly and task.attempts >= patience.BUG_ATTEMPTS
    given_up = [
        index for index, error in done.waiting.items() if late or (bugs_end and error.code is ErrorCode.INTERNAL_ERROR)
    ]
    return [Result.of_request(index, done.waiting.pop(index), requests[index]) for index in given_up]


def _some_at_once(chunks: list[Chunk]) -> Iterable[list[Chunk]]:
    return (chunks[begin : begin + _PUTS_AT_ONCE] for begin in range(0, len(chunks), _PUTS_AT_ONCE))
