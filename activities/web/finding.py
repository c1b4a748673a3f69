"""Which activity a request means, by either of its ids, and what Graph has of it."""

from dataclasses import replace

from activities.app import App
from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.contract.instructions import AS_OF
from activities.contract.models import CourseActivity
from activities.contract.validation import EXTERNAL_ID, parse_activity
from activities.errors import ActivityError
from activities.execution.decisions import not_found
from activities.execution.gateway import ExternalKey
from activities.execution.sameness import kind_of
from activities.execution.sending import FOR_A_CALLER
from activities.web import http

_NAMES = (EXTERNAL_ID, "id", "registrationId")


def named_in_query(app: App, request: http.Request, *, kind: type[CourseActivity] | None = None) -> ActivityRequest:
    """Return which activity a query means, in the form of a deletion: it has no more to say than that, and as of when.

    Raises:
        PermanentError: ``invalidRequest``, ``notAllowed``.
    """
    record = {name: request.parameter(name) for name in (*_NAMES, AS_OF)}
    defaults = replace(app.defaults, client_id=request.client_id)
    return parse_activity(record, kind=kind, defaults=defaults, operation=Operation.DELETE)


async def identified(app: App, wanted: ActivityRequest) -> ActivityRequest | None:
    """Return a request with Graph's id under the external id, too, if there is one; None if there is no such activity.

    Raises what ``look`` raises.
    """
    found = await look(app, wanted)
    if found is None or not found.external_id:
        return wanted if found else None
    activity = wanted.activity.model_copy(update={"external_course_activity_id": found.external_id})
    return replace(wanted, activity=activity)


async def look(app: App, wanted: ActivityRequest) -> StoredActivity | None:
    """Return the activity that a request means, None if there is none.

    Raises:
        ActivityError: ``activityNotFound`` if it is another provider's, or of another kind; Graph could not tell.
    """
    app.graph.check_open(wanted.registration_id)
    seconds = FOR_A_CALLER.look_seconds
    if wanted.graph_id:
        (end,) = await app.graph.get([wanted.graph_id], timeout_seconds=seconds)
    else:
        key = ExternalKey(wanted.registration_id, wanted.external_id)
        (end,) = await app.graph.find([key], timeout_seconds=seconds)
    if isinstance(end, ActivityError):
        raise end
    if end is not None and not _is_meant(end, wanted):
        raise not_found(wanted)
    return end


def _is_meant(found: StoredActivity, wanted: ActivityRequest) -> bool:
    # By its own id, Graph finds an activity of any provider.
    provider = str(found.entity.get("learningProviderId")) if wanted.graph_id else wanted.registration_id
    kind = wanted.activity.odata_type
    return provider.casefold() == wanted.registration_id.casefold() and kind in {"", kind_of(found.entity).odata_type}
