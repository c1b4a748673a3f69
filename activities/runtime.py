"""The composition root: what lives as long as the process, built on first use, closed with the event loop."""

import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activities import callers, telemetry, wire
from activities.errors import ActivityError, TransientError, storage_unavailable
from activities.gateway import GraphGateway
from activities.graph import MicrosoftGraph
from activities.health import Health, Reachable
from activities.models import Defaults
from activities.settings import Settings, wants_entra_auth
from activities.throttling import ThrottledGraph

if TYPE_CHECKING:
    from activities.store import Store


def _no_store() -> "Store":
    raise storage_unavailable()


@dataclass(slots=True)
class App:
    """Everything that is made once per process; the store is opened by the first who needs it."""

    defaults: Defaults
    graph: GraphGateway
    health: Health
    store: "Store | None" = None
    # The applications that may call, where Microsoft Entra ID lets callers in; None where function keys do.
    allowed_applications: frozenset[str] | None = None
    open_store: "Callable[[], Store]" = _no_store

    def required_store(self) -> "Store":
        """Return the store.

        Raises:
            TransientError: ``storageUnavailable``: no storage account is set.
        """
        if self.store is None:
            self.store = self.open_store()
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
                if app.allowed_applications is not None and not anyone:
                    callers.require_sign_in(request.headers, allowed_applications=app.allowed_applications)
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


@dataclass(frozen=True, slots=True)
class _Opened:
    """A part of the store, opened to be checked."""

    part: Callable[[], Reachable]

    async def check(self) -> None:
        await self.part().check()


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

    def open_store() -> "Store":
        from activities import store  # noqa: PLC0415 (it says why)

        return store.open_store(settings, defaults, graph, microsoft_graph.credential)

    ledger, queue = _Opened(lambda: app.required_store().ledger), _Opened(lambda: app.required_store().batch_queue)
    app = App(
        defaults,
        graph,
        Health(graph, ledger, queue),
        allowed_applications=settings.allowed_client_applications if settings.entra_auth else None,
        open_store=open_store,
    )
    return app


runtime = Runtime(build)
