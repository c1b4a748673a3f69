"""All parts end what is theirs: one that fails does not stop the others, the log says how much, and nobody is named."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.learner import Learner
from activities.errors import TransientError
from activities.settings import Storage
from activities.storage.keys import LearnerKey
from activities.storage.outages import storage_unavailable
from activities.storage.retention import SECONDS_AT_NIGHT, SECONDS_OF_A_REQUEST, Ended, Retention, Run
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.fakes import FakeTime

BEFORE = datetime(2026, 5, 1, tzinfo=UTC)
ID = "7ba2228a-e020-11ec-9d64-0242ac120002"
ANN = Learner.of([ID, "ann@contoso.com"])
PARTS = ("batch", "failure", "queue", "ledger")


class Part:
    """A part that ends as much as it is told to, and takes its time."""

    def __init__(self, time: FakeTime, ended: Ended, *, fails: bool = False) -> None:
        self.time = time
        self.ended = ended
        self.fails = fails
        self.asked: list[tuple[object, str]] = []

    async def expire(self, before: datetime, run: Run) -> Ended:
        return self._end(before, run, SECONDS_AT_NIGHT)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        return self._end(learner, run, SECONDS_OF_A_REQUEST)

    def _end(self, what: object, run: Run, seconds: float) -> Ended:
        self.asked.append((what, run.name))
        self.time.pass_by(seconds - 1)
        assert not run.is_over(), "Every part has time of its own."
        self.time.pass_by(1)
        assert run.is_over()
        if self.fails:
            raise storage_unavailable()
        return self.ended


@pytest_asyncio.fixture
async def key(storage_ports: tuple[int, int, int]) -> AsyncIterator[LearnerKey]:
    table = Table(Storage(storage_connection_string(*storage_ports)), f"t{uuid4().hex}", credential=None)
    yield LearnerKey(table)
    await table.close()


def parts_of(*ended: Ended, failing: str = "") -> tuple[dict[str, Part], FakeTime]:
    time = FakeTime()
    return {name: Part(time, one, fails=name == failing) for name, one in zip(PARTS, ended, strict=True)}, time


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "activities"]


async def test_every_part_expires_and_the_log_says_how_much_in_one_line(
    key: LearnerKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "activities")
    parts, time = parts_of(Ended(1), Ended(2), Ended(3, more=True), Ended(4))
    await Retention(parts, key, clock=lambda: time.seconds).expire(BEFORE)
    assert [part.asked for part in parts.values()] == [[(BEFORE, "expire")]] * 4
    said = {"batchCount": 1, "failureCount": 2, "queueCount": 3, "ledgerCount": 4, "more": True, "failed": 0}
    assert events(caplog) == [f"expired {json.dumps(said)}"]


@pytest.mark.parametrize("failing", PARTS)
async def test_a_part_that_fails_does_not_stop_the_others_and_is_told_at_the_end(
    key: LearnerKey, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "activities")
    parts, time = parts_of(*[Ended(1)] * 4, failing=failing)
    with pytest.raises(TransientError):
        await Retention(parts, key, clock=lambda: time.seconds).expire(BEFORE)
    assert all(part.asked for part in parts.values())
    (event,) = events(caplog)
    assert event.count('Count": 1') == 3
    assert '"failed": 1' in event


async def test_an_erasure_says_how_much_of_each_part_and_its_log_names_nobody(
    key: LearnerKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "activities")
    parts, time = parts_of(Ended(1), Ended(0), Ended(3), Ended(4))
    said = await Retention(parts, key, clock=lambda: time.seconds).erase(ANN)
    assert said == {"batchCount": 1, "failureCount": 0, "queueCount": 3, "ledgerCount": 4, "moreToErase": False}
    ((learner, name),) = parts["ledger"].asked
    assert learner == ANN
    (event,) = events(caplog)
    for secret in (ID, "contoso"):
        assert secret not in event
        assert secret not in name


async def test_one_part_with_more_is_more(key: LearnerKey) -> None:
    for part in range(4):
        parts, time = parts_of(*[Ended(0, more=number == part) for number in range(4)])
        assert (await Retention(parts, key, clock=lambda time=time: time.seconds).erase(ANN))["moreToErase"]  # type: ignore[misc]


async def test_two_learners_have_two_places_to_go_on_and_one_has_the_same_again(key: LearnerKey) -> None:
    parts, time = parts_of(*[Ended()] * 4)
    retention = Retention(parts, key, clock=lambda: time.seconds)
    for learner in (ANN, ANN, Learner.of(["bob@contoso.com"])):
        await retention.erase(learner)
    first, second, third = (name for _, name in parts["ledger"].asked)
    assert first == second != third
