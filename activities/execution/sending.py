"""Send what operations need: find out what happened when an answer is lost, send it again.

Knows no Graph library. Who repeats what: the SDK's own retry is off, so this is the only place inside the app that
sends anything again. A flow repeats 429 and 5xx by itself for up to an hour; what takes longer than seconds is
therefore its job, not this one's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from activities import telemetry
from activities.contract.activity import ActivityRequest, Operation, Outcome, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import Done, End, Send, contradiction
from activities.execution.gateway import ExternalKey, GraphGateway

# A flow gives an HTTP action 120 s; the host, the network and a look-up need their share.
TOTAL_SECONDS = 80.0
LONGEST_WAIT_SECONDS = 2.0
# A read may be answered by a replica that has not seen the write yet: absence counts only when the last look says so.
LOOK_UP_PAUSES_SECONDS = (0.5, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What one call does to bring operations to an end; the rest is left to whoever calls again.

    Args:
        sends: How often anything is sent at most.
        send_seconds: How long a send may take.
        look_seconds: How long one look at Graph may take.
        finds_out: Whether a create whose answer was lost is looked up at once; else the next call does, which the claim
            that is left behind tells to.
        others_seconds: How long somebody else's work on the same activity is waited for.
    """

    sends: int
    send_seconds: float
    look_seconds: float
    finds_out: bool
    others_seconds: float

    @property
    def reserve_seconds(self) -> float:
        """How long looking up takes: a send is begun only if there is time left for it."""
        return sum(LOOK_UP_PAUSES_SECONDS) + self.look_seconds * len(LOOK_UP_PAUSES_SECONDS)


# Somebody waits for the answer: most creates by others take less than a second.
FOR_A_CALLER = Effort(sends=3, send_seconds=30.0, look_seconds=5.0, finds_out=True, others_seconds=5.0)
# A message can be put back for what somebody else is at.
FOR_A_MESSAGE = replace(FOR_A_CALLER, others_seconds=0.0)
# Twenty take Graph longer than one; with storage before and behind, a flow's 120 s have to be enough.
FOR_A_CHUNK = Effort(sends=1, send_seconds=45.0, look_seconds=10.0, finds_out=False, others_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the use case sees it; a test hands in its own and waits for nothing."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends, and finds out what became of it, with as much effort as whoever waits has time for."""

    graph: GraphGateway
    effort: Effort
    clock: Clock = field(default_factory=Clock)

    async def send(self, wanted: Mapping[int, tuple[ActivityRequest, Send]]) -> dict[int, End]:
        """Send what different requests need; what became of each stands under its place.

        A create whose answer was lost is looked up by its external id before it is ever sent again; an update or a
        deletion says the same however often it is sent. A ``TransientError`` says that it was not done or
        (``outcomeUnknown``) that nobody could tell within the time a flow waits.
        """
        deadline = self.clock.now() + TOTAL_SECONDS
        ends: dict[int, End] = {}
        unsent = wanted
        sends_done = 0
        doubtful: set[int] = set()
        while unsent:
            sends_done += 1
            seconds = min(self.effort.send_seconds, deadline - self.clock.now() - self.effort.reserve_seconds)
            ends |= await self._send_once(unsent, timeout_seconds=seconds, again=sends_done > 1)
            doubtful |= {place for place in unsent if _might_be_done(ends[place])}
            if sends_done == self.effort.sends:
                break
            latest = deadline - self.clock.now() - 2 * self.effort.reserve_seconds
            pauses = {
                place: _pause_before_repeating(ends[place], send.write.operation, sends_done=sends_done)
                for place, (_, send) in unsent.items()
            }
            unsent = {place: wanted[place] for place, pause in pauses.items() if pause <= latest}
            if unsent:
                await self.clock.sleep(max(pauses[place] for place in unsent))
        # What was not done the last time may have been done before.
        return ends | {place: _in_doubt(ends[place]) for place in doubtful}

    async def look(self, requests: Mapping[int, ActivityRequest]) -> dict[int, StoredActivity | ActivityError | None]:
        """Ask Graph once what activities are; None where it has none."""
        if not requests:
            return {}
        seconds = self.effort.look_seconds
        ids = {place: one.graph_id for place, one in requests.items() if one.graph_id}
        keys = {
            place: ExternalKey(one.registration_id, one.external_id)
            for place, one in requests.items()
            if place not in ids
        }
        found = await self.graph.find(list(keys.values()), timeout_seconds=seconds) if keys else []
        got = await self.graph.get(list(ids.values()), timeout_seconds=seconds) if ids else []
        answers = dict(zip([*keys, *ids], [*found, *got], strict=True))
        for failure in answers.values():
            if isinstance(failure, ActivityError):
                telemetry.event("lookUpFailed", code=failure.code)
        return answers

    async def look_twice(
        self, requests: Mapping[int, ActivityRequest]
    ) -> dict[int, StoredActivity | ActivityError | None]:
        """Find out what came of sends whose end is not clear; ``outcomeUnknown`` where Graph could not tell."""
        looked_up: dict[int, StoredActivity | ActivityError | None] = dict.fromkeys(requests)
        for pause in LOOK_UP_PAUSES_SECONDS:
            missing = [place for place, found in looked_up.items() if not isinstance(found, StoredActivity)]
            if not missing:
                break
            await self.clock.sleep(pause)
            looked_up |= await self.look({place: requests[place] for place in missing})
        return {
            place: undecided(requests[place], answer) if isinstance(answer, ActivityError) else answer
            for place, answer in looked_up.items()
        }

    async def _send_once(
        self, wanted: Mapping[int, tuple[ActivityRequest, Send]], *, timeout_seconds: float, again: bool
    ) -> dict[int, End]:
        """Send once, and find out what became of the creates whose end is not clear."""
        writes = [send.write for _, send in wanted.values()]
        answers = await self.graph.write(writes, timeout_seconds=timeout_seconds)
        ends: dict[int, End] = {}
        unclear: dict[int, ActivityError] = {}
        for (place, (request, send)), answer in zip(wanted.items(), answers, strict=True):
            ends[place] = _end(request, send, answer, again=again)
            if isinstance(answer, StoredActivity):
                continue
            lost = isinstance(answer, TransientError) and answer.may_have_executed
            if isinstance(answer, TransientError) and self.effort.finds_out:
                telemetry.event("sendFailed", code=answer.code, mayHaveExecuted=lost)
            created = send.write.operation is Operation.CREATE
            if created and (answer.code is ErrorCode.ACTIVITY_EXISTS or (lost and self.effort.finds_out)):
                unclear[place] = answer
        for place, found in (await self.look_twice({place: wanted[place][0] for place in unclear})).items():
            ends[place] = _found_out(wanted[place][0], unclear[place], found)
        return ends


def _end(request: ActivityRequest, send: Send, answer: StoredActivity | ActivityError, *, again: bool) -> End:
    gone = isinstance(answer, ActivityError) and answer.code is ErrorCode.ACTIVITY_NOT_FOUND
    match send.write.operation:
        case Operation.CREATE if isinstance(answer, StoredActivity):
            return Done(Outcome.CREATED, request, answer)
        case Operation.DELETE if gone:
            # Of a deletion that is sent a second time, the first may have done it.
            return Done(Outcome.DELETED if again else Outcome.UNCHANGED, request, StoredActivity({}))
        case operation if isinstance(answer, StoredActivity):
            outcome = Outcome.DELETED if operation is Operation.DELETE else Outcome.UPDATED
            return Done(outcome, request, StoredActivity(send.entity, answer.graph_request_id))
    return answer


def _found_out(request: ActivityRequest, failure: ActivityError, found: StoredActivity | ActivityError | None) -> End:
    """Return what became of a create whose end was not clear."""
    if found is None:
        return _absent(failure)
    if isinstance(found, ActivityError):
        return found
    differing = contradiction(request, found)
    # Graph's "exists" was about an activity from before this call.
    is_ours = failure.code is not ErrorCode.ACTIVITY_EXISTS
    return differing or Done(Outcome.CREATED if is_ours else Outcome.UNCHANGED, request, found)


def _might_be_done(end: End) -> bool:
    return isinstance(end, TransientError) and end.may_have_executed


def _in_doubt(end: End) -> End:
    if not isinstance(end, TransientError):
        return end
    return TransientError(end.code, end.message, retry_after_seconds=end.retry_after_seconds, may_have_executed=True)


def _pause_before_repeating(end: End, operation: Operation, *, sends_done: int) -> float:
    """Return how long to wait before something is sent again, for ever when that is not this app's business."""
    if isinstance(end, TransientError):
        if operation is not Operation.CREATE and end.may_have_executed:
            return 0.25 * sends_done
        if end.code is ErrorCode.GRAPH_UNAVAILABLE and end.may_have_executed:
            return 0.0  # The look-ups before it were the pause.
        soon = end.retry_after_seconds <= LONGEST_WAIT_SECONDS
        if soon and end.code in {ErrorCode.THROTTLED, ErrorCode.GRAPH_UNAVAILABLE}:
            return max(end.retry_after_seconds, 0.25 * sends_done)
    return float("inf")


def _absent(error: ActivityError) -> ActivityError:
    """Return what is told of a create that every look-up found nothing of: the outcome is known after all."""
    if not isinstance(error, TransientError) or error.code is not ErrorCode.OUTCOME_UNKNOWN:
        return error
    return TransientError(
        ErrorCode.GRAPH_UNAVAILABLE,
        "Microsoft Graph did not answer, and the activity was not created. Send the request again in a while.",
        retry_after_seconds=error.retry_after_seconds,
        # A send that nobody waits for any more can still be executed: with a ledger, the next one looks again.
        may_have_executed=True,
    )


def undecided(request: ActivityRequest, failure: ActivityError) -> TransientError:
    """Return the error for a create that nobody knows the end of, because looking it up failed, too."""
    repairable = failure.code is ErrorCode.GRAPH_PERMISSION_MISSING
    seconds = failure.retry_after_seconds if isinstance(failure, TransientError) else 0.0
    return TransientError(
        ErrorCode.OUTCOME_UNKNOWN,
        "Microsoft Graph did not say whether it created the activity, and looking it up did not tell either. "
        "Send the request again with the same externalCourseActivityId "
        f'"{request.activity.external_course_activity_id}".{f" {failure.message}" if repairable else ""}',
        retry_after_seconds=max(30.0, seconds),
        may_have_executed=True,
    )
