"""The app's own keys: one for each purpose, the same in every process."""

import asyncio
import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from activities.settings import Storage
from activities.storage.keys import LearnerKey, OwnKey
from activities.storage.tables import Table
from local.environment import storage_connection_string

ID = "7ba2228a-e020-11ec-9d64-0242ac120002"


@pytest_asyncio.fixture
async def table(storage_ports: tuple[int, int, int]) -> AsyncIterator[Table]:
    table = Table(Storage(storage_connection_string(*storage_ports)), f"t{uuid4().hex}", credential=None)
    yield table
    await table.close()


async def test_a_key_is_made_once_whoever_asks_first(table: Table) -> None:
    keys = await asyncio.gather(*(OwnKey(table, "one").get() for _ in range(8)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await OwnKey(table, "one").get() == keys[0]


async def test_each_purpose_has_a_key_of_its_own(table: Table) -> None:
    assert await OwnKey(table, "one").get() != await OwnKey(table, "two").get()


class TestLearners:
    async def test_a_learner_has_one_hash_in_every_process_and_spelling(self, table: Table) -> None:
        hashes = {await LearnerKey(table).learner_hash(spelled) for spelled in (ID, ID.upper(), f" {ID} ")}
        assert len(hashes) == 1
        assert re.fullmatch(r"[0-9a-f]{64}", hashes.pop())

    async def test_two_learners_have_two(self, table: Table) -> None:
        key = LearnerKey(table)
        assert await key.learner_hash(ID) != await key.learner_hash(ID.replace("7", "8"))

    async def test_another_apps_hash_is_another(self, table: Table, storage_ports: tuple[int, int, int]) -> None:
        """Without the key, nobody can try out which learner a hash stands for."""
        other = Table(Storage(storage_connection_string(*storage_ports)), f"t{uuid4().hex}", credential=None)
        try:
            assert await LearnerKey(table).learner_hash(ID) != await LearnerKey(other).learner_hash(ID)
        finally:
            await other.close()
