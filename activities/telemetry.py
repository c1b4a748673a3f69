"""Log lines for correlation: a constant event name, ids of the invocation, counts and codes.

Never a body, a token, a name, a note or the id of a learner. (An activity's id at Graph holds the learner's, and a
caller's external id may: neither is logged. A batch's id opens its report: only its digest is.) An event is one line,
whatever happened.
"""

import hashlib
import json
import logging
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType

_log = logging.getLogger("activities")
# Application Insights cuts a message off after 32,768 characters: https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits
LONGEST_TRACEBACK = 16_000
_DIGEST_LETTERS = 16  # 64 bits tell the batches of one app apart.
_held: ContextVar[list["Event"] | None] = ContextVar("held", default=None)
_correlation: ContextVar[Mapping[str, str]] = ContextVar("correlation", default=MappingProxyType({}))

# What callers send for correlation, free of charge.
# Source: https://learn.microsoft.com/azure/connectors/connectors-native-http
_CORRELATION_HEADERS = {
    "x-ms-client-request-id": "clientRequestId",
    "x-ms-client-tracking-id": "clientTrackingId",
    "x-ms-workflow-run-id": "workflowRunId",
}
# A caller's id is logged only if it looks like one: no spaces, no address, no line break.
_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}", re.ASCII)

# These log URLs (with external ids) or every token request at INFO.
_TALKATIVE = ("httpx", "azure.identity", "azure.core.pipeline.policies.http_logging_policy")


def quieten_libraries() -> None:
    """Keep the libraries' INFO lines out of the log: they name URLs, and an id of a learner may stand in one."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def invocation(invocation_id: str, headers: Mapping[str, str]) -> Iterator[None]:
    """Give every event inside the block the invocation's ids."""
    said = {name: headers.get(header, "") for header, name in _CORRELATION_HEADERS.items()}
    token = _correlation.set(
        {"invocationId": invocation_id, **{name: value for name, value in said.items() if _ID.fullmatch(value)}}
    )
    try:
        yield
    finally:
        _correlation.reset(token)


def add_ids(**ids: str) -> None:
    """Give every further event of the invocation that is running these ids, too; one that is empty is not known."""
    _correlation.set({**_correlation.get(), **{name: value for name, value in ids.items() if value}})


def digest(secret_id: str) -> str:
    """Return what stands in the log for an id with which somebody could open something: always the same for the same.

    In the log's own language it is ``substring(hash_sha256(secret_id), 0, 16)``.
    """
    return hashlib.sha256(secret_id.encode()).hexdigest()[:_DIGEST_LETTERS]


def invocation_id() -> str:
    """Return the id of the invocation that is running, or "" outside of one."""
    return _correlation.get().get("invocationId", "")


@dataclass(frozen=True, slots=True)
class Event:
    """Something to log, without the ids of the invocation that logs it."""

    level: int
    name: str
    fields: Mapping[str, object]


@contextmanager
def held() -> Iterator[list[Event]]:
    """Collect the events inside the block instead of logging them: `say` them in each invocation that waits for it.

    The platform counts the lines of a task to the invocation that created it, and drops those of one that is over.
    """
    events: list[Event] = []
    token = _held.set(events)
    try:
        yield events
    finally:
        _held.reset(token)


def say(events: Iterable[Event]) -> None:
    """Log events in the name of the invocation that is running."""
    waiting = _held.get()
    for one in events:
        if waiting is None:
            _log.log(one.level, "%s %s", one.name, json.dumps({**_correlation.get(), **one.fields}))
        else:
            waiting.append(one)


def event(name: str, **fields: object) -> None:
    """Log one event at INFO; values are codes, counts and ids, never what a caller wrote."""
    say([Event(logging.INFO, name, fields)])


def warning(name: str, **fields: object) -> None:
    """Log one event at WARNING: what an admin should change, though all goes on; values as those of ``event``."""
    say([Event(logging.WARNING, name, fields)])


def failure(name: str, error: BaseException, **fields: object) -> None:
    """Log an unexpected failure at ERROR with the traceback of its whole chain, but without the exceptions' texts.

    A library puts into the text whatever it stumbled over, and that may be what must not be logged. The traceback is a
    field: the platform makes rows of their own of further lines, which belong to no invocation.
    """
    said = "".join(_frames(error))[:LONGEST_TRACEBACK]
    say([Event(logging.ERROR, name, {**fields, "traceback": said})])


def _frames(error: BaseException) -> Iterator[str]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield f"{type(cause).__module__}.{type(cause).__qualname__}\n"
        yield from traceback.format_tb(cause.__traceback__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
