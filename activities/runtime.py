"""The composition root: what lives as long as the process, built on first use, closed with the event loop."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from activities import telemetry, wire
from activities.errors import ActivityError, storage_unavailable
from activities.failures import Failures
from activities.gateway import GraphGateway
from activities.graph import MicrosoftGraph
from activities.health import Health
from activities.idempotency import Ledger
from activities.identity import PatientCredential, managed_identity
from activities.ledger import TABLE, TableLedger
from activities.messages import Delivery
from activities.models import Defaults
from activities.queueing import PATIENCE, QueueWorker
from activities.queues import Queue
from activities.settings import Settings
from activities.tables import Table
from activities.throttling import ThrottledGraph


@dataclass(frozen=True, slots=True)
class Store:
    """What the app keeps in its storage account, and the connections to it."""

    ledger: Ledger
    failures: Failures
    queue: Queue
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


class Runtime:
    """Answers requests and handles deliveries with the one app of the process.

    Args:
        build: Makes the app; called at the first request, and again at the next one if it raised.
    """

    def __init__(self, build: Callable[[], App]) -> None:
        self._build = build
        self._app: App | None = None
        self._lifetime: AsyncGenerator[None] | None = None

    async def answer(self, request: wire.Request, use_case: UseCase) -> wire.Response:
        """Carry out a use case; whatever it raises becomes an answer, a bug a 500 with a log entry."""
        with telemetry.invocation(request.request_id, request.headers):
            try:
                return await use_case(await self._started(), request)
            except ActivityError as error:
                telemetry.event("refused", code=error.code, problems=len(error.problems))
                return wire.encode_error(error, request)
            except Exception as error:  # noqa: BLE001 (the boundary: no exception may become the host's empty 500)
                telemetry.failure("internalError", error)
                return wire.encode_bug(request)

    async def handle(self, delivery: Delivery, invocation_id: str) -> None:
        """Handle a delivery of the activity queue.

        Raises:
            RuntimeError: an end could not be written down: the host has to deliver the message again.
        """
        with telemetry.invocation(invocation_id, {}):
            try:
                app = await self._started()
                store = app.required_store()
                worker = QueueWorker(app.defaults, app.graph, store.ledger, store.queue, store.failures)
                await worker.handle(delivery)
            except Exception as error:  # noqa: BLE001 (the boundary: the host may log no exception's text)
                telemetry.failure("deliveryFailed", error)
                # The host logs what it is given, and an exception's text may hold what must not be logged.
                raise RuntimeError("The message could not be handled; it will be delivered again.") from None

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


def build() -> App:
    """Build the app from the environment.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = Settings.from_environ(os.environ)
    telemetry.quieten_libraries()
    graph = ThrottledGraph(MicrosoftGraph(base_url=settings.graph_base_url, client_id=settings.azure_client_id))
    store = _store(settings)
    defaults = Defaults(
        registration_id=settings.learning_provider_id,
        allowed_registration_ids=settings.allowed_learning_provider_ids,
        zone=settings.default_time_zone,
    )
    return App(defaults, graph, Health(graph, store.ledger if store else None), store)


def _store(settings: Settings) -> Store | None:
    storage = settings.storage
    if storage is None:
        return None
    credential: PatientCredential | None = None
    if storage.connection_string is None:
        credential = managed_identity(storage.client_id)
    table = Table(storage, TABLE, credential=credential)
    queue = Queue(storage, settings.activity_queue, credential=credential)
    failed_queue = Queue(storage, f"{settings.activity_queue}-failed", credential=credential)
    ledger = TableLedger(table, lease_seconds=settings.claim_lease_seconds)
    failures = Failures(table, queue=queue, failed_queue=failed_queue, patience=PATIENCE)
    closing = (table.close, queue.close, failed_queue.close, *((credential.close,) if credential else ()))
    return Store(ledger, failures, queue, closing)


runtime = Runtime(build)
