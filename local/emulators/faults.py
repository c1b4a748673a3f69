"""Faults on demand: what a caller armed, and what becomes of the next operations because of it.

Pure data; whoever carries responses to a client makes the waiting, hanging and disconnecting real.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from local.emulators.exchange import Ending, Response
from local.emulators.fault_catalogue import READY_MADE

_ON_ACTIVITIES = ("create", "update", "delete", "find", "get")
OPERATIONS = (*_ON_ACTIVITIES, "people", "contents", "batch", "token")
# Graph throttles an app for whatever it asks.
_ANY = "any"
_THROTTLING = (429, 503)


class FaultError(ValueError):
    """A fault makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next calls of an operation, for one provider or for all.

    The fields are those of `POST /_emulator/faults`:
    `operation`: create, update, delete, find (by the external id), get (by Graph's id), any (one of these), people,
    contents, batch (the HTTP request that holds others) or token;
    `times`: so many calls; `forSeconds`: instead, every call from the first one on for so long, and Retry-After of a
    429 or 503 counts down what is left;
    `status`, `headers`, `body` (an object is sent as JSON, a text as it is), `contentType`: an answer instead of the
    operation's; `retryAfterDateSeconds`: a Retry-After header with a date so much later; `execute`: the operation is
    carried out nevertheless; `delaySeconds`: later than usual; `disconnect`: the connection closes without an answer;
    `hang`: no answer until the client goes away or faults are cleared. Without status, disconnect and hang the
    operation's own answer is given.

    A request inside a batch has faults like any other. Only, a batch comes as late as the latest of its requests, and
    a request whose connection would break or hang is answered 504 there.
    """

    operation: str = "create"
    times: int = 1
    for_seconds: float = 0
    registration_id: str | None = None
    status: int | None = None
    headers: dict[str, Any] | None = None
    body: dict[str, Any] | list[Any] | str | None = None
    content_type: str | None = None
    delay_seconds: float = 0
    retry_after_date_seconds: float | None = None
    execute: bool = False
    disconnect: bool = False
    hang: bool = False
    name: str | None = None
    until: datetime | None = None
    """When a fault that lasts for seconds ends; its first call decides."""

    @classmethod
    def from_json(cls, content: Any) -> "Fault":
        """Read one fault; `name` stands for a ready-made one whose other fields may be given, too.

        Raises:
            FaultError: a field is unknown or of the wrong type, or the fields contradict each other.
        """
        if not isinstance(content, dict):
            raise FaultError("A fault is an object.")
        name = content.get("name")
        if name is not None:
            if name not in READY_MADE:
                raise FaultError(f"There is no fault named {name!r}. There are: {', '.join(READY_MADE)}.")
            content = {**READY_MADE[name], **content}
        fields: dict[str, Any] = {}
        for key, value in content.items():
            if key not in _FIELDS:
                raise FaultError(f"A fault has no {key!r}. It has: {', '.join(_FIELDS)}.")
            field, types, form = _FIELDS[key]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise FaultError(f"{key!r} must be {form}.")
            fields[field] = value
        fault = cls(**fields)
        fault._check()
        return fault

    def _check(self) -> None:
        if self.operation not in {*OPERATIONS, _ANY}:
            raise FaultError(f"'operation' must be one of: {', '.join((*OPERATIONS, _ANY))}.")
        if self.times < 1:
            raise FaultError("'times' must be at least 1.")
        if self.for_seconds < 0 or (self.for_seconds and self.times > 1):
            raise FaultError("A fault lasts for a number of times or, with 'forSeconds', of seconds.")
        if self.status is not None and not 200 <= self.status <= 599:  # noqa: PLR2004 - HTTP's final statuses.
            raise FaultError("'status' must be from 200 to 599.")
        if self.disconnect and self.hang:
            raise FaultError("A fault either disconnects or hangs.")
        if self.status is None and (self.body is not None or self.headers is not None):
            raise FaultError("An answer with a body or headers needs a 'status'.")

    def as_json(self) -> dict[str, Any]:
        """Return the fault as it could be armed again, without what it leaves open."""
        fields = {key: getattr(self, field) for key, (field, _, _) in _FIELDS.items()}
        return {key: value for key, value in fields.items() if value not in (None, False, 0)}

    def applies_to(self, operation: str, registration_id: str) -> bool:
        """Say whether the fault is meant for this call."""
        wanted = self.registration_id
        meant = _ON_ACTIVITIES if self.operation == _ANY else (self.operation,)
        return operation in meant and (wanted is None or wanted.lower() == registration_id)

    def begun(self, now: datetime) -> "Fault":
        """Return the fault with its end, if it lasts for seconds and this is its first call."""
        lasts = self.for_seconds and not self.until
        return replace(self, until=now + timedelta(seconds=self.for_seconds)) if lasts else self

    def is_over(self, now: datetime) -> bool:
        """Say whether the seconds for which it lasts are over."""
        return self.until is not None and self.until <= now

    def used(self) -> "Fault | None":
        """Return what is left of the fault after a call."""
        if self.for_seconds:
            return self
        return replace(self, times=self.times - 1) if self.times > 1 else None

    def apply(self, execute: Callable[[], Response], now: datetime) -> Response:
        """Return what becomes of a call; `execute` carries it out and returns its real answer."""
        has_ending = self.disconnect or self.hang
        answers_itself = self.status is not None or has_ending
        # Whatever stands here when nothing was executed is replaced, or nobody gets it.
        response = execute() if self.execute or not answers_itself else Response(504)
        if self.status is not None:
            response = self._answer(self.status, now)
        ending = Ending.DISCONNECT if self.disconnect else Ending.HANG if self.hang else Ending.ANSWER
        return replace(response, delay_seconds=response.delay_seconds + self.delay_seconds, ending=ending)

    def _answer(self, status: int, now: datetime) -> Response:
        headers = {name: str(value) for name, value in (self.headers or {}).items()}
        if self.until and status in _THROTTLING:
            headers.setdefault("Retry-After", str(math.ceil((self.until - now).total_seconds())))
        if self.retry_after_date_seconds is not None:
            later = now + timedelta(seconds=self.retry_after_date_seconds)
            headers["Retry-After"] = format_datetime(later, usegmt=True)
        if self.body is None:
            return Response(status, headers)
        body = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return Response(status, {"Content-Type": self.content_type or "application/json", **headers}, body.encode())


_FIELDS: dict[str, tuple[str, tuple[type, ...], str]] = {
    "name": ("name", (str,), "a text"),
    "operation": ("operation", (str,), "a text"),
    "times": ("times", (int,), "a whole number"),
    "forSeconds": ("for_seconds", (int, float), "a number"),
    "registrationId": ("registration_id", (str,), "a text"),
    "status": ("status", (int,), "a whole number"),
    "headers": ("headers", (dict,), "an object"),
    "body": ("body", (dict, list, str), "an object, a list or a text"),
    "contentType": ("content_type", (str,), "a text"),
    "delaySeconds": ("delay_seconds", (int, float), "a number"),
    "retryAfterDateSeconds": ("retry_after_date_seconds", (int, float), "a number"),
    "execute": ("execute", (bool,), "true or false"),
    "disconnect": ("disconnect", (bool,), "true or false"),
    "hang": ("hang", (bool,), "true or false"),
}
"""Every field: its name in Python, its JSON types, and how to say what it takes."""


class Faults:
    """The armed faults; the first one that fits a call is used, and gone after its last time or second."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.on_clear: Callable[[], None] = lambda: None
        """Called when the faults are cleared, so that hanging calls can be let go."""

    def arm(self, content: Any) -> None:
        """Arm one fault or a list of them.

        Raises:
            FaultError: one of them makes no sense; none is armed then.
        """
        self.armed += [Fault.from_json(fault) for fault in (content if isinstance(content, list) else [content])]

    def take(self, operation: str, registration_id: str, now: datetime) -> Fault | None:
        """Return the fault for a call at a moment and use it up once; None when there is none."""
        self.armed = [fault for fault in self.armed if not fault.is_over(now)]
        for index, armed in enumerate(self.armed):
            if armed.applies_to(operation, registration_id):
                fault = armed.begun(now)
                remaining = fault.used()
                self.armed[index : index + 1] = [remaining] if remaining else []
                return fault
        return None

    def clear(self) -> None:
        """Disarm every fault and let go of the calls that hang."""
        self.armed.clear()
        self.on_clear()
