"""Answers requests and does jobs with the one app of the process, built on first use, closed with the event loop."""

import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from activities import telemetry
from activities.app import App, build
from activities.errors import ActivityError, TransientError
from activities.settings import wants_entra_auth
from activities.web import answers, callers, http, repeating

type UseCase = Callable[[App, http.Request], Awaitable[http.Response]]
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

    async def answer(self, request: http.Request, use_case: UseCase) -> http.Response:
        """Carry out a use case; whatever it raises becomes an answer, a bug a 500 with a log entry."""
        with telemetry.invocation(request.request_id, request.headers):
            try:
                app = await self._started()
                request = _admitted(request, app)
                response = await use_case(app, request)
                return replace(response, headers={**response.headers, **repeating.result(request)})
            except ActivityError as error:
                telemetry.event(
                    "refused",
                    code=error.code,
                    problems=len(error.problems),
                    retryAfterSeconds=math.ceil(error.retry_after_seconds) if isinstance(error, TransientError) else 0,
                )
                return answers.encode_error(error, request)
            except Exception as error:  # noqa: BLE001 (the boundary: no exception may become the host's empty 500)
                telemetry.failure("internalError", error)
                return answers.encode_bug(request)

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


def _admitted(request: http.Request, app: App) -> http.Request:
    """Return the request as its use case sees it: by whom it was sent, and at which address; its body is not read yet.

    Raises:
        PermanentError: ``unauthenticated``, ``notAllowed``.
    """
    request = replace(request, url=http.public_url(request.url, app.public_base_url))
    if app.sign_in is None or request.function in callers.FOR_ANYONE:
        return request
    caller = callers.identify(request.headers, sign_in=app.sign_in)
    telemetry.add_ids(clientId=caller.client_id, userObjectId=caller.user_id)
    callers.require_permission(caller, function=request.function, sign_in=app.sign_in)
    telemetry.event("callerAdmitted", function=request.function)
    return replace(request, client_id=caller.client_id)


async def _lifetime(app: App) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await app.close()


def asks_for_key() -> bool:
    """Tell whether the Functions host has to ask for a function key: unless Microsoft Entra ID lets callers in."""
    return not wants_entra_auth(os.environ)


runtime = Runtime(build)
