"""The only door to Microsoft Graph: the managed identity, the official SDK's request builders, nothing of the use case.

Deviations from the SDK's defaults, each with its reason:

- A kiota response handler reads the answer. The typed reading imports 1,300 model modules for the first answer
  (1-2 s), costs 5 ms for each, and loses bodies that are not Graph's own error shape.
- A plain httpx client without the SDK's middleware: its retry repeats a POST after a 504 (a double create) and cannot
  read "Retry after N minutes"; its redirect handler would repeat a POST elsewhere. Repeating belongs to ``creation``.
- httpx over aiohttp: less than half the CPU per request.
- The URL of a provider's activities is expanded once: the SDK does it three times a request, a third of its CPU.
- The entity's JSON goes into ``additional_data``: the typed attributes drop values of a wrong type silently, write null
  under a wrong name, and know the external id only in the spelling of the metadata.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
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
from kiota_abstractions.native_response_handler import NativeResponseHandler
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

from activities import telemetry, translation
from activities.errors import TransientError
from activities.gateway import StoredActivity
from activities.identity import managed_identity
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

    async def create_activity(self, request: ActivityRequest, *, timeout_seconds: float) -> StoredActivity:
        """Send one create, once. See ``GraphGateway``."""
        activities, body = self._activities_of(request.registration_id), _sdk_model(request)
        response = await self._send(
            "create", lambda configuration: activities.post(body, configuration), timeout_seconds=timeout_seconds
        )
        return _stored(response)

    async def find_activity(
        self, registration_id: str, external_id: str, *, timeout_seconds: float
    ) -> StoredActivity | None:
        """Look an activity up by its alternate key. See ``GraphGateway``."""
        provider = self._providers.by_learning_provider_id(registration_id)
        # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
        activity = provider.learning_course_activities_with_externalcourse_activity_id(external_id.replace("'", "''"))
        response = await self._send("find", activity.get, timeout_seconds=timeout_seconds)
        return None if translation.says_absent(response.status_code, response.content) else _stored(response)

    async def check_identity(self) -> None:
        """Get a token. See ``GraphGateway``."""
        await self._credential.get_token(SCOPE)

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

    async def _send(
        self,
        operation: str,
        call: Callable[[RequestConfiguration[QueryParameters]], Awaitable[Any]],
        *,
        timeout_seconds: float,
    ) -> httpx.Response:
        """Let a request builder send one request and return the answer as it came.

        Raises:
            TransientError: no token, no connection, or no answer in time.
        """
        configuration = RequestConfiguration[QueryParameters](headers=HeadersCollection(), options=_OPTIONS)
        # Reading peerRecommended and later values needs it; otherwise they come back as unknownFutureValue.
        configuration.headers.add("Prefer", "include-unknown-enum-members")
        # Microsoft's support finds a request by it, and the app's log has it, too.
        configuration.headers.add("client-request-id", telemetry.invocation_id())
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                # The builder is typed for the model; with the handler it gives what the handler gives.
                response = cast("httpx.Response", await call(configuration))
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
        return response


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


def _stored(response: httpx.Response) -> StoredActivity:
    """Return the entity of an answer.

    Raises:
        ActivityError: what ``translation.translate`` makes of an answer without one.
    """
    entity = translation.entity(response.status_code, response.content)
    if entity is None:
        raise translation.translate(
            response.status_code, dict(response.headers), response.content, now=datetime.now(UTC)
        )
    return StoredActivity(entity, response.headers.get("request-id", ""))
