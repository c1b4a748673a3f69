"""What the product needs of Microsoft Graph, in its own words. Implemented by ``graph`` and, for tests, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from activities.contract.activity import Operation, StoredActivity
from activities.contract.models import Json
from activities.errors import ActivityError

if TYPE_CHECKING:
    from activities.execution.names import NameResolver


@dataclass(frozen=True, slots=True)
class Write:
    """One call that changes something.

    Args:
        operation: To create, to update or to delete.
        registration_id: The provider.
        body: The whole activity that is created, or the whole changeable state that results from an update.
        graph_id: Which activity is updated or deleted.
    """

    operation: Operation
    registration_id: str
    body: Json = field(default_factory=dict)
    graph_id: str = ""


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """A provider's activity by the id that its sender gave it."""

    registration_id: str
    external_id: str


class GraphGateway(Protocol):
    """Writes and finds learning course activities, up to twenty in one call; ends keep the requests' places."""

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Send each write, once; never repeats one.

        Returns:
            For each what Graph stored (of an update or a deletion it tells nothing but its own request's id); a
            ``PermanentError`` where Graph refuses this request, ``activityNotFound`` where there is nothing to update
            or delete; a ``TransientError`` where Graph, the way to it or the identity failed, whose
            ``may_have_executed`` says whether it might have been done nevertheless.
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

    @property
    def names(self) -> "NameResolver":
        """What finds the ids that people and courses are called by; imported by whoever asks for one."""

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
