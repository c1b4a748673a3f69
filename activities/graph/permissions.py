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
from typing import Any

from activities.contract.models import Assignment, Json, SelfInitiatedCourse
from activities.errors import ErrorCode, PermanentError

_WRITE_ASSIGNMENTS = "LearningAssignedCourse.ReadWrite.All"
_WRITE_COURSES = "LearningSelfInitiatedCourse.ReadWrite.All"
_FIND_ASSIGNMENTS = "LearningAssignedCourse.Read.All"
_FIND_COURSES = "LearningSelfInitiatedCourse.Read.All"

_UNKNOWN = "when Graph did not answer, and before an update or deletion of one that the app does not know"
NEEDED_FOR = {
    _WRITE_ASSIGNMENTS: "creating, updating and deleting assignments",
    _WRITE_COURSES: "creating, updating and deleting self-initiated courses",
    _FIND_ASSIGNMENTS: f"looking up an assignment ({_UNKNOWN})",
    _FIND_COURSES: f"looking up a self-initiated course ({_UNKNOWN})",
}

# Which of the two is meant, the kind of the activity says, which is not known before Graph has answered.
_TO_WRITE = (_WRITE_ASSIGNMENTS, _WRITE_COURSES)
# By Graph's metadata the external id takes only the reading ones; Graph's own id takes the writing ones, too.
# Source: https://learn.microsoft.com/graph/permissions-reference
TO_FIND = TO_GET = (_FIND_ASSIGNMENTS, _FIND_COURSES)
# What reading the claims of something that is no token raises.
_UNREADABLE = (LookupError, ValueError, binascii.Error, AttributeError, TypeError, RecursionError)
FIND_PEOPLE = "User.ReadBasic.All"
FIND_PEOPLE_BY_MORE = "User.Read.All"
FIND_CONTENTS = "LearningContent.Read.All"
# Nobody needs them who names people and courses by their ids.
OPTIONAL_FOR = {
    FIND_PEOPLE: "finding people by their e-mail address",
    FIND_PEOPLE_BY_MORE: "finding people by an employee id or a secondary e-mail address",
    FIND_CONTENTS: "finding courses by the provider's own id",
}
_FOR = NEEDED_FOR | OPTIONAL_FOR
# Whoever has the key may do what the value allows.
_INCLUDES = {FIND_PEOPLE_BY_MORE: FIND_PEOPLE}


def to_write(body: Json) -> tuple[str, ...]:
    """Return the permissions one of which Graph wants for this kind of activity; of a deletion nobody says the kind."""
    match body.get("@odata.type"):
        case Assignment.odata_type:
            return (_WRITE_ASSIGNMENTS,)
        case SelfInitiatedCourse.odata_type:
            return (_WRITE_COURSES,)
    return _TO_WRITE


def refused(lacking: tuple[str, ...] = ()) -> PermanentError:
    """Return the error for a request that lacked one of these permissions; without any, one to write with."""
    named = ", or ".join(f"{one}, which {_FOR[one]} needs" for one in lacking or _TO_WRITE)
    return PermanentError(
        ErrorCode.GRAPH_PERMISSION_MISSING,
        f"The function app's identity lacks the Microsoft Graph application permission {named}. An admin has "
        "to grant it; a fresh grant can take up to 24 hours to work.",
    )


def granted(token: str) -> frozenset[str] | None:
    """Return the application permissions in an access token, or None for a token that does not tell.

    The token is Graph's and its form a private matter; this is for advice to an admin, and decides nothing.
    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
    """
    try:
        # An identity without a single permission gets a token without the claim.
        return frozenset(str(role) for role in _claims(token).get("roles", []))
    except _UNREADABLE:
        return None


def whose(token: str) -> str:
    """Return which application an access token is for, and in which tenant; "" for a token that does not tell."""
    try:
        claims = _claims(token)
        return f"application {claims.get('appid') or claims['azp']} in tenant {claims['tid']}"
    except _UNREADABLE:
        return ""


def _claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


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
    if {_WRITE_ASSIGNMENTS, _WRITE_COURSES} <= set(lacking):
        return refused()
    return None
