"""When two requests ask for the same, and when an activity in Graph is the one that was asked for. Pure."""

import hashlib
import json
from typing import Any

from activities.contract import dates, values
from activities.contract.models import ActivityRequest
from activities.errors import ErrorCode, PermanentError
from activities.execution.gateway import StoredActivity

# What a claim is found by. A request may leave the provider to the settings, and means the same.
_IN_THE_KEY = {"externalCourseActivityId", "learningProviderId"}


def content_hash(request: ActivityRequest) -> str:
    """Return a hash of what a request asks for; another spelling of the same moment or id gives the same hash."""
    content = {
        name: _canonical(name, value)
        for name, value in request.activity.to_graph().items()
        if value is not None and name not in _IN_THE_KEY
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _canonical(name: str, value: object) -> object:
    if name.endswith("DateTime") and (moment := dates.moment_of(value)) is not None:
        return moment.isoformat()
    match value:
        case str() if values.is_guid(value):
            return value.casefold()
        case dict():
            return {key: part.strip() if isinstance(part, str) else part for key, part in value.items()}
    return value


def same_activity(request: ActivityRequest, found: StoredActivity) -> ActivityRequest:
    """Return the request if ``found`` is what it asked for.

    Raises:
        PermanentError: ``activityExists``: the external id belongs to an activity with other content.
    """
    differing = differences(request.activity.to_graph(), found.entity)
    if not differing:
        return request
    raise PermanentError(
        ErrorCode.ACTIVITY_EXISTS,
        f"An activity with this externalCourseActivityId exists already (id {found.id}), "
        f"with another {', '.join(differing)}. Use another externalCourseActivityId for a new activity.",
        target="externalCourseActivityId",
    )


def differences(sent: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the names of the properties that ``found`` contradicts; another spelling does not."""
    return [
        name
        for name, value in sent.items()
        # Looked up by it; Graph's metadata spells it differently from its documentation.
        if name != "externalCourseActivityId" and not _says_the_same(value, found.get(name))
    ]


def _says_the_same(sent: object, found: object) -> bool:
    if sent == found:
        return True
    match sent, found:
        case {"contentType": "html"}, {"contentType": "html"}:
            return True  # Microsoft 365 rewrites HTML when it stores it.
        case {"content": str() as one}, {"content": str() as other}:
            return one.strip() == other.strip()
        case (str() as one, str() as other) if one.casefold() == other.casefold():
            return True
    moment = dates.moment_of(sent)
    return moment is not None and moment == dates.moment_of(found)
