"""What an operation on an activity comes to, given what is known of the activity. Pure: decides, and sends nothing.

An activity has a state. To create, to bring to a state, to update and to delete are four ways to want another one;
which of them needs a call to Graph, which needs none, and which is refused, is decided here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from activities.contract.activity import (
    LONG_AGO,
    ActivityRequest,
    Operation,
    Outcome,
    StoredActivity,
    id_without_learner,
)
from activities.contract.models import Json, SelfInitiatedCourse
from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.execution.gateway import Write
from activities.execution.sameness import (
    KIND,
    changeable_state,
    content_hash,
    differences,
    fixed_in,
    is_html,
    kind_of,
)

_EXTERNAL_ID = "externalCourseActivityId"


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of an activity between two operations.

    Args:
        as_of: When its state was true where it comes from.
        entity: Its state, in Graph's words; None where it was forgotten, or where there is none any more.
        created_as: The hash of what it was created as, "" where that was forgotten.
        deleted: Whether it was deleted.
        contradicted: What a request says that the activity, although its state was forgotten, is known not to be.
    """

    as_of: datetime = LONG_AGO
    entity: Json | None = None
    created_as: str = ""
    deleted: bool = False
    contradicted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A finished operation: what it came to, the request with its external id, and the activity as it is now."""

    outcome: Outcome
    request: ActivityRequest
    stored: StoredActivity


type End = Done | ActivityError


@dataclass(frozen=True, slots=True)
class Send:
    """What has to be sent, and what the activity is when that was done."""

    write: Write
    entity: Json


class Look(Enum):
    """That Graph has to be asked first what the activity is."""

    FIRST = "first"


type Plan = End | Send | Look


def plan(request: ActivityRequest, known: Known | None) -> Plan:
    """Decide what to do for a request, given what is remembered."""
    if known is None:
        return creation(request) if request.operation is Operation.CREATE else Look.FIRST
    if known.deleted:
        return _without_activity(request, known)
    if known.entity is not None:
        return _with_state(request, known.entity, known)
    if known.contradicted and request.operation is not Operation.DELETE and not _is_older(request, known):
        return _not_that_one(request, known.contradicted, "")
    return Look.FIRST


def meant(request: ActivityRequest, known: Known | None, left: Known | None) -> Known:
    """Return what there may be of an activity if a request does not come to its end.

    Args:
        request: Who is at it.
        known: What is remembered.
        left: What there may be already, because others came to no end before.
    """
    is_create = request.operation is Operation.CREATE
    makes = (known is None or known.deleted) and (is_create or request.operation is Operation.UPSERT)
    # Where there may be something already, a create says nothing of its time: it changes nothing of what is there.
    says_nothing = is_create and not (known is None and left is None)
    left = left or Known()
    return Known(
        left.as_of if says_nothing else max(request.true_at, left.as_of),
        created_as=left.created_as or (content_hash(request) if makes else ""),
        deleted=left.deleted or request.operation is Operation.DELETE,
    )


def seen(found: StoredActivity | None, known: Known | None, left: Known | None) -> Known | None:
    """Return what is known of an activity after a look at Graph; None if it never was.

    Args:
        found: What Graph has.
        known: What was remembered before.
        left: What there may be because of those who came to no end.
    """
    before, left = known or Known(), left or Known()
    if found is not None:
        is_new = known is None or known.deleted
        created_as = left.created_as if is_new else before.created_as
        return Known(max(before.as_of, left.as_of), found.entity, created_as)
    if known is None and not left.deleted:
        return None
    # What was there once and is gone was deleted: the repeat of its create does not bring it back.
    return Known(max(before.as_of, left.as_of) if left.deleted else before.as_of, deleted=True)


def plan_after_look(request: ActivityRequest, found: StoredActivity | None, known: Known | None) -> Plan:
    """Decide what to do for a request, given what Graph has, and what is known since."""
    if known is None and request.operation is Operation.CREATE:
        return creation(request)
    if found is None:
        return _without_activity(request, known or Known())
    end = _with_state(request, found.entity, known or Known())
    return replace(end, stored=found) if isinstance(end, Done) else end


def remembered(end: Done, known: Known | None) -> Known:
    """Return what is remembered after an operation has come to its end."""
    known, as_of = known or Known(), end.request.true_at
    if end.request.operation is Operation.CREATE and end.outcome is Outcome.UNCHANGED:
        known = replace(known, created_as=known.created_as or content_hash(end.request))
    match end.outcome:
        case Outcome.CREATED:
            return Known(as_of, _created(end), content_hash(end.request))
        case Outcome.DELETED if end.request.operation is Operation.DELETE:
            return Known(max(as_of, known.as_of), deleted=True)
        case Outcome.UNCHANGED if end.request.operation is Operation.DELETE:
            return Known(max(as_of, known.as_of), deleted=True)
        case Outcome.UPDATED:
            return Known(as_of, end.stored.entity, known.created_as)
        case Outcome.UNCHANGED if advances(end, known):
            return Known(as_of, end.stored.entity, known.created_as)
    return replace(known, entity=end.stored.entity or None)


def _created(end: Done) -> Json:
    """Return an activity as it was created, with the HTML that was sent: Microsoft 365 rewrites what it stores."""
    sent = end.request.activity.to_graph()
    as_sent = {name: value for name, value in sent.items() if is_html(value)}
    return {**sent, **end.stored.entity, **as_sent}


def advances(end: Done, known: Known) -> bool:
    """Tell whether an operation that changed nothing says that the state is true at a later time.

    The repeat of a create says nothing of the sort, unless its sender has dated it and it is so at present.
    """
    request = end.request
    if end.outcome is not Outcome.UNCHANGED or request.true_at <= known.as_of:
        return False
    if request.operation is not Operation.CREATE:
        return True
    return request.as_of is not None and not differences(request.activity.to_graph(), end.stored.entity)


def creation(request: ActivityRequest) -> Send:
    """Return what creates the activity of a request."""
    entity = request.activity.to_graph()
    return Send(Write(Operation.CREATE, request.registration_id, entity), entity)


def contradiction(request: ActivityRequest, found: StoredActivity) -> PermanentError | None:
    """Return ``activityExists`` if what Graph has under the external id of a create is not what was asked for."""
    differing = differences(request.activity.to_graph(), found.entity)
    return _taken(differing, id_without_learner(found.id)) if differing else None


def _without_activity(request: ActivityRequest, known: Known) -> Plan:
    """Decide where there is no activity, be it that it was deleted or that it never was."""
    match request.operation:
        case Operation.CREATE:
            return Done(Outcome.DELETED, request, StoredActivity({}))
        case Operation.DELETE:
            return Done(Outcome.UNCHANGED, request, StoredActivity({}))
        case _ if _is_older(request, known):
            return Done(Outcome.SUPERSEDED, request, StoredActivity({}))
        case Operation.UPSERT:
            return creation(request)
    return not_found(request)


def _with_state(request: ActivityRequest, entity: Json, known: Known) -> Plan:
    is_create = request.operation is Operation.CREATE
    differing = differences(request.activity.to_graph(), entity, rewritten=is_create)
    if is_create:
        return _created_before(request, entity, known, differing)
    if KIND in differing and request.operation is not Operation.UPSERT:
        return not_found(request)
    if _is_older(request, known):
        return Done(Outcome.SUPERSEDED, request, StoredActivity(entity))
    if request.operation is Operation.DELETE:
        return Send(Write(Operation.DELETE, request.registration_id, graph_id=StoredActivity(entity).id), {})
    return _changed(request, entity, differing)


def _created_before(request: ActivityRequest, entity: Json, known: Known, differing: list[str]) -> End:
    if not differing or known.created_as == content_hash(request):
        return Done(Outcome.UNCHANGED, request, StoredActivity(entity))
    if request.as_of and _is_older(request, known):
        return Done(Outcome.SUPERSEDED, request, StoredActivity(entity))
    return _taken(differing, id_without_learner(StoredActivity(entity).id))


def _changed(request: ActivityRequest, entity: Json, differing: list[str]) -> Plan:
    if fixed := fixed_in(differing, entity):
        return _not_that_one(request, fixed, id_without_learner(StoredActivity(entity).id))
    if not differing:
        return Done(Outcome.UNCHANGED, request, StoredActivity(entity))
    kind, sent = kind_of(entity), request.activity.to_graph()
    changed = {name: value for name, value in sent.items() if name in kind.changeable}
    state = changeable_state(entity, changed)
    if kind is SelfInitiatedCourse and state.get("status") == "notStarted":
        return _cannot_be_not_started()
    write = Write(Operation.UPDATE, request.registration_id, state, StoredActivity(entity).id)
    return Send(write, {**entity, **changed})


def _is_older(request: ActivityRequest, known: Known) -> bool:
    return request.true_at < known.as_of


def not_found(request: ActivityRequest) -> PermanentError:
    """Return ``activityNotFound``."""
    if request.graph_id:
        return PermanentError(
            ErrorCode.ACTIVITY_NOT_FOUND,
            "This learning provider has no such activity with this id. Send the whole id, as the answer to its create "
            "had it (the report of a batch has only its end), and check the provider (and the kind).",
            target="id",
        )
    return PermanentError(
        ErrorCode.ACTIVITY_NOT_FOUND,
        "This learning provider has no such activity with this externalCourseActivityId "
        f'("{request.external_id}"). Check the id (and the kind), or create the activity first.',
        target=_EXTERNAL_ID,
    )


def _not_that_one(request: ActivityRequest, names: Sequence[str], graph_id: str) -> PermanentError:
    if request.operation is Operation.CREATE:
        return _taken(names, graph_id)
    return PermanentError(
        ErrorCode.NOT_CHANGEABLE,
        f"The activity with this externalCourseActivityId{_which(graph_id)} has another {', '.join(names)}, and "
        "Microsoft Graph changes that in no activity. Send it as it is there; or delete the activity and create a new "
        "one.",
        target=names[0],
    )


def _taken(names: Sequence[str], graph_id: str) -> PermanentError:
    return PermanentError(
        ErrorCode.ACTIVITY_EXISTS,
        f"An activity with this externalCourseActivityId exists already{_which(graph_id)}, with another "
        f"{', '.join(names)}. Use another externalCourseActivityId for a new activity; to change this one, send it as "
        "an upsert or an update.",
        target=_EXTERNAL_ID,
    )


def _which(graph_id: str) -> str:
    return f" (id {graph_id})" if graph_id else ""


def _cannot_be_not_started() -> PermanentError:
    return PermanentError(
        ErrorCode.INVALID_REQUEST,
        "status cannot become notStarted, nor stay so in an update: a self-initiated course was begun by its learner. "
        "Send inProgress or completed.",
        target="status",
    )
