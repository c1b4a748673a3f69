"""A door to Graph that stays shut for a provider as long as Graph has asked for it. Knows only the gateway."""

import math
import time
from collections.abc import Callable

from activities.errors import ErrorCode, TransientError
from activities.gateway import GraphGateway, StoredActivity
from activities.models import ActivityRequest


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
        self._check(request.registration_id)
        try:
            return await self._graph.create_activity(request, timeout_seconds=timeout_seconds)
        except TransientError as error:
            self._learn(request.registration_id, error)
            raise

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up. See ``GraphGateway``; raises ``throttled`` without asking while the provider is."""
        self._check(registration_id)
        try:
            return await self._graph.find_activity(registration_id, external_id, timeout_seconds=timeout_seconds)
        except TransientError as error:
            self._learn(registration_id, error)
            raise

    async def check_identity(self) -> None:
        """Get a token. See ``GraphGateway``."""
        await self._graph.check_identity()

    async def close(self) -> None:
        """Close the connections."""
        await self._graph.close()

    def _learn(self, registration_id: str, error: TransientError) -> None:
        if error.code is ErrorCode.THROTTLED:
            until = self._now() + error.retry_after_seconds
            provider = registration_id.casefold()
            self._open_again[provider] = max(until, self._open_again.get(provider, until))

    def _check(self, registration_id: str) -> None:
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
