"""A door to Graph that stays shut for a provider as long as Graph has asked for it. Knows only the gateway."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import ExternalKey, GraphGateway, Write

# In place of a provider's id: what is asked for by Graph's id alone names no provider.
_NO_PROVIDER = ""


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

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Send writes. See ``GraphGateway``; those of a provider that is throttled are not sent."""
        return await self._send(
            writes, _provider_of, lambda some: self._graph.write(some, timeout_seconds=timeout_seconds)
        )

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up. See ``GraphGateway``; those of a provider that is throttled are not asked for."""
        return await self._send(
            keys, _provider_of, lambda some: self._graph.find(some, timeout_seconds=timeout_seconds)
        )

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by Graph's ids. See ``GraphGateway``; these have a door of their own."""
        return await self._send(
            graph_ids, lambda _: _NO_PROVIDER, lambda some: self._graph.get(some, timeout_seconds=timeout_seconds)
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

    async def _send[Sent, Answer](
        self,
        requests: Sequence[Sent],
        provider_of: Callable[[Sent], str],
        send: Callable[[Sequence[Sent]], Awaitable[list[Answer | ActivityError]]],
    ) -> list[Answer | ActivityError]:
        ends: dict[int, Answer | ActivityError] = {}
        for place, request in enumerate(requests):
            try:
                self.check_open(provider_of(request))
            except TransientError as closed:
                ends[place] = closed
        if sent := [place for place in range(len(requests)) if place not in ends]:
            ends |= zip(sent, await send([requests[place] for place in sent]), strict=True)
        for place in sent:
            self._learn(provider_of(requests[place]), ends[place])
        return [ends[place] for place in range(len(requests))]

    def _learn(self, registration_id: str, end: object) -> None:
        if isinstance(end, TransientError) and end.code is ErrorCode.THROTTLED:
            until = self._now() + end.retry_after_seconds
            provider = registration_id.casefold()
            self._open_again[provider] = max(until, self._open_again.get(provider, until))


def _provider_of(request: Write | ExternalKey) -> str:
    return request.registration_id
