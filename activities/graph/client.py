"""The only door to Microsoft Graph: the managed identity, the official SDK's request builders, nothing of the use case.

Deviations from the SDK's defaults, each with its reason:

- ``adapter`` carries the requests instead of the SDK's own adapter; it says why.
- ``msgraph`` itself stays unopened: it would import that adapter and 150 more modules.
- The URL of a provider's activities is expanded once: the SDK does it three times a request, a third of its CPU.
- ``$batch`` bodies are put together from what the builders would send: the SDK's batch classes lose the bodies of the
  answers, the ids, and everything after the first failure.
- A body is the entity's JSON instead of a model (``adapter.JsonBody``).
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.default_query_parameters import QueryParameters
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from activities import telemetry
from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import StoredActivity
from activities.graph import permissions, translation
from activities.graph.batching import Answer, Batching, Part
from activities.graph.sdk import SCOPE, Adapter, JsonBody, headers_of, leave_unopened
from activities.graph.transport import AiohttpTransport, Transport
from activities.identity import managed_identity

leave_unopened("msgraph")
from msgraph.generated.employee_experience.learning_providers.item.learning_course_activities import (  # noqa: E402
    learning_course_activities_request_builder as builders,
)
from msgraph.generated.employee_experience.learning_providers.learning_providers_request_builder import (  # noqa: E402
    LearningProvidersRequestBuilder,
)


class MicrosoftGraph:
    """Microsoft Graph as the app's managed identity sees it; one per process, used on one event loop, then closed.

    Args:
        base_url: Root of the API without a slash at the end; the token is sent to its host alone.
        client_id: The user-assigned managed identity, or None for the system-assigned one.
        transport: The network; a test hands in its own.

    Its ``credential`` serves whoever else has the same identity, until it is closed.
    """

    def __init__(self, *, base_url: str, client_id: str | None, transport: Transport | None = None) -> None:
        self.credential = managed_identity(client_id)
        self._transport = transport or AiohttpTransport()
        self._adapter = Adapter(base_url, self.credential, self._transport)
        self._providers = LearningProvidersRequestBuilder(self._adapter, {})
        self._activities_of = lru_cache(maxsize=64)(self._expanded)
        self._batching = Batching(self._post_batch)

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Send one create, once. See ``GraphGateway``."""
        activities, body = self._activities_of(request.registration_id), _body(request)
        answer = await self._send("create", activities.post(body, _configuration()), timeout_seconds=timeout_seconds)
        return _stored(answer, permission=permissions.to_create(request.activity))

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up by its alternate key. See ``GraphGateway``."""
        activity = self._activity(registration_id, external_id)
        answer = await self._send("find", activity.get(_configuration()), timeout_seconds=timeout_seconds)
        return None if _says_absent(answer) else _stored(answer)

    async def create_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send several creates in one ``$batch``. See ``GraphGateway``."""

        def parts() -> list[Part]:
            builders_of = [(self._activities_of(one.registration_id), _body(one)) for one in requests]
            return [
                self._part("POST", activities.to_post_request_information(body, _configuration()))
                for activities, body in builders_of
            ]

        answers = await self._batching.together(parts, timeout_seconds=timeout_seconds)
        if answers is not None:
            needed = [permissions.to_create(request.activity) for request in requests]
            return [_batched(answer, permission=one) for answer, one in zip(answers, needed, strict=True)]
        return await self._batching.singly(
            self.create_activity(request, timeout_seconds=timeout_seconds) for request in requests
        )

    async def find_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look several activities up in one ``$batch``. See ``GraphGateway``."""
        keys = [(one.registration_id, one.activity.external_course_activity_id or "") for one in requests]

        def parts() -> list[Part]:
            activities = [self._activity(*key) for key in keys]
            return [self._part("GET", one.to_get_request_information(_configuration())) for one in activities]

        answers = await self._batching.together(parts, timeout_seconds=timeout_seconds)
        if answers is not None:
            return [None if isinstance(one, Answer) and _says_absent(one) else _batched(one) for one in answers]
        return await self._batching.singly(self.find_activity(*key, timeout_seconds=timeout_seconds) for key in keys)

    def check_open(self, registration_id: str) -> None:
        """Let everything through. See ``GraphGateway``."""

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token. See ``GraphGateway``."""
        return permissions.granted((await self.credential.get_token(SCOPE)).token)

    async def close(self) -> None:
        """Close both connection pools."""
        await self._transport.close()
        await self.credential.close()

    def _expanded(self, registration_id: str) -> builders.LearningCourseActivitiesRequestBuilder:
        """Return the builder for a provider's activities, with its URL ready."""
        builder = self._providers.by_learning_provider_id(registration_id).learning_course_activities
        return builder.with_url(self._adapter.url_of(builder.to_get_request_information()))

    def _activity(self, registration_id: str, external_id: str) -> Any:
        """Return the builder for an activity by its alternate key; the SDK imports its class only now."""
        provider = self._providers.by_learning_provider_id(registration_id)
        # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
        return provider.learning_course_activities_with_externalcourse_activity_id(external_id.replace("'", "''"))

    async def _post_batch(self, body: bytes, timeout_seconds: float) -> Answer:
        information = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
        information.configure(_configuration())
        information.set_stream_content(body, "application/json")
        return await self._send("batch", self._adapter.send_async(information), timeout_seconds=timeout_seconds)

    def _part(self, method: str, information: RequestInformation) -> Part:
        path = self._adapter.url_of(information).removeprefix(self._adapter.base_url)
        return Part(method, path, headers_of(information), information.content or b"")

    async def _send(self, operation: str, call: Awaitable[Any], *, timeout_seconds: float) -> Answer:
        """Let the SDK send one request and return the answer as it came.

        Raises:
            TransientError: no token, no connection, or no answer in time.
        """
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                # The builder is typed for the model; the adapter gives the answer itself.
                answer: Answer = await call
        except TimeoutError as error:
            raise translation.unanswered() from error
        # A success is told by the use case, in the one line that a create costs.
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            telemetry.event(
                "graphAnswered",
                operation=operation,
                status=answer.status,
                graphRequestId=answer.headers.get("request-id", ""),
                milliseconds=round((time.monotonic() - begun) * 1000),
            )
        return answer


def _body(request: ActivityRequest) -> Any:
    """Return the body of a create; the builders are typed for a model, and take whatever can be written."""
    return JsonBody(request.activity.to_graph())


def _configuration() -> RequestConfiguration[QueryParameters]:
    configuration = RequestConfiguration[QueryParameters](headers=HeadersCollection())
    # Reading peerRecommended and later values needs it; otherwise they come back as unknownFutureValue.
    configuration.headers.add("Prefer", "include-unknown-enum-members")
    # Microsoft's support finds a request by it, and the app's log has it, too.
    configuration.headers.add("client-request-id", telemetry.invocation_id())
    return configuration


def _says_absent(answer: Answer) -> bool:
    return translation.says_absent(answer.status, answer.body)


def _stored(answer: Answer, *, permission: str = "") -> StoredActivity:
    """Return the entity of an answer.

    Raises:
        ActivityError: what ``translation.translate`` makes of an answer without one.
    """
    entity = translation.entity(answer.status, answer.body)
    if entity is None:
        raise translation.translate(
            answer.status, answer.headers, answer.body, now=datetime.now(UTC), permission=permission
        )
    return StoredActivity(entity, answer.headers.get("request-id", ""))


def _batched(answer: Answer | ActivityError, *, permission: str = "") -> StoredActivity | ActivityError:
    if isinstance(answer, ActivityError):
        return answer
    try:
        return _stored(answer, permission=permission)
    except TransientError as error:
        # Graph has been seen to execute what it throttles inside a batch.
        # Source: https://learn.microsoft.com/answers/questions/5529013
        error.may_have_executed |= error.code is ErrorCode.THROTTLED
        return error
    except ActivityError as error:
        return error
