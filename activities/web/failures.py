"""What could not be carried out from the queues, over HTTP: shown, put back, thrown away."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from activities import telemetry
from activities.app import App
from activities.contract import json_text
from activities.errors import ErrorCode, PermanentError
from activities.queueing.messages import Failure
from activities.web import answers, http

if TYPE_CHECKING:
    from activities.queueing.failures import Failures

# A flow waits 120 s for an answer; what is left is done by the next request.
SELECTION_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failures are to be put back or thrown away: all, those with a code, or those with an id."""

    code: str | None = None
    ids: tuple[str, ...] | None = None


def parse_selection(value: Any) -> Selection:
    """Read which failures are meant: ``{}``, ``{"code": "…"}`` or ``{"ids": ["…"]}``.

    Raises:
        PermanentError: ``invalidRequest``.
    """
    # A connector sends the field that was left empty, too.
    said = {name: one for name, one in value.items() if one not in (None, "", [])} if isinstance(value, dict) else {}
    match said:
        case {"code": str(code)} if len(said) == 1 and code.strip():
            return Selection(code=code.strip())
        case {"ids": list(ids)} if len(said) == 1 and all(isinstance(one, str) for one in ids):
            return Selection(ids=tuple(ids))
        case _ if value == {}:
            return Selection()
    message = (
        'Say which failures are meant: {} for everything, {"code": "…"} for one code, {"ids": ["…"]} for single ones.'
    )
    raise PermanentError(ErrorCode.INVALID_REQUEST, message)


async def list_failures(app: App, request: http.Request) -> http.Response:
    """Show what failed from the queues, newest first: ``errorCode`` filters, ``top`` sizes the page."""
    failures, after = await app.store.failures.page(
        code=request.parameter("errorCode") or None, size=http.page_size(request), after=request.parameter("after")
    )
    return answers.encode_failures([failure.to_json() for failure in failures], after, request)


async def replay_failures(app: App, request: http.Request) -> http.Response:
    """Put failures back into the activity queue; says how many, and whether there are more."""
    failures = app.store.failures

    async def replay(failure: Failure) -> bool:
        try:
            await failures.replay(failure)
        except PermanentError as error:
            # It stays in the list, and must not keep the others there.
            telemetry.event("replayRefused", code=error.code)
            return False
        return True

    replayed, more = await _each(failures, request, replay)
    telemetry.event("replayed", count=replayed, more=more)
    return http.respond(HTTPStatus.OK, {"replayedCount": replayed, "moreToReplay": more}, request)


async def discard_failures(app: App, request: http.Request) -> http.Response:
    """Throw failures away for good; says how many, and whether there are more."""
    failures = app.store.failures
    discarded, more = await _each(failures, request, failures.discard)
    telemetry.event("discarded", count=discarded, more=more)
    return http.respond(HTTPStatus.OK, {"discardedCount": discarded, "moreToDiscard": more}, request)


async def _each(
    failures: "Failures", request: http.Request, end: Callable[[Failure], Awaitable[bool]]
) -> tuple[int, bool]:
    """End the failures that the body selects; return how many were ended, and whether time was up before all were."""
    selection = parse_selection(json_text.decode(request.body, expected="{} for everything"))
    until = time.monotonic() + SELECTION_SECONDS
    ended = 0
    async for failure in _selected(failures, selection):
        if time.monotonic() > until:
            return ended, True
        ended += await end(failure)
    return ended, False


async def _selected(failures: "Failures", selection: Selection) -> AsyncIterator[Failure]:
    if selection.ids is not None:
        for failure_id in selection.ids:
            failure = await failures.get(failure_id)
            if failure is not None:
                yield failure
        return
    after = ""
    while True:
        page, after = await failures.page(code=selection.code, size=http.LARGEST_PAGE, after=after)
        for failure in page:
            yield failure
        if not after:
            return
