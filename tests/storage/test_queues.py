"""One contract, two queues: ``FakeQueue``, and the real one (azure-storage-queue) against Azurite."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.errors import ErrorCode, TransientError
from activities.execution.patience import LONGEST_DELAY_SECONDS
from activities.settings import Storage
from activities.storage import queues
from activities.storage.queues import Queue, SentMessage
from local.environment import storage_connection_string
from local.lifecycle import free_ports
from tests.support.queue_fakes import FakeQueue
from tests.support.queue_storage import StoredQueue, stored_queue

type Ports = tuple[int, int, int]


class StoredFake:
    """A queue in memory behind the same words as one in Azurite."""

    def __init__(self) -> None:
        self.queue = FakeQueue()

    async def visible(self) -> list[str]:
        return self.queue.visible

    async def count(self) -> int:
        return len(self.queue.messages)

    async def receive(self) -> None:
        self.queue.receive()


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredQueue]:
    async with stored_queue(storage_ports) as one:
        yield one


@pytest_asyncio.fixture(params=["FakeQueue", "Queue"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[StoredQueue | StoredFake]:
    if request.param == "FakeQueue":
        yield StoredFake()
        return
    async with stored_queue(request.getfixturevalue("storage_ports")) as one:
        yield one


class TestContract:
    @pytest.mark.parametrize("text", ['{"a": 1}', " <b>&amp;\t\u00fc\U0001f600\n]]> ", "x" * 65_536])
    async def test_a_message_is_read_as_it_was_put(self, subject: StoredQueue | StoredFake, text: str) -> None:
        await subject.queue.put(text)
        assert await subject.visible() == [text]

    @pytest.mark.parametrize("seconds", [0.2, 60.0, LONGEST_DELAY_SECONDS])
    async def test_a_message_with_a_delay_is_not_seen_before(
        self, subject: StoredQueue | StoredFake, seconds: float
    ) -> None:
        await subject.queue.put("later", delay_seconds=seconds)
        await subject.queue.put("now")
        assert await subject.visible() == ["now"]
        assert await subject.count() == 2

    async def test_a_message_can_be_taken_back_also_while_it_is_hidden(self, subject: StoredQueue | StoredFake) -> None:
        kept, seen = await subject.queue.put("kept"), await subject.queue.put("seen")
        hidden = await subject.queue.put("hidden", delay_seconds=60)
        for sent in (seen, hidden):
            await subject.queue.take_back(sent)
        assert await subject.visible() == ["kept"]
        assert await subject.count() == 1
        assert kept != seen

    async def test_taking_back_what_is_gone_is_no_error(self, subject: StoredQueue | StoredFake) -> None:
        await subject.queue.put("other")
        sent = await subject.queue.put("text")
        for _ in range(2):
            await subject.queue.take_back(sent)
        assert await subject.visible() == ["other"]

    async def test_what_somebody_has_received_is_left_to_them(self, subject: StoredQueue | StoredFake) -> None:
        sent = await subject.queue.put("text")
        await subject.receive()
        await subject.queue.take_back(sent)
        assert await subject.count() == 1


class TestStorage:
    async def test_a_message_never_expires_however_long_it_waits(self, stored: StoredQueue) -> None:
        await stored.queue.put("text")
        expires = await stored.expiry()
        assert expires is None or expires.year == 9999

    async def test_a_queue_that_is_missing_is_made_even_by_many_at_once(self, stored: StoredQueue) -> None:
        await asyncio.gather(*(stored.queue.put(str(number)) for number in range(10)))
        assert sorted(await stored.visible()) == [str(number) for number in range(10)]

    async def test_checking_makes_a_queue_that_is_missing_and_takes_nothing(self, stored: StoredQueue) -> None:
        await stored.queue.check()
        await stored.queue.put("text")
        await stored.queue.check()
        assert await stored.visible() == ["text"]

    async def test_a_queue_that_was_deleted_is_made_again(self, stored: StoredQueue) -> None:
        await stored.queue.put("lost with the queue")
        await stored.outside.delete_queue()
        await stored.queue.put("text")
        assert await stored.visible() == ["text"]

    async def test_taking_back_from_a_queue_that_is_missing_is_no_error(self, stored: StoredQueue) -> None:
        await stored.queue.take_back(SentMessage("3d6a8f3e-0000-4000-8000-000000000000", "AgAAAAMAAAAAAAAA"))

    async def test_a_storage_that_does_not_answer_is_said_so_within_the_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The limit is what ends it here: the library's own repetitions take longer."""
        monkeypatch.setattr(queues, "STORAGE_SECONDS", 0.05)
        nowhere = Storage(storage_connection_string(*free_ports([0, 0, 0])))
        queue = Queue(nowhere, "learning-activities", credential=None)
        for call in (queue.put("text"), queue.take_back(SentMessage("id", "receipt"))):
            with pytest.raises(TransientError) as caught:
                await call
            assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        await queue.close()

    async def test_a_storage_that_does_not_let_the_app_in_is_said_so(self, storage_ports: Ports) -> None:
        wrong_key = storage_connection_string(*storage_ports).replace("AccountKey=", "AccountKey=AAAA")
        queue = Queue(Storage(wrong_key), "learning-activities", credential=None)
        with pytest.raises(TransientError) as caught:
            await queue.put("text")
        assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
        await queue.close()
