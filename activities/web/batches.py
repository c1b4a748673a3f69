"""The routes of batches: take one in, tell how far it is, delete it."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from activities import telemetry
from activities.app import App, Store
from activities.batches import failed_rows, requests
from activities.batches.accepting import RequestKey
from activities.batches.requests import BatchRequest
from activities.batches.results import Batch
from activities.contract import values
from activities.errors import ErrorCode, PermanentError
from activities.web import batch_answers, http, repeating
from activities.web.batch_answers import ResultPage

if TYPE_CHECKING:
    from activities.execution.result import Result

_INDEX = re.compile(r"\d{1,7}", re.ASCII)  # A sheet has up to 2**20 rows.


async def create_batch(app: App, request: http.Request) -> http.Response:
    """Carry out many records: at once if there are up to twenty, else from the queue of batches."""
    # In a thread, as all that grows with a batch: 16 MiB take a second in which others want to be answered.
    read = partial(
        requests.parse,
        request.body,
        media_type=http.media_type(request),
        query=request.query,
        content_type=request.headers.get("content-type", ""),
    )
    return await _accept(app, request, read, url=_url(request))


async def send_file(app: App, request: http.Request) -> http.Response:
    """Do the same with a file, whatever its sender calls it."""
    read = partial(requests.parse_file, request.body, query=request.query)
    return await _accept(app, request, read, url=_url(request).removesuffix("/file"))


async def _accept(app: App, request: http.Request, read: Callable[[], BatchRequest], *, url: str) -> http.Response:
    named = repeating.key_of(request, now=datetime.now(UTC), remembered=app.remembered)
    wanted = await asyncio.to_thread(read)
    store = app.store
    key = RequestKey(named, _sent(request)) if named else None
    at_once, client_id = not _prefers_async(request), request.client_id
    accepted = await store.batch_acceptor.accept(wanted, key=key, at_once=at_once, client_id=client_id)
    batch_id = accepted.id if isinstance(accepted, Batch) else accepted.progress.batch.id
    address = f"{url}/{batch_id}"
    if isinstance(accepted, Batch):
        return await _report(accepted, request, store, url=address)
    page = ResultPage(accepted.results)
    return batch_answers.encode_report(accepted.progress, page, request, url=address, now=datetime.now(UTC))


async def get_batch(app: App, request: http.Request) -> http.Response:
    """Tell how far a batch is: to flows in JSON, to people as a page, and what failed as a sheet."""
    store = app.store
    batch = await _find(request, store)
    if batch is None and batch_answers.wants_page(request):
        return batch_answers.encode_unknown(request)
    if batch is None:
        raise _unknown()
    url = _url(request)
    if (form := request.parameter("format").casefold()) in {"csv", "xlsx"}:
        sheet = await _sheet(batch, store, workbook=form == "xlsx")
        return batch_answers.encode_sheet(batch.id, sheet, request, form=form)
    if batch_answers.wants_page(request):
        progress = await store.batches.progress(batch)
        failed = await _page(batch, store, after=-1, failed_only=True)
        return batch_answers.encode_page(progress, failed.results, request, url=url, now=datetime.now(UTC))
    return await _report(batch, request, store, url=url)


async def get_batch_status(app: App, request: http.Request) -> http.Response:
    """Tell how far a batch is, as Azure's long-running operations do."""
    store = app.store
    batch = await _find(request, store)
    if batch is None:
        raise _unknown()
    progress = await store.batches.progress(batch)
    first: Result | None = None
    if progress.completed and not progress.succeeded:
        first = await anext(store.batches.results_after(batch.id, -1, failed_only=True), None)
    url = _url(request).removesuffix("/status")
    return batch_answers.encode_status(progress, first, request, url=url, now=datetime.now(UTC))


async def delete_batch(app: App, request: http.Request) -> http.Response:
    """Stop what has not been sent of a batch, and delete what is kept of it."""
    store = app.store
    batch = await _find(request, store)
    # Its records can be for any provider, but a client's own are for those that it may write to.
    limited = request.client_id in app.defaults.registration_ids_of_clients
    if batch and limited and batch.client_id != request.client_id:
        message = (
            "The application that you signed in with may write only to some learning providers "
            "(CLIENT_APPLICATION_PROVIDERS), so it may delete only batches that it has sent itself."
        )
        raise PermanentError(ErrorCode.NOT_ALLOWED, message)
    batch_id = request.route.get("batchId", "")
    not_sent = await store.batches.delete(batch_id)
    if not_sent is None:
        raise _unknown()
    telemetry.event("batchDeleted", batch=telemetry.digest(batch_id), notSent=not_sent)
    return http.respond(HTTPStatus.OK, {"batchId": batch_id, "notSentCount": not_sent}, request)


def _sent(request: http.Request) -> bytes:
    """Return everything that makes a batch another one; "code" is the host's name for the function key."""
    query = sorted((name, value) for name, value in request.query.items() if name.casefold() != "code")
    return request.body + repr(query).encode()


async def _find(request: http.Request, store: Store) -> Batch | None:
    found = await store.batches.get(request.route.get("batchId", ""))
    return found[0] if found else None


async def _report(batch: Batch, request: http.Request, store: Store, *, url: str) -> http.Response:
    progress = await store.batches.progress(batch)
    failed_only, after = _selection(request)
    results = await _page(batch, store, after=after, failed_only=failed_only)
    return batch_answers.encode_report(progress, results, request, url=url, now=datetime.now(UTC))


async def _page(batch: Batch, store: Store, *, after: int, failed_only: bool) -> ResultPage:
    """Return up to a thousand results."""
    results: list[Result] = []
    async for result in store.batches.results_after(batch.id, after, failed_only=failed_only):
        if len(results) == http.LARGEST_PAGE:
            return ResultPage(results, has_more=True, failed_only=failed_only)
        results.append(result)
    return ResultPage(results, failed_only=failed_only)


async def _sheet(batch: Batch, store: Store, *, workbook: bool) -> bytes:
    failed = {result.index: result async for result in store.batches.results_after(batch.id, -1, failed_only=True)}
    rows = [
        (failed[record.index], record.content)
        async for record in store.batches.all_records(batch.id)
        if record.index in failed
    ]
    if not workbook:
        return await asyncio.to_thread(failed_rows.encode_failed, batch, rows)
    from activities.batches.files import workbook_writer  # noqa: PLC0415 (most reports are never asked for one)

    return await asyncio.to_thread(lambda: workbook_writer.encode(failed_rows.table_of(batch, rows)))


def _selection(request: http.Request) -> tuple[bool, int]:
    failed_only, after = request.parameter("failedOnly").strip(), request.parameter("after").strip()
    try:
        wanted = failed_only != "" and values.choice(failed_only, ("true", "false")) == "true"
    except values.InvalidValueError as error:
        raise PermanentError(ErrorCode.INVALID_REQUEST, f"failedOnly {error}.", target="failedOnly") from error
    if after and not _INDEX.fullmatch(after):
        message = "after must be the index of the last result before this page; nextLink has it."
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target="after")
    return wanted, int(after or -1)


def _prefers_async(request: http.Request) -> bool:
    preferences = request.headers.get("prefer", "").casefold().replace(";", ",").split(",")
    return "respond-async" in {preference.strip() for preference in preferences}


def _url(request: http.Request) -> str:
    """Return the request's own address without its query: a function key may stand there."""
    return request.url.partition("?")[0].rstrip("/")


def _unknown() -> PermanentError:
    return PermanentError(
        ErrorCode.NOT_FOUND,
        "There is no batch with this id. It was mistyped, or the batch was deleted, by somebody or because it was old.",
        target="batchId",
    )
