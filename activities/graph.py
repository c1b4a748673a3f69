"""The only door to Microsoft Graph: the managed identity, the official SDK's request builders, nothing of the use case.

Deviations from the SDK's defaults, each with its reason:

- A kiota response handler reads the answer. The typed reading imports 1,300 model modules for the first answer
  (1-2 s), costs 5 ms for each, and loses bodies that are not Graph's own error shape.
- A plain httpx client without the SDK's middleware: its retry repeats a POST after a 504 (a double create) and cannot
  read "Retry after N minutes"; its redirect handler would repeat a POST elsewhere. Repeating belongs to ``creation``.
- httpx over aiohttp: less than half the CPU per request.
- The URL of a provider's activities is expanded once: the SDK does it three times a request, a third of its CPU.
- ``$batch`` bodies are put together from what the builders would send: the SDK's batch classes lose the bodies of the
  answers, the ids, and everything after the first failure.
- The entity's JSON goes into ``additional_data``: the typed attributes drop values of a wrong type silently, write null
  under a wrong name, and know the external id only in the spelling of the metadata.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.default_query_parameters import QueryParameters
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.request_option import RequestOption
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import ResponseHandlerOption
from kiota_http.observability_options import ObservabilityOptions
from msgraph.generated.employee_experience.learning_providers.item.learning_course_activities import (
    learning_course_activities_request_builder as builders,
)
from msgraph.generated.models.learning_assignment import LearningAssignment
from msgraph.generated.models.learning_course_activity import LearningCourseActivity
from msgraph.generated.models.learning_self_initiated_course import LearningSelfInitiatedCourse
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from activities import permissions, telemetry, translation
from activities.batching import Batching
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.gateway import StoredActivity
from activities.identity import managed_identity
from activities.json_batch import Answer, Part
from activities.models import ActivityRequest, Assignment

# Locally Graph has another address, but the token is always one for Microsoft Graph.
SCOPE = "https://graph.microsoft.com/.default"
CONNECT_SECONDS = 5.0

# aiohttp's errors that are raised before a byte of the request is written.
# Source: https://docs.aiohttp.org/en/stable/client_reference.html#client-exceptions
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError, aiohttp.ConnectionTimeoutError)

_OPTIONS: list[RequestOption] = [ResponseHandlerOption(NativeResponseHandler())]


class MicrosoftGraph:
    """Microsoft Graph as the app's managed identity sees it; one per process, used on one event loop, then closed.

    Args:
        base_url: Root of the API without a slash at the end; the token is sent to its host alone.
        client_id: The user-assigned managed identity, or None for the system-assigned one.
        transport: The network; a test hands in its own.
    """

    def __init__(
        self, *, base_url: str, client_id: str | None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._credential = managed_identity(client_id)
        host = urlsplit(base_url).hostname or ""
        self._http = httpx.AsyncClient(
            transport=transport or AiohttpTransport(),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
        )
        authentication = AzureIdentityAuthenticationProvider(self._credential, scopes=[SCOPE], allowed_hosts=[host])
        self._adapter = adapter = GraphRequestAdapter(authentication, client=self._http)
        # Without it the SDK's URLs begin with "/v1.0//".
        adapter.base_url = base_url
        # URLs hold external ids, and an id of a learner may stand in one: they stay out of traces.
        adapter.observability_options = ObservabilityOptions(include_euii_attributes=False)
        self._providers = GraphServiceClient(request_adapter=adapter).employee_experience.learning_providers
        self._activities_of = lru_cache(maxsize=64)(self._expanded)
        self._batching = Batching(self._post_batch)

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Send one create, once. See ``GraphGateway``."""
        activities, body = self._activities_of(request.registration_id), _sdk_model(request)
        answer = await self._send(
            "create", lambda: activities.post(body, _configuration()), timeout_seconds=timeout_seconds
        )
        return _stored(answer, permission=permissions.to_create(request.activity))

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up by its alternate key. See ``GraphGateway``."""
        activity = self._activity(registration_id, external_id)
        answer = await self._send("find", lambda: activity.get(_configuration()), timeout_seconds=timeout_seconds)
        return None if _says_absent(answer) else _stored(answer)

    async def create_activities(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send several creates in one ``$batch``. See ``GraphGateway``."""

        def parts() -> list[Part]:
            builders_of = [(self._activities_of(one.registration_id), _sdk_model(one)) for one in requests]
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
        return permissions.granted((await self._credential.get_token(SCOPE)).token)

    async def close(self) -> None:
        """Close both connection pools."""
        await self._http.aclose()
        await self._credential.close()

    def _expanded(self, registration_id: str) -> builders.LearningCourseActivitiesRequestBuilder:
        """Return the builder for a provider's activities, with its URL ready."""
        builder = self._providers.by_learning_provider_id(registration_id).learning_course_activities
        information = builder.to_get_request_information()
        self._adapter.set_base_url_for_request_information(information)
        return builder.with_url(information.url)

    def _activity(self, registration_id: str, external_id: str) -> Any:
        """Return the builder for an activity by its alternate key; the SDK imports its class only now."""
        provider = self._providers.by_learning_provider_id(registration_id)
        # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
        return provider.learning_course_activities_with_externalcourse_activity_id(external_id.replace("'", "''"))

    async def _post_batch(self, body: bytes, timeout_seconds: float) -> Answer:
        information = RequestInformation(Method.POST, "{+baseurl}/$batch", {"baseurl": self._adapter.base_url})
        information.configure(_configuration())
        information.set_stream_content(body, "application/json")
        send = self._adapter.send_no_response_content_async
        return await self._send("batch", lambda: send(information, {}), timeout_seconds=timeout_seconds)

    def _part(self, method: str, information: RequestInformation) -> Part:
        self._adapter.set_base_url_for_request_information(information)
        headers = {name: ", ".join(values) for name, values in information.headers.get_all().items()}
        path = information.url.removeprefix(self._adapter.base_url)
        return Part(method, path, headers, information.content or b"")

    async def _send(self, operation: str, call: Callable[[], Awaitable[Any]], *, timeout_seconds: float) -> Answer:
        """Let the SDK send one request and return the answer as it came.

        Raises:
            TransientError: no token, no connection, or no answer in time.
        """
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                # The builder is typed for the model; with the handler it gives what the handler gives.
                response = cast("httpx.Response", await call())
        except (TimeoutError, httpx.RequestError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            raise translate_failure(error) from error
        # A success is told by the use case, in the one line that a create costs.
        if not response.is_success:
            telemetry.event(
                "graphAnswered",
                operation=operation,
                status=response.status_code,
                graphRequestId=response.headers.get("request-id", ""),
                milliseconds=round((time.monotonic() - begun) * 1000),
            )
        return Answer(response.status_code, dict(response.headers), response.content)


def translate_failure(error: Exception) -> TransientError:
    """Return the error for a request that got no answer: not sent, or perhaps executed.

    httpx-aiohttp calls a connection that broke after the request was written a ``ConnectTimeout``, too: only aiohttp's
    own error behind it tells whether anything was sent.
    """
    causes = (error, error.__cause__)
    if any(isinstance(cause, _NOT_SENT) for cause in causes):
        return translation.unreachable()
    return translation.unanswered()


def _sdk_model(request: ActivityRequest) -> LearningCourseActivity:
    data = request.activity.to_graph()
    odata_type = data.pop("@odata.type")
    model = LearningAssignment if isinstance(request.activity, Assignment) else LearningSelfInitiatedCourse
    return model(odata_type=odata_type, additional_data=data)


def _configuration() -> RequestConfiguration[QueryParameters]:
    configuration = RequestConfiguration[QueryParameters](headers=HeadersCollection(), options=_OPTIONS)
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
