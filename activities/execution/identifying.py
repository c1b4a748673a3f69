"""What a request is known by: its external id, and the ids of whom and what it is about."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID, uuid4, uuid5

from activities.contract.activity import ActivityRequest
from activities.errors import ActivityError
from activities.execution.gateway import GraphGateway

# Namespace of the external ids that are derived from a caller's idempotency key; never changes.
_KEY_NAMESPACE = UUID("6f6d0c52-6c5b-5a0e-9d0e-3f1f0a6b7c11")


def identify(request: ActivityRequest, *, idempotency_key: str | None) -> ActivityRequest:
    """Return the request with an external id: the caller's, else one derived from the key, else a fresh GUID.

    The same key with the same provider gives the same id, on every machine and for ever. What names an activity by
    Graph's id has got that one.
    """
    if request.external_id or request.graph_id:
        return request
    if idempotency_key:
        # A header can hold bytes that are no text; they, too, name one request.
        name = f"{request.registration_id.casefold()}:{idempotency_key}".encode(errors="backslashreplace")
        external_id = uuid5(_KEY_NAMESPACE, name)
    else:
        external_id = uuid4()
    activity = request.activity.model_copy(update={"external_course_activity_id": str(external_id)})
    return replace(request, activity=activity)


def identify_by_content(request: ActivityRequest) -> ActivityRequest:
    """Return the request with an external id: the caller's, else one derived from whom and what it is about.

    So the same list sent twice makes nothing twice.
    """
    said = request.activity.to_graph()
    about = ["file", said["@odata.type"], str(said["learnerUserId"]).casefold(), said["learningContentId"]]
    return identify(request, idempotency_key=json.dumps(about))


async def by_ids(
    requests: Mapping[int, ActivityRequest], graph: GraphGateway, *, ahead: Iterable[ActivityRequest] = ()
) -> dict[int, ActivityRequest | ActivityError]:
    """Return requests, by place, with ids for whatever they name otherwise; nobody is asked for those that do not."""
    named = {place: one for place, one in requests.items() if one.is_by_name}
    if not named:
        return {**requests}
    from activities.execution.names import with_ids

    found = await with_ids(named, graph.names, ahead=ahead)
    return {**requests, **{place: _identified(one) for place, one in found.items()}}


def _identified(found: ActivityRequest | ActivityError) -> ActivityRequest | ActivityError:
    if isinstance(found, ActivityError) or not found.known_by_content:
        return found
    return identify_by_content(found)
