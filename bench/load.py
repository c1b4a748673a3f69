"""Load: so many callers on connections of their own, each sending its next request when it has the answer to the last.

It writes ready-made bytes and reads as little of an answer as it can: on a machine of few cores, what the callers spend
is missing where they measure.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

_PLACE = "00000000-0000-0000-0000-000000000000"
_CREATED = b" %d " % HTTPStatus.CREATED
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
_CHUNKED = b"transfer-encoding: chunked"
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class Answered:
    """How long each request took, and all of them together, in seconds."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """How many requests were answered in a second."""
        return len(self.latencies) / self.seconds


async def create(  # noqa: PLR0913 (all that makes a load)
    url: str,
    example: Mapping[str, Any],
    *,
    with_external_id: bool,
    callers: int,
    seconds: float = float("inf"),
    requests: int | None = None,
) -> Answered:
    """Let callers create activities for some time, or so many of them together, and return what it came to.

    A request's external id is its own, so that nothing is a repetition; without one, it is null.

    Raises:
        RuntimeError: an answer was not 201, or a connection broke.
    """
    before, after = _around_the_external_id(url, example, with_external_id=with_external_id)
    left = requests
    begun = time.perf_counter()

    def next_request() -> bytes | None:
        nonlocal left
        if left is not None:
            if not left:
                return None
            left -= 1
        if time.perf_counter() - begun >= seconds:
            return None
        return b"%b%b%b" % (before, str(uuid4()).encode(), after) if with_external_id else before + after

    answered = Answered()
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 80
    connected = [
        await loop.create_connection(lambda: _Caller(next_request, answered.latencies), host, port)
        for _ in range(callers)
    ]
    try:
        begun = time.perf_counter()
        for _, caller in connected:
            caller.send_next()
        await asyncio.gather(*(caller.done for _, caller in connected))
        answered.seconds = time.perf_counter() - begun
    finally:
        for transport, _ in connected:
            transport.abort()
    return answered


def _around_the_external_id(url: str, example: Mapping[str, Any], *, with_external_id: bool) -> tuple[bytes, bytes]:
    """Return a request's bytes before and after its external id, all of them before it when it has none."""
    address = urlsplit(url)
    body = json.dumps({**example, "externalCourseActivityId": _PLACE if with_external_id else None})
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
    before, _, after = request.partition(_PLACE)
    return before.encode(), after.encode()


class _Caller(asyncio.Protocol):
    """One connection: sends what ``next_request`` gives until that is nothing, and notes how long each answer took."""

    def __init__(self, next_request: Callable[[], bytes | None], latencies: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next_request = next_request
        self._latencies = latencies
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - Tells mypy what create_connection makes.
        self._transport = transport

    def send_next(self) -> None:
        request = self._next_request()
        if request is None:
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_END_OF_HEAD)
        if not end or not _is_whole(head.lower(), body):
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._received = b""
        if _CREATED not in head[: head.index(b"\r\n")]:
            self._fail(f"The host answered {head.splitlines()[0]!r}: {body!r}")
            return
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The host closed the connection: {exc}")

    def _fail(self, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(message))


def _is_whole(head: bytes, body: bytes) -> bool:
    if _CHUNKED in head:
        return body.endswith(_LAST_CHUNK)
    _, _, length = head.partition(_LENGTH)
    return len(body) >= int(length.partition(b"\r\n")[0])
