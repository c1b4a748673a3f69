"""A queue worker and everything around it, in memory; and what becomes of each error code."""

import json
from dataclasses import dataclass, field

from activities.batches.requests import records_of_file
from activities.contract.models import Defaults, Json
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.patience import PATIENCE
from activities.queueing.messages import Delivery, Failure, decode
from activities.queueing.put_back import Record
from activities.queueing.result_queue import ResultQueue
from activities.queueing.worker import QueueWorker
from tests.support.fakes import REGISTRATION_ID, FakeGraph, FakeLedger
from tests.support.queue_fakes import BEGIN, KEY, FakeFailures, FakeQueue, KnownKey
from tests.support.records import sample

COURSE = {**sample("self-initiated.request"), "externalCourseActivityId": None}
SECRET = "the note of a learner"
MOST_DELIVERIES = 20_000  # A day of delays of ten seconds has fewer; a delay of none would fill the memory.
# What is tried again, and how long the first wait is at least when nobody names a time.
PUT_BACK_AFTER_SECONDS = {
    ErrorCode.THROTTLED: 0.0,
    ErrorCode.GRAPH_FAULT: 2.0,
    ErrorCode.GRAPH_UNAVAILABLE: 2.0,
    ErrorCode.STORAGE_UNAVAILABLE: 2.0,
    ErrorCode.CREATE_IN_PROGRESS: 2.0,
    ErrorCode.IDENTITY_UNAVAILABLE: 2.0,
    ErrorCode.OUTCOME_UNKNOWN: 2.0,
    ErrorCode.INTERNAL_ERROR: 2.0,
    ErrorCode.PROVIDER_NOT_ENABLED: 300.0,
    ErrorCode.PROVIDER_NOT_REGISTERED: 300.0,
    ErrorCode.SERVICE_PLAN_MISSING: 300.0,
    ErrorCode.GRAPH_PERMISSION_MISSING: 300.0,
}
SET_ASIDE = {
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.NOT_ALLOWED,
    ErrorCode.LEARNER_NOT_LICENSED,
    ErrorCode.LEARNER_NOT_FOUND,
    ErrorCode.LEARNER_AMBIGUOUS,
    ErrorCode.CONTENT_NOT_FOUND,
    ErrorCode.INVALID_JSON,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.NOT_FOUND,
    ErrorCode.ACTIVITY_NOT_FOUND,
    ErrorCode.ACTIVITY_EXISTS,
    ErrorCode.NOT_CHANGEABLE,
    ErrorCode.FIRST_SENT_TOO_OLD,
    ErrorCode.REQUEST_TOO_LARGE,
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
    ErrorCode.REJECTED_BY_GRAPH,
    ErrorCode.INVALID_FILE,
    ErrorCode.LEARNER_NOT_FOUND,
    ErrorCode.LEARNER_AMBIGUOUS,
    ErrorCode.CONTENT_NOT_FOUND,
}
ADMIN = {code for code, seconds in PUT_BACK_AFTER_SECONDS.items() if seconds == 300.0}
TRANSIENT = set(PUT_BACK_AFTER_SECONDS) - ADMIN


def error_of(code: ErrorCode, retry_after_seconds: float = 0.0) -> ActivityError:
    """Return an error with this code."""
    if code in TRANSIENT:
        return TransientError(code, f"It is {code}.", retry_after_seconds=retry_after_seconds)
    return PermanentError(code, f"It is {code}.")


def delivery(text: str, message_id: str = "message-1") -> Delivery:
    """Return a message as the host hands it over."""
    return Delivery(text.encode(), message_id, BEGIN)


@dataclass
class Stage:
    """A worker and everything around it; ``ledger.failures["claim"]`` is what every create fails with."""

    graph: FakeGraph = field(default_factory=FakeGraph)
    queue: FakeQueue = field(default_factory=FakeQueue)
    results: FakeQueue = field(default_factory=FakeQueue)
    jitter: float = 0.0

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(self.queue.time)
        self.failures = FakeFailures(self.queue)
        self.signing_key = KnownKey()
        self.worker = QueueWorker(
            Defaults(registration_id=REGISTRATION_ID),
            self.graph,
            self.ledger,
            self.queue,
            self.failures,
            self.signing_key,
            ResultQueue(self.results),
            now=self.queue.now,
            jitter=lambda: self.jitter,
            read_file=records_of_file,
        )

    def fail(self, error: ActivityError | None) -> None:
        """Let every create end like this, or go well again."""
        self.ledger.failures = {"claim": error} if error else {}

    async def send(self, *contents: object) -> None:
        """Let the worker handle a message with these records."""
        await self.worker.handle(delivery(json.dumps(contents)))

    async def run_dry(self) -> int:
        """Deliver what was put back until nothing is left; return how many deliveries that took."""
        deliveries = 0
        for again in self.queue.received():
            await self.worker.handle(again)
            deliveries += 1
            assert deliveries < MOST_DELIVERIES, "it comes back for ever"
        return deliveries

    @property
    def ends(self) -> tuple[int, int, int]:
        """How many were created, put back, set aside."""
        return len(self.graph.stored), len(self.queue.messages), len(self.failures.kept)

    @property
    def told(self) -> list[Json]:
        """What stands on the queue of results."""
        return [json.loads(message.text) for message in self.results.messages]

    @property
    def failure(self) -> Failure:
        """The only failure."""
        (failure,) = self.failures.kept.values()
        return failure

    @property
    def record(self) -> Record:
        """The only record that was put back."""
        (message,) = self.queue.messages
        (record,) = decode(message.delivery, now=self.queue.now(), patience=PATIENCE, key=KEY)
        return record
