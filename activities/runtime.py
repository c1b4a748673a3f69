"""The composition root: what lives as long as the process, built on first use, closed with the event loop."""

import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from activities import callers, telemetry, wire
from activities.batches.store import TABLE as BATCH_TABLE
from activities.batches.store import BatchStore
from activities.batches.work import BatchWorker
from activities.deferral import PATIENCE
from activities.errors import ActivityError, TransientError, storage_unavailable
from activities.failures import Failures
from activities.gateway import GraphGateway
from activities.graph import MicrosoftGraph
from activities.health import Health
from activities.idempotency import Ledger
from activities.identity import PatientCredential, managed_identity
from activities.ledger import TABLE as LEDGER_TABLE
from activities.ledger import TableLedger
from activities.models import Defaults
from activities.queueing import QueueWorker
from activities.queues import Queue
from activities.settings import Settings, wants_entra_auth
from activities.tables import Table
from activities.throttling import ThrottledGraph


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


@dataclass(frozen=True, slots=True)
class App:
    """Everything that is made once per process."""

    defaults: Defaults
    graph: GraphGateway
    health: Health
    store: Store | None = None
    entra_auth: bool = False

    def required_store(self) -> Store:
        """Return the store.

        Raises:
            TransientError: ``storageUnavailable``: no storage account is set.
        """
        if self.store is None:
            raise storage_unavailable()
        return self.store

    async def close(self) -> None:
        """Close every connection."""
        await self.graph.close()
        if self.store is not None:
            await self.store.close()


type UseCase = Callable[[App, wire.Request], Awaitable[wire.Response]]
type Job = Callable[[App], Awaitable[None]]


class Runtime:
    """Answers requests and does jobs with the one app of the process.

    Args:
        build: Makes the app; called at the first request, and again at the next one if it raised.
    """

    def __init__(self, build: Callable[[], App]) -> None:
        self._build = build
        self._app: App | None = None
        self._lifetime: AsyncGenerator[None] | None = None

    async def answer(self, request: wire.Request, use_case: UseCase, *, anyone: bool = False) -> wire.Response:
        """Carry out a use case; whatever it raises becomes an answer, a bug a 500 with a log entry.

        Args:
            request: What was sent.
            use_case: What to do.
            anyone: Whether callers may do so who have not signed in, where the app wants that.
        """
        with telemetry.invocation(request.request_id, request.headers):
            try:
                app = await self._started()
                if app.entra_auth and not anyone:
                    callers.require_sign_in(request.headers)
                return await use_case(app, request)
            except ActivityError as error:
                telemetry.event(
                    "refused",
                    code=error.code,
                    problems=len(error.problems),
                    retryAfterSeconds=math.ceil(error.retry_after_seconds) if isinstance(error, TransientError) else 0,
                )
                return wire.encode_error(error, request)
            except Exception as error:  # noqa: BLE001 (the boundary: no exception may become the host's empty 500)
                telemetry.failure("internalError", error)
                return wire.encode_bug(request)

    async def run(self, job: Job, invocation_id: str) -> None:
        """Do what a queue message or a timer asks for.

        Raises:
            RuntimeError: an end could not be written down: the host has to deliver the message, or call, again.
        """
        with telemetry.invocation(invocation_id, {}):
            try:
                await job(await self._started())
            except Exception as error:  # noqa: BLE001 (the boundary: the host may log no exception's text)
                telemetry.failure("jobFailed", error)
                # The host logs what it is given, and an exception's text may hold what must not be logged.
                raise RuntimeError("The job could not be done; the host will start it again.") from None

    async def _started(self) -> App:
        if self._app is None:
            self._app = self._build()
            # The worker tells nobody that it ends, but an event loop closes its asynchronous generators when it is shut
            # down: https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.shutdown_asyncgens
            self._lifetime = _lifetime(self._app)
            await anext(self._lifetime)
        return self._app


async def _lifetime(app: App) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await app.close()


def asks_for_key() -> bool:
    """Tell whether the Functions host has to ask for a function key: unless Microsoft Entra ID lets callers in."""
    return not wants_entra_auth(os.environ)


def build() -> App:
    """Build the app from the environment.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = Settings.from_environ(os.environ)
    telemetry.quieten_libraries()
    microsoft_graph = MicrosoftGraph(base_url=settings.graph_base_url, client_id=settings.azure_client_id)
    graph = ThrottledGraph(microsoft_graph)
    defaults = Defaults(
        registration_id=settings.learning_provider_id,
        allowed_registration_ids=settings.allowed_learning_provider_ids,
        zone=settings.default_time_zone,
    )
    store = _store(settings, defaults, graph, microsoft_graph.credential)
    health = Health(graph, store.ledger, store.batch_queue) if store else Health(graph, None)
    return App(defaults, graph, health, store, settings.entra_auth)


def _store(settings: Settings, defaults: Defaults, graph: GraphGateway, credential: PatientCredential) -> Store | None:
    storage = settings.storage
    if storage is None:
        return None
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


runtime = Runtime(build)
