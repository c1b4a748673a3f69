"""Works a batch off: one message of the batch queue for each chunk, put back as long as records of it wait.

A message says only which chunk; what is done and what is not stands in the chunk's result record. So a message that is
delivered twice, or again after a crash, does what is left, and the ledger makes what was done before harmless.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities import bulk, creation, deferral, forms, telemetry
from activities.batches import report
from activities.batches.report import Outcome, Result
from activities.batches.rows import Chunk, Sent
from activities.batches.store import BatchStore
from activities.batches.tasks import Task
from activities.creation import Creation
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.failures import Failures
from activities.gateway import GraphGateway
from activities.idempotency import Ledger
from activities.messages import Delivery, Failure
from activities.models import ActivityRequest, Assignment, Defaults
from activities.queues import Queue
from activities.validation import parse_activity

# Of one process. The rest of the chunks waits, so that requests of people and of the other queue get through.
CHUNKS_AT_ONCE = 4
_PUTS_AT_ONCE = 16
# A message is delivered again when the process died in the middle; the host gives up after maxDequeueCount, silently.
MOST_DELIVERIES = 8
# Of a text that no report repeats; a shorter one is part of other words.
_SHORTEST_SECRET = 4
# How it is told which other activity has the same external id; Graph's id of it begins with its learner's.
_OTHER_ACTIVITY = re.compile(r" \(id [^)]*\)")


@dataclass(slots=True)
class Round:
    """What one attempt came to: the results there are, and why the other records still wait, by their index.

    ``sent`` says whether anything was tried at all: while Graph throttles, nothing is.
    """

    results: list[Result] = field(default_factory=list)
    waiting: dict[int, TransientError] = field(default_factory=dict)
    sent: bool = False

    @property
    def throttled(self) -> bool:
        """Whether it is Graph that a record waits for."""
        return any(error.code is ErrorCode.THROTTLED for error in self.waiting.values())

    @property
    def waiting_by_code(self) -> Counter[str]:
        """How many records wait for what."""
        return Counter(str(error.code) for error in self.waiting.values())

    @property
    def met_bug(self) -> bool:
        """Whether a record waits because of an exception that nobody expected."""
        return any(error.code is ErrorCode.INTERNAL_ERROR for error in self.waiting.values())

    def add(self, other: "Round") -> None:
        """Add what another attempt of the same round came to."""
        self.results += other.results
        self.waiting |= other.waiting
        self.sent |= other.sent

    def delay_seconds(self, *, attempts: int, jitter: deferral.Jitter) -> float:
        """Return how long the records wait that wait, after so many attempts."""
        errors = self.waiting.values()
        return max((deferral.delay_seconds(one, attempts=attempts, jitter=jitter) for one in errors), default=0.0)


def idempotency_key(batch_id: str, index: int) -> str:
    """Return what a record is known by that has no external id."""
    return f"batch:{batch_id}:{index}"


def check(
    records: Iterable[Sent], *, batch_id: str, defaults: Defaults
) -> tuple[list[Result], dict[int, ActivityRequest]]:
    """Return the results of the records that cannot be created, and the requests of the others by their index."""
    refused: list[Result] = []
    requests: dict[int, ActivityRequest] = {}
    for sent in records:
        index, content = sent["index"], sent["content"]
        try:
            wanted = _parsed(sent, defaults)
            key = sent.get("key") or idempotency_key(batch_id, index)
            requests[index] = creation.identify(wanted, idempotency_key=key)
        except PermanentError as error:
            refused.append(Result.of_error(index, error, external_id=_external_id(content)))
        except Exception as error:  # noqa: BLE001 (a bug must end neither the batch nor the record's neighbours)
            telemetry.failure("internalError", error)
            refused.append(Result.of_error(index, deferral.bug()))
    return refused, requests


async def create(requests: Mapping[int, ActivityRequest], *, graph: GraphGateway, ledger: Ledger) -> Round:
    """Create up to twenty activities, each once; none of a provider that Graph throttles. After a bug, all wait."""
    done = Round()
    open_now: dict[int, ActivityRequest] = {}
    for index, request in requests.items():
        try:
            graph.check_open(request.registration_id)
            open_now[index] = request
        except TransientError as closed:
            done.waiting[index] = closed
    if not open_now:
        return done
    done.sent = True
    try:
        ends = await bulk.create_all_once(list(open_now.values()), graph=graph, ledger=ledger)
    except TransientError as error:
        done.waiting |= dict.fromkeys(open_now, error)
        return done
    except Exception as error:  # noqa: BLE001 (a bug must not keep the batch from coming to its end)
        telemetry.failure("internalError", error)
        done.waiting |= dict.fromkeys(open_now, deferral.bug())
        return done
    for (index, request), end in zip(open_now.items(), ends, strict=True):
        if isinstance(end, TransientError):
            done.waiting[index] = end
        else:
            done.results.append(_result(index, request, end))
    return done


@dataclass(frozen=True, slots=True)
class BatchWorker:
    """Handles the deliveries of the batch queue; one for each process."""

    defaults: Defaults
    graph: GraphGateway
    ledger: Ledger
    store: BatchStore
    queue: Queue
    failures: Failures
    jitter: deferral.Jitter = deferral.random_jitter
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHUNKS_AT_ONCE))

    async def handle(self, delivery: Delivery) -> None:
        """Do what a message says.

        Raises:
            TransientError: ``storageUnavailable``: the host has to deliver the message again.
        """
        try:
            task = Task.decode(delivery.body)
        except PermanentError as error:
            telemetry.event("messageRefused", code=error.code)
            await self.failures.add(Failure.of_message(delivery, error, now=datetime.now(UTC)))
            return
        if task.chunk is None:
            await self.begin(task)
        else:
            async with self._at_once:
                await self._work_off(task, task.chunk, deliveries=delivery.deliveries)

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

    async def _work_off(self, task: Task, chunk: Chunk, *, deliveries: int) -> None:
        records = await self.store.records(chunk)
        if task.attempts or deliveries > 1:
            ended = {result.index for result in await self.store.results(chunk)}
            records = [sent for sent in records if sent["index"] not in ended]
        refused, requests = check(records, batch_id=task.batch_id, defaults=self.defaults)
        task = replace(task, attempts=task.attempts + 1)
        done = await self._create(task, requests, deliveries=deliveries)
        results = [*refused, *done.results, *_given_up(task, done, requests)]
        delay_seconds = done.delay_seconds(attempts=task.attempts, jitter=self.jitter)
        outcomes = report.outcomes(results)
        telemetry.event(
            "chunkWorkedOff",
            batchId=chunk.batch_id,
            created=outcomes[Outcome.CREATED],
            unchanged=outcomes[Outcome.UNCHANGED],
            failedByCode=report.failed_by_code(results),
            waitingByCode=done.waiting_by_code,
            attempts=task.attempts,
            ageSeconds=round((datetime.now(UTC) - task.accepted_at).total_seconds()),
            delaySeconds=round(delay_seconds),
        )
        until = datetime.now(UTC) + timedelta(seconds=delay_seconds) if done.sent and done.throttled else None
        if results or until:
            await self.store.tell(chunk, results, waiting_until=until)
        await self.put_back(task, done, delay_seconds=delay_seconds)

    async def _create(self, task: Task, requests: Mapping[int, ActivityRequest], *, deliveries: int) -> Round:
        if deliveries > MOST_DELIVERIES:
            telemetry.event("chunkGivenUp", deliveries=deliveries)
            return Round([_lost(index, request) for index, request in requests.items()])
        done = Round()
        for some in [dict([one]) for one in requests.items()] if task.singly else [requests]:
            done.add(await create(some, graph=self.graph, ledger=self.ledger))
        return done


def _given_up(task: Task, done: Round, requests: Mapping[int, ActivityRequest]) -> list[Result]:
    """Take out of the waiting what has waited long enough, and return its results."""
    late = datetime.now(UTC) - task.accepted_at > deferral.PATIENCE
    # A bug that was met with all of them together says of none that it is the one.
    bugs_end = task.singly and task.attempts >= deferral.BUG_ATTEMPTS
    given_up = [
        index for index, error in done.waiting.items() if late or (bugs_end and error.code is ErrorCode.INTERNAL_ERROR)
    ]
    return [_result(index, requests[index], done.waiting.pop(index)) for index in given_up]


def _parsed(sent: Sent, defaults: Defaults) -> ActivityRequest:
    if problem := sent.get("problem"):
        raise PermanentError(ErrorCode(problem["code"]), problem["message"], target=problem["target"])
    return parse_activity(sent["content"], kind=None, defaults=defaults)


def _some_at_once(chunks: list[Chunk]) -> Iterable[list[Chunk]]:
    return (chunks[begin : begin + _PUTS_AT_ONCE] for begin in range(0, len(chunks), _PUTS_AT_ONCE))


def _result(index: int, request: ActivityRequest, end: Creation | ActivityError) -> Result:
    external_id = request.activity.external_course_activity_id or ""
    if isinstance(end, Creation):
        return Result(index, Outcome(end.outcome), _discreet(end.stored.id, request, "").strip(":"), external_id)
    result = Result.of_error(index, end, external_id=external_id)
    message = _discreet(result.error_message, request, "…")
    return replace(result, error_message=_OTHER_ACTIVITY.sub("", message) if _is_taken(end) else message)


def _lost(index: int, request: ActivityRequest) -> Result:
    message = (
        "The function app was ended again and again while it worked on this record and its neighbours, so it does not "
        "know whether the activity exists. Send the record again, with this externalCourseActivityId."
    )
    error = PermanentError(ErrorCode.OUTCOME_UNKNOWN, message)
    return Result.of_error(index, error, external_id=request.activity.external_course_activity_id or "")


def _discreet(said: str, request: ActivityRequest, instead: str) -> str:
    """Return what Graph said without people and notes to them: everybody with its address can read the report.

    Graph's id of an activity begins with the learner's.
    """
    activity = request.activity
    secrets = [activity.learner_user_id]
    if isinstance(activity, Assignment):
        secrets += [activity.assigner_user_id or "", (activity.notes or {}).get("content", "")]
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            said = re.sub(re.escape(secret), instead, said, flags=re.IGNORECASE)
    return said


def _is_taken(end: ActivityError) -> bool:
    return end.code is ErrorCode.ACTIVITY_EXISTS


def _external_id(content: Any) -> str:
    said = content.get("externalCourseActivityId", "") if isinstance(content, dict) else ""
    try:
        return forms.text(said)
    except forms.InvalidValueError:
        return ""
