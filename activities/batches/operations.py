"""What the routes of batches do: accept one, tell how far it is; and what the timer does."""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities import deferral, forms, telemetry, wire
from activities.batches import answers, report, requests, sheets, work
from activities.batches.answers import ResultPage
from activities.batches.report import Batch, Outcome, Progress, Result
from activities.batches.requests import BatchRequest, SentRecord
from activities.batches.rows import CHUNK, Chunk, Sent, chunk_of_each, pages_of
from activities.batches.tasks import Task
from activities.batches.work import Round
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.messages import Delivery
from activities.runtime import App, Job
from activities.store import Store

# A larger batch is not looked through for how many of its records are valid.
LARGEST_INLINE = 500
# As long as accepting one may take; after that whoever did it is dead.
ACCEPTING_SECONDS = 90.0
_INDEX = re.compile(r"\d{1,7}", re.ASCII)  # A sheet has up to 2**20 rows.


async def create_batch(app: App, request: wire.Request) -> wire.Response:
    """Create many activities: at once if there are up to twenty, else from the queue of batches."""
    wanted = requests.parse(request)
    store = app.required_store()
    batch = Batch(secrets.token_hex(16), len(wanted.records), datetime.now(UTC), wanted.name, wanted.delimiter)
    if request.idempotency_key:
        known = await _known(batch.id, request, store)
        if isinstance(known, Batch):
            return await _report(known, request, store, url=_url(request, known.id))
        batch = replace(batch, id=known)
    records = [_storable(record) for record in await _with_originals(wanted, store)]
    pages = pages_of(records)
    url = _url(request, batch.id)
    if batch.total <= LARGEST_INLINE and not _prefers_async(request):
        refused, valid = work.check(records, batch_id=batch.id, defaults=app.defaults)
        if len(valid) <= CHUNK:
            done = await work.create(valid, graph=app.graph, ledger=store.ledger)
            results = sorted([*refused, *done.results], key=lambda result: result.index)
            await _keep_created(batch, pages, results, done, store)
            progress, now = _added_up(batch, results), datetime.now(UTC)
            return answers.encode_report(progress, ResultPage(results), request, url=url, now=now)
    await store.batches.keep(batch, pages, {})
    await store.batch_queue.put(Task(batch.id, batch.created_at).encode())
    telemetry.event("batchAccepted", batchId=batch.id, total=batch.total)
    return answers.encode_report(Progress(batch), ResultPage(), request, url=url, now=batch.created_at)


async def get_batch(app: App, request: wire.Request) -> wire.Response:
    """Tell how far a batch is: to flows in JSON, to people as a page, and what failed as a sheet."""
    store = app.required_store()
    batch = await _find(request, store)
    if batch is None and answers.wants_page(request):
        return answers.encode_unknown(request)
    if batch is None:
        raise _unknown()
    url = _url(request, "")
    if request.parameter("format").casefold() == "csv":
        return answers.encode_sheet(batch.id, await _sheet(batch, store), request)
    if answers.wants_page(request):
        progress = await store.batches.progress(batch)
        failed = await _page(batch, store, after=-1, failed_only=True)
        return answers.encode_page(progress, failed.results, request, url=url, now=datetime.now(UTC))
    return await _report(batch, request, store, url=url)


async def get_batch_status(app: App, request: wire.Request) -> wire.Response:
    """Tell how far a batch is, as Azure's long-running operations do."""
    store = app.required_store()
    batch = await _find(request, store)
    if batch is None:
        raise _unknown()
    progress = await store.batches.progress(batch)
    first: Result | None = None
    if progress.completed and not progress.succeeded:
        first = await anext(store.batches.results_after(batch.id, -1, failed_only=True), None)
    url = _url(request, "").removesuffix("/status")
    return answers.encode_status(progress, first, request, url=url, now=datetime.now(UTC))


def create_from_batches(delivery: Delivery) -> Job:
    """Return the job that does what a message of the batch queue says."""

    async def job(app: App) -> None:
        await app.required_store().batch_worker.handle(delivery)

    return job


async def delete_expired_batches(app: App) -> None:
    """Delete the batches whose time is over.

    Raises:
        TransientError: ``storageUnavailable``; the next run goes on.
    """
    store = app.required_store()
    deleted = await store.batches.delete_before(datetime.now(UTC) - timedelta(days=store.batch_retention_days))
    telemetry.event("batchesDeleted", count=deleted)


async def _known(batch_id: str, request: wire.Request, store: Store) -> Batch | str:
    """Return the batch that the request's key stands for or, if it has to be accepted, its id.

    Raises:
        PermanentError: ``invalidRequest``: the key was used for something else.
        TransientError: ``createInProgress``: the same request is being accepted.
    """
    query = sorted((name, value) for name, value in request.query.items() if name.casefold() != "code")
    body = request.body + repr(query).encode()
    named = await store.batches.named(request.idempotency_key or "", batch_id=batch_id, body=body)
    if not named.same_body:
        raise PermanentError(
            ErrorCode.INVALID_REQUEST,
            "This Repeatability-Request-ID (or Idempotency-Key) was used for another batch: send a new one for a new "
            "batch, and the same one only when the very same batch is sent again.",
            target="Repeatability-Request-ID",
        )
    if named.is_new:
        return batch_id
    found = await store.batches.get(named.batch_id)
    if found is None:
        if datetime.now(UTC) - named.since < timedelta(seconds=ACCEPTING_SECONDS):
            message = "The same batch is being accepted by another request at the moment. Send it again in a while."
            raise TransientError(ErrorCode.CREATE_IN_PROGRESS, message, retry_after_seconds=5.0)
        return named.batch_id
    batch, chunks = found
    if await store.batches.unfinished(chunks):
        # Whoever accepted it may have died before its first message was in the queue.
        await store.batch_queue.put(Task(batch.id, batch.created_at, attempts=1).encode())
    return batch


async def _keep_created(
    batch: Batch, pages: Sequence[Sequence[Sent]], results: Sequence[Result], done: Round, store: Store
) -> None:
    """Keep a batch that was worked off at once, and leave to the queue what has to wait."""
    chunk_of = chunk_of_each(batch.id, pages)
    by_chunk: defaultdict[Chunk, Round] = defaultdict(Round)
    for result in results:
        by_chunk[chunk_of[result.index]].results.append(result)
    for index, error in done.waiting.items():
        by_chunk[chunk_of[index]].waiting[index] = error
    delays = {chunk: part.delay_seconds(attempts=1, jitter=deferral.random_jitter) for chunk, part in by_chunk.items()}
    now = datetime.now(UTC)
    until = {chunk: now + timedelta(seconds=delays[chunk]) for chunk, part in by_chunk.items() if part.throttled}
    await store.batches.keep(
        batch, pages, {chunk: part.results for chunk, part in by_chunk.items()}, waiting_until=until
    )
    for chunk, part in by_chunk.items():
        task = Task(batch.id, batch.created_at, chunk, attempts=1)
        await store.batch_worker.put_back(task, part, delay_seconds=delays[chunk])
    outcomes = report.outcomes(results)
    telemetry.event(
        "batchAnswered",
        batchId=batch.id,
        total=batch.total,
        created=outcomes[Outcome.CREATED],
        unchanged=outcomes[Outcome.UNCHANGED],
        failedByCode=report.failed_by_code(results),
        waitingByCode=done.waiting_by_code,
        delaySeconds=round(max(delays.values(), default=0.0)),
    )


async def _with_originals(wanted: BatchRequest, store: Store) -> list[SentRecord]:
    """Return the records, with what the download of failed rows had withheld filled in again."""
    asked: defaultdict[str, set[int]] = defaultdict(set)
    for record in wanted.records:
        if record.resends:
            asked[record.resends.batch_id].add(record.resends.index)
    originals: dict[tuple[str, int], Any] = {}
    for batch_id, indexes in asked.items():
        async for sent in store.batches.all_records(batch_id):
            if sent["index"] in indexes:
                originals[batch_id, sent["index"]] = sent["content"]
    return [_completed(record, originals) if record.resends else record for record in wanted.records]


def _completed(record: SentRecord, originals: Mapping[tuple[str, int], Any]) -> SentRecord:
    original = originals.get((record.resends.batch_id, record.resends.index)) if record.resends else None
    if original is not None:
        return sheets.completed(record, original)
    if not forms.is_blank(record.content.get("learnerUserId")):
        return record
    message = (
        "The batch that this row comes from is not kept any more, so the empty cells cannot be filled in: write the "
        "learnerUserId (and assignerUserId and notes, if there were any) into the row."
    )
    return replace(record, problem=PermanentError(ErrorCode.INVALID_REQUEST, message, target="learnerUserId"))


def _storable(record: SentRecord) -> Sent:
    sent: dict[str, Any] = {"index": record.index, "content": record.content}
    if problem := record.problem:
        sent["problem"] = {"code": problem.code, "message": problem.message, "target": problem.target}
    if record.resends:
        # A corrected row is the record that it corrects, however often it is sent.
        sent["key"] = work.idempotency_key(record.resends.batch_id, record.resends.index)
    return sent


async def _find(request: wire.Request, store: Store) -> Batch | None:
    found = await store.batches.get(request.route.get("batchId", ""))
    return found[0] if found else None


async def _report(batch: Batch, request: wire.Request, store: Store, *, url: str) -> wire.Response:
    progress = await store.batches.progress(batch)
    failed_only, after = _selection(request)
    results = await _page(batch, store, after=after, failed_only=failed_only)
    return answers.encode_report(progress, results, request, url=url, now=datetime.now(UTC))


async def _page(batch: Batch, store: Store, *, after: int, failed_only: bool) -> ResultPage:
    """Return up to a thousand results."""
    results: list[Result] = []
    async for result in store.batches.results_after(batch.id, after, failed_only=failed_only):
        if len(results) == wire.LARGEST_PAGE:
            return ResultPage(results, has_more=True, failed_only=failed_only)
        results.append(result)
    return ResultPage(results, failed_only=failed_only)


async def _sheet(batch: Batch, store: Store) -> bytes:
    failed = {result.index: result async for result in store.batches.results_after(batch.id, -1, failed_only=True)}
    rows = [
        (failed[sent["index"]], sent["content"])
        async for sent in store.batches.all_records(batch.id)
        if sent["index"] in failed
    ]
    return sheets.encode_failed(batch, rows)


def _selection(request: wire.Request) -> tuple[bool, int]:
    failed_only, after = request.parameter("failedOnly").strip(), request.parameter("after").strip()
    try:
        wanted = failed_only != "" and forms.choice(failed_only, ("true", "false")) == "true"
    except forms.InvalidValueError as error:
        raise PermanentError(ErrorCode.INVALID_REQUEST, f"failedOnly {error}.", target="failedOnly") from error
    if after and not _INDEX.fullmatch(after):
        message = "after must be the index of the last result before this page; nextLink has it."
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target="after")
    return wanted, int(after or -1)


def _added_up(batch: Batch, results: Iterable[Result]) -> Progress:
    outcomes = [result.failed for result in results]
    return Progress(batch, outcomes.count(False), outcomes.count(True), datetime.now(UTC))


def _prefers_async(request: wire.Request) -> bool:
    preferences = request.headers.get("prefer", "").casefold().replace(";", ",").split(",")
    return "respond-async" in {preference.strip() for preference in preferences}


def _url(request: wire.Request, batch_id: str) -> str:
    """Return the address of a batch below the request's own, without its query: a function key may stand there."""
    url = request.url.partition("?")[0].rstrip("/")
    return f"{url}/{batch_id}" if batch_id else url


def _unknown() -> PermanentError:
    return PermanentError(
        ErrorCode.NOT_FOUND,
        "There is no batch with this id. It was mistyped, or the batch is so old that it is not kept any more.",
        target="batchId",
    )
