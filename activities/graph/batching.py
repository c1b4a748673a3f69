"""Several requests to Graph at once: in one ``$batch``, or a few side by side where Graph takes no batches.

The SDK's own batch classes lose the bodies of the answers and the ids of the requests.
Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import json
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


def refuses_batching(status: int) -> bool:
    """Tell whether this status of a whole batch says that Graph takes no batches here: nothing in it was done."""
    refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status == HTTPStatus.NOT_IMPLEMENTED or (refusal and status not in _NOT_ABOUT_BATCHING)


def refused_in_batch(answer: Answer) -> bool:
    """Tell whether Graph says that this request cannot be part of a batch: it was not done."""
    wrong = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    text = answer.body.lower()
    return (wrong or answer.status == HTTPStatus.NOT_IMPLEMENTED) and b"batch" in text and b"support" in text


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
    """Sends requests together as long as Graph takes batches; that it does not is found out once.

    Args:
        post: Sends the body of a batch within so many seconds and returns the answer to the whole, or the error when
            there is none.
    """

    def __init__(self, post: Callable[[bytes, float], Awaitable[Answer | ActivityError]]) -> None:
        self._post = post
        self._takes_batches = True
        self._singles = asyncio.Semaphore(SINGLES_AT_ONCE)

    async def together(self, parts: Sequence[Part], *, timeout_seconds: float) -> list[Answer | ActivityError] | None:
        """Send requests in one batch and return their answers in order; None if they have to be sent singly."""
        if not self._takes_batches:
            return None
        whole = await self._post(encode(parts), timeout_seconds)
        if isinstance(whole, ActivityError):
            return [whole] * len(parts)
        if refuses_batching(whole.status):
            self._refuse()
            return None
        if not (whole.status < HTTPStatus.MULTIPLE_CHOICES or whole.status == HTTPStatus.FAILED_DEPENDENCY):
            refusal = translation.translate(whole.status, whole.headers, whole.body, now=datetime.now(UTC))
            return [refusal] * len(parts)
        # Only the answer to the whole has an id that Microsoft's support finds.
        correlation = {name: whole.headers[name] for name in ("request-id",) if name in whole.headers}
        return [self._read(answer, correlation) for answer in decode(whole.body, count=len(parts))]

    async def singly[One](self, calls: Iterable[Awaitable[One]]) -> list[One]:
        """Make calls of their own, a few at a time."""

        async def result_of(call: Awaitable[One]) -> One:
            async with self._singles:
                return await call

        return list(await asyncio.gather(*(result_of(call) for call in calls)))

    def _read(self, answer: Answer | None, correlation: Mapping[str, str]) -> Answer | ActivityError:
        if answer is None or answer.status == HTTPStatus.FAILED_DEPENDENCY:
            return translation.unanswered()  # None of ours depends on another: this says nothing about the request.
        if refused_in_batch(answer):
            # Others of the same batch may have been done: this one waits for its next turn, outside of a batch.
            self._refuse()
            return translation.unreachable()
        return replace(answer, headers={**correlation, **answer.headers})

    def _refuse(self) -> None:
        if self._takes_batches:
            telemetry.event("batchingRefused")
        self._takes_batches = False
