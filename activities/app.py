"""The composition root: everything that lives as long as the process, made once, opened when it is needed first.

A create without a key needs no storage, neither at the start of a process nor later: what storage needs is imported by
whoever opens it.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from activities import telemetry
from activities.contract.models import Defaults
from activities.execution.gateway import GraphGateway
from activities.graph.opening import open_graph
from activities.graph.permissions import NEEDED_FOR
from activities.health import Health, Reachable
from activities.identity.managed_identity import PatientCredential, managed_identity
from activities.settings import Settings, SignIn, superseded
from activities.storage.outages import storage_unavailable

if TYPE_CHECKING:
    from activities.batches.accepting import BatchAcceptor
    from activities.batches.store import BatchStore
    from activities.batches.worker import BatchWorker
    from activities.execution.ledger import Ledger
    from activities.execution.tenant.checks import TenantChecks
    from activities.queueing.failures import Failures
    from activities.queueing.messages import Delivery
    from activities.queueing.worker import QueueWorker
    from activities.storage.queues import Queue
    from activities.storage.retention import Retention


@dataclass(frozen=True, slots=True)
class Store:
    """What the app keeps in its storage account, and the connections to it."""

    ledger: "Ledger"
    failures: "Failures"
    worker: "QueueWorker"
    batches: "BatchStore"
    batch_queue: "Queue"
    batch_worker: "BatchWorker"
    batch_acceptor: "BatchAcceptor"
    retention: "Retention"
    tenant_checks: "TenantChecks"
    retention_days: int = 30
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
    from activities.batches.accepting import BatchAcceptor
    from activities.batches.erasing import BatchRetention
    from activities.batches.requests import records_of_file
    from activities.batches.store import TABLE as BATCH_TABLE
    from activities.batches.store import BatchStore
    from activities.batches.worker import BatchWorker
    from activities.execution.patience import PATIENCE
    from activities.execution.tenant.checks import TenantChecks
    from activities.queueing.failure_retention import FailureRetention
    from activities.queueing.failures import Failures
    from activities.queueing.result_queue import RESULTS_KEPT_FOR, ResultQueue
    from activities.queueing.signing_key import SigningKey
    from activities.queueing.told_failures import ToldFailures
    from activities.queueing.worker import QueueWorker
    from activities.storage.keys import LearnerKey
    from activities.storage.ledger import TABLE as LEDGER_TABLE
    from activities.storage.ledger import TableLedger
    from activities.storage.ledger_retention import LedgerRetention
    from activities.storage.queues import Queue
    from activities.storage.retention import Keeper, Retention
    from activities.storage.tables import Table
    from activities.storage.tenant_checks_kept import KeptTenantChecks

    storage = settings.storage
    if storage is None:
        raise storage_unavailable()
    own_credential: PatientCredential | None = None
    if storage.connection_string is None and storage.client_id != settings.azure_client_id:
        credential = own_credential = managed_identity(storage.client_id)
    table, batch_table = (Table(storage, name, credential=credential) for name in (LEDGER_TABLE, BATCH_TABLE))
    queue, failed_queue, batch_queue, result_queue = (
        Queue(storage, f"{settings.activity_queue}{suffix}", credential=credential, kept_for=kept_for)
        for suffix, kept_for in (
            ("", None),
            ("-failed", timedelta(days=settings.retention_days)),
            ("-batches", None),
            ("-results", RESULTS_KEPT_FOR),
        )
    )
    learner_key = LearnerKey(table)
    ledger = TableLedger(table, key=learner_key.get, lease_seconds=settings.claim_lease_seconds)
    signing_key = SigningKey(table)
    failures = Failures(table, queue=queue, failed_queue=failed_queue, patience=PATIENCE, signing_key=signing_key)
    results = ResultQueue(result_queue) if settings.queue_results else None
    batches = BatchStore(batch_table)
    batch_worker = BatchWorker(defaults, graph, ledger, batches, batch_queue, failures)
    # The ledger last: what is on its way meanwhile comes to stand there.
    keepers: dict[str, Keeper] = {
        "batch": BatchRetention(batch_table, batches),
        "failure": FailureRetention(table, failed_queue),
        "queue": ToldFailures(failed_queue, table),
        "ledger": LedgerRetention(table, learner_key),
    }
    opened: tuple[Table | Queue, ...] = (table, batch_table, queue, failed_queue, batch_queue, result_queue)
    return Store(
        ledger,
        failures,
        QueueWorker(defaults, graph, ledger, queue, failures, signing_key, results, read_file=records_of_file),
        batches,
        batch_queue,
        batch_worker,
        BatchAcceptor(batches, batch_worker),
        Retention(keepers, learner_key),
        TenantChecks(graph, lambda: graph.names.directory, KeptTenantChecks(table), batch_queue.put, NEEDED_FOR),
        settings.retention_days,
        closing=(*(one.close for one in opened), *((own_credential.close,) if own_credential else ())),
    )


def _no_store() -> Store:
    raise storage_unavailable()


@dataclass
class App:
    """Everything that is made once per process; the store is opened by the first who needs it."""

    defaults: Defaults
    graph: GraphGateway
    health: Health
    open_store: Callable[[], Store] = _no_store
    # Who may sign in, where Microsoft Entra ID lets callers in; None where function keys do.
    sign_in: SignIn | None = None
    # What callers see in place of the app's own address, where a gateway stands in front; else "".
    public_base_url: str = ""
    # For how long it is known which requests were carried out.
    remembered: timedelta = timedelta(days=30)

    @cached_property
    def store(self) -> Store:
        """The store. Raises ``storageUnavailable`` if no storage account is set."""
        return self.open_store()

    async def create_from_queue(self, delivery: "Delivery") -> None:
        """Create the activities of a message. Raises what ``QueueWorker.handle`` raises."""
        await self.store.worker.handle(delivery)

    async def create_from_batches(self, delivery: "Delivery") -> None:
        """Do what a message of the batch queue says. Raises what ``BatchWorker.handle`` and ``carry_out`` raise."""
        from activities.execution.tenant.subject import Order

        if order := Order.decode(delivery.body):
            await self.store.tenant_checks.carry_out(order)
        else:
            await self.store.batch_worker.handle(delivery)

    async def delete_expired(self) -> None:
        """Delete what names people and whose time is over, and what a tenant check has left.

        Raises:
            TransientError: ``storageUnavailable``; the next run goes on.
        """
        before = datetime.now(UTC) - timedelta(days=self.store.retention_days)
        try:
            await self.store.retention.expire(before)
        finally:
            await self.store.tenant_checks.tidy_up(before)

    async def close(self) -> None:
        """Close every connection."""
        await self.graph.close()
        if "store" in vars(self):
            await self.store.close()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A part of the store, opened to be checked."""

    part: Callable[[], Reachable]

    async def check(self) -> None:
        await self.part().check()


def build() -> App:
    """Build the app from the environment.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = Settings.from_environ(os.environ)
    telemetry.quieten_libraries()
    for old, new in superseded(os.environ).items():
        telemetry.warning("settingSuperseded", setting=old, instead=new)
    graph, identity = open_graph(settings)
    defaults = Defaults(
        registration_id=settings.learning_provider_id,
        allowed_registration_ids=settings.allowed_learning_provider_ids,
        zone=settings.default_time_zone,
        registration_ids_of_clients=settings.client_application_providers,
    )

    ledger, queue = _Opened(lambda: app.store.ledger), _Opened(lambda: app.store.batch_queue)
    app = App(
        defaults,
        graph,
        Health(graph, ledger, queue, last_check=lambda: app.store.tenant_checks.last_result()),  # noqa: PLW0108 (no app yet)
        sign_in=settings.sign_in,
        public_base_url=settings.public_base_url or "",
        remembered=timedelta(days=settings.retention_days),
        open_store=lambda: open_store(settings, defaults, graph, identity),
    )
    return app
