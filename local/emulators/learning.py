"""Viva Learning's course activities as Graph keeps them: create one, find one by its external id.

Decides as the API pages say, on the emulated tenant's data. Where Microsoft documents nothing it is the worst case:
the same external id twice makes two activities, so that a double becomes visible.
https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
https://learn.microsoft.com/graph/api/learningcourseactivity-get
"""

import uuid
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from local.emulators.exchange import GraphError
from local.emulators.schema import external_id_of, is_assignment, parse_activity
from local.emulators.tenant import ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE, Tenant

NO_ACCESS = "Your account doesn't have access to this report or data. Contact your administrator to request access."
NO_SERVICE_PLAN = "You don't have an adequate service plan for this request."
NOT_REGISTERED = (
    "There was an issue with your request. Make sure the registrationId you entered is valid or registered for your"
    " tenant."
)
NOT_ENABLED = "This provider isn't enabled for the given tenant."
FOREIGN_CONTENT = "The provider isn't valid to create course activity for the given learning content"
NOT_LICENSED = "The user license isn't valid to perform the operation"
NO_ACTIVITY = "The assignment ID requested doesn't exist."

_READING_ROLES = {ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE}


@dataclass(frozen=True, slots=True)
class StoredActivity:
    """An activity as Graph answered it, whose provider it is, and the JSON it was made from."""

    registration_id: str
    answer: dict[str, Any]
    received: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the activity as `GET /_emulator/activities` shows it."""
        return {**self.answer, "registrationId": self.registration_id, "received": self.received}


class CourseActivities:
    """The activities of a tenant, in the order in which they were created."""

    def __init__(self) -> None:
        self.stored: list[StoredActivity] = []
        self._first_by_external_id: dict[tuple[str, str], StoredActivity] = {}

    def create(
        self, registration_id: str, body: bytes, content_type: str, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> dict[str, Any]:
        """Store an activity and return it as Graph's 201 does.

        Raises:
            GraphError: for every reason in the API page's table, and for what OData does not accept.
        """
        received = parse_activity(body, content_type)
        if (ASSIGNED_WRITE if is_assignment(received) else SELF_INITIATED_WRITE) not in roles:
            raise GraphError(403, "Forbidden", NO_ACCESS)
        _check_provider(registration_id, tenant)
        provider = (received.get("learningProviderId") or registration_id).lower()
        owner = tenant.content_providers.get(received["learningContentId"], registration_id)
        if {provider, owner} != {registration_id}:
            raise GraphError(403, "Forbidden", FOREIGN_CONTENT)
        learner = received["learnerUserId"]
        if learner.lower() in tenant.unlicensed_learners:
            raise GraphError(403, "Forbidden", NOT_LICENSED)
        context = f"learningProviders('{registration_id}')/learningCourseActivities('{learner}')$entity"
        answer = {
            **received,
            "learningProviderId": registration_id,
            "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{context}",
            "id": f"{learner}:{uuid.uuid4()}",
        }
        activity = StoredActivity(registration_id, answer, received)
        self.stored.append(activity)
        external_id = external_id_of(received)
        if external_id:
            self._first_by_external_id.setdefault((registration_id, external_id), activity)
        return answer

    def find(
        self, registration_id: str, external_id: str, *, tenant: Tenant, roles: AbstractSet[str]
    ) -> dict[str, Any]:
        """Return a provider's activity by its external id, the first one if there are several.

        Raises:
            GraphError: the provider may not be read, or has no such activity.
        """
        if not roles & _READING_ROLES:
            raise GraphError(403, "Forbidden", NO_ACCESS)
        _check_provider(registration_id, tenant)
        activity = self._first_by_external_id.get((registration_id, external_id))
        if activity is None:
            raise GraphError(404, "notFound", NO_ACTIVITY)
        return activity.answer

    def clear(self) -> None:
        """Forget every activity."""
        self.stored.clear()
        self._first_by_external_id.clear()


def _check_provider(registration_id: str, tenant: Tenant) -> None:
    if not tenant.service_plan:
        raise GraphError(403, "Forbidden", NO_SERVICE_PLAN)
    enabled = tenant.sync_enabled.get(registration_id)
    if enabled is None:
        raise GraphError(400, "badRequest", NOT_REGISTERED)
    if not enabled:
        raise GraphError(400, "badRequest", NOT_ENABLED)
