"""Which Microsoft Graph application permissions the app needs, what for, and which of them a token carries. Pure.

Sources:
    https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities#permissions
    https://learn.microsoft.com/graph/api/learningcourseactivity-get#permissions
    https://learn.microsoft.com/graph/api/user-get#permissions
    https://learn.microsoft.com/graph/api/learningcontent-get#permissions
"""

import base64
import binascii
import json

from activities.contract.models import Assignment, CourseActivity
from activities.errors import ErrorCode, PermanentError

_CREATE_ASSIGNMENTS = "LearningAssignedCourse.ReadWrite.All"
_CREATE_COURSES = "LearningSelfInitiatedCourse.ReadWrite.All"
_FIND_ASSIGNMENTS = "LearningAssignedCourse.Read.All"
_FIND_COURSES = "LearningSelfInitiatedCourse.Read.All"

NEEDED_FOR = {
    _CREATE_ASSIGNMENTS: "creating assignments",
    _CREATE_COURSES: "creating self-initiated courses",
    _FIND_ASSIGNMENTS: "finding out whether an assignment was created when Graph did not answer",
    _FIND_COURSES: "finding out whether a self-initiated course was created when Graph did not answer",
}

FIND_PEOPLE = "User.ReadBasic.All"
FIND_PEOPLE_BY_MORE = "User.Read.All"
FIND_CONTENTS = "LearningContent.Read.All"
# Nobody needs them who names people and courses by their ids.
OPTIONAL_FOR = {
    FIND_PEOPLE: "finding people by their e-mail address",
    FIND_PEOPLE_BY_MORE: "finding people by an employee id or a secondary e-mail address",
    FIND_CONTENTS: "finding courses by the provider's own id",
}
# Whoever has the key may do what the value allows.
_INCLUDES = {FIND_PEOPLE_BY_MORE: FIND_PEOPLE}


def to_create(activity: CourseActivity) -> str:
    """Return the permission without which Graph does not create this kind of activity."""
    return _CREATE_ASSIGNMENTS if isinstance(activity, Assignment) else _CREATE_COURSES


def to_find(activity: CourseActivity) -> str:
    """Return the permission without which Graph does not find this kind of activity."""
    return _FIND_ASSIGNMENTS if isinstance(activity, Assignment) else _FIND_COURSES


def refused(permission: str = "") -> PermanentError:
    """Return the error for what Graph refused for want of a permission; without one both of a create can be meant."""
    lacking = (
        f"permission {permission}, which {(NEEDED_FOR | OPTIONAL_FOR)[permission]} needs."
        if permission
        else f"permission: assignments need {_CREATE_ASSIGNMENTS}, self-initiated courses {_CREATE_COURSES}."
    )
    return PermanentError(
        ErrorCode.GRAPH_PERMISSION_MISSING,
        f"The function app's managed identity lacks the Microsoft Graph application {lacking} An admin has to grant "
        "it; a fresh grant can take up to 24 hours to work.",
    )


def granted(token: str) -> frozenset[str] | None:
    """Return the application permissions in an access token, or None for a token that does not tell.

    The token is Graph's and its form a private matter; this is for advice to an admin, and decides nothing.
    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        # An identity without a single permission gets a token without the claim.
        return frozenset(str(role) for role in claims.get("roles", []))
    except (IndexError, ValueError, binascii.Error, AttributeError, TypeError, RecursionError):
        return None


def missing(roles: frozenset[str] | None) -> tuple[str, ...]:
    """Return the permissions that the app can need and does not have; none if nobody knows what it has."""
    return () if roles is None else tuple(permission for permission in NEEDED_FOR if permission not in roles)


def optional(roles: frozenset[str] | None) -> tuple[tuple[str, bool], ...]:
    """Return the permissions that not everybody needs, each with whether the app has it; none if nobody knows."""
    if roles is None:
        return ()
    allowed = roles | {included for permission, included in _INCLUDES.items() if permission in roles}
    return tuple((permission, permission in allowed) for permission in OPTIONAL_FOR)


def nothing_can_be_created(lacking: tuple[str, ...]) -> PermanentError | None:
    """Return the error for an identity that may create neither kind, or None if it may."""
    if {_CREATE_ASSIGNMENTS, _CREATE_COURSES} <= set(lacking):
        return refused()
    return None
