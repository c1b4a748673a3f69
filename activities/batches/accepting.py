"""A batch comes in: known by its key, worked off at once where it is small, else kept for the queue of batches."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from activities import telemetry
from activities.batches import attempt, inline
from activities.batches.chunks import CHUNK, pages_of
from activities.batches.failed_rows import SECRET_BYTES
from activities.batches.refilling import refill
from activities.batches.requests import BatchRequest
from activities.batches.results import Batch, Progress, outcomes
from activities.batches.store import BatchStore
from activities.batches.task import Task
from activities.batches.worker import BatchWorker
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.result import Result

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
        secret = secrets.token_bytes(SECRET_BYTES)
        batch = Batch(batch_id, total, now, wanted.name, wanted.origin, client_id, secret)
        if key:
            known = await self._known(batch.id, key)
            if isinstance(known, Batch):
                return known
            batch = replace(batch, id=known)
        defaults = replace(self.worker.defaults, client_id=client_id)
        records = await refill(wanted.records, self.store, defaults=defaults)
        pages = await asyncio.to_thread(pages_of, records)
        if at_once and batch.total <= LARGEST_INLINE:
            fitting = [record for page in pages for record in page]
            refused, valid = attempt.check(fitting, batch_id=batch.id, accepted_at=now, defaults=defaults)
            if len(valid) <= CHUNK:
                done = await attempt.carry_out(valid, graph=self.worker.graph, ledger=self.worker.ledger)
                done.results = sorted([*refused, *done.results], key=lambda result: result.index)
                ends = await inline.keep(batch, pages, done, requests=valid, worker=self.worker)
                return Accepted(_added_up(batch, ends), ends)
        await self.store.keep(batch, pages, {})
        await self._begin(batch, repeatable=key is not None)
        telemetry.event("batchAccepted", batch=telemetry.digest(batch.id), total=batch.total)
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

    async def _begin(self, batch: Batch, *, repeatable: bool) -> None:
        """Put a batch's first message into the queue; if it is not known whether it is there, the batch goes away.

        A batch that was sent with a key stays: the same request goes on with it.
        """
        try:
            await self.worker.queue.put(Task.of_batch(batch).encode())
        except TransientError as error:
            if repeatable:
                raise
            await inline.quietly("batchNotDeleted", self.store.delete(batch.id))
            message = (
                f"{error.message} Part of the batch may be carried out nevertheless. So that sending it again does "
                "nothing twice, give its records an externalCourseActivityId."
            )
            raise TransientError(error.code, message, retry_after_seconds=error.retry_after_seconds) from error


def _added_up(batch: Batch, ends: Sequence[Result]) -> Progress:
    counts = outcomes(ends)
    failed = counts[Outcome.FAILED]
    return Progress(batch, len(ends) - failed, failed, datetime.now(UTC), outcomes=counts)
