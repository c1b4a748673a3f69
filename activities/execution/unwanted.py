"""Why an operation is not carried out on the activity that there is, in a sentence that says what to do. Pure."""

from collections.abc import Sequence

from activities.contract.activity import ActivityRequest, Operation
from activities.errors import ErrorCode, PermanentError

_EXTERNAL_ID = "externalCourseActivityId"


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


def not_that_one(request: ActivityRequest, names: Sequence[str], graph_id: str) -> PermanentError:
    """Return ``notChangeable`` or, of a create, ``activityExists``: the activity has others of these properties."""
    if request.operation is Operation.CREATE:
        return taken(names, graph_id)
    return PermanentError(
        ErrorCode.NOT_CHANGEABLE,
        f"The activity with this externalCourseActivityId{_which(graph_id)} has another {', '.join(names)}, and "
        "Microsoft Graph changes that in no activity. Send it as it is there; or delete the activity and create a new "
        "one.",
        target=names[0],
    )


def taken(names: Sequence[str], graph_id: str) -> PermanentError:
    """Return ``activityExists``."""
    return PermanentError(
        ErrorCode.ACTIVITY_EXISTS,
        f"An activity with this externalCourseActivityId exists already{_which(graph_id)}, with another "
        f"{', '.join(names)}. Use another externalCourseActivityId for a new activity; to change this one, send it as "
        "an upsert or an update.",
        target=_EXTERNAL_ID,
    )


def _which(graph_id: str) -> str:
    return f" (id {graph_id})" if graph_id else ""


def cannot_be_not_started() -> PermanentError:
    """Return that an update of a self-initiated course cannot be sent as it is."""
    return PermanentError(
        ErrorCode.INVALID_REQUEST,
        "status cannot become notStarted, nor stay so in an update: a self-initiated course was begun by its learner. "
        "Send inProgress or completed.",
        target="status",
    )
