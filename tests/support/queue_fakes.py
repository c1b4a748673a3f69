"""The queues and the failures, in memory. Held to the same contracts as the real ones by the tests of both."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from activities.execution.patience import PATIENCE
from activities.queueing.failures import Failures
from activities.queueing.messages import Delivery, Failure
from activities.queueing.signing_key import SigningKey
from activities.storage.queues import Queue, Receipt
from tests.support.fakes import FakeTime

BEGIN = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = b"the app's own"


class KnownKey(SigningKey):
    """A key that is known without a table; None is one that cannot be read at the moment."""

    def __init__(self, key: bytes | None = KEY) -> None:
        self.key = key

    async def get(self) -> bytes | None:
        """Return the key. See ``SigningKey``."""
        return self.key


@dataclass
class Message:
    """A message in a queue, not seen before ``visible_at``."""

    text: str
    inserted_at: datetime
    visible_at: float
    message_id: str = field(default_factory=lambda: str(uuid4()))
    pop_receipt: str = field(default_factory=lambda: str(uuid4()))

    @property
    def delivery(self) -> Delivery:
        """The message as the host hands it over."""
        return Delivery(self.text.encode(), self.message_id, self.inserted_at)


class FakeQueue(Queue):
    """A queue in memory, by its own clock; fails as long as ``error`` says."""

    def __init__(self, time: FakeTime | None = None) -> None:
        self.time = time or FakeTime()
        self.messages: list[Message] = []
        self.error: Exception | None = None

    def now(self) -> datetime:
        """Return the time of the queue's clock."""
        return BEGIN + timedelta(seconds=self.time.seconds)

    async def put(self, text: str, *, delay_seconds: float = 0.0) -> Receipt:
        """Add a message. See ``Queue``."""
        if self.error is not None:
            raise self.error
        message = Message(text, self.now(), self.time.seconds + delay_seconds)
        self.messages.append(message)
        return Receipt(message.message_id, message.pop_receipt)

    async def take_back(self, sent: Receipt) -> None:
        """Delete a message. See ``Queue``."""
        if self.error is not None:
            raise self.error
        self.messages = [one for one in self.messages if Receipt(one.message_id, one.pop_receipt) != sent]

    @property
    def visible(self) -> list[str]:
        """What can be received at this moment."""
        return [message.text for message in self.messages if message.visible_at <= self.time.seconds]

    def receive(self) -> None:
        """Receive every visible message, which is hidden for a while and has another receipt from then on."""
        for message in self.messages:
            if message.visible_at <= self.time.seconds:
                message.visible_at += 600
                message.pop_receipt = str(uuid4())

    @property
    def delays(self) -> list[float]:
        """How long each message is still hidden."""
        return [message.visible_at - self.time.seconds for message in self.messages]

    def received(self) -> Iterator[Delivery]:
        """Let time pass from message to message until the queue is empty, and hand each over once."""
        while self.messages:
            (message,) = heapq.nsmallest(1, self.messages, key=lambda one: one.visible_at)
            self.messages.remove(message)
            self.time.pass_by(max(0.0, message.visible_at - self.time.seconds))
            yield message.delivery


class FakeFailures(Failures):
    """Failures in memory; fail as long as ``error`` says."""

    def __init__(self, queue: FakeQueue | None = None) -> None:
        self._queue = queue or FakeQueue()
        self._patience = PATIENCE
        self._signing_key = KnownKey()
        self.kept: dict[str, Failure] = {}
        self.error: Exception | None = None
        # Called before each failure is put back.
        self.before_replay: Callable[[Failure], None] = lambda _: None

    async def add(self, failure: Failure) -> None:
        """Keep a failure. See ``Failures``."""
        if self.error is not None:
            raise self.error
        self.kept.setdefault(failure.id, failure)

    async def page(self, *, code: str | None, size: int, after: str) -> tuple[list[Failure], str]:
        """Return failures. See ``Failures``."""
        found = [one for one in self.kept.values() if _place(one) > after and (not code or one.code == code)]
        page = sorted(found, key=_place)[:size]
        return page, _place(page[-1]) if len(found) > size else ""

    async def get(self, failure_id: str) -> Failure | None:
        """Return one failure. See ``Failures``."""
        return self.kept.get(failure_id)

    async def replay(self, failure: Failure) -> None:
        """Put a failure back. See ``Failures``."""
        self.before_replay(failure)
        if failure.id in self.kept:
            for message in await self._again(failure):
                await self._queue.put(message)
            del self.kept[failure.id]

    async def discard(self, failure: Failure) -> bool:
        """Forget a failure. See ``Failures``."""
        return self.kept.pop(failure.id, None) is not None


def _place(failure: Failure) -> str:
    return f"{10**14 - int(failure.failed_at.timestamp() * 1000):015}-{failure.id}"
