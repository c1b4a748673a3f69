"""Ends messages on the queue of failures: those whose time is over, and those of a learner who is erased.

The service shows messages only to whoever receives them: those that stay are hidden for a moment, and released.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched

from activities.contract.learner import Learner
from activities.queueing.messages import tells_of
from activities.storage.queues import Queue, Receipt, Received
from activities.storage.retention import Ended, Run

_AT_ONCE = 16
_HIDDEN_SECONDS = 300  # Longer than a run, so that none is received twice in one.


class ToldFailures:
    """What the queue of failures holds. See ``Keeper``.

    Args:
        queue: The queue of failures.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def expire(self, before: datetime, run: Run) -> Ended:
        """End what is older and does not expire by itself. See ``Keeper``."""
        count = 0
        while not run.is_over():
            received = await self._queue.receive_some(hidden_seconds=_HIDDEN_SECONDS)
            old = [one.receipt for one in received if one.inserted_at < before]
            await self._end(old)
            await self._release(one.receipt for one in received if one.inserted_at >= before)
            count += len(old)
            # What was put first is received first.
            if not old:
                return Ended(count)
        return Ended(count, more=True)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """End what is about a learner. See ``Keeper``."""
        count = 0
        others: list[Receipt] = []
        more = True
        try:
            while more and not run.is_over():
                received = await self._queue.receive_some(hidden_seconds=_HIDDEN_SECONDS)
                about = _about(learner, received)
                await self._end(about)
                count += len(about)
                others += [one.receipt for one in received if one.receipt not in about]
                more = bool(received)
        finally:
            await self._release(others)
        return Ended(count, more)

    async def _end(self, receipts: Iterable[Receipt]) -> None:
        for some in batched(receipts, _AT_ONCE, strict=False):
            await asyncio.gather(*map(self._queue.take_back, some))

    async def _release(self, receipts: Iterable[Receipt]) -> None:
        for some in batched(receipts, _AT_ONCE, strict=False):
            await asyncio.gather(*map(self._queue.release, some))


def _about(learner: Learner, received: Sequence[Received]) -> list[Receipt]:
    return [one.receipt for one in received if tells_of(one.text, learner)]
