"""The report of a batch as its readers want it: JSON for flows, a job for Azure-style clients, a page, a sheet. Pure.

Sources: https://learn.microsoft.com/azure/logic-apps/logic-apps-create-api-app (202, Location, Retry-After),
https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md (Operation-Location)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from activities.batches.results import Progress
from activities.errors import ErrorCode
from activities.execution.result import Result
from activities.web import http
from activities.web.page import render

LONGEST_PAUSE_SECONDS = 60
LONGEST_THROTTLED_PAUSE_SECONDS = 300
_SHEETS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Some of a batch's results, in order, and whether there are more behind them; ``failed_only`` if asked for so."""

    results: Sequence[Result] = ()
    has_more: bool = False
    failed_only: bool = False


def encode_report(
    progress: Progress, results: ResultPage, request: http.Request, *, url: str, now: datetime
) -> http.Response:
    """Answer with the report, which is at ``url``: 202 while the batch runs, 200 at its end, whatever has failed."""
    said = progress.to_json(results.results)
    # Only what is known here: a function key may stand in the query that came.
    query = {"failedOnly": "true"} if results.failed_only else {}
    if results.has_more:
        said["nextLink"] = _link(url, {**query, "after": str(results.results[-1].index)})
    if progress.completed:
        return http.respond(HTTPStatus.OK, said, request)
    headers = {
        "Location": _link(url, query),
        "Operation-Location": f"{url}/status",
        "Retry-After": str(pause_seconds(progress, now=now)),
    }
    return http.respond(HTTPStatus.ACCEPTED, said, request, headers)


def encode_status(
    progress: Progress, first: Result | None, request: http.Request, *, url: str, now: datetime
) -> http.Response:
    """Answer with the job: always 200; ``Failed`` only if nothing at all succeeded, with the ``first`` reason."""
    batch = progress.batch
    said: dict[str, Any] = {
        "id": batch.id,
        "status": "Running",
        "createdDateTime": batch.created_at.isoformat(timespec="seconds"),
        "lastActionDateTime": (progress.changed_at or batch.created_at).isoformat(timespec="seconds"),
        "percentComplete": progress.percent,
        "resourceLocation": url,
        **progress.counts(),
    }
    if not progress.completed:
        return http.respond(HTTPStatus.OK, said, request, {"Retry-After": str(pause_seconds(progress, now=now))})
    said["status"] = "Succeeded" if progress.succeeded else "Failed"
    if not progress.succeeded:
        code, why = (first.error_code, first.error_message) if first else (ErrorCode.INTERNAL_ERROR, "")
        message = f"No activity succeeded; the report has the reason for each record. The first: {why}"
        said["error"] = {"code": code, "message": message, "target": url}
    return http.respond(HTTPStatus.OK, said, request)


def encode_page(
    progress: Progress, failed: Sequence[Result], request: http.Request, *, url: str, now: datetime
) -> http.Response:
    """Answer with the page for people."""
    return http.respond_with(
        HTTPStatus.OK, render.render(progress, failed, url=url, now=now), request, render.headers()
    )


def encode_unknown(request: http.Request) -> http.Response:
    """Answer people who ask for a batch that is not there."""
    headers = {**render.headers(), "x-ms-error-code": str(ErrorCode.NOT_FOUND)}
    return http.respond_with(HTTPStatus.NOT_FOUND, render.render_unknown(), request, headers)


def encode_sheet(batch_id: str, sheet: bytes, request: http.Request, *, form: str) -> http.Response:
    """Answer with the failed rows, to be saved: ``form`` is csv or xlsx."""
    headers = {
        "Content-Type": _SHEETS[form],
        "Content-Disposition": f'attachment; filename="failed-rows-{batch_id[:8]}.{form}"',
    }
    return http.respond_with(HTTPStatus.OK, sheet, request, headers)


def wants_page(request: http.Request) -> bool:
    """Tell whether a person asks: browsers name HTML, flows do not."""
    accepted = request.headers.get("accept", "").casefold()
    return "text/html" in accepted and "application/json" not in accepted


def pause_seconds(progress: Progress, *, now: datetime) -> int:
    """Return when it is worth asking again: soon at first, later the longer it takes, not while Graph throttles."""
    elapsed = (now - progress.batch.created_at).total_seconds()
    pause = min(max(1, round(elapsed / 4)), LONGEST_PAUSE_SECONDS)
    throttled = (progress.waiting_until - now).total_seconds() if progress.waiting_until else 0
    return max(pause, min(round(throttled), LONGEST_THROTTLED_PAUSE_SECONDS))


def _link(url: str, query: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url
