"""A door to Graph that stays shut for a provider as long as Graph has asked for it. Knows only the gateway."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import GraphGateway, StoredActivity


class ThrottledGraph:
    """The gateway behind which nothing is sent for a provider that is throttled.

    What it knows, it learned from this process's own calls: another instance asks Graph once to learn the same.

    Args:
        graph: The gateway that sends.
        now: The clock, in seconds.
    """

    def __init__(self, graph: GraphGateway, *, now: Callable[[], float] = time.monotonic) -> None:
        self._graph = graph
        self._now = now
        self._open_again: dict[str, float] = {}

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Send one create. See ``GraphGateway``; raises ``throttled`` without sending while the provider is."""
        self.check_open(request.registration_id)
        try:
            return await self._graph.create_activity(request, timeout_seconds=timeout_seconds)
        except TransientError as error:
            self._learn(request.registration_id, error)
            raise

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up. See ``GraphGateway``; raises ``throttled`` without asking while the provider is."""
        self.check_open(registration_id)
        try:
            return await self._graph.find_activity(registration_id, external_id, timeout_seconds=timeout_seconds)
        except TransientError as error:
            self._learn(registration_id, error)
            raise

    async def create_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send several creates. See ``GraphGateway``; those of a provider that is throttled are not sent."""
        return await self._together(
            requests, lambda some: self._graph.create_activities(some, timeout_seconds=timeout_seconds)
        )

    async def find_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look several activities up. See ``GraphGateway``; those of a provider that is throttled are not asked for."""
        return await self._together(
            requests, lambda some: self._graph.find_activities(some, timeout_seconds=timeout_seconds)
        )

    def check_open(self, registration_id: str) -> None:
        """Refuse while a provider is throttled. See ``GraphGateway``."""
        provider = registration_id.casefold()
        remaining = self._open_again.get(provider, 0.0) - self._now()
        if remaining > 0:
            raise TransientError(
                ErrorCode.THROTTLED,
                "Microsoft Graph is throttling this learning provider. "
                f"Send the request again after {math.ceil(remaining)} seconds.",
                retry_after_seconds=remaining,
            )
        self._open_again.pop(provider, None)

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token. See ``GraphGateway``."""
        return await self._graph.check_identity()

    async def close(self) -> None:
        """Close the connections."""
        await self._graph.close()

    async def _together[Answer](
        self,
        requests: Sequence[ActivityRequest],
        send: Callable[[Sequence[ActivityRequest]], Awaitable[list[Answer | ActivityError]]],
    ) -> list[Answer | ActivityError]:
        answers: dict[int, Answer | ActivityError] = {}
        for position, request in enumerate(requests):
            try:
                self.check_open(request.registration_id)
            except TransientError as closed:
                answers[position] = closed
        sent = [position for position in range(len(requests)) if position not in answers]
        if sent:
            got = await send([requests[position] for position in sent])
            for position, answer in zip(sent, got, strict=True):
                answers[position] = answer
                if isinstance(answer, TransientError):
                    self._learn(requests[position].registration_id, answer)
        return [answers[position] for position in range(len(requests))]

    def _learn(self, registration_id: str, error: TransientError) -> None:
        if error.code is ErrorCode.THROTTLED:
            until = self._now() + error.retry_after_seconds
            provider = registration_id.casefold()
            self._open_again[provider] = max(until, self._open_again.get(provider, until))
