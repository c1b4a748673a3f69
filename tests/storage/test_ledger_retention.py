"""What the ledger forgets: by time, and by learner; what is worked on waits, and whoever changes a row wins."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest_asyncio

from activities.contract.learner import Learner
from activities.execution.ledger import Claim
from activities.execution.sameness import content_hash
from activities.settings import Storage
from activities.storage import walking
from activities.storage.keys import LearnerKey
from activities.storage.ledger import TableLedger
from activities.storage.ledger_retention import LedgerRetention
from activities.storage.retention import Ended
from activities.storage.table_bytes import Operation, Verb, packed, unpacked
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.fakes import activity_request
from tests.support.records import OTHER_PROVIDER, PROVIDER
from tests.support.retention import run, short_run

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)
BEFORE = NOW - timedelta(days=30)
LEARNER, OTHER = "7ba2228a-e020-11ec-9d64-0242ac120002", "decade00-e020-11ec-9d64-0242ac120002"
ANN = Learner.of([LEARNER, "ann@contoso.com"])
STATE = {"id": f"{LEARNER}:1", "notes": "x" * 200}


@dataclass
class Ledger:
    """A ledger in Azurite, row by row."""

    table: Table
    key: LearnerKey

    @property
    def retention(self) -> LedgerRetention:
        return LedgerRetention(self.table, self.key, now=lambda: NOW)

    async def has(
        self, external_id: str, *, provider: str = PROVIDER, learner: str = LEARNER, **properties: object
    ) -> None:
        """Keep an activity that has come to its end."""
        said = {
            "PartitionKey": provider,
            "RowKey": sha256(external_id.encode()).hexdigest(),
            "State": "completed",
            "Owner": "owner",
            "AsOf": OLD,
            "Deleted": False,
            "Fixed": "hash",
            "LearnerHash": await self.key.learner_hash(learner),
            "ChangedAt": OLD,
            "Forgotten": False,
            **packed("Known", STATE),
            **properties,
        }
        await self.table.do(Operation(Verb.REPLACE, said))

    async def row(self, external_id: str, *, provider: str = PROVIDER) -> dict[str, Any]:
        return dict(await self.table.get(provider, sha256(external_id.encode()).hexdigest()))

    async def knows(self, external_id: str) -> bool:
        state: object = unpacked("Known", await self.row(external_id))
        return state == STATE


@pytest_asyncio.fixture
async def ledger(storage_ports: tuple[int, int, int]) -> AsyncIterator[Ledger]:
    table = Table(Storage(storage_connection_string(*storage_ports)), f"t{uuid4().hex}", credential=None)
    yield Ledger(table, LearnerKey(table))
    await table.close()


class TestEarlierVersion:
    """It kept Graph's answer as it was, and no keyed hash."""

    async def test_what_names_people_goes_and_the_repeat_of_a_create_is_looked_up(self, ledger: Ledger) -> None:
        request = activity_request("old", registrationId=PROVIDER)
        row = {
            "PartitionKey": PROVIDER,
            "RowKey": sha256(b"old").hexdigest(),
            "State": "completed",
            "Owner": "owner",
            "ContentHash": content_hash(request),
            "GraphId": f"{LEARNER}:1",
            **packed("Answer", {**request.activity.to_graph(), "id": f"{LEARNER}:1"}),
        }
        later = datetime.now(UTC) + timedelta(days=1)
        erased = Learner.of([LEARNER])
        for by_time in (True, False):
            await ledger.table.do(Operation(Verb.REPLACE, row))
            retention = ledger.retention
            assert await (retention.expire(later, run()) if by_time else retention.erase(erased, run())) == Ended(1)
            assert LEARNER not in str(await ledger.row("old"))
            known = TableLedger(ledger.table, key=ledger.key.get, lease_seconds=60)
            (claim,) = await known.claim([request])
            assert isinstance(claim, Claim)
            assert claim.known
            assert claim.known.entity is None


class TestTime:
    async def test_what_is_old_is_forgotten_and_the_row_stays(self, ledger: Ledger) -> None:
        await ledger.has("old")
        before = await ledger.row("old")
        assert await ledger.retention.expire(BEFORE, run()) == Ended(1)
        after = await ledger.row("old")
        assert after == {name: one for name, one in before.items() if name != "Known0"} | {"Forgotten": True}
        assert await ledger.retention.expire(BEFORE, run()) == Ended(0)

    async def test_what_is_young_stays_as_it_is(self, ledger: Ledger) -> None:
        await ledger.has("young", ChangedAt=YOUNG)
        assert await ledger.retention.expire(BEFORE, run()) == Ended(0)
        assert await ledger.knows("young")

    async def test_all_of_several_providers_are_forgotten(self, ledger: Ledger) -> None:
        for provider in (PROVIDER, OTHER_PROVIDER):
            for number in range(120):
                await ledger.has(f"{number}", provider=provider, ChangedAt=YOUNG if number == 60 else OLD)
        assert await ledger.retention.expire(BEFORE, run()) == Ended(238)
        assert await ledger.knows("60")

    async def test_every_part_of_a_large_state_goes(self, ledger: Ledger) -> None:
        await ledger.has("large", Known0=b"0" * 60_000, Known1=b"1" * 60_000, Known2=b"2")
        await ledger.retention.expire(BEFORE, run())
        assert not [name for name in await ledger.row("large") if name.startswith("Known")]

    async def test_the_apps_other_rows_stay(self, ledger: Ledger) -> None:
        """The same table holds keys and failures."""
        known = await ledger.key.learner_hash(LEARNER)
        await ledger.retention.expire(NOW + timedelta(days=1), run())
        assert await LearnerKey(ledger.table).learner_hash(LEARNER) == known

    async def test_what_is_worked_on_waits_for_the_next_run(self, ledger: Ledger) -> None:
        await ledger.has("busy", State="inProgress", LeaseUntil=NOW + timedelta(seconds=1))
        await ledger.has("left behind", State="inProgress", LeaseUntil=NOW)
        assert await ledger.retention.expire(BEFORE, run()) == Ended(1, more=True)
        assert await ledger.knows("busy")
        assert not await ledger.knows("left behind")


class TestErasing:
    async def test_a_learners_rows_stay_without_the_learner(self, ledger: Ledger) -> None:
        await ledger.has("young", ChangedAt=YOUNG)
        await ledger.has("forgotten", Forgotten=True)
        await ledger.has("others", learner=OTHER)
        assert await ledger.retention.erase(ANN, run()) == Ended(2)
        for external_id in ("young", "forgotten"):
            row = await ledger.row(external_id)
            assert (row["LearnerHash"], row["Forgotten"], row["Fixed"]) == ("", True, "hash")
            assert not [name for name in row if name.startswith("Known")]
        assert await ledger.knows("others")
        assert await ledger.retention.erase(ANN, run()) == Ended(0)

    async def test_what_is_worked_on_is_said_and_erased_by_the_next_call(self, ledger: Ledger) -> None:
        await ledger.has("busy", State="inProgress", LeaseUntil=NOW + timedelta(seconds=1))
        assert await ledger.retention.erase(ANN, run()) == Ended(0, more=True)
        await ledger.has("busy")
        assert await ledger.retention.erase(ANN, run()) == Ended(1)

    async def test_an_address_alone_is_in_no_row(self, ledger: Ledger) -> None:
        await ledger.has("one")
        assert await ledger.retention.erase(Learner.of(["ann@contoso.com"]), run()) == Ended(0)

    async def test_several_ids_of_a_learner_are_all_erased_however_short_the_time_is(self, ledger: Ledger) -> None:
        for number in range(3):
            await ledger.has(f"{number}")
            await ledger.has(f"other-{number}", learner=OTHER)
        count = 0
        for _ in range(50):
            ended = await ledger.retention.erase(Learner.of([LEARNER, OTHER]), short_run())
            count += ended.count
            if not ended.more:
                break
        assert count == 6


async def test_whoever_changes_a_row_meanwhile_wins(ledger: Ledger) -> None:
    """The others of the same transaction are forgotten nevertheless."""
    for number in range(3):
        await ledger.has(f"{number}")
    table = ledger.table

    class Overtaken(Table):
        """A table of which a row is changed whenever it was read."""

        def __init__(self) -> None:
            self.__dict__ = table.__dict__

        async def transact(self, operations: Any) -> Any:
            await ledger.has("1", Owner="somebody else")
            return await super().transact(operations)

    assert await LedgerRetention(Overtaken(), ledger.key, now=lambda: NOW).expire(BEFORE, run()) == Ended(2, more=True)
    assert await ledger.knows("1")
    assert (await ledger.row("1"))["Owner"] == "somebody else"


class TestWalking:
    async def test_a_run_goes_on_where_the_one_before_ran_out_of_time(self, ledger: Ledger) -> None:
        for number in range(5):
            await ledger.has(f"{number}", PartitionKey=f"provider-{number}", RowKey="row")
        walk = walking.Walk(ledger.table, "ledger", "Forgotten eq false", page_size=2)
        seen: list[str] = []

        async def see(rows: Any) -> Ended:
            seen.extend(row["PartitionKey"] for row in rows)
            return Ended(len(rows))

        assert await walk.go(short_run(), see) == Ended(2, more=True)
        assert await walk.go(short_run(), see) == Ended(2, more=True)
        assert await walk.go(short_run(), see) == Ended(1)
        assert seen == [f"provider-{number}" for number in range(5)]
        assert await walk.go(run(), see) == Ended(5), "the next one begins anew"

    async def test_each_purpose_has_a_place_of_its_own(self, ledger: Ledger) -> None:
        for number in range(4):
            await ledger.has(f"{number}", PartitionKey=f"provider-{number}", RowKey="row")
        walk = walking.Walk(ledger.table, "ledger", "Forgotten eq false", page_size=2)

        async def see(rows: Any) -> Ended:
            return Ended(len(rows))

        assert (await walk.go(short_run("expire"), see)).more
        assert await walk.go(run("erase-somebody"), see) == Ended(4)
        assert await walk.go(run("expire"), see) == Ended(2)

    async def test_what_waited_before_the_time_was_over_is_said_at_the_end(self, ledger: Ledger) -> None:
        for number in range(4):
            await ledger.has(f"{number}", PartitionKey=f"provider-{number}", RowKey="row")
        walk = walking.Walk(ledger.table, "ledger", "Forgotten eq false", page_size=2)

        async def wait_for_the_first(rows: Any) -> Ended:
            return Ended(len(rows), more=rows[0]["PartitionKey"] == "provider-0")

        assert (await walk.go(short_run(), wait_for_the_first)).more
        assert (await walk.go(run(), wait_for_the_first)).more
