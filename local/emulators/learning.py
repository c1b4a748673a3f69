"""Viva Learning's course activities as Graph keeps them: create, update, delete, and find by either id.

Decides as the API pages say, on the emulated tenant's data. Where Microsoft documents nothing it is the worst case:
the same external id twice makes two activities, so that a double becomes visible, and the external id takes no role but
the reading one of the activity's kind.
https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
https://learn.microsoft.com/graph/api/learningcourseactivity-update
https://learn.microsoft.com/graph/api/learningcourseactivity-delete
https://learn.microsoft.com/graph/api/learningcourseactivity-get
"""

import uuid
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from local.emulators.exchange import GraphError, Request
from local.emulators.schema import external_id_of, is_assignment, parse_activity, parse_update, spelled
from local.emulators.tenant import (
    ASSIGNED_READ,
    ASSIGNED_WRITE,
    NOBODY,
    SELF_INITIATED_READ,
    SELF_INITIATED_WRITE,
    Tenant,
)

NO_ACCESS = "Your account doesn't have access to this report or data. Contact your administrator to request access."
NO_SERVICE_PLAN = "You don't have an adequate service plan for this request."
NOT_REGISTERED = (
    "There was an issue with your request. Make sure the registrationId you entered is valid or registered for your"
    " tenant."
)
NOT_ENABLED = "This provider isn't enabled for the given tenant."
FOREIGN_CONTENT = "The provider isn't valid to create course activity for the given learning content"
NOT_LICENSED = "The user license isn't valid to perform the operation"
# With the apostrophe of the page.
NO_ACTIVITY = "The assignment ID requested doesn\N{RIGHT SINGLE QUOTATION MARK}t exist."

_READING_ROLES = frozenset({ASSIGNED_READ, SELF_INITIATED_READ})
_WRITING_ROLES = frozenset({ASSIGNED_WRITE, SELF_INITIATED_WRITE})
_ROLES_OF_ASSIGNMENTS = frozenset({ASSIGNED_READ, ASSIGNED_WRITE})


@dataclass(frozen=True, slots=True)
class StoredActivity:
    """An activity as Graph tells it, whose provider it is, the JSON it was made from, and that of each update."""

    registration_id: str
    entity: dict[str, Any]
    received: dict[str, Any]
    updates: tuple[dict[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """Graph's id."""
        return str(self.entity["id"])

    def as_json(self) -> dict[str, Any]:
        """Return the activity as `GET /_emulator/activities` shows it."""
        return {
            **self.entity,
            "registrationId": self.registration_id,
            "received": self.received,
            "updates": list(self.updates),
        }


class CourseActivities:
    """The activities of a tenant, in the order in which they were created.

    What a method raises is a `GraphError`, for every reason in the tables of the API pages and for what OData does not
    accept.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, StoredActivity] = {}
        self._ids_by_external_id: dict[tuple[str, str], list[str]] = {}

    @property
    def stored(self) -> list[StoredActivity]:
        """What there is."""
        return list(self._by_id.values())

    def create(
        self, registration_id: str, request: Request, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> dict[str, Any]:
        """Store an activity and return it as Graph's 201 does."""
        received = parse_activity(request)
        _check_role(received, roles & _WRITING_ROLES)
        _check_provider(registration_id, tenant)
        _check_people_and_content(registration_id, received, tenant)
        learner = received["learnerUserId"]
        context = f"learningProviders('{registration_id}')/learningCourseActivities('{learner}')$entity"
        entity = {
            **received,
            "learningProviderId": registration_id,
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{context}",
            "id": f"{learner}:{uuid.uuid4()}",
        }
        activity = StoredActivity(registration_id, entity, received)
        self._by_id[activity.id] = activity
        external_id = external_id_of(received)
        if external_id:
            self._ids_by_external_id.setdefault((registration_id, external_id), []).append(activity.id)
        return spelled(entity, tenant.spelling)

    def update(
        self, registration_id: str, graph_id: str, request: Request, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> None:
        """Change what may change of a provider's activity; whatever else is sent, and could be right, is ignored."""
        received, changes = parse_update(request)
        _check_role(received, roles & _WRITING_ROLES)
        _check_provider(registration_id, tenant)
        activity = self._of_provider(registration_id, graph_id)
        if is_assignment(activity.entity) != is_assignment(received):
            raise GraphError(404, "notFound", NO_ACTIVITY)
        _check_people_and_content(registration_id, activity.entity, tenant)
        self._by_id[graph_id] = replace(
            activity, entity={**activity.entity, **changes}, updates=(*activity.updates, received)
        )

    def delete(self, registration_id: str, graph_id: str, *, tenant: Tenant, roles: AbstractSet[str]) -> None:
        """Forget a provider's activity."""
        _check_any(roles & _WRITING_ROLES)
        _check_provider(registration_id, tenant)
        activity = self._of_provider(registration_id, graph_id)
        _check_role(activity.entity, roles & _WRITING_ROLES)
        del self._by_id[graph_id]
        external_id = external_id_of(activity.entity)
        if external_id:
            self._ids_by_external_id[registration_id, external_id].remove(graph_id)

    def find(
        self, registration_id: str, external_id: str, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> dict[str, Any]:
        """Return a provider's activity by its external id, the first one if there are several."""
        _check_any(roles & _READING_ROLES)
        _check_provider(registration_id, tenant)
        ids = self._ids_by_external_id.get((registration_id, external_id))
        if not ids:
            raise GraphError(404, "notFound", NO_ACTIVITY)
        activity = self._by_id[ids[0]]
        _check_role(activity.entity, roles & _READING_ROLES)
        return spelled(activity.entity, tenant.spelling)

    def get(self, graph_id: str, *, tenant: Tenant, roles: AbstractSet[str]) -> dict[str, Any]:
        """Return an activity by Graph's id, whatever its provider."""
        _check_any(roles & (_READING_ROLES | _WRITING_ROLES))
        if not tenant.service_plan:
            raise GraphError(403, "Forbidden", NO_SERVICE_PLAN)
        activity = self._by_id.get(graph_id)
        if activity is None:
            raise GraphError(404, "notFound", NO_ACTIVITY)
        _check_role(activity.entity, roles)
        return spelled(activity.entity, tenant.spelling)

    def clear(self) -> None:
        """Forget every activity."""
        self._by_id.clear()
        self._ids_by_external_id.clear()

    def _of_provider(self, registration_id: str, graph_id: str) -> StoredActivity:
        activity = self._by_id.get(graph_id)
        if activity is None or activity.registration_id != registration_id:
            raise GraphError(404, "notFound", NO_ACTIVITY)
        return activity


def _check_any(roles: AbstractSet[str]) -> None:
    if not roles:
        raise GraphError(403, "Forbidden", NO_ACCESS)


def _check_role(activity: dict[str, Any], roles: AbstractSet[str]) -> None:
    """Refuse whoever has no role of those that fit the request for this kind of activity."""
    of_kind = roles & _ROLES_OF_ASSIGNMENTS if is_assignment(activity) else roles - _ROLES_OF_ASSIGNMENTS
    _check_any(of_kind & (_READING_ROLES | _WRITING_ROLES))


def _check_people_and_content(registration_id: str, activity: dict[str, Any], tenant: Tenant) -> None:
    provider = (activity.get("learningProviderId") or registration_id).lower()
    owner = tenant.content_providers.get(activity["learningContentId"], registration_id)
    if {provider, owner} != {registration_id}:
        raise GraphError(403, "Forbidden", FOREIGN_CONTENT)
    learner = activity["learnerUserId"].lower()
    if learner in tenant.unlicensed_learners or (learner == NOBODY and tenant.world != "unknownLearnerRefused"):
        raise GraphError(403, "Forbidden", NOT_LICENSED)


def _check_provider(registration_id: str, tenant: Tenant) -> None:
    if not tenant.service_plan:
        raise GraphError(403, "Forbidden", NO_SERVICE_PLAN)
    enabled = tenant.sync_enabled.get(registration_id)
    if enabled is None:
        raise GraphError(400, "badRequest", NOT_REGISTERED)
    if not enabled:
        raise GraphError(400, "badRequest", NOT_ENABLED)
