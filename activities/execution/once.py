"""The same request, once: what it is known by, who may work on the activity, and what the others are told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4, uuid5

from activities import telemetry
from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import (
    Done,
    End,
    Known,
    Look,
    Plan,
    Send,
    plan,
    plan_after_look,
    remembered,
    seen,
)
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Claim, Ledger, Released
from activities.execution.sending import Sender

_PAUSE_SECONDS = 0.2
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


async def carry_out(requests: Sequence[ActivityRequest], *, sender: Sender, ledger: Ledger) -> list[End]:
    """Carry out identified requests unless that was done before; what became of each stands in its place.

    The same request gets the first answer. Requests about one activity are carried out one after the other, in their
    order. Beside the errors of ``Sender.send`` and ``decisions.plan`` there are ``createInProgress`` and, before
    anything was sent, ``storageUnavailable``.
    """
    ends: dict[int, End] = dict(shut_out(requests, sender.graph))
    while waiting := [place for place in range(len(requests)) if place not in ends]:
        firsts = {requests[place].key: place for place in reversed(waiting)}
        ends |= await _carry_out_different(
            {place: requests[place] for place in sorted(firsts.values())}, sender, ledger
        )
        # What the first has to wait for, the others have to wait for, too.
        for place in waiting:
            if isinstance(end := ends[firsts[requests[place].key]], TransientError):
                ends.setdefault(place, end)
    return [ends[place] for place in range(len(requests))]


def shut_out(requests: Sequence[ActivityRequest], graph: GraphGateway) -> dict[int, TransientError]:
    """Return the requests, by place, whose provider Graph throttles: nothing is claimed and nobody asked for them."""
    shut: dict[int, TransientError] = {}
    for place, request in enumerate(requests):
        try:
            graph.check_open(request.registration_id)
        except TransientError as error:
            shut[place] = error
    return shut


async def _carry_out_different(
    requests: Mapping[int, ActivityRequest], sender: Sender, ledger: Ledger
) -> dict[int, End]:
    claimed = await _claim(requests, sender, ledger)
    claims: dict[int, Claim] = {}
    plans: dict[int, Plan] = {}
    for place, end in claimed.items():
        if isinstance(end, Claim):
            claims[place] = end
        else:
            plans[place] = end if isinstance(end, ActivityError) else plan(requests[place], end)
    if not claims:
        return _ends(plans)
    async with _kept(claims.values(), ledger):
        plans |= await _plan(claims, sender)
        plans |= await _send(claims, plans, sender)
    ends = _ends(plans)
    # If this fails, the leases run out, and whoever comes next finds out in Graph.
    await _quietly(
        "settleFailed", ledger.settle([(claim, _settlement(claim, ends[place])) for place, claim in claims.items()])
    )
    return ends


def _ends(plans: Mapping[int, Plan]) -> dict[int, End]:
    return {place: end for place, end in plans.items() if isinstance(end, Done | ActivityError)}


async def _plan(claims: Mapping[int, Claim], sender: Sender) -> dict[int, Plan]:
    """Decide for claimed activities what has to be sent, asking Graph where it is not known what they are."""
    plans = {
        place: Look.FIRST if claim.left_behind else plan(claim.request, claim.known) for place, claim in claims.items()
    }
    asked = {place: claims[place] for place, wanted in plans.items() if wanted is Look.FIRST}
    left_behind = {place: claim.request for place, claim in asked.items() if claim.left_behind}
    others = {place: claim.request for place, claim in asked.items() if not claim.left_behind}
    found = await sender.look_twice(left_behind) | await sender.look(others)
    # Of what was there once, one look that finds nothing is not believed: it is never made again by a create.
    doubted = {place: one for place, one in others.items() if claims[place].known and found[place] is None}
    found |= await sender.look_twice(doubted)
    return plans | {place: _after_look(claims[place], one) for place, one in found.items()}


def _after_look(claim: Claim, found: StoredActivity | ActivityError | None) -> Plan:
    if isinstance(found, ActivityError):
        return found
    claim.learn(seen(found, claim.known, claim.left))
    return plan_after_look(claim.request, found, claim.known)


async def _send(claims: Mapping[int, Claim], plans: Mapping[int, Plan], sender: Sender) -> dict[int, Plan]:
    """Send what has to be sent; what turns out to be there, or gone, against all knowledge is looked up once more."""
    sends = {place: (claims[place].request, one) for place, one in plans.items() if isinstance(one, Send)}
    ends: dict[int, Plan] = dict(await sender.send(sends))
    for place, end in ends.items():
        if isinstance(end, ActivityError) and end.code is ErrorCode.ACTIVITY_NOT_FOUND:
            claims[place].learn(seen(None, claims[place].known, claims[place].left))
    surprised = {place: claims[place].request for place, end in ends.items() if _surprised(claims[place].request, end)}
    for place, found in (await sender.look(surprised)).items():
        if found is not None or claims[place].request.operation is Operation.UPSERT:
            ends[place] = _after_look(claims[place], found)
    sends = {place: (claims[place].request, one) for place, one in ends.items() if isinstance(one, Send)}
    return ends | await sender.send(sends)


def _surprised(request: ActivityRequest, end: Plan) -> bool:
    if not isinstance(end, ActivityError):
        return False
    if end.code is ErrorCode.ACTIVITY_EXISTS:
        return True
    return end.code is ErrorCode.ACTIVITY_NOT_FOUND and request.operation is Operation.UPSERT


async def _claim(
    requests: Mapping[int, ActivityRequest], sender: Sender, ledger: Ledger
) -> dict[int, Claim | Known | ActivityError]:
    """Claim activities, waiting for those that somebody else is at for as long as the effort allows."""
    wanted = dict(requests)
    deadline = sender.clock.now() + sender.effort.others_seconds
    claimed: dict[int, Claim | Known | ActivityError] = {}
    while True:
        claimed |= zip(wanted, await ledger.claim(list(wanted.values())), strict=True)
        wanted = {place: one for place, one in wanted.items() if _is_in_progress(claimed[place])}
        if not wanted or sender.clock.now() >= deadline:
            return claimed
        await sender.clock.sleep(_PAUSE_SECONDS)


def _is_in_progress(end: Claim | Known | ActivityError) -> bool:
    return isinstance(end, ActivityError) and end.code is ErrorCode.CREATE_IN_PROGRESS


def _settlement(claim: Claim, end: End) -> Known | Released:
    """Return how a claim ends: whoever comes after an outcome that is not known must not send before looking."""
    if isinstance(end, Done):
        return remembered(end, claim.known)
    if isinstance(end, TransientError) and end.may_have_executed:
        return Released(outcome_known=False)
    if (
        claim.found_out
        and claim.known is not None
        and (claim.known.entity or end.code is not ErrorCode.ACTIVITY_EXISTS)
    ):
        return claim.known
    return Released(outcome_known=end.code is not ErrorCode.ACTIVITY_EXISTS)


@asynccontextmanager
async def _kept(claims: Collection[Claim], ledger: Ledger) -> AsyncGenerator[None]:
    """Renew the leases while the block runs, so that a lease can be short and a slow Graph loses no claim."""
    over = asyncio.Event()

    async def renew() -> None:
        while not await _is_set_within(over, ledger.lease_seconds / 3):
            await asyncio.gather(*(_quietly("renewFailed", ledger.renew(claim)) for claim in claims))

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        # A renewal that is under way changes the claim's etag: it has to end by itself before the claim is used again.
        over.set()
        await asyncio.gather(renewing, return_exceptions=True)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _quietly(event: str, work: Awaitable[None]) -> None:
    """Let the ledger's failure not undo what Graph did: the lease is the safety net."""
    try:
        await work
    except ActivityError as error:
        telemetry.event(event, code=error.code)
