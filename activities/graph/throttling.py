"""A door to Graph that stays shut for a provider as long as Graph has asked for it. Knows only the gateway."""

import time
from collections.abc import Awaitable, Callable, Sequence

from activities.contract.models import ActivityRequest, StoredActivity
from activities.errors import ActivityError, TransientError
from activities.execution.gateway import GraphGateway
from activities.graph.doors import Doors


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

    async def create(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send creates. See ``GraphGateway``; those of a provider that is throttled are not sent."""
        return await self._send(requests, lambda some: self._graph.create(some, timeout_seconds=timeout_seconds))

    async def find(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up. See ``GraphGateway``; those of a provider that is throttled are not asked for."""
        return await self._send(requests, lambda some: self._graph.find(some, timeout_seconds=timeout_seconds))

    def check_open(self, registration_id: str) -> None:
        """Refuse while a provider is throttled. See ``GraphGateway``."""
        self.doors.check(registration_id)

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token. See ``GraphGateway``."""
        return await self._graph.check_identity()

    async def close(self) -> None:
        """Close the connections."""
        await self._graph.close()

    async def _send[Answer](
        self,
        requests: Sequence[ActivityRequest],
        send: Callable[[Sequence[ActivityRequest]], Awaitable[list[Answer | ActivityError]]],
    ) -> list[Answer | ActivityError]:
        ends: dict[int, Answer | ActivityError] = {}
        for place, request in enumerate(requests):
            try:
                self.check_open(request.registration_id)
            except TransientError as closed:
                ends[place] = closed
        if sent := [place for place in range(len(requests)) if place not in ends]:
            ends |= zip(sent, await send([requests[place] for place in sent]), strict=True)
        for place in sent:
            self.doors.learn(requests[place].registration_id, ends[place])
        return [ends[place] for place in range(len(requests))]
