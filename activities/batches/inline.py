"""The end of a small batch whose caller waits: its results are told whatever storage does, and kept if it lets."""

from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activities import telemetry
from activities.batches import results
from activities.batches.attempt import Round
from activities.batches.chunks import Chunk, chunk_of_each
from activities.batches.records import SentRecord
from activities.batches.results import Batch
from activities.batches.task import Task
from activities.batches.worker import BatchWorker
from activities.contract.activity import ActivityRequest
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution import patience
from activities.execution.result import Result


async def keep(
    batch: Batch,
    pages: Sequence[Sequence[SentRecord]],
    done: Round,
    *,
    requests: Mapping[int, ActivityRequest],
    worker: BatchWorker,
) -> list[Result]:
    """Keep a batch that was worked off, leave to the queue what has to wait, and return the results.

    What has to wait, and cannot be left to the queue, has come to its end.

    Args:
        batch: The batch.
        pages: Its records.
        done: What became of them.
        requests: Those that could be sent, by their index.
        worker: Works off what has to wait.

    Raises:
        TransientError: ``storageUnavailable``: nothing was sent either.
    """
    by_chunk = _by_chunk(done, chunk_of_each(batch.id, pages))
    jitter = patience.random_jitter
    delays = {chunk: part.delay_seconds(attempts=1, jitter=jitter) for chunk, part in by_chunk.items()}
    now = datetime.now(UTC)
    until = {chunk: now + timedelta(seconds=delays[chunk]) for chunk, part in by_chunk.items() if part.throttled}
    of_chunks = {chunk: part.results for chunk, part in by_chunk.items()}
    try:
        await worker.store.keep(batch, pages, of_chunks, waiting_until=until)
    except TransientError as error:
        if done.came_to_nothing:
            raise
        telemetry.event("batchNotKept", code=error.code)
        not_kept = _not_kept(done, requests)
    else:
        not_kept = []
        for chunk, part in by_chunk.items():
            task = Task.of_batch(batch, chunk, attempts=1)
            if not await quietly("chunkNotPutBack", worker.put_back(task, part, delay_seconds=delays[chunk])):
                ended = _not_kept(part, requests)
                # Whoever finds a message there nevertheless sees that these records have come to their end.
                await quietly("resultsNotKept", worker.store.tell(chunk, ended))
                not_kept += ended
    ends = sorted([*done.results, *not_kept], key=lambda result: result.index)
    telemetry.event(
        "batchAnswered",
        batch=telemetry.digest(batch.id),
        total=batch.total,
        outcomes=results.outcomes(ends),
        failedByCode=results.failed_by_code(ends),
        waitingByCode=done.waiting_by_code,
        delaySeconds=round(max(delays.values(), default=0.0)),
    )
    return ends


async def quietly(event: str, work: Awaitable[object]) -> bool:
    """Tell whether storage did some work; its failure is logged, and must not undo what was done before."""
    try:
        await work
    except TransientError as error:
        telemetry.event(event, code=error.code)
        return False
    return True


def _by_chunk(done: Round, chunk_of: Mapping[int, Chunk]) -> Mapping[Chunk, Round]:
    by_chunk: defaultdict[Chunk, Round] = defaultdict(Round)
    for result in done.results:
        by_chunk[chunk_of[result.index]].results.append(result)
    for index, error in done.waiting.items():
        by_chunk[chunk_of[index]].waiting[index] = error
    return by_chunk


def _not_kept(part: Round, requests: Mapping[int, ActivityRequest]) -> list[Result]:
    """Return the results of records that have to wait, where it is not known whether anybody will try them again."""
    message = (
        "The record has to be tried again later ({}), and the function app cannot reach its storage account to do so. "
        "Send it again in a while, with this externalCourseActivityId: so nothing is done twice."
    )
    return [
        Result.of_request(
            index, PermanentError(ErrorCode.STORAGE_UNAVAILABLE, message.format(error.code)), requests[index]
        )
        for index, error in part.waiting.items()
    ]
