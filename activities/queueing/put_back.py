"""What the app itself writes into its queue: records that wait, signed, so that nobody else can say how long. Pure.

Attempts and deadline count only where the signature is the app's. What was put back by a version that did not sign, or
while the key could not be read, is no less a record: the time for which it is tried begins anew.
"""

import base64
import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self
from xml.sax.saxutils import escape

from activities.contract import json_text
from activities.contract.limits import (
    LARGEST_ACTIVITY_BYTES,
    LARGEST_ESCAPED_BYTES,
    LARGEST_MESSAGE_BYTES,
    MOST_RECORDS_OF_MESSAGE,
)
from activities.errors import ErrorCode, PermanentError

DEFERRED = "deferred"
_CONTENT, _COMPRESSED = "activity", "compressedActivity"
_UNREAD = "bodyBase64"
_SIGNATURE, _INDEX = "signature", "index"
_XML_AROUND_BYTES = 512  # Of the request that puts a message: a declaration and two elements.


_ORIGIN = re.compile(r"(.*):(\d{1,5})", re.ASCII | re.DOTALL)


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
    def arrived_at(self) -> datetime:
        """When it came first; of those that came in one message, the later one later."""
        return self.first_seen + timedelta(microseconds=self.index)

    @property
    def message_id(self) -> str:
        """The id of the message in which it was sent first."""
        return self._place[0]

    @property
    def index(self) -> int:
        """Its place in that message, from 0."""
        return self._place[1]

    @property
    def _place(self) -> tuple[str, int]:
        # Of what others forge, an origin may be any text.
        written = _ORIGIN.fullmatch(self.origin)
        return (written[1], int(written[2])) if written else (self.origin, 0)

    @property
    def failure_id(self) -> str:
        """What its failure is called; a message that is delivered again fails under the same name.

        The content is part of it, because a body with a property "id" hides the message's own id.
        """
        name = json.dumps([self.origin, self.replays, self.content], sort_keys=True)
        return hashlib.sha256(name.encode()).hexdigest()[:32]


def fits(message: str) -> bool:
    """Tell whether a queue takes a message: as it is, and as it is escaped in the request that puts it."""
    return (
        len(message.encode()) <= LARGEST_MESSAGE_BYTES
        and len(escape(message).encode()) + _XML_AROUND_BYTES <= LARGEST_ESCAPED_BYTES
    )


def encode(record: Record, *, key: bytes | None) -> str:
    """Return the message that puts a record back; ``decode`` with the same key reads the same record from it.

    Raises:
        PermanentError: ``requestTooLarge``: not even compressed does it fit into a message.
    """
    said = {"attempts": record.attempts, "replays": record.replays, "origin": record.origin, **_times(record)}
    return _message(said, record.content, key)


def split(records: Sequence[Record], *, key: bytes | None) -> tuple[list[Record], list[str]]:
    """Return the first records of a message, and messages that hold the others, so that none takes too long.

    A record that fits into no message of its own stays with the first.
    """
    first, messages = list(records[:MOST_RECORDS_OF_MESSAGE]), []
    waiting = [
        records[begin : begin + MOST_RECORDS_OF_MESSAGE]
        for begin in range(MOST_RECORDS_OF_MESSAGE, len(records), MOST_RECORDS_OF_MESSAGE)
    ]
    while waiting:
        part = waiting.pop()
        origin, _, index = part[0].origin.rpartition(":")
        try:
            said = {"attempts": 0, "replays": 0, "origin": origin, **_times(part[0]), _INDEX: int(index)}
            messages.append(_message(said, [one.content for one in part], key))
        except PermanentError:
            middle = len(part) // 2
            waiting += [part[:middle], part[middle:]] if middle else []
            first += part if not middle else []
    return first, messages


def encode_unread(body: bytes, *, origin: str, first_seen: datetime) -> str | None:
    """Return the message that puts back what no record could be read from, so that ``open_unread`` gives the same.

    None if it fits into no message. It is not signed: it says how it is called and when it came, and nothing more.
    """
    said = {"origin": origin, "firstSeenAt": first_seen.isoformat()}
    message = json.dumps({DEFERRED: said, _UNREAD: base64.b64encode(body).decode()})
    return message if fits(message) else None


def open_unread(message: bytes) -> tuple[bytes, str, datetime] | None:
    """Return body, origin and when it came first of what ``encode_unread`` wrote; None of any other message."""
    try:
        envelope = json.loads(message)
        said = envelope[DEFERRED]
        body = base64.b64decode(envelope[_UNREAD], validate=True)
        return body, str(said["origin"]), _moment(said["firstSeenAt"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def decode(envelope: Mapping[str, Any], *, fresh: Record, key: bytes | None) -> list[Record]:
    """Read what ``encode`` or ``split`` wrote. The queue is open to others: what they forge is no crash.

    Args:
        envelope: What JSON gave.
        fresh: A record that begins with this delivery, for what has to be taken from somewhere that can be believed.
        key: The app's; None if it is not known.

    Raises:
        PermanentError: ``invalidRequest``: neither version of the app has written it.
    """
    try:
        said = envelope[DEFERRED]
        content = _decompressed(envelope[_COMPRESSED]) if _COMPRESSED in envelope else envelope[_CONTENT]
        record = Record(
            content=content,
            origin=str(said["origin"]),
            first_seen=_moment(said["firstSeenAt"]),
            deadline=_moment(said["deadline"]),
            attempts=int(said["attempts"]),
            replays=int(said["replays"]),
        )
        index = int(said[_INDEX]) if _INDEX in said else None
        signature = str(said.get(_SIGNATURE, "")).encode(errors="replace")
        believed = key is not None and hmac.compare_digest(_signature(said, content, key).encode(), signature)
    except (AttributeError, KeyError, TypeError, ValueError, zlib.error, RecursionError) as error:
        message = f'"{DEFERRED}" is written by the app itself when it puts a message back; remove it.'
        raise PermanentError(ErrorCode.INVALID_REQUEST, message) from error
    if not believed:
        # Without its origin, what the version before sent to Graph could be sent once more; and of two states, the one
        # that came first must not win: whoever says that theirs is old makes nothing but that true.
        first_seen = min(record.first_seen, fresh.first_seen)
        record = replace(fresh, content=content, origin=record.origin, first_seen=first_seen)
    if index is None or not isinstance(content, list):
        return [record]
    return [replace(record, content=one, origin=f"{record.origin}:{place}") for place, one in enumerate(content, index)]


def _times(record: Record) -> dict[str, str]:
    return {"firstSeenAt": record.first_seen.isoformat(), "deadline": record.deadline.isoformat()}


def _message(said: dict[str, Any], content: Any, key: bytes | None) -> str:
    if key is not None:
        said[_SIGNATURE] = _signature(said, content, key)
    message = json.dumps({DEFERRED: said, _CONTENT: content})
    text = json.dumps(content).encode()
    if not fits(message) and len(text) <= LARGEST_ACTIVITY_BYTES:
        message = json.dumps({DEFERRED: said, _COMPRESSED: base64.b64encode(zlib.compress(text)).decode()})
    if not fits(message):
        raise PermanentError(
            ErrorCode.REQUEST_TOO_LARGE, "The activity is too large to be put back into the queue; send it over HTTP."
        )
    return message


def _signature(said: Mapping[str, Any], content: Any, key: bytes) -> str:
    unsigned = {name: value for name, value in said.items() if name != _SIGNATURE}
    return hmac.digest(key, json.dumps([unsigned, content], sort_keys=True).encode(), "sha256").hex()


def _decompressed(text: str) -> Any:
    inflating = zlib.decompressobj()
    # A message of 64 KiB can hold 50 MB of compressed zeros.
    content = inflating.decompress(base64.b64decode(text), LARGEST_ACTIVITY_BYTES)
    if not inflating.eof:
        raise ValueError("cut off, or larger than any content")
    return json_text.writable(json.loads(content))


def _moment(said: str) -> datetime:
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError("a moment has an offset")
    return moment
