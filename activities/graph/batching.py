"""Several requests to Graph at once: in one ``$batch``, or a few side by side where Graph takes no batches.

The SDK's own batch classes lose the bodies of the answers and the ids of the requests.
Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from activities import telemetry
from activities.errors import ActivityError
from activities.graph import translation
from activities.graph.sdk import Answer

LARGEST_BATCH = 20
# Graph takes 4 MB at most; what stands around the requests needs some of them.
LARGEST_BYTES = 3_000_000
# Graph answers so as a whole for itself or, with 424, because some of the requests inside failed: no refusal.
# Source: https://learn.microsoft.com/graph/throttling (424 in earlier versions of the page)
_NOT_ABOUT_BATCHING = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.FAILED_DEPENDENCY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
# What Graph calls a thing that it does not do; said of the whole, that thing is $batch.
# Source: https://learn.microsoft.com/graph/errors
_NOT_DONE_HERE = frozenset({"methodnotallowed", "notimplemented", "notsupported", "resourcenotfound"})
# For so long nobody tries again whether Graph takes batches.
GIVEN_UP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch; ``path`` begins with a slash, after the API's version."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes = b""


def encode(parts: Sequence[Part]) -> bytes:
    """Return the body of a batch; a part's content is JSON already. The parts are known by their places, from 0."""
    return b'{"requests":[' + b",".join(_encoded(place, part) for place, part in enumerate(parts)) + b"]}"


def decode(body: bytes, *, count: int) -> list[Answer | None]:
    """Return the answers in the order of the requests; None for a request that not exactly one thing was said about."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        whole = None
    answers: dict[str, list[Answer]] = {str(place): [] for place in range(count)}
    responses = whole.get("responses") if isinstance(whole, dict) else None
    for response in responses if isinstance(responses, list) else []:
        match response:
            case {"id": str(place), "status": int(status)} if place in answers:
                answers[place].append(_answer(status, response))
    # Of two answers to one request nobody knows which is true.
    return [one[0] if len(one) == 1 else None for one in answers.values()]


def refuses_whole(status: int) -> bool:
    """Tell whether this status of a whole batch says that nothing in it was done, whatever the reason."""
    refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status == HTTPStatus.NOT_IMPLEMENTED or (refusal and status not in _NOT_ABOUT_BATCHING)


def says_no_batches(answer: Answer) -> bool:
    """Tell whether Graph's code says that it takes no batches here. Its sentences are about anything, and quote."""
    if not refuses_whole(answer.status):
        return False
    code = translation.code_of(answer.body).casefold()
    return ("batch" in code and "support" in code) or (not answer.in_batch and code in _NOT_DONE_HERE)


def _answer(status: int, response: Mapping[str, Any]) -> Answer:
    return Answer(status, _headers(response.get("headers")), _body(response.get("body")), in_batch=True)


def _encoded(place: int, part: Part) -> bytes:
    request = {"id": str(place), "method": part.method, "url": part.path, "headers": dict(part.headers)}
    head = json.dumps(request).encode()
    return head[:-1] + b',"body":' + part.content + b"}" if part.content else head


def _headers(value: object) -> dict[str, str]:
    headers = value if isinstance(value, dict) else {}
    return {name.lower(): str(one) for name, one in headers.items() if isinstance(one, str | int | float)}


def _body(value: object) -> bytes:
    # JSON stands there as JSON; anything else as a text, in base64 if it is no text.
    if isinstance(value, str):
        return value.encode(errors="replace")  # JSON can hold halves of characters.
    return b"" if value is None else json.dumps(value).encode()


# Where Graph takes no batches: of one process, so that others get through, too.
SINGLES_AT_ONCE = 4


class Batching:
    """Sends requests together as long as Graph takes batches, and tries again some time after it said that it does not.

    Args:
        post: Sends the body of a batch within so many seconds and returns the answer to the whole, or the error when
            there is none.
        now: The clock, in seconds.
    """

    def __init__(
        self,
        post: Callable[[bytes, float], Awaitable[Answer | ActivityError]],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._post = post
        self._now = now
        self._given_up_until = -math.inf
        self._singles = asyncio.Semaphore(SINGLES_AT_ONCE)

    async def together(self, parts: Sequence[Part], *, timeout_seconds: float) -> list[Answer | ActivityError | None]:
        """Send requests in as few batches as Graph takes, and return their answers in order.

        None stands for a request that was not done and has to be sent by itself.
        """
        if len(parts) == 1 or self._now() < self._given_up_until:
            return [None] * len(parts)
        body = encode(parts)
        if len(body) > LARGEST_BYTES:
            return await self._in_halves(parts, timeout_seconds)
        whole = await self._post(body, timeout_seconds)
        if isinstance(whole, ActivityError):
            return [whole] * len(parts)
        if whole.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return await self._in_halves(parts, timeout_seconds)
        return self._read_whole(whole, len(parts))

    async def singly[One](self, calls: Iterable[Awaitable[One]]) -> list[One]:
        """Make calls of their own, a few at a time."""

        async def result_of(call: Awaitable[One]) -> One:
            async with self._singles:
                return await call

        return list(await asyncio.gather(*(result_of(call) for call in calls)))

    async def _in_halves(self, parts: Sequence[Part], timeout_seconds: float) -> list[Answer | ActivityError | None]:
        middle = len(parts) // 2
        halves = (self.together(half, timeout_seconds=timeout_seconds) for half in (parts[:middle], parts[middle:]))
        first, second = await asyncio.gather(*halves)
        return [*first, *second]

    def _read_whole(self, whole: Answer, count: int) -> list[Answer | ActivityError | None]:
        if refuses_whole(whole.status):
            self._notice(whole)
            return [None] * count
        if not (whole.succeeded or whole.status == HTTPStatus.FAILED_DEPENDENCY):
            refusal = translation.translate(whole.status, whole.headers, whole.body, now=datetime.now(UTC))
            return [refusal] * count
        # Only the answer to the whole has an id that Microsoft's support finds.
        correlation = {name: whole.headers[name] for name in ("request-id",) if name in whole.headers}
        return [self._read(answer, correlation) for answer in decode(whole.body, count=count)]

    def _read(self, answer: Answer | None, correlation: Mapping[str, str]) -> Answer | ActivityError | None:
        if answer is None or answer.status == HTTPStatus.FAILED_DEPENDENCY:
            return translation.unanswered()  # None of ours depends on another: this says nothing about the request.
        if says_no_batches(answer):
            self._notice(answer)
            return None
        return replace(answer, headers={**correlation, **answer.headers})

    def _notice(self, refusal: Answer) -> None:
        """Give batches up for a while if that is what Graph says; else this one alone was refused."""
        if says_no_batches(refusal) and self._now() >= self._given_up_until:
            self._given_up_until = self._now() + GIVEN_UP_SECONDS
            telemetry.event("batchingRefused", status=refusal.status)
