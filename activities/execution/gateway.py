"""What the product needs of Microsoft Graph, in its own words. Implemented by ``graph`` and, for tests, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from activities.contract.models import ActivityRequest, Json, StoredActivity
from activities.errors import ActivityError


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """A provider's activity by the id that its sender gave it."""

    registration_id: str
    external_id: str


@dataclass(frozen=True, slots=True)
class ActivityAddress:
    """A provider's activity by the id that Graph gave it."""

    registration_id: str
    graph_id: str


@dataclass(frozen=True, slots=True)
class ActivityUpdate:
    """What an activity is to become: the whole of its state that can change, with ``@odata.type`` and ``status``."""

    registration_id: str
    graph_id: str
    state: Json


class GraphGateway(Protocol):
    """Works on learning course activities, up to twenty in one call; ends keep the requests' places."""

    async def create(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send each create, once; never repeats one.

        Returns:
            For each what Graph stored; a ``PermanentError`` where Graph refuses this request; a ``TransientError``
            where Graph, the way to it or the identity failed, whose ``may_have_executed`` says whether the activity
            might exist nevertheless.
        """

    async def update(self, requests: Sequence[ActivityUpdate], *, timeout_seconds: float) -> list[ActivityError | None]:
        """Send each update, once; never repeats one, though the same update twice does no harm.

        Returns:
            For each None where Graph has taken it; ``activityNotFound`` where Graph has no such activity; else an error
            as of ``create``.
        """

    async def delete(
        self, addresses: Sequence[ActivityAddress], *, timeout_seconds: float
    ) -> list[bool | ActivityError]:
        """Delete each activity; never repeats it, though the same twice does no harm.

        Returns:
            For each whether it was there until now; False is no failure. Else an error as of ``create``.
        """

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look each activity up by its external id, whatever its kind.

        Returns:
            For each what Graph has; None where Graph says that there is none; an error where Graph could not tell.
        """

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look each activity up by Graph's id, whatever its kind and provider. Returns what ``find`` does."""

    def check_open(self, registration_id: str) -> None:
        """Let nobody prepare what would not be sent.

        Raises:
            TransientError: ``throttled``: Graph has asked to be left alone for this provider.
        """

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token for Graph, from the credential's cache when there is one that Graph has not refused.

        Returns:
            The application permissions that it carries; None where the token does not tell.

        Raises:
            TransientError: ``identityUnavailable``: there is none, or none but what Graph refuses.
        """

    async def close(self) -> None:
        """Close the connections to Graph and to the identity endpoint."""
