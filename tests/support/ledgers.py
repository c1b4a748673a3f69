"""The ledgers that are held to one contract: ``FakeLedger``, and the real one on Azurite and on a table in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.contract.activity import ActivityRequest, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import Known
from activities.execution.ledger import Claim, Ledger, Released
from activities.execution.sameness import content_hash
from activities.settings import Storage
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.fakes import FakeLedger, FakeTime, activity_request
from tests.support.memory_table import MemoryTable, Rows

LEDGERS = ["FakeLedger", "TableLedger in memory", "TableLedger"]
LEASE_SECONDS = 60.0

type End = Claim | Known | ActivityError


@dataclass
class Subject:
    """A ledger and the clock that it goes by."""

    ledger: Ledger
    time: FakeTime

    def expire(self) -> None:
        """Let every lease run out."""
        self.time.pass_by(LEASE_SECONDS + 1)


@asynccontextmanager
async def subject_for(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Give the one of ``LEDGERS`` that a fixture is parametrized with."""
    time = FakeTime()
    if request.param == "FakeLedger":
        yield Subject(FakeLedger(time, LEASE_SECONDS), time)
        return
    if request.param == "TableLedger in memory":
        table: Table = MemoryTable(Rows())
    else:
        storage = Storage(storage_connection_string(*request.getfixturevalue("storage_ports")))
        table = Table(storage, TABLE, credential=None)
    begin = datetime.now(UTC)
    ledger = TableLedger(
        table, key=app_key, lease_seconds=LEASE_SECONDS, now=lambda: begin + timedelta(seconds=time.seconds)
    )
    yield Subject(ledger, time)
    await table.close()


def wanted(count: int, **properties: object) -> list[ActivityRequest]:
    """Return activities that nobody has asked for before."""
    return [activity_request(str(uuid4()), **properties) for _ in range(count)]


def stored(request: ActivityRequest, **properties: Any) -> StoredActivity:
    """Return a request's activity as Graph would tell it."""
    activity = request.activity
    graph_id = f"{activity.learner_user_id}:{uuid4()}"
    return StoredActivity({**activity.to_graph(), "id": graph_id, **properties}, "graph-request-id")


async def app_key() -> bytes:
    """Return the key of an app."""
    return b"the app's own key"


def corrected(request: ActivityRequest) -> ActivityRequest:
    """Return a request for the same activity with other content."""
    return activity_request(request.external_id, registrationId=request.registration_id, completionPercentage=99)


async def claim(ledger: Ledger, *requests: ActivityRequest) -> list[End]:
    """Claim activities."""
    return await ledger.claim(requests)


async def held(ledger: Ledger, *requests: ActivityRequest, left_behind: bool = False) -> list[Claim]:
    """Claim what must be free."""
    claims = [end for end in await claim(ledger, *requests) if isinstance(end, Claim)]
    assert [one.left_behind for one in claims] == [left_behind] * len(requests)
    return claims


async def remembered(ledger: Ledger, *requests: ActivityRequest) -> list[StoredActivity]:
    """Ask for what must be completed."""
    ends = [end for end in await claim(ledger, *requests) if isinstance(end, Known)]
    assert len(ends) == len(requests)
    return [StoredActivity(end.entity or {}) for end in ends]


async def settle(ledger: Ledger, claims: Sequence[Claim], *ends: StoredActivity | Released) -> None:
    """Bring claims to their ends: created, or released."""
    await ledger.settle(
        [
            (claim, end if isinstance(end, Released) else created(claim.request, end))
            for claim, end in zip(claims, ends, strict=True)
        ]
    )


def created(request: ActivityRequest, stored: StoredActivity) -> Known:
    """Return what is remembered of an activity that was created."""
    return Known(request.true_at, stored.entity, content_hash(request))


async def in_progress(ledger: Ledger, *requests: ActivityRequest) -> list[TransientError]:
    """Claim what somebody else must be at, and return the refusals."""
    ends = await claim(ledger, *requests)
    refusals = [end for end in ends if isinstance(end, TransientError)]
    assert [one.code for one in refusals] == [ErrorCode.CREATE_IN_PROGRESS] * len(requests)
    return refusals


def codes_in(ends: Sequence[End]) -> list[ErrorCode]:
    """Return the errors' codes."""
    return [end.code for end in ends if isinstance(end, ActivityError)]
