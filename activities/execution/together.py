"""Create up to twenty activities together, each once: one claim, one batch to Graph, one settlement for all.

Nothing is repeated in here. What throttles, fails or is unknown comes back as an error, and the claim that is left
behind makes the next attempt ask Graph before it sends.
"""

from collections.abc import Mapping, Sequence

from activities import telemetry
from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sending
from activities.execution.gateway import GraphGateway, StoredActivity
from activities.execution.ledger import Claim, Completed, Ledger, Released
from activities.execution.once import kept, outcome_known, quietly
from activities.execution.sameness import content_hash, same_activity
from activities.execution.sending import LOOK_UP_PAUSES_SECONDS, Clock, Creation, Outcome

# Twenty take Graph longer than one; with storage before and behind, a flow's 120 s have to be enough.
SEND_SECONDS = 45.0
LOOK_UP_SECONDS = 10.0

type End = Creation | ActivityError


async def create_all_once(
    requests: Sequence[ActivityRequest], *, graph: GraphGateway, ledger: Ledger, clock: Clock | None = None
) -> list[End]:
    """Create identified activities unless that was done before; what became of each stands in its place.

    An activity that stands there twice is created by the first; the others are told what came of it.

    Raises:
        TransientError: ``storageUnavailable`` before anything was sent.
    """
    clock = clock or Clock()
    ends: dict[int, End] = {}
    waiting = list(range(len(requests)))
    while waiting:
        firsts = sorted({_key(requests[place]): place for place in reversed(waiting)}.values())
        together = [requests[place] for place in firsts]
        try:
            ends |= zip(firsts, await _create_different(together, graph=graph, ledger=ledger, clock=clock), strict=True)
        except TransientError as error:
            if not ends:
                raise
            ends |= dict.fromkeys(firsts, error)
        # What the first has to wait for, the others have to wait for, too.
        failed = {_key(requests[place]): end for place in firsts if isinstance(end := ends[place], TransientError)}
        ends |= {place: failed[key] for place in waiting if (key := _key(requests[place])) in failed}
        waiting = [place for place in waiting if place not in ends]
    return [ends[place] for place in range(len(requests))]


async def _create_different(
    requests: Sequence[ActivityRequest], *, graph: GraphGateway, ledger: Ledger, clock: Clock
) -> list[End]:
    claimed = await ledger.claim_all([(request, content_hash(request)) for request in requests])
    claims = {place: claim for place, claim in enumerate(claimed) if isinstance(claim, Claim)}
    ends: dict[int, End] = {
        place: Creation(Outcome.UNCHANGED, requests[place], known.stored) if isinstance(known, Completed) else known
        for place, known in enumerate(claimed)
        if not isinstance(known, Claim)
    }
    async with kept(list(claims.values()), ledger):
        left_behind = {place: requests[place] for place, claim in claims.items() if claim.left_behind}
        ends |= await _find(left_behind, graph=graph, clock=clock)
        unsent = {place: requests[place] for place in claims if place not in ends}
        ends |= await _send(unsent, graph=graph, clock=clock)
    settled = [(claim, _settlement(ends[place])) for place, claim in claims.items()]
    # If this fails, the leases run out, and whoever comes next finds the activities in Graph.
    await quietly("settleFailed", ledger.settle(settled))
    return [ends[place] for place in range(len(requests))]


async def _find(requests: Mapping[int, ActivityRequest], *, graph: GraphGateway, clock: Clock) -> dict[int, End]:
    """Find out which activities an earlier attempt created; those that are not there are missing in the answer."""
    ends: dict[int, End] = {}
    failures: dict[int, ActivityError] = {}
    # A replica may not have seen the write yet: absence counts only when the last look says so.
    for pause in LOOK_UP_PAUSES_SECONDS if requests else ():
        await clock.sleep(pause)
        places = [place for place in requests if place not in ends]
        looked_up = [requests[place] for place in places]
        answers = await graph.find_activities(looked_up, timeout_seconds=LOOK_UP_SECONDS) if places else []
        for place, found in zip(places, answers, strict=True):
            failures.pop(place, None)
            if isinstance(found, StoredActivity):
                ends[place] = _found(requests[place], found)
            elif found is not None:
                failures[place] = found
    undecided = {place: sending.undecided(requests[place], failure) for place, failure in failures.items()}
    for failure in failures.values():
        telemetry.event("lookUpFailed", code=failure.code)
    return {**ends, **undecided}


async def _send(requests: Mapping[int, ActivityRequest], *, graph: GraphGateway, clock: Clock) -> dict[int, End]:
    if not requests:
        return {}
    answers = await graph.create_activities(list(requests.values()), timeout_seconds=SEND_SECONDS)
    ends: dict[int, End] = {}
    for (place, request), answer in zip(requests.items(), answers, strict=True):
        if isinstance(answer, StoredActivity):
            ends[place] = Creation(Outcome.CREATED, request, answer)
        elif isinstance(answer, PermanentError) and answer.code is ErrorCode.ACTIVITY_EXISTS:
            ends[place] = await _existing(request, answer, graph=graph, clock=clock)
        else:
            ends[place] = answer
    return ends


def _found(request: ActivityRequest, found: StoredActivity) -> End:
    try:
        return Creation(Outcome.UNCHANGED, same_activity(request, found), found)
    except ActivityError as error:
        return error


async def _existing(request: ActivityRequest, error: PermanentError, *, graph: GraphGateway, clock: Clock) -> End:
    try:
        return await sending.answer_existing(request, error, graph=graph, clock=clock)
    except ActivityError as refusal:
        return refusal


def _settlement(end: End) -> StoredActivity | Released:
    return end.stored if isinstance(end, Creation) else Released(outcome_known(end))


def _key(request: ActivityRequest) -> tuple[str, str]:
    return request.registration_id.casefold(), request.activity.external_course_activity_id or ""
