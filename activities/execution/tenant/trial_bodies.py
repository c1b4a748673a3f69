"""What a check of a tenant sends about its own activities: to create them, to change them, to be refused. Pure."""

from collections.abc import Sequence

from activities.contract.models import Assignment, Json, SelfInitiatedCourse
from activities.execution.sameness import FIXED, KIND, changeable_state, kind_of
from activities.execution.tenant.subject import Subject

# Made up, so that it is nobody's.
NOBODY = "00000000-0000-4000-8000-000000000000"
_NOTES = "Made by the tenant check of the function app, which takes it away again."
# What can be emptied, by kind.
_CLEARABLE = ("notes", "dueDateTime", "startedDateTime")
_OTHER_TYPE = {"required": "recommended", "recommended": "required"}


def assignment(subject: Subject, content_id: str, said: str) -> Json:
    """Return what creates an assignment under this external id, with every property."""
    assigner = {"assignerUserId": subject.assigner_user_id} if subject.assigner_user_id else {}
    return {
        **_shared(Assignment.odata_type, subject, content_id, said),
        "assignmentType": "required",
        "assignedDateTime": "2026-01-05T08:00:00Z",
        "dueDateTime": {"dateTime": "2027-01-05T16:00:00", "timeZone": "UTC"},
        "notes": {"contentType": "text", "content": _NOTES},
        **assigner,
    }


def course(subject: Subject, content_id: str, said: str) -> Json:
    """Return what creates a self-initiated course likewise."""
    started = {"startedDateTime": "2026-01-05T08:00:00Z"}
    return {**_shared(SelfInitiatedCourse.odata_type, subject, content_id, said), **started}


def update(body: Json, *, percentage: int) -> Json:
    """Return an update as the app sends them: the kind, and the whole state that can change."""
    return changeable_state(body, {"completionPercentage": percentage})


def whole_update(body: Json, *, percentage: int) -> Json:
    """Return an update that names everything, with another value where no update may change it."""
    changed = {"assignmentType": _OTHER_TYPE[body["assignmentType"]]} if "assignmentType" in body else {}
    return {**body, **changed, "completionPercentage": percentage}


def clearable(body: Json) -> Sequence[str]:
    """Return what an update may empty."""
    return [name for name in _CLEARABLE if name in body and name in kind_of(body).changeable]


def fixed(body: Json, now: Json) -> list[str]:
    """Return what has another value although no update changes it."""
    return [name for name in FIXED if name in body and name in now and now[name] != body[name]]


def _shared(kind: str, subject: Subject, content_id: str, said: str) -> Json:
    return {
        KIND: kind,
        "learnerUserId": subject.learner_user_id,
        "learningContentId": content_id,
        "learningProviderId": subject.registration_id,
        "externalCourseActivityId": said,
        "status": "inProgress",
        "completionPercentage": 20,
    }
