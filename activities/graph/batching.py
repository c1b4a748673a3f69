"""Several requests to Graph at once: in one ``$batch``, or a few side by side where Graph takes no batches.

The SDK's own batch classes lose the bodies of the answers and the ids of the requests.
Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from activities import telemetry
from activities.errors import ActivityError, TransientError
from activities.graph import translation

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


@dataclass(frozen=True, slots=True)
class Answer:
    """Graph's answer to one request of a batch; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def encode(parts: Sequence[Part]) -> bytes:
    """Return the body of a batch; a part's content is JSON already. The parts are known by their places, from 0."""
    return b'{"requests":[' + b",".join(_encoded(place, part) for place, part in enumerate(parts)) + b"]}"


def decode(body: bytes, *, count: int) -> list[Answer | None]:
    """Return the answers in the order of the requests; None for a request that not exactly one thing was said about."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    answers: dict[str, list[Answer]] = {str(place): [] for place in range(count)}
    responses = said.get("responses") if isinstance(said, dict) else None
    for response in responses if isinstance(responses, list) else []:
        match response:
            case {"id": str(place), "status": int(status)} if place in answers:
                answers[place].append(Answer(status, _headers(response.get("headers")), _body(response.get("body"))))
    # Of two answers to one request nobody knows which is true.
    return [one[0] if len(one) == 1 else None for one in answers.values()]


def refuses_batching(status: int) -> bool:
    """Tell whether this status of a whole batch says that Graph takes no batches here: nothing in it was done."""
    refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status == HTTPStatus.NOT_IMPLEMENTED or (refusal and status not in _NOT_ABOUT_BATCHING)


def refused_in_batch(answer: Answer) -> bool:
    """Tell whether Graph says that this request cannot be part of a batch: it was not done."""
    wrong = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    said = answer.body.lower()
    return (wrong or answer.status == HTTPStatus.NOT_IMPLEMENTED) and b"batch" in said and b"support" in said


def _encoded(place: int, part: Part) -> bytes:
    said: dict[str, Any] = {"id": str(place), "method": part.method, "url": part.path, "headers": dict(part.headers)}
    head = json.dumps(said).encode()
    return head[:-1] + b',"body":' + part.content + b"}" if part.content else head


def _headers(said: object) -> dict[str, str]:
    headers = said if isinstance(said, dict) else {}
    return {name.lower(): str(value) for name, value in headers.items() if isinstance(value, str | int | float)}


def _body(said: object) -> bytes:
    # JSON stands there as JSON; anything else as a text, in base64 if it is no text.
    if isinstance(said, str):
        return said.encode(errors="replace")  # JSON can hold halves of characters.
    return b"" if said is None else json.dumps(said).encode()


# Where Graph takes no batches: of one process, so that others get through, too.
SINGLES_AT_ONCE = 4


class Batching:
    """Sends requests together as long as Graph takes batches; that it does not is found out once.

    Args:
        post: Sends the body of a batch within so many seconds and returns the answer to the whole; raises
            ``TransientError`` when there is none.
    """

    def __init__(self, post: Callable[[bytes, float], Awaitable[Answer]]) -> None:
        self._post = post
        self._takes_batches = True
        self._singles = asyncio.Semaphore(SINGLES_AT_ONCE)

    async def together(
        self, parts: Callable[[], Sequence[Part]], *, timeout_seconds: float
    ) -> list[Answer | ActivityError] | None:
        """Send requests in one batch and return their answers in order; None if they have to be sent singly."""
        if not self._takes_batches:
            return None
        batch = parts()
        if not batch:
            return []
        try:
            whole = await self._post(encode(batch), timeout_seconds)
        except TransientError as error:
            return [error] * len(batch)
        if refuses_batching(whole.status):
            self._refuse()
            return None
        if not (whole.status < HTTPStatus.MULTIPLE_CHOICES or whole.status == HTTPStatus.FAILED_DEPENDENCY):
            refusal = translation.translate(whole.status, whole.headers, whole.body, now=datetime.now(UTC))
            return [refusal] * len(batch)
        # Only the answer to the whole has an id that Microsoft's support finds.
        correlation = {name: whole.headers[name] for name in ("request-id",) if name in whole.headers}
        return [self._read(answer, correlation) for answer in decode(whole.body, count=len(batch))]

    async def singly[One](self, calls: Iterable[Awaitable[One]]) -> list[One | ActivityError]:
        """Make calls of their own, a few at a time; what one raises stands in its place."""

        async def result_of(call: Awaitable[One]) -> One | ActivityError:
            async with self._singles:
                try:
                    return await call
                except ActivityError as error:
                    return error

        return list(await asyncio.gather(*(result_of(call) for call in calls)))

    def _read(self, answer: Answer | None, correlation: Mapping[str, str]) -> Answer | ActivityError:
        if answer is None or answer.status == HTTPStatus.FAILED_DEPENDENCY:
            return translation.unanswered()  # None of ours depends on another: this says nothing about the request.
        if refused_in_batch(answer):
            # Others of the same batch may have been done: this one waits for its next turn, outside of a batch.
            self._refuse()
            return translation.unreachable()
        return Answer(answer.status, {**correlation, **answer.headers}, answer.body)

    def _refuse(self) -> None:
        if self._takes_batches:
            telemetry.event("batchingRefused")
        self._takes_batches = False
