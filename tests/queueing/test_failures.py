"""Failures: kept once, told once, put back once. Held to by ``FakeFailures`` and the real ones against Azurite."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.errors import ErrorCode, TransientError
from activities.execution.patience import PATIENCE
from activities.queueing.failures import Failures
from activities.queueing.messages import Failure
from activities.settings import Storage
from activities.storage import tables
from activities.storage.queues import Queue
from activities.storage.tables import Table
from local.environment import storage_connection_string
from local.lifecycle import free_ports
from tests.support.failed_records import NOW, failed, incompressible, listed, unreadable
from tests.support.queue_fakes import FakeFailures, FakeQueue, KnownKey
from tests.support.queue_storage import DiedError, StoredFailures, stored_failures

type Ports = tuple[int, int, int]


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredFailures]:
    async with stored_failures(storage_ports) as one:
        yield one


@pytest_asyncio.fixture(params=["FakeFailures", "Failures"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Failures]:
    if request.param == "FakeFailures":
        yield FakeFailures(FakeQueue())
        return
    async with stored_failures(request.getfixturevalue("storage_ports")) as one:
        yield one.failures


@asynccontextmanager
async def stored_failures_nowhere() -> AsyncIterator[Failures]:
    nowhere = Storage(storage_connection_string(*free_ports([0, 0, 0])))
    table, queue = Table(nowhere, "none", credential=None), Queue(nowhere, "none", credential=None)
    yield Failures(table, queue=queue, failed_queue=queue, patience=PATIENCE, signing_key=KnownKey())
    await table.close()
    await queue.close()


class TestContract:
    @pytest.mark.parametrize(
        "failure", [failed(), failed(content=[None, 1.5, "\ud800"]), unreadable(b"\xff\x00 no JSON"), unreadable(b"")]
    )
    async def test_a_failure_is_read_as_it_was_added(self, subject: Failures, failure: Failure) -> None:
        await subject.add(failure)
        assert await listed(subject) == [failure]
        assert await subject.get(failure.id) == failure

    async def test_a_failure_that_is_added_again_is_kept_once(self, subject: Failures) -> None:
        for seconds in range(3):
            await subject.add(failed(at=NOW + timedelta(seconds=seconds)))
        assert await listed(subject) == [failed(at=NOW)]

    async def test_the_newest_stand_first(self, subject: Failures) -> None:
        for number in (2, 0, 3, 1):
            await subject.add(failed(number))
        assert await listed(subject) == [failed(number) for number in (3, 2, 1, 0)]

    @pytest.mark.parametrize(("count", "size"), [(120, 50), (4, 2), (3, 1), (2, 1000)])
    async def test_the_pages_hold_every_failure_once(self, subject: Failures, count: int, size: int) -> None:
        """Two always fail in the same moment."""
        await asyncio.gather(*(subject.add(failed(n, at=NOW + timedelta(seconds=n // 2))) for n in range(count)))
        found = await listed(subject, size=size)
        assert sorted(one.id for one in found) == sorted(failed(number).id for number in range(count))
        assert [one.failed_at for one in found] == sorted((one.failed_at for one in found), reverse=True)

    @pytest.mark.parametrize(
        ("code", "numbers"),
        [
            ("throttled", [2, 0]),
            ("it's", [1]),
            ("' or Code ne '", []),
            ("@after", []),
            ("nothing", []),
            ("", [2, 1, 0]),
        ],
    )
    async def test_a_code_filters_and_is_never_read_as_a_query(
        self, subject: Failures, code: str, numbers: list[int]
    ) -> None:
        for number, said in enumerate(["throttled", "it's", "throttled"]):
            await subject.add(failed(number, code=said))
        for size in (1, 50):
            found = await listed(subject, size=size, code=code)
            assert [one.id for one in found] == [failed(number).id for number in numbers]

    @pytest.mark.parametrize("failure_id", ["", "a/b", "it's", "0" * 32, "../", "\x00", "\u00fc" * 2000])
    async def test_no_failure_has_another_id(self, subject: Failures, failure_id: str) -> None:
        await subject.add(failed())
        assert await subject.get(failure_id) is None

    async def test_a_failure_that_was_put_back_is_gone(self, subject: Failures) -> None:
        for number in range(2):
            await subject.add(failed(number))
        for _ in range(2):  # Also by somebody who has read the list before.
            await subject.replay(failed(1))
        assert await listed(subject) == [failed(0)]
        assert await subject.get(failed(1).id) is None


class TestTelling:
    async def test_a_failure_is_told_once_on_the_queue_of_failures(self, stored: StoredFailures) -> None:
        for _ in range(2):
            await stored.failures.add(failed())
        (said,) = await stored.failed_queue.visible()
        assert json.loads(said) == failed().to_json()

    @pytest.mark.parametrize("steps", range(5))
    async def test_dying_in_the_middle_loses_nothing(self, stored: StoredFailures, steps: int) -> None:
        """The message is delivered again, and fails again a little later."""
        stored.life.left = steps
        if steps < 4:
            with pytest.raises(DiedError):
                await stored.failures.add(failed())
        else:
            await stored.failures.add(failed())
        stored.life.left = None
        await stored.failures.add(failed(at=NOW + timedelta(minutes=1)))
        (found,) = await listed(stored.failures)
        assert replace(found, failed_at=NOW) == failed()
        said = await stored.failed_queue.visible()
        # Only who died between telling and noting it tells it again.
        assert [json.loads(one)["id"] for one in said] == [failed().id] * (2 if steps == 3 else 1)
        await stored.failures.replay(found)
        assert await listed(stored.failures) == []

    async def test_a_failure_that_was_added_in_two_goes_does_not_stop_the_pages(self, stored: StoredFailures) -> None:
        """It stands in the list where it was first, and tells a later time."""
        for number in range(3):
            stored.life.left = 1
            with pytest.raises(DiedError):
                await stored.failures.add(failed(number))
            stored.life.left = None
            await stored.failures.add(failed(number, at=NOW + timedelta(hours=number + 1)))
        found = await listed(stored.failures, size=1)
        assert [one.id for one in found] == [failed(number).id for number in (2, 1, 0)]

    async def test_many_who_fail_at_once_are_listed_once(self, stored: StoredFailures) -> None:
        await asyncio.gather(*(stored.failures.add(failed()) for _ in range(5)))
        assert await listed(stored.failures) == [failed()]

    @pytest.mark.parametrize(
        "failure",
        [
            failed(content={"notes": "a" * 2**20}),
            failed(content={"notes": incompressible(700_000)}),
            unreadable(random.Random(1).randbytes(LARGEST_MESSAGE_BYTES)),  # noqa: S311 (no secret)
        ],
        ids=["content", "content that cannot be compressed", "body"],
    )
    async def test_what_is_larger_than_a_message_is_kept_completely(
        self, stored: StoredFailures, failure: Failure
    ) -> None:
        await stored.failures.add(failure)
        assert await stored.failures.get(failure.id) == failure
        assert await listed(stored.failures) == [failure]
        (said,) = await stored.failed_queue.visible()
        assert json.loads(said)["activityAt"] == "/api/failures"

    async def test_a_queue_of_failures_that_somebody_deleted_is_made_again(self, stored: StoredFailures) -> None:
        await stored.failures.add(failed())
        await stored.failed_queue.outside.delete_queue()
        await stored.failures.replay(failed())
        await stored.failures.add(failed(1))
        assert [json.loads(said)["id"] for said in await stored.failed_queue.visible()] == [failed(1).id]

    async def test_a_storage_that_does_not_answer_is_said_so_within_the_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tables, "STORAGE_SECONDS", 0.05)
        async with stored_failures_nowhere() as failures:
            for call in (failures.add, failures.replay, lambda _: listed(failures)):
                with pytest.raises(TransientError) as caught:
                    await call(failed())
                assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
