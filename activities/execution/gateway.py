"""What the product needs of Microsoft Graph, in its own words. Implemented by ``graph`` and, for tests, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError


@dataclass(frozen=True, slots=True)
class StoredActivity:
    """An activity as Graph tells it: the entity's JSON, and Graph's ``request-id`` of the answer it came in."""

    entity: dict[str, Any]
    graph_request_id: str = ""

    @property
    def id(self) -> str:
        """Graph's opaque ID; it can hold the learner's ID, so it belongs in no log."""
        said = self.entity.get("id")
        return said if isinstance(said, str) else ""


class GraphGateway(Protocol):
    """Creates and finds learning course activities; every failure is an ``ActivityError``."""

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Send one create, once; never repeats it.

        Raises:
            PermanentError: Graph refuses this request.
            TransientError: Graph, the way to it or the identity failed; ``may_have_executed`` says whether the
                activity might exist nevertheless.
        """

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up by its external id; None when Graph says that there is none.

        Raises:
            ActivityError: Graph could not tell.
        """

    async def create_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send up to twenty creates together, each once; what ``create_activity`` would raise stands in its place."""

    async def find_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look up to twenty activities up together; what ``find_activity`` would raise stands in its place."""

    def check_open(self, registration_id: str) -> None:
        """Let nobody prepare what would not be sent.

        Raises:
            TransientError: ``throttled``: Graph has asked to be left alone for this provider.
        """

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token for Graph, from the credential's cache when there is one.

        Returns:
            The application permissions that it carries; None where the token does not tell.

        Raises:
            TransientError: ``identityUnavailable``.
        """

    async def close(self) -> None:
        """Close the connections to Graph and to the identity endpoint."""
