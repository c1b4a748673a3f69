"""The same request, once: who may create an activity, and what the others are told. Decisions only."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager

from activities import telemetry
from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution import sending
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Claim, Completed, Ledger
from activities.execution.sameness import content_hash
from activities.execution.sending import Clock, Creation, Outcome

# How long a caller over HTTP waits for somebody else's create of the same activity: most take less than a second.
PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.2


async def create_once(
    request: ActivityRequest,
    *,
    graph: GraphGateway,
    ledger: Ledger,
    patience_seconds: float = PATIENCE_SECONDS,
    clock: Clock | None = None,
) -> Creation:
    """Create an identified activity unless that was done before; the same request gets the first answer.

    Raises:
        PermanentError: as ``creation.create``, or ``activityExists`` for a request with other content.
        TransientError: as ``creation.create``; ``createInProgress`` when somebody else is at it for longer than
            ``patience_seconds``; ``storageUnavailable`` before anything was sent.
    """
    clock = clock or Clock()
    claimed = await _claim(request, ledger=ledger, patience_seconds=patience_seconds, clock=clock)
    if isinstance(claimed, Completed):
        return Creation(Outcome.UNCHANGED, request, claimed.stored)
    try:
        async with kept([claimed], ledger):
            if claimed.left_behind and (found := await sending.find_existing(request, graph=graph, clock=clock)):
                created = Creation(Outcome.UNCHANGED, request, found)
            else:
                created = await sending.create(request, graph=graph, clock=clock)
    except ActivityError as error:
        await quietly("releaseFailed", ledger.release(claimed, outcome_known=outcome_known(error)))
        raise
    # If this fails, the claim's lease runs out, and whoever comes next finds the activity in Graph.
    await quietly("completeFailed", ledger.complete(claimed, created.stored))
    return created


def outcome_known(error: ActivityError) -> bool:
    """Tell whether nothing is in Graph after this error; else, whoever comes next must not send before looking."""
    might_exist = isinstance(error, TransientError) and error.may_have_executed
    return not might_exist and error.code is not ErrorCode.ACTIVITY_EXISTS


async def _claim(
    request: ActivityRequest, *, ledger: Ledger, patience_seconds: float, clock: Clock
) -> Claim | Completed:
    content = content_hash(request)
    deadline = clock.now() + patience_seconds
    while True:
        try:
            return await ledger.claim(request, content)
        except TransientError as error:
            if error.code is not ErrorCode.CREATE_IN_PROGRESS or clock.now() >= deadline:
                raise
            await clock.sleep(_PAUSE_SECONDS)


@asynccontextmanager
async def kept(claims: Sequence[Claim], ledger: Ledger) -> AsyncGenerator[None]:
    """Renew the leases while the block runs, so that a lease can be short and a slow Graph loses no claim."""
    over = asyncio.Event()

    async def renew() -> None:
        while not await _is_set_within(over, ledger.lease_seconds / 3):
            await asyncio.gather(*(quietly("renewFailed", ledger.renew(claim)) for claim in claims))

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


async def quietly(event: str, work: Awaitable[None]) -> None:
    """Let the ledger's failure not undo what Graph did: the lease is the safety net."""
    try:
        await work
    except ActivityError as error:
        telemetry.event(event, code=error.code)
