"""Several requests to Graph at once: in one ``$batch``, or a few side by side where Graph takes no batches.

Knows Graph's JSON batching and no Graph library: whoever uses it sends the bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from activities import json_batch, telemetry, translation
from activities.errors import ActivityError, TransientError
from activities.json_batch import Answer, Part

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
            whole = await self._post(json_batch.encode(batch), timeout_seconds)
        except TransientError as error:
            return [error] * len(batch)
        if json_batch.refuses_batching(whole.status):
            self._refuse()
            return None
        if not (whole.status < HTTPStatus.MULTIPLE_CHOICES or whole.status == HTTPStatus.FAILED_DEPENDENCY):
            refusal = translation.translate(whole.status, whole.headers, whole.body, now=datetime.now(UTC))
            return [refusal] * len(batch)
        # Only the answer to the whole has an id that Microsoft's support finds.
        correlation = {name: whole.headers[name] for name in ("request-id",) if name in whole.headers}
        return [self._read(answer, correlation) for answer in json_batch.decode(whole.body, count=len(batch))]

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
        if json_batch.refused_in_batch(answer):
            # Others of the same batch may have been done: this one waits for its next turn, outside of a batch.
            self._refuse()
            return translation.unreachable()
        return Answer(answer.status, {**correlation, **answer.headers}, answer.body)

    def _refuse(self) -> None:
        if self._takes_batches:
            telemetry.event("batchingRefused")
        self._takes_batches = False
