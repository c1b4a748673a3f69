"""The app's store for tests: what a test does not hand in is there, but leads nowhere."""

from collections.abc import Awaitable, Callable

from activities.app import Store
from activities.batches.accepting import BatchAcceptor
from activities.batches.erasing import BatchRetention
from activities.batches.store import BatchStore
from activities.batches.worker import BatchWorker
from activities.contract.models import Defaults
from activities.execution.patience import PATIENCE
from activities.execution.tenant.checks import TenantChecks
from activities.graph.permissions import NEEDED_FOR
from activities.queueing.failures import Failures
from activities.queueing.signing_key import SigningKey
from activities.queueing.worker import QueueWorker
from activities.settings import Storage
from activities.storage.keys import LearnerKey
from activities.storage.queues import Queue
from activities.storage.retention import Retention
from activities.storage.tables import Table
from tests.support.directories import FakeDirectory
from tests.support.fakes import REGISTRATION_ID, FakeGraph, FakeLedger
from tests.support.tenant_checks import FakeCheckMemory

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
    retention: Retention | None = None,
    tenant_checks: TenantChecks | None = None,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Store:
    """Return a store with these parts."""
    graph, ledger = graph or FakeGraph(), ledger or FakeLedger()
    table = Table(NOWHERE, "none", credential=None)
    queue = queue or Queue(NOWHERE, "learning-activities", credential=None)
    batch_queue = batch_queue or Queue(NOWHERE, "learning-activities-batches", credential=None)
    signing_key = SigningKey(table)
    failures = failures or Failures(table, queue=queue, failed_queue=queue, patience=PATIENCE, signing_key=signing_key)
    batches = batches or BatchStore(table)
    batch_worker = BatchWorker(DEFAULTS, graph, ledger, batches, batch_queue, failures)
    return Store(
        ledger,
        failures,
        QueueWorker(DEFAULTS, graph, ledger, queue, failures, signing_key),
        batches,
        batch_queue,
        batch_worker,
        BatchAcceptor(batches, batch_worker),
        retention or Retention({"batch": BatchRetention(table, batches)}, LearnerKey(table)),
        tenant_checks or TenantChecks(graph, FakeDirectory, FakeCheckMemory(), batch_queue.put, NEEDED_FOR),
        closing=(close,) if close else (),
    )
