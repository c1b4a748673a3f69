"""What stands in a queue message, and what the app writes into one. Pure: bytes to records and back.

Whoever put the message there: Power Automate's connector encodes base64, an SDK or the REST API sends the text as it
is, and a flow may have put JSON into a JSON text. Source: https://learn.microsoft.com/connectors/azurequeues/
"""

import base64
import binascii
import codecs
import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from activities.contract import json_text
from activities.contract.envelope import open_envelope
from activities.contract.limits import LARGEST_ACTIVITY_BYTES
from activities.errors import ActivityError, ErrorCode, PermanentError, Problem

# Source: https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
LARGEST_MESSAGE_BYTES = 65_536
_DEFERRED, _ACTIVITY, _COMPRESSED = "deferred", "activity", "compressedActivity"
_LARGEST_CONTENT_BYTES = LARGEST_ACTIVITY_BYTES  # A message of 64 KiB can hold 50 MB of compressed zeros.


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

    def first_seen(self, now: datetime) -> datetime:
        """When it was put into the queue; a property "insertionTime" of the body may have made that any moment."""
        said = self.inserted_at or now
        return min(said if said.tzinfo else said.replace(tzinfo=UTC), now)


@dataclass(frozen=True, slots=True)
class Record:
    """One activity that a message asks for.

    ``origin`` is the message's identity and the place in it: the same however often the record is put back.
    ``attempts`` counts its attempts. After ``deadline`` it is not put back any more.
    """

    content: Any
    origin: str
    first_seen: datetime
    deadline: datetime
    attempts: int = 0
    replays: int = 0

    def tried(self) -> Self:
        """Return the record after one more attempt."""
        return replace(self, attempts=self.attempts + 1)

    @property
    def failure_id(self) -> str:
        """What its failure is called; a message that is delivered again fails under the same name.

        The content is part of it, because a body with a property "id" hides the message's own id.
        """
        name = json.dumps([self.origin, self.replays, self.content], sort_keys=True)
        return hashlib.sha256(name.encode()).hexdigest()[:32]


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
        return {**said, "activity": {}, "bodyBase64": base64.b64encode(self.body or b"").decode()}


def decode(delivery: Delivery, *, now: datetime, patience: timedelta) -> list[Record]:
    """Return the records of a message: an activity, a list of them, ``{"activities": […]}``, or one that was put back.

    Raises:
        PermanentError: ``invalidJson`` or ``invalidRequest``: no record can be read from it.
    """
    value = _json(delivery.body)
    if isinstance(value, dict) and _DEFERRED in value:
        return [_put_back(value)]
    first_seen = delivery.first_seen(now)
    return [
        Record(content, f"{delivery.name}:{index}", first_seen, first_seen + patience)
        for index, content in enumerate(open_envelope(value, has_name=False).records)
    ]


def encode(record: Record) -> str:
    """Return the message that puts a record back; ``decode`` reads the same record from it.

    Raises:
        PermanentError: ``requestTooLarge``: not even compressed does it fit into a message.
    """
    said = {
        "attempts": record.attempts,
        "replays": record.replays,
        "origin": record.origin,
        "firstSeenAt": record.first_seen.isoformat(),
        "deadline": record.deadline.isoformat(),
    }
    message = json.dumps({_DEFERRED: said, _ACTIVITY: record.content})
    content = json.dumps(record.content).encode()
    if len(message) > LARGEST_MESSAGE_BYTES and len(content) <= _LARGEST_CONTENT_BYTES:
        compressed = base64.b64encode(zlib.compress(content)).decode()
        message = json.dumps({_DEFERRED: said, _COMPRESSED: compressed})
    if len(message) > LARGEST_MESSAGE_BYTES:
        raise PermanentError(
            ErrorCode.REQUEST_TOO_LARGE, "The activity is too large to be put back into the queue; send it over HTTP."
        )
    return message


def encode_failure(failure: Failure) -> str:
    """Return the message for the queue of failures; what does not fit is left to ``GET /api/failures``."""
    said = failure.to_json()
    message = json.dumps(said)
    if len(message) <= LARGEST_MESSAGE_BYTES:
        return message
    kept = {name: said[name] for name in ("id", "code", "attempts", "firstSeenAt", "failedAt")}
    return json.dumps({**kept, "message": failure.message[:2000], "activityAt": "/api/failures"})


def _json(body: bytes) -> Any:
    try:
        return json_text.writable(json_text.decode(body))
    except PermanentError as not_json:
        try:
            # Without the line breaks that some encoders put in.
            decoded = base64.b64decode(b"".join(body.removeprefix(codecs.BOM_UTF8).split()), validate=True)
        except binascii.Error:
            raise not_json from None
        if not decoded:
            raise not_json from None
        return json_text.writable(json_text.decode(decoded))


def _put_back(envelope: dict[str, Any]) -> Record:
    """Read what ``encode`` wrote. The queue is open to others: what they forge is an invalid message, no crash."""
    try:
        said = envelope[_DEFERRED]
        content = _decompressed(envelope[_COMPRESSED]) if _COMPRESSED in envelope else envelope[_ACTIVITY]
        return Record(
            content=content,
            origin=str(said["origin"]),
            first_seen=_moment(said["firstSeenAt"]),
            deadline=_moment(said["deadline"]),
            attempts=int(said["attempts"]),
            replays=int(said["replays"]),
        )
    except (KeyError, TypeError, ValueError, zlib.error, RecursionError) as error:
        raise _invalid(f'"{_DEFERRED}" is written by the app itself when it puts a message back; remove it.') from error


def _decompressed(text: str) -> Any:
    inflating = zlib.decompressobj()
    content = inflating.decompress(base64.b64decode(text), _LARGEST_CONTENT_BYTES)
    if not inflating.eof:
        raise ValueError("cut off, or larger than any content")
    return json_text.writable(json.loads(content))


def _moment(said: str) -> datetime:
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a moment has an offset")
    return moment


def _invalid(message: str, target: str = "") -> PermanentError:
    return PermanentError(ErrorCode.INVALID_REQUEST, message, target=target)
