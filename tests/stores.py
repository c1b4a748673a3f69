"""The app's store for tests: what a test does not hand in is there, but leads nowhere."""

from collections.abc import Awaitable, Callable

from activities.batches.store import BatchStore
from activities.batches.work import BatchWorker
from activities.deferral import PATIENCE
from activities.failures import Failures
from activities.models import Defaults
from activities.queueing import QueueWorker
from activities.queues import Queue
from activities.settings import Storage
from activities.store import Store
from activities.tables import Table
from tests.fakes import REGISTRATION_ID, FakeGraph, FakeLedger

NOWHERE = Storage(connection_string="UseDevelopmentStorage=true")
DEFAULTS = Defaults(registration_id=REGISTRATION_ID)


def store_of(  # noqa: PLR0913 (one for each part of the store)
    *,
    graph: FakeGraph | None = None,
    ledger: FakeLedger | None = None,
    failures: Failures | None = None,
    queue: Queue | None = None,
    batches: BatchStore | None = None,
    batch_queue: Queue | None = None,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Store:
    """Return a store with these parts."""
    graph, ledger = graph or FakeGraph(), ledger or FakeLedger()
    table = Table(NOWHERE, "none", credential=None)
    queue = queue or Queue(NOWHERE, "learning-activities", credential=None)
    batch_queue = batch_queue or Queue(NOWHERE, "learning-activities-batches", credential=None)
    failures = failures or Failures(table, queue=queue, failed_queue=queue, patience=PATIENCE)
    batches = batches or BatchStore(table)
    return Store(
        ledger,
        failures,
        QueueWorker(DEFAULTS, graph, ledger, queue, failures),
        batches,
        batch_queue,
        BatchWorker(DEFAULTS, graph, ledger, batches, batch_queue, failures),
        closing=(close,) if close else (),
    )
