"""What stands in a queue message, and what becomes of what cannot be carried out. Pure: bytes to records.

Whoever put the message there: Power Automate's connector encodes base64, an SDK or the REST API sends the text as it
is, and a flow may have put JSON into a JSON text. Source: https://learn.microsoft.com/connectors/azurequeues/
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from activities.contract import json_text, wrappings
from activities.contract.envelope import open_envelope
from activities.contract.learner import Learner
from activities.errors import ActivityError, PermanentError, Problem
from activities.queueing import put_back
from activities.queueing.put_back import Record

# What ``encode_failure`` begins a message with.
_FAILURE_ID = re.compile(r'^\{"id": "([0-9a-f]{32})"')
_LONGEST_SHOWN = 1000  # Characters; all of it stands beside, in base64.


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message by the Functions host; the same message may be delivered again."""

    body: bytes
    message_id: str
    inserted_at: datetime | None
    deliveries: int = 1

    @property
    def name(self) -> str:
        """What tells the message from every other, however often it is delivered.

        The host lets a property "id" of the body hide the message's own id, and a blank one says nothing.
        """
        return self.message_id.strip() or f"{hashlib.sha256(self.body).hexdigest()[:32]}@{self.inserted_at}"

    @property
    def says_put_back(self) -> bool:
        """Whether it may be what the app has put back itself: it writes no base64."""
        return f'"{put_back.DEFERRED}"'.encode() in self.body

    def as_first_delivered(self, now: datetime) -> Self:
        """Return what was put back unread as it came first, under the name that it had then; any other as it is."""
        unread = put_back.open_unread(self.body) if self.says_put_back else None
        if unread is None:
            return self
        body, origin, first_seen = unread
        return replace(self, body=body, message_id=origin, inserted_at=min(first_seen, self.first_seen(now)))

    def first_seen(self, now: datetime) -> datetime:
        """When it was put into the queue; a property "insertionTime" of the body may have made that any moment."""
        said = self.inserted_at or now
        return min(said if said.tzinfo else said.replace(tzinfo=UTC), now)


@dataclass(frozen=True, slots=True)
class Failure:
    """A record, or a whole message that could not be read, that was refused for good, and why."""

    id: str
    code: str
    message: str
    problems: tuple[Problem, ...]
    attempts: int
    first_seen: datetime
    failed_at: datetime
    record: Record | None = None
    body: bytes | None = None

    @classmethod
    def of_record(cls, record: Record, error: ActivityError, *, now: datetime) -> Self:
        """Return the failure of a record that was tried."""
        return cls(
            record.failure_id,
            str(error.code),
            error.message,
            error.problems,
            record.attempts,
            record.first_seen,
            now,
            record=record,
        )

    @classmethod
    def of_message(cls, delivery: Delivery, error: ActivityError, *, now: datetime) -> Self:
        """Return the failure of a message that no record could be read from; its body is kept as it was."""
        name = hashlib.sha256(delivery.name.encode(errors="backslashreplace") + b":" + delivery.body).hexdigest()[:32]
        first_seen = delivery.first_seen(now)
        return cls(name, str(error.code), error.message, error.problems, 1, first_seen, now, body=delivery.body)

    def to_json(self) -> dict[str, Any]:
        """Return what a person or a flow reads."""
        said: dict[str, Any] = {
            "id": self.id,
            "code": self.code,
            "message": self.message,
            "details": [{"code": one.code, "message": one.message, "target": one.target} for one in self.problems],
            "attempts": self.attempts,
            "firstSeenAt": self.first_seen.isoformat(),
            "failedAt": self.failed_at.isoformat(),
        }
        if self.record is not None:
            return {**said, "activity": self.record.content}
        body = self.body or b""
        return {**said, "activity": {}, "bodyBase64": base64.b64encode(body).decode(), "bodyText": _shown(body)}


def no_file(body: bytes) -> list[Any] | None:  # noqa: ARG001 (what reads files does)
    """Find no file in a message. See ``decode``."""
    return None


def decode(
    delivery: Delivery,
    *,
    now: datetime,
    patience: timedelta,
    key: bytes | None = None,
    read_file: Callable[[bytes], list[Any] | None] = no_file,
) -> list[Record]:
    """Return the records of a message: an activity, a list of them, ``{"activities": […]}``, or what was put back.

    Args:
        delivery: The message.
        now: The time.
        patience: How long a record is tried that begins with this message.
        key: The app's signing key; without it, nothing is believed of what was put back but its content.
        read_file: Returns the records of a message that is a sheet, as a flow holds a file; None of any other.

    Raises:
        PermanentError: ``invalidJson`` or ``invalidRequest``: no record can be read from it.
    """
    contents = read_file(delivery.body)
    value = json_text.writable(json_text.decode(delivery.body) if contents is None else contents)
    first_seen = delivery.first_seen(now)
    fresh = Record(None, delivery.name, first_seen, first_seen + patience)
    if isinstance(value, dict) and put_back.DEFERRED in value:
        return put_back.decode(value, fresh=fresh, key=key)
    return [
        replace(fresh, content=content, origin=f"{fresh.origin}:{index}")
        for index, content in enumerate(open_envelope(value, has_name=False).records)
    ]


def _shown(body: bytes) -> str:
    """Return how a message begins, for a person: what its sender wrote, without the base64 that carried it."""
    try:
        text = body.decode("utf-8-sig")
        inner = wrappings.out_of_text(text)
        return (text if inner is None else inner.decode("utf-8-sig"))[:_LONGEST_SHOWN]
    except (UnicodeDecodeError, PermanentError):
        return ""


def encode_failure(failure: Failure) -> str:
    """Return the message for the queue of failures; what does not fit is left to ``GET /api/failures``."""
    said = failure.to_json()
    message = json.dumps(said)
    if put_back.fits(message):
        return message
    kept = {name: said[name] for name in ("id", "code", "attempts", "firstSeenAt", "failedAt")}
    return json.dumps({**kept, "message": failure.message[:2000], "activityAt": "/api/failures"})


def is_about(said: Mapping[str, Any], learner: Learner) -> bool:
    """Tell whether a failure, as it is told, is about a learner."""
    if "bodyBase64" in said:
        return learner.is_meant_by_body(base64.b64decode(said["bodyBase64"]))
    # Of what fits into no message, only the reason is told.
    return learner.is_meant_by(said.get("activity", said))


def tells_of(message: str, learner: Learner) -> bool:
    """Tell whether a message of the queue of failures is about a learner, whoever has put it there."""
    try:
        said = json.loads(message)
        return is_about(said, learner)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return learner.is_meant_by_body(message.encode(errors="backslashreplace"))


def failure_id_of(message: str) -> str:
    """Return which failure a message of the queue of failures tells of; "" if the app has not written it."""
    found = _FAILURE_ID.search(message)
    return found[1] if found else ""
