"""The requests and responses of the emulators as plain data.

No sockets here: `emulator_server` carries them over HTTP, `emulator_transport` straight into httpx.
"""

import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request and the moment it came.

    `path` is percent-encoded as it was sent, `headers` have lower-case names, `now` has a time zone, `batched` says
    that it came inside another one.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    batched: bool = False

    @classmethod
    def from_wire(
        cls, method: str, target: str, *, headers: Iterable[tuple[str, str]], body: bytes, now: datetime
    ) -> "Request":
        """Build a request from what the first line, the headers and the body of an HTTP message say."""
        path, _, query = target.partition("?")
        return cls(
            method=method,
            path=path,
            query=dict(parse_qsl(query)),
            headers={name.lower(): value for name, value in headers},
            body=body,
            now=now,
        )


class Ending(enum.Enum):
    """What becomes of a response."""

    ANSWER = "answer"
    DISCONNECT = "disconnect"
    """The connection is closed and nobody gets the response."""
    HANG = "hang"
    """Nothing happens until the client gives up."""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, how long it takes until it is sent, and whether it is sent at all."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0
    ending: Ending = Ending.ANSWER


def json_response(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON body."""
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(content).encode())


class GraphError(Exception):
    """Graph refuses a request: the parts of its error object, plus headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}
