"""Create one activity, once: identify it, send it, find out what happened when the answer is lost.

Knows no Graph library. Who repeats what: the SDK's own retry is off, so this is the only place inside the app that
sends a create again. A flow repeats 429 and 5xx by itself for up to an hour; what takes longer than seconds is
therefore its job, not this one's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid4, uuid5

from activities import telemetry
from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.gateway import GraphGateway, StoredActivity
from activities.execution.sameness import same_activity
from activities.graph import permissions

# A flow gives an HTTP action 120 s; the host, the network and a look-up need their share.
TOTAL_SECONDS = 80.0
SEND_SECONDS = 30.0
LOOK_UP_SECONDS = 10.0
SENDS = 3
LONGEST_WAIT_SECONDS = 2.0
# A read may be answered by a replica that has not seen the write yet: absence counts only when the last look says so.
LOOK_UP_PAUSES_SECONDS = (0.5, 1.5)
# A send is begun only if there is time left to look up what became of it.
_RESERVE_SECONDS = sum(LOOK_UP_PAUSES_SECONDS) + LOOK_UP_SECONDS

# Namespace of the external ids that are derived from a caller's idempotency key; never changes.
_KEY_NAMESPACE = UUID("6f6d0c52-6c5b-5a0e-9d0e-3f1f0a6b7c11")


class Outcome(StrEnum):
    """What a creation came to."""

    CREATED = "created"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Creation:
    """A finished creation: the outcome, the request with its external id, and the activity as Graph tells it."""

    outcome: Outcome
    request: ActivityRequest
    stored: StoredActivity


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the use case sees it; a test hands in its own and waits for nothing."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def identify(request: ActivityRequest, *, idempotency_key: str | None) -> ActivityRequest:
    """Return the request with an external id: the caller's, else one derived from the key, else a fresh GUID.

    The same key with the same provider gives the same id, on every machine and for ever.
    """
    if request.activity.external_course_activity_id:
        return request
    if idempotency_key:
        # A header can hold bytes that are no text; they, too, name one request.
        name = f"{request.registration_id.casefold()}:{idempotency_key}".encode(errors="backslashreplace")
        external_id = uuid5(_KEY_NAMESPACE, name)
    else:
        external_id = uuid4()
    activity = request.activity.model_copy(update={"external_course_activity_id": str(external_id)})
    return ActivityRequest(request.registration_id, activity)


async def create(request: ActivityRequest, *, graph: GraphGateway, clock: Clock | None = None) -> Creation:
    """Create an identified activity and return what Graph stored.

    A create whose answer was lost is looked up by its external id before it is ever sent again.

    Raises:
        PermanentError: it cannot be created as it is.
        TransientError: not created, or (``outcomeUnknown``) nobody could tell within the time a flow waits.
    """
    clock = clock or Clock()
    deadline = clock.now() + TOTAL_SECONDS
    sends_done = 0
    while True:
        sends_done += 1
        timeout = min(SEND_SECONDS, deadline - clock.now() - _RESERVE_SECONDS)
        try:
            return Creation(Outcome.CREATED, request, await graph.create_activity(request, timeout_seconds=timeout))
        except PermanentError as error:
            if error.code is not ErrorCode.ACTIVITY_EXISTS:
                raise
            return await answer_existing(request, error, graph=graph, clock=clock)
        except TransientError as error:
            telemetry.event("sendFailed", code=error.code, mayHaveExecuted=error.may_have_executed)
            if error.may_have_executed:
                found = await _look_up(request, graph=graph, clock=clock, because=error)
                if found is not None:
                    return Creation(Outcome.CREATED, same_activity(request, found), found)
            pause = _pause_before_repeating(error, sends_done=sends_done)
            if pause is None or sends_done == SENDS or deadline - clock.now() - pause < 2 * _RESERVE_SECONDS:
                raise _final(error) from error
            await clock.sleep(pause)


async def find_existing(request: ActivityRequest, *, graph: GraphGateway, clock: Clock) -> StoredActivity | None:
    """Return the activity if an earlier attempt, which nobody knows the end of, created it.

    Raises:
        PermanentError: ``activityExists``: the external id belongs to an activity with other content.
        TransientError: ``outcomeUnknown``: Graph could not tell.
    """
    found = await _look_up(request, graph=graph, clock=clock, because=None)
    if found is not None:
        same_activity(request, found)
    return found


def _pause_before_repeating(error: TransientError, *, sends_done: int) -> float | None:
    """Return how long to wait before the create is sent again, or None when that is not this app's business."""
    match error.code:
        case ErrorCode.OUTCOME_UNKNOWN:
            return 0.0  # The look-ups before it were the pause.
        case ErrorCode.THROTTLED | ErrorCode.GRAPH_UNAVAILABLE if error.retry_after_seconds <= LONGEST_WAIT_SECONDS:
            return max(error.retry_after_seconds, 0.25 * sends_done)
    return None


def _final(error: TransientError) -> TransientError:
    """Return the error that the caller sees: when every look-up found nothing, the outcome is known after all."""
    if error.code is not ErrorCode.OUTCOME_UNKNOWN:
        return error
    return TransientError(
        ErrorCode.GRAPH_UNAVAILABLE,
        "Microsoft Graph did not answer, and the activity was not created. Send the request again in a while.",
        retry_after_seconds=error.retry_after_seconds,
        # A send that nobody waits for any more can still be executed: with a ledger, the next one looks again.
        may_have_executed=True,
    )


async def _look_up(
    request: ActivityRequest, *, graph: GraphGateway, clock: Clock, because: ActivityError | None
) -> StoredActivity | None:
    """Find out whether a create was executed.

    Raises:
        TransientError: ``outcomeUnknown``: the look-up could not tell.
    """
    external_id = request.activity.external_course_activity_id or ""
    failure: ActivityError | None = None
    for pause in LOOK_UP_PAUSES_SECONDS:
        await clock.sleep(pause)
        try:
            found = await graph.find_activity(
                request.registration_id, external_id, timeout_seconds=LOOK_UP_SECONDS / len(LOOK_UP_PAUSES_SECONDS)
            )
        except ActivityError as error:
            telemetry.event("lookUpFailed", code=error.code)
            failure = error
            continue
        failure = None
        if found is not None:
            return found
    if failure is None:
        return None
    raise undecided(request, failure) from because


def undecided(request: ActivityRequest, failure: ActivityError) -> TransientError:
    """Return the error for a create that nobody knows the end of, because looking it up failed, too."""
    reading = (
        ""
        if failure.code is not ErrorCode.GRAPH_PERMISSION_MISSING
        else f" Looking it up needs the permission {permissions.to_find(request.activity)}: an admin has to grant it."
    )
    return TransientError(
        ErrorCode.OUTCOME_UNKNOWN,
        "Microsoft Graph did not say whether it created the activity, and looking it up did not tell either. "
        "Send the request again with the same externalCourseActivityId "
        f'"{request.activity.external_course_activity_id}".{reading}',
        retry_after_seconds=30.0,
        may_have_executed=True,
    )


async def answer_existing(
    request: ActivityRequest, error: PermanentError, *, graph: GraphGateway, clock: Clock
) -> Creation:
    """Answer a create that Graph refused because its external id is taken: fine if by the same activity."""
    found = await _look_up(request, graph=graph, clock=clock, because=error)
    if found is None:
        raise error
    return Creation(Outcome.UNCHANGED, same_activity(request, found), found)
