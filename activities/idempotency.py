"""The same request, once: who may create an activity, and what the others are told. Decisions only, no storage library.

The words are those of Powertools: an idempotency record is in progress with a lease, then completed; an expired lease
means that somebody died in the middle. Source: https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from activities import creation, dates, forms, telemetry
from activities.creation import Clock, Creation, Outcome
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.gateway import GraphGateway, StoredActivity
from activities.models import ActivityRequest

# How long a caller over HTTP waits for somebody else's create of the same activity: most take less than a second.
PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.2
# What a claim is found by. A request may leave the provider to the settings, and means the same.
_IN_THE_KEY = {"externalCourseActivityId", "learningProviderId"}


@dataclass(slots=True)
class Claim:
    """The right to create one activity, held by this invocation alone as long as its lease is renewed.

    ``left_behind`` says that an earlier holder did not come to an end: Graph has to be asked before anything is sent.
    """

    key: tuple[str, str]
    owner: str
    content_hash: str
    etag: str
    left_behind: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The activity was created by an earlier request with this content."""

    stored: StoredActivity


@dataclass(frozen=True, slots=True)
class Released:
    """The end of a claim that is given up: for anybody to begin anew or, if the outcome is not known, to ask Graph."""

    outcome_known: bool


class Ledger(Protocol):
    """Remembers every activity that was asked for under an external id; every failure is an ``ActivityError``."""

    lease_seconds: float

    async def claim(self, request: ActivityRequest, content_hash: str) -> Claim | Completed:
        """Claim the right to create an activity, or return what came of it.

        Raises:
            PermanentError: ``activityExists``: completed with other content.
            TransientError: ``createInProgress``, or ``storageUnavailable``.
        """

    async def renew(self, claim: Claim) -> None:
        """Extend the claim's lease from now."""

    async def complete(self, claim: Claim, stored: StoredActivity) -> None:
        """Remember what was created."""

    async def release(self, claim: Claim, *, outcome_known: bool) -> None:
        """Give the claim up: for anybody to begin anew, or, if the outcome is not known, to ask Graph first."""

    async def claim_all(self, wanted: Sequence[tuple[ActivityRequest, str]]) -> list[Claim | Completed | ActivityError]:
        """Claim different activities, each with its content hash; what ``claim`` would raise stands in its place.

        Raises:
            TransientError: ``storageUnavailable``.
        """

    async def settle(self, ends: Sequence[tuple[Claim, StoredActivity | Released]]) -> None:
        """Complete or release each of several claims."""

    async def check(self) -> None:
        """Find out whether the storage answers."""


def content_hash(request: ActivityRequest) -> str:
    """Return a hash of what a request asks for; another spelling of the same moment or id gives the same hash."""
    content = {
        name: _canonical(name, value)
        for name, value in request.activity.to_graph().items()
        if value is not None and name not in _IN_THE_KEY
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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
            if claimed.left_behind and (found := await creation.find_existing(request, graph=graph, clock=clock)):
                created = Creation(Outcome.UNCHANGED, request, found)
            else:
                created = await creation.create(request, graph=graph, clock=clock)
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


def _canonical(name: str, value: object) -> object:
    if name.endswith("DateTime") and (moment := dates.moment_of(value)) is not None:
        return moment.isoformat()
    match value:
        case str() if forms.is_guid(value):
            return value.casefold()
        case dict():
            return {key: part.strip() if isinstance(part, str) else part for key, part in value.items()}
    return value
