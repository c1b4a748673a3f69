"""One contract, two memories of tenant checks: ``FakeCheckMemory``, and the real one against Azurite."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.checks import CheckMemory, Leftover, Running
from activities.execution.tenant.findings import Checked, Finding, in_order
from activities.settings import Storage
from activities.storage.tables import Table
from activities.storage.tenant_checks_kept import KeptTenantChecks
from local.environment import storage_connection_string
from tests.support.fakes import REGISTRATION_ID
from tests.support.tenant_checks import FakeCheckMemory

NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
FOUND = {Name.BATCH_ACCEPTED: Finding(Name.BATCH_ACCEPTED, "400 notSupported: “…”.", holds=False)}
CHECKED = Checked(NOW, in_order(FOUND, why_not="Not tried."), ["tenant-check-a-1"])


@pytest_asyncio.fixture(params=["FakeCheckMemory", "KeptTenantChecks"])
async def memory(request: pytest.FixtureRequest) -> AsyncIterator[CheckMemory]:
    if request.param == "FakeCheckMemory":
        yield FakeCheckMemory()
        return
    ports = request.getfixturevalue("storage_ports")
    storage = Storage(storage_connection_string(*ports))
    table = Table(storage, f"checks{uuid4().hex}", credential=None)
    yield KeptTenantChecks(table)
    await table.close()


async def test_one_check_at_a_time_until_it_ends_or_is_dead(memory: CheckMemory) -> None:
    first, second = Running("a", NOW, LATER), Running("b", NOW, LATER + timedelta(minutes=3))
    assert await memory.begin(first, now=NOW) == first
    assert await memory.begin(second, now=NOW) == first
    assert await memory.begin(first, now=NOW) == first, "the message of a check is delivered again"
    assert await memory.begin(second, now=LATER) == second
    further = Running("b", NOW, LATER + timedelta(minutes=6), 7)
    await memory.advance(further)
    assert await memory.last() == (further, None)
    await memory.end(CHECKED)
    running, checked = await memory.last()
    assert (running, checked and checked.to_json()) == (None, CHECKED.to_json())
    await memory.end(Checked(LATER, [], []))
    assert (await memory.last())[1] == Checked(LATER, [], [])


async def test_runs_are_remembered_until_they_are_forgotten(memory: CheckMemory) -> None:
    runs = [Leftover(name, REGISTRATION_ID, NOW) for name in ("a", "b")]
    for one in runs:
        await memory.remember(one)
    assert await memory.leftovers() == runs
    await memory.forget(runs[0])
    await memory.forget(runs[0])
    assert await memory.leftovers() == runs[1:]


async def test_what_is_older_expires(memory: CheckMemory) -> None:
    await memory.remember(Leftover("old", REGISTRATION_ID, NOW))
    await memory.remember(Leftover("new", REGISTRATION_ID, LATER))
    await memory.end(CHECKED)
    await memory.expire(NOW)
    assert (await memory.last())[1] is not None
    await memory.expire(LATER)
    assert await memory.last() == (None, None)
    assert [one.run_id for one in await memory.leftovers()] == ["new"]


async def test_progress_of_a_check_that_has_ended_brings_it_not_back(memory: CheckMemory) -> None:
    running = Running("a", NOW, LATER)
    await memory.begin(running, now=NOW)
    await memory.end(CHECKED)
    await memory.advance(running)
    assert (await memory.last())[0] is None
