"""A failure is thrown away, from the list and from the failed queue, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.failed_records import failed, listed
from tests.support.queue_storage import DiedError, StoredFailures, stored_failures

type Ports = tuple[int, int, int]


@pytest_asyncio.fixture
async def stored(storage_ports: Ports) -> AsyncIterator[StoredFailures]:
    async with stored_failures(storage_ports) as one:
        yield one


async def test_it_leaves_the_list_and_the_failed_queue_and_the_others_stay(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    await stored.failures.add(failed(1))
    assert await stored.failures.discard(failed())
    assert await listed(stored.failures) == [failed(1)]
    assert await stored.failed_queue.count() == 1
    assert not await stored.failures.discard(failed())
    assert await stored.queue.visible() == []


@pytest.mark.parametrize("steps", range(4))
async def test_dying_in_the_middle_leaves_what_can_be_discarded_again(stored: StoredFailures, steps: int) -> None:
    await stored.failures.add(failed())
    stored.life.left = steps
    with pytest.raises(DiedError):
        await stored.failures.discard(failed())
    stored.life.left = None
    assert await stored.failures.discard(failed())
    assert await listed(stored.failures) == []
    assert await stored.failures.get(failed().id) is None
    assert await stored.failed_queue.count() == 0


async def test_what_a_flow_has_received_is_discarded_and_left_to_the_flow(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    await stored.failed_queue.receive()
    assert await stored.failures.discard(failed())
    assert await listed(stored.failures) == []
    assert await stored.failed_queue.count() == 1


async def test_several_at_once_stumble_over_nothing(stored: StoredFailures) -> None:
    await stored.failures.add(failed())
    assert any(await asyncio.gather(*(stored.failures.discard(failed()) for _ in range(3))))
    assert await listed(stored.failures) == []
