"""The composition root: what lives as long as the process, built on first use, closed with the event loop."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from activities import creation, telemetry, wire
from activities.errors import ActivityError
from activities.gateway import GraphGateway
from activities.graph import MicrosoftGraph
from activities.health import Health
from activities.models import CourseActivity, Defaults
from activities.settings import Settings
from activities.validation import parse_activity


@dataclass(frozen=True, slots=True)
class App:
    """Everything that is made once per process."""

    defaults: Defaults
    graph: GraphGateway
    health: Health


type UseCase = Callable[[App, wire.Request], Awaitable[wire.Response]]


class Runtime:
    """Answers requests with the one app of the process.

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
        await app.graph.close()


def build() -> App:
    """Build the app from the environment.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = Settings.from_environ(os.environ)
    telemetry.quieten_libraries()
    graph = MicrosoftGraph(base_url=settings.graph_base_url, client_id=settings.azure_client_id)
    defaults = Defaults(
        registration_id=settings.learning_provider_id,
        allowed_registration_ids=settings.allowed_learning_provider_ids,
        zone=settings.default_time_zone,
    )
    return App(defaults, graph, Health(graph))


def create(kind: type[CourseActivity] | None) -> UseCase:
    """Return the use case that creates one activity: of a kind, or of the kind that its ``@odata.type`` says."""
    encode = wire.encode_graph if kind is None else wire.encode_flat

    async def use_case(app: App, request: wire.Request) -> wire.Response:
        wanted = parse_activity(wire.decode(request.body), kind=kind, defaults=app.defaults)
        identified = creation.identify(wanted, idempotency_key=request.idempotency_key)
        created = await creation.create(identified, graph=app.graph)
        telemetry.event(
            "activityAnswered",
            outcome=created.outcome,
            registrationId=created.request.registration_id,
            graphRequestId=created.stored.graph_request_id,
        )
        return encode(created, request)

    return use_case


async def health(app: App, request: wire.Request) -> wire.Response:
    """Say whether the app can work."""
    return wire.encode_health(await app.health.report(), request)


runtime = Runtime(build)
