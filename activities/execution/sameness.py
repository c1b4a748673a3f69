"""When an activity in Graph is the one that was asked for. Pure."""

from typing import Any

from activities.contract import dates, values
from activities.contract.models import ActivityRequest, StoredActivity
from activities.errors import ErrorCode, PermanentError


def contradiction(request: ActivityRequest, found: StoredActivity) -> PermanentError | None:
    """Return ``activityExists`` if the external id belongs to an activity with other content than was asked for."""
    differing = differences(request.activity.to_graph(), found.entity)
    if not differing:
        return None
    return PermanentError(
        ErrorCode.ACTIVITY_EXISTS,
        f"An activity with this externalCourseActivityId exists already (id {values.id_without_learner(found.id)}), "
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
