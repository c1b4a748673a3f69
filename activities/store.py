"""What the app keeps in its storage account, put together when it is needed first.

A module of its own, because a create without a key needs none of it: neither at the start of a process, nor later.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from activities.batches.store import TABLE as BATCH_TABLE
from activities.batches.store import BatchStore
from activities.batches.work import BatchWorker
from activities.deferral import PATIENCE
from activities.errors import storage_unavailable
from activities.failures import Failures
from activities.gateway import GraphGateway
from activities.idempotency import Ledger
from activities.identity import PatientCredential, managed_identity
from activities.ledger import TABLE as LEDGER_TABLE
from activities.ledger import TableLedger
from activities.models import Defaults
from activities.queueing import QueueWorker
from activities.queues import Queue
from activities.settings import Settings
from activities.tables import Table


@dataclass(frozen=True, slots=True)
class Store:
    """What the app keeps in its storage account, and the connections to it."""

    ledger: Ledger
    failures: Failures
    worker: QueueWorker
    batches: BatchStore
    batch_queue: Queue
    batch_worker: BatchWorker
    batch_retention_days: int = 30
    closing: tuple[Callable[[], Awaitable[None]], ...] = ()

    async def close(self) -> None:
        """Close every connection."""
        for close in self.closing:
            await close()


def open_store(settings: Settings, defaults: Defaults, graph: GraphGateway, credential: PatientCredential) -> Store:
    """Return the store in the settings' storage account.

    Args:
        settings: Which account, and what the store's parts want to know.
        defaults: What the settings say about requests.
        graph: The way to Graph of those who work off queues.
        credential: The identity's at Graph; it serves the store, too, if both have the same.

    Raises:
        TransientError: ``storageUnavailable``: no storage account is set.
    """
    storage = settings.storage
    if storage is None:
        raise storage_unavailable()
    own_credential: PatientCredential | None = None
    if storage.connection_string is None and storage.client_id != settings.azure_client_id:
        credential = own_credential = managed_identity(storage.client_id)
    table, batch_table = (Table(storage, name, credential=credential) for name in (LEDGER_TABLE, BATCH_TABLE))
    queue, failed_queue, batch_queue = (
        Queue(storage, f"{settings.activity_queue}{suffix}", credential=credential)
        for suffix in ("", "-failed", "-batches")
    )
    ledger = TableLedger(table, lease_seconds=settings.claim_lease_seconds)
    failures = Failures(table, queue=queue, failed_queue=failed_queue, patience=PATIENCE)
    batches = BatchStore(batch_table)
    opened: tuple[Table | Queue, ...] = (table, batch_table, queue, failed_queue, batch_queue)
    return Store(
        ledger,
        failures,
        QueueWorker(defaults, graph, ledger, queue, failures),
        batches,
        batch_queue,
        BatchWorker(defaults, graph, ledger, batches, batch_queue, failures),
        settings.batch_retention_days,
        closing=(*(one.close for one in opened), *((own_credential.close,) if own_credential else ())),
    )
