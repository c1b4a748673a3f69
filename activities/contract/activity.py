"""One activity: what can be done with it, as somebody asks for that, as Microsoft Graph tells it, and the outcomes."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from activities.contract.models import CourseActivity, Json

# "<learner's id>:<guid>": https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
_LEARNER_IN_ID = re.compile(
    r"(?:.*:|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[^0-9a-z]+)", re.ASCII | re.IGNORECASE | re.DOTALL
)
# The earliest moment that Table Storage knows; whatever is said to be older is as old.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
LONG_AGO = datetime(1601, 1, 1, tzinfo=UTC)


class Operation(StrEnum):
    """What a record asks for.

    To create an activity, to bring one to a state (making it if there is none), to change parts of it, to delete it.
    """

    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"
    DELETE = "delete"


class Outcome(StrEnum):
    """What became of one record. The order is that of finality: a later member replaces an earlier one."""

    FAILED = "failed"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    UPDATED = "updated"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class ActivityRequest:
    """A request that can be carried out.

    Args:
        registration_id: The provider.
        activity: The activity; of an update what is to change, of a delete no more than which one it is.
        operation: What is to be done with it.
        as_of: When it was true where it comes from, if its sender says so.
        arrived_at: When it came here first.
        graph_id: Which activity an update or a deletion is about, where Graph's id says so instead of an external id.
    """

    registration_id: str
    activity: CourseActivity
    operation: Operation = Operation.CREATE
    as_of: datetime | None = None
    arrived_at: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    graph_id: str = ""

    @property
    def true_at(self) -> datetime:
        """When it was true: what is known to be newer is not overwritten."""
        return max(self.as_of or self.arrived_at, LONG_AGO)

    @property
    def external_id(self) -> str:
        """The caller's own id, or ""."""
        return self.activity.external_course_activity_id or ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two requests one activity: the provider and the external id or, where it has none, Graph's id."""
        # No external id begins with a line break.
        return self.registration_id.casefold(), self.external_id or (f"\n{self.graph_id}" if self.graph_id else "")


@dataclass(frozen=True, slots=True)
class StoredActivity:
    """An activity as Graph tells it: the entity's JSON, and Graph's ``request-id`` of the answer it came in."""

    entity: Json
    graph_request_id: str = ""

    @property
    def id(self) -> str:
        """Graph's opaque ID; it can hold the learner's ID, so it belongs in no log."""
        return self._text("id")

    @property
    def external_id(self) -> str:
        """The id that its sender gave it, or ""; Graph's metadata spells it differently from its documentation."""
        return self._text("externalCourseActivityId") or self._text("externalcourseActivityId")

    def _text(self, name: str) -> str:
        said = self.entity.get(name)
        return said if isinstance(said, str) else ""


def id_without_learner(graph_id: str) -> str:
    """Return Graph's id of an activity without the learner's id that it begins with."""
    begin = _LEARNER_IN_ID.match(graph_id)
    return graph_id[begin.end() :] if begin else graph_id
