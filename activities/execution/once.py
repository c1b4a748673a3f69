"""The same request, once: what it is known by, who may create the activity, and what the others are told."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4, uuid5

from activities import telemetry
from activities.contract import dates, values
from activities.contract.models import ActivityRequest, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Claim, Completed, Ledger, Released
from activities.execution.sending import Creation, End, Outcome, Sender

_PAUSE_SECONDS = 0.2
# What a claim is found by. A request may leave the provider to the settings, and means the same.
_IN_THE_KEY = {"externalCourseActivityId", "learningProviderId"}
# Namespace of the external ids that are derived from a caller's idempotency key; never changes.
_KEY_NAMESPACE = UUID("6f6d0c52-6c5b-5a0e-9d0e-3f1f0a6b7c11")


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


async def create(requests: Sequence[ActivityRequest], *, sender: Sender, ledger: Ledger) -> list[End]:
    """Create identified activities unless that was done before; what became of each stands in its place.

    The same request gets the first answer. An activity that stands there twice is created by the first; the others are
    told what came of it. Beside the errors of ``Sender.create`` there are ``activityExists`` for a request with other
    content, ``createInProgress``, and ``storageUnavailable`` before anything was sent.
    """
    ends: dict[int, End] = dict(shut_out(requests, sender.graph))
    while waiting := [place for place in range(len(requests)) if place not in ends]:
        firsts = {_key(requests[place]): place for place in reversed(waiting)}
        ends |= await _create_different({place: requests[place] for place in sorted(firsts.values())}, sender, ledger)
        # What the first has to wait for, the others have to wait for, too.
        for place in waiting:
            if isinstance(end := ends[firsts[_key(requests[place])]], TransientError):
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


def content_hash(request: ActivityRequest) -> str:
    """Return a hash of what a request asks for; another spelling of the same moment or id gives the same hash."""
    content = {
        name: _canonical(name, value)
        for name, value in request.activity.to_graph().items()
        if value is not None and name not in _IN_THE_KEY
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def _create_different(requests: Mapping[int, ActivityRequest], sender: Sender, ledger: Ledger) -> dict[int, End]:
    claimed = await _claim(requests, sender, ledger)
    claims = {place: claim for place, claim in claimed.items() if isinstance(claim, Claim)}
    ends: dict[int, End] = {
        place: Creation(Outcome.UNCHANGED, requests[place], known.stored) if isinstance(known, Completed) else known
        for place, known in claimed.items()
        if not isinstance(known, Claim)
    }
    if not claims:
        return ends
    async with _kept(claims.values(), ledger):
        left_behind = {place: requests[place] for place, claim in claims.items() if claim.left_behind}
        ends |= await sender.find_created(left_behind)
        unsent = [place for place in claims if place not in ends]
        ends |= zip(unsent, await sender.create([requests[place] for place in unsent]), strict=True)
    # If this fails, the leases run out, and whoever comes next finds the activities in Graph.
    await _quietly(
        "settleFailed", ledger.settle([(claim, _settlement(ends[place])) for place, claim in claims.items()])
    )
    return ends


async def _claim(
    requests: Mapping[int, ActivityRequest], sender: Sender, ledger: Ledger
) -> dict[int, Claim | Completed | ActivityError]:
    """Claim activities, waiting for those that somebody else is at for as long as the effort allows."""
    wanted = {place: (request, content_hash(request)) for place, request in requests.items()}
    deadline = sender.clock.now() + sender.effort.others_seconds
    claimed: dict[int, Claim | Completed | ActivityError] = {}
    while True:
        claimed |= zip(wanted, await ledger.claim(list(wanted.values())), strict=True)
        wanted = {place: one for place, one in wanted.items() if _is_in_progress(claimed[place])}
        if not wanted or sender.clock.now() >= deadline:
            return claimed
        await sender.clock.sleep(_PAUSE_SECONDS)


def _is_in_progress(end: Claim | Completed | ActivityError) -> bool:
    return isinstance(end, ActivityError) and end.code is ErrorCode.CREATE_IN_PROGRESS


def _settlement(end: End) -> StoredActivity | Released:
    """Return how a claim ends: whoever comes after an outcome that is not known must not send before looking."""
    if isinstance(end, Creation):
        return end.stored
    might_exist = isinstance(end, TransientError) and end.may_have_executed
    return Released(outcome_known=not might_exist and end.code is not ErrorCode.ACTIVITY_EXISTS)


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


def _key(request: ActivityRequest) -> tuple[str, str]:
    return request.registration_id.casefold(), request.activity.external_course_activity_id or ""


def _canonical(name: str, value: object) -> object:
    if name.endswith("DateTime") and (moment := dates.moment_of(value)) is not None:
        return moment.isoformat()
    match value:
        case str() if values.is_guid(value):
            return value.casefold()
        case dict():
            return {key: part.strip() if isinstance(part, str) else part for key, part in value.items()}
    return value
