"""A door to Graph that stays shut for a provider as long as Graph has asked for it. Knows only the gateway."""

import time
from collections.abc import Awaitable, Callable, Sequence

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, TransientError
from activities.execution.gateway import ExternalKey, GraphGateway, Write
from activities.graph.doors import Doors

# In place of a provider's id: what is asked for by Graph's id alone names no provider.
_NO_PROVIDER = ""


class ThrottledGraph:
    """The gateway behind which nothing is sent for a provider that is throttled.

    Args:
        graph: The gateway that sends.
        now: The clock, in seconds.

    Its ``doors``, one for each provider, are shared with whoever else calls Graph for a provider.
    """

    def __init__(self, graph: GraphGateway, *, now: Callable[[], float] = time.monotonic) -> None:
        self._graph = graph
        self.doors = Doors(now)

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
        self.doors.check(registration_id)

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
            self.doors.learn(provider_of(requests[place]), ends[place])
        return [ends[place] for place in range(len(requests))]


def _provider_of(request: Write | ExternalKey) -> str:
    return request.registration_id
