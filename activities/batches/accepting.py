"""A batch comes in: known by its key, worked off at once where it is small, else kept for the queue of batches."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities import telemetry
from activities.batches import attempt, failed_rows, results
from activities.batches.attempt import Round
from activities.batches.chunks import CHUNK, Chunk, chunk_of_each, pages_of
from activities.batches.records import SentRecord
from activities.batches.requests import BatchRequest
from activities.batches.results import Batch, Progress
from activities.batches.store import BatchStore
from activities.batches.task import Task
from activities.batches.worker import BatchWorker
from activities.contract import values
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution import patience
from activities.execution.result import Outcome, Result

# A larger batch is not looked through for how many of its records are valid.
LARGEST_INLINE = 500
# As long as accepting one may take; after that whoever did it is dead.
ACCEPTING_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a caller calls a request, to be recognised when it is repeated, and everything that was sent under it."""

    key: str
    sent: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch that has come in: how far it is, and every result if it was worked off at once."""

    progress: Progress
    results: Sequence[Result] = ()


@dataclass(frozen=True, slots=True)
class BatchAcceptor:
    """Accepts batches, each once.

    Args:
        store: Where they are kept.
        worker: Works them off.
    """

    store: BatchStore
    worker: BatchWorker

    async def accept(
        self, wanted: BatchRequest, *, key: RequestKey | None, at_once: bool, client_id: str = ""
    ) -> Accepted | Batch:
        """Accept a batch, or return the one that the same request has made before.

        Args:
            wanted: What was sent.
            key: What the request is known by, if its sender said so.
            at_once: Whether the caller waits for the results of a batch with up to twenty valid records.
            client_id: The application that sent it, where Microsoft Entra ID says so.

        Raises:
            PermanentError: ``invalidRequest``: the key was used for another batch. ``notFound``: its batch was deleted.
            TransientError: ``createInProgress``: the same request is being accepted. ``storageUnavailable``.
        """
        batch_id, total, now = secrets.token_hex(16), len(wanted.records), datetime.now(UTC)
        batch = Batch(batch_id, total, now, wanted.name, wanted.delimiter, client_id)
        if key:
            known = await self._known(batch.id, key)
            if isinstance(known, Batch):
                return known
            batch = replace(batch, id=known)
        records = await self._with_originals(wanted)
        pages = await asyncio.to_thread(pages_of, records)
        if at_once and batch.total <= LARGEST_INLINE:
            fitting = [record for page in pages for record in page]
            defaults = replace(self.worker.defaults, client_id=client_id)
            refused, valid = attempt.check(fitting, batch_id=batch.id, defaults=defaults)
            if len(valid) <= CHUNK:
                done = await attempt.create(valid, graph=self.worker.graph, ledger=self.worker.ledger)
                ends = sorted([*refused, *done.results], key=lambda result: result.index)
                await self._keep_created(batch, pages, ends, done)
                return Accepted(_added_up(batch, ends), ends)
        await self.store.keep(batch, pages, {})
        await self.worker.queue.put(Task.of_batch(batch).encode())
        telemetry.event("batchAccepted", batchId=batch.id, total=batch.total)
        return Accepted(Progress(batch))

    async def _known(self, batch_id: str, key: RequestKey) -> Batch | str:
        """Return the batch that the request's key stands for or, if it has to be accepted, its id."""
        named = await self.store.named(key.key, batch_id=batch_id, body=key.sent)
        if not named.same_body:
            raise PermanentError(
                ErrorCode.INVALID_REQUEST,
                "This Repeatability-Request-ID (or Idempotency-Key) was used for another batch: send a new one for a "
                "new batch, and the same one only when the very same batch is sent again.",
                target="Repeatability-Request-ID",
            )
        if named.is_new:
            return batch_id
        found = await self.store.get(named.batch_id)
        if found is None:
            if await self.store.was_deleted(named.batch_id):
                message = (
                    "The batch of this Repeatability-Request-ID (or Idempotency-Key) was deleted, and is not begun "
                    "again. To send it nevertheless, send a new one."
                )
                raise PermanentError(ErrorCode.NOT_FOUND, message, target="Repeatability-Request-ID")
            if datetime.now(UTC) - named.since < timedelta(seconds=ACCEPTING_SECONDS):
                message = "The same batch is being accepted by another request at the moment. Send it again in a while."
                raise TransientError(ErrorCode.CREATE_IN_PROGRESS, message, retry_after_seconds=5.0)
            return named.batch_id
        batch, chunks = found
        if await self.store.unfinished(chunks):
            # Whoever accepted it may have died before its first message was in the queue.
            await self.worker.queue.put(Task.of_batch(batch, attempts=1).encode())
        return batch

    async def _keep_created(
        self, batch: Batch, pages: Sequence[Sequence[SentRecord]], ends: Sequence[Result], done: Round
    ) -> None:
        """Keep a batch that was worked off at once, and leave to the queue what has to wait."""
        chunk_of = chunk_of_each(batch.id, pages)
        by_chunk: defaultdict[Chunk, Round] = defaultdict(Round)
        for result in ends:
            by_chunk[chunk_of[result.index]].results.append(result)
        for index, error in done.waiting.items():
            by_chunk[chunk_of[index]].waiting[index] = error
        jitter = patience.random_jitter
        delays = {chunk: part.delay_seconds(attempts=1, jitter=jitter) for chunk, part in by_chunk.items()}
        now = datetime.now(UTC)
        until = {chunk: now + timedelta(seconds=delays[chunk]) for chunk, part in by_chunk.items() if part.throttled}
        of_chunks = {chunk: part.results for chunk, part in by_chunk.items()}
        await self.store.keep(batch, pages, of_chunks, waiting_until=until)
        for chunk, part in by_chunk.items():
            task = Task.of_batch(batch, chunk, attempts=1)
            await self.worker.put_back(task, part, delay_seconds=delays[chunk])
        outcomes = results.outcomes(ends)
        telemetry.event(
            "batchAnswered",
            batchId=batch.id,
            total=batch.total,
            created=outcomes[Outcome.CREATED],
            unchanged=outcomes[Outcome.UNCHANGED],
            failedByCode=results.failed_by_code(ends),
            waitingByCode=done.waiting_by_code,
            delaySeconds=round(max(delays.values(), default=0.0)),
        )

    async def _with_originals(self, wanted: BatchRequest) -> list[SentRecord]:
        """Return the records, with what the download of failed rows had withheld filled in again."""
        asked: defaultdict[str, set[int]] = defaultdict(set)
        for record in wanted.records:
            if record.resends:
                asked[record.resends.batch_id].add(record.resends.index)
        originals: dict[tuple[str, int], Any] = {}
        for batch_id, indexes in asked.items():
            async for original in self.store.all_records(batch_id):
                if original.index in indexes:
                    originals[batch_id, original.index] = original.content
        return [_completed(record, originals) if record.resends else record for record in wanted.records]


def _completed(record: SentRecord, originals: Mapping[tuple[str, int], Any]) -> SentRecord:
    original = originals.get((record.resends.batch_id, record.resends.index)) if record.resends else None
    if original is not None:
        return failed_rows.completed(record, original)
    if not values.is_blank(record.content.get("learnerUserId")):
        return record
    message = (
        "The batch that this row comes from is not kept any more, so the empty cells cannot be filled in: write the "
        "learnerUserId (and assignerUserId and notes, if there were any) into the row."
    )
    return replace(record, problem=PermanentError(ErrorCode.INVALID_REQUEST, message, target="learnerUserId"))


def _added_up(batch: Batch, ends: Iterable[Result]) -> Progress:
    failed = [result.failed for result in ends]
    return Progress(batch, failed.count(False), failed.count(True), datetime.now(UTC))
