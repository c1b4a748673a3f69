"""When two descriptions of an activity say the same, and what of it an update can change. Pure."""

import hashlib
import json
from collections.abc import Collection, Mapping

from activities.contract import dates, values
from activities.contract.activity import ActivityRequest
from activities.contract.models import Assignment, CourseActivity, Json, SelfInitiatedCourse

KIND = "@odata.type"
# What a claim is found by. A request may leave the provider to the settings, and means the same.
_IN_THE_KEY = frozenset({"externalCourseActivityId", "learningProviderId"})
# What no update changes, beside the kind.
FIXED = ("learnerUserId", "learningContentId", "assignmentType", "assignerUserId")
_KINDS: Mapping[str, type[CourseActivity]] = {
    kind.odata_type.casefold(): kind for kind in (Assignment, SelfInitiatedCourse)
}


def content_hash(request: ActivityRequest) -> str:
    """Return a hash of what a request asks for; another spelling of the same moment or id gives the same hash."""
    content = {
        name: canonical(name, value)
        for name, value in request.activity.to_graph().items()
        if value is not None and name not in _IN_THE_KEY
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def canonical(name: str, value: object) -> object:
    """Return a property's value in the one spelling that all its spellings have in common."""
    if name.endswith("DateTime") and (moment := dates.moment_of(value)) is not None:
        return moment.isoformat()
    match value:
        case str() if values.is_guid(value):
            return value.casefold()
        case dict():
            return {key: part.strip() if isinstance(part, str) else part for key, part in value.items()}
    return value


def differences(sent: Json, found: Json, *, rewritten: bool = True) -> list[str]:
    """Return the names of the properties that ``found`` contradicts; another spelling does not.

    Args:
        sent: What is wanted.
        found: What there is.
        rewritten: Whether other HTML counts as the same: Microsoft 365 rewrites it when it stores it.
    """
    return [
        name
        for name, value in sent.items()
        # Looked up by it; Graph's metadata spells it differently from its documentation.
        if name not in {"externalCourseActivityId", *({KIND} if not value else ())}
        and not _says_the_same(value, found.get(name), rewritten=rewritten)
    ]


def is_html(value: object) -> bool:
    """Tell whether a property's value is HTML."""
    return isinstance(value, dict) and value.get("contentType") == "html"


def kind_of(entity: Json) -> type[CourseActivity]:
    """Return which kind an activity in Graph is; what is neither is only what both share."""
    return _KINDS.get(str(entity.get(KIND, "")).casefold(), CourseActivity)


def fixed_in(names: Collection[str], entity: Json) -> list[str]:
    """Return those of the names that no update of such an activity changes."""
    changeable = kind_of(entity).changeable
    return [name for name in names if name not in changeable]


def changeable_state(entity: Json, changed: Json) -> Json:
    """Return all that an update has to say so that the activity is afterwards as it is meant, however often it is sent.

    Microsoft asks for the type and the status in each; what is empty and was not meant to become empty stays unsaid.
    """
    state = {**entity, **changed}
    names = sorted(kind_of(entity).changeable)
    said = {name: state[name] for name in names if name in changed or state.get(name) is not None}
    return {KIND: entity[KIND], **said}


def _says_the_same(sent: object, found: object, *, rewritten: bool) -> bool:
    if sent == found:
        return True
    if is_html(sent) and is_html(found):
        return rewritten
    match sent, found:
        case {"content": str() as one}, {"content": str() as other}:
            return one.strip() == other.strip()
        case (str() as one, str() as other) if one.casefold() == other.casefold():
            return True
    moment = dates.moment_of(sent)
    return moment is not None and moment == dates.moment_of(found)
