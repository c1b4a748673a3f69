"""The two ledgers that are held to one contract: ``FakeLedger``, and the real one (azure-data-tables) on Azurite."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.contract.models import ActivityRequest
from activities.errors import ErrorCode, TransientError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed, Ledger
from activities.settings import Storage
from activities.storage.ledger import TABLE, TableLedger
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.fakes import FakeLedger, FakeTime

LEDGERS = ["FakeLedger", "TableLedger"]
LEASE_SECONDS = 60.0
CONTENT = "the hash of the content"


@dataclass
class Subject:
    """A ledger and the clock that it goes by."""

    ledger: Ledger
    time: FakeTime

    async def held(self, request: ActivityRequest, *, left_behind: bool = False) -> Claim:
        """Claim what must be free."""
        claim = await self.ledger.claim(request, CONTENT)
        assert isinstance(claim, Claim)
        assert claim.left_behind is left_behind
        return claim

    async def answer(self, request: ActivityRequest) -> StoredActivity:
        """Ask for what must be completed."""
        completed = await self.ledger.claim(request, CONTENT)
        assert isinstance(completed, Completed)
        return completed.stored

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
    storage = Storage(storage_connection_string(*request.getfixturevalue("storage_ports")))
    table = Table(storage, TABLE, credential=None)
    begin = datetime.now(UTC)
    ledger = TableLedger(table, lease_seconds=LEASE_SECONDS, now=lambda: begin + timedelta(seconds=time.seconds))
    yield Subject(ledger, time)
    await table.close()


def stored(request: ActivityRequest, **properties: Any) -> StoredActivity:
    """Return a request's activity as Graph would tell it."""
    return StoredActivity({**request.activity.to_graph(), "id": f"id-{uuid4()}", **properties}, "graph-request-id")


async def in_progress(claiming: Awaitable[object]) -> TransientError:
    """Return the refusal of a claim because somebody else is at it."""
    with pytest.raises(TransientError) as caught:
        await claiming
    assert caught.value.code is ErrorCode.CREATE_IN_PROGRESS
    return caught.value
