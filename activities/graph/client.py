"""The only door to Microsoft Graph: the managed identity, the official SDK's request builders, nothing of the use case.

Deviations from the SDK's defaults, each with its reason:

- ``sdk`` carries the requests instead of the SDK's own adapter; it says why.
- ``msgraph`` itself stays unopened: it would import that adapter and 150 more modules.
- The URL of a provider's activities is expanded once: the SDK does it three times a request, a third of its CPU.
- ``$batch`` bodies are put together from what the builders would send: the SDK's batch classes lose the bodies of the
  answers, the ids, and everything after the first failure.
- A body is the entity's JSON instead of a model (``sdk.JsonBody``).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
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
from activities.contract.models import ActivityRequest, CourseActivity, StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.graph import permissions, translation
from activities.graph.batching import Batching, Part
from activities.graph.sdk import (
    SCOPE,
    Adapter,
    AiohttpTransport,
    Answer,
    JsonBody,
    Transport,
    headers_of,
    leave_unopened,
    method_of,
)
from activities.identity.managed_identity import PatientCredential, managed_identity

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
        credential: Who gives the tokens in place of the managed identity.

    Its ``credential`` serves whoever else has the same identity, until it is closed.
    """

    def __init__(
        self,
        *,
        base_url: str,
        client_id: str | None = None,
        transport: Transport | None = None,
        credential: PatientCredential | None = None,
    ) -> None:
        self.credential = credential or managed_identity(client_id)
        self._transport = transport or AiohttpTransport()
        self._adapter = Adapter(base_url, self.credential, self._transport)
        adapter: Any = self._adapter  # As much of the SDK's adapter as its builders need.
        self._providers = LearningProvidersRequestBuilder(adapter, {})
        self._activities_of = lru_cache(maxsize=64)(self._expanded)
        self._batching = Batching(self._post_batch)

    async def create(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Send creates, each once. See ``GraphGateway``."""
        answers = await self._send("create", [self._creating(one) for one in requests], timeout_seconds)
        return [
            _stored(answer, request.activity, permission=permissions.to_create)
            for answer, request in zip(answers, requests, strict=True)
        ]

    async def find(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by their alternate keys. See ``GraphGateway``."""
        answers = await self._send("find", [self._finding(one) for one in requests], timeout_seconds)
        return [
            None if _says_absent(answer) else _stored(answer, request.activity, permission=permissions.to_find)
            for answer, request in zip(answers, requests, strict=True)
        ]

    def check_open(self, registration_id: str) -> None:
        """Let everything through. See ``GraphGateway``."""

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token. See ``GraphGateway``."""
        return permissions.granted((await self.credential.get_token(SCOPE)).token)

    async def close(self) -> None:
        """Close both connection pools."""
        await self._transport.close()
        await self.credential.close()

    def _creating(self, request: ActivityRequest) -> RequestInformation:
        # The builder is typed for a model, and takes whatever can be written.
        body: Any = JsonBody(request.activity.to_graph())
        activities = self._activities_of(request.registration_id)
        information: RequestInformation = activities.to_post_request_information(body, _configuration())
        return information

    def _finding(self, request: ActivityRequest) -> RequestInformation:
        provider = self._providers.by_learning_provider_id(request.registration_id)
        # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
        key = (request.activity.external_course_activity_id or "").replace("'", "''")
        activity = provider.learning_course_activities_with_externalcourse_activity_id(key)
        information: RequestInformation = activity.to_get_request_information(_configuration())
        return information

    def _expanded(self, registration_id: str) -> builders.LearningCourseActivitiesRequestBuilder:
        """Return the builder for a provider's activities, with its URL ready."""
        builder = self._providers.by_learning_provider_id(registration_id).learning_course_activities
        return builder.with_url(self._adapter.url_of(builder.to_get_request_information()))

    async def _send(
        self, operation: str, sent: Sequence[RequestInformation], timeout_seconds: float
    ) -> Sequence[Answer | ActivityError]:
        """Send one request alone, several in one batch or, where Graph takes no batches, a few side by side."""
        if len(sent) > 1:
            parts = [self._part(one) for one in sent]
            answers = await self._batching.together(parts, timeout_seconds=timeout_seconds)
            if answers is not None:
                return answers
            return await self._batching.singly(self._answer(operation, one, timeout_seconds) for one in sent)
        return [await self._answer(operation, one, timeout_seconds) for one in sent]

    def _part(self, information: RequestInformation) -> Part:
        path = self._adapter.url_of(information).removeprefix(self._adapter.base_url)
        return Part(method_of(information), path, headers_of(information), information.content or b"")

    async def _post_batch(self, body: bytes, timeout_seconds: float) -> Answer | ActivityError:
        information = RequestInformation(Method.POST, "{+baseurl}/$batch", {})
        information.configure(_configuration())
        information.set_stream_content(body, "application/json")
        return await self._answer("batch", information, timeout_seconds)

    async def _answer(
        self, operation: str, information: RequestInformation, timeout_seconds: float
    ) -> Answer | ActivityError:
        """Send one request and return the answer as it came, or the error for no token, no connection, no answer."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._adapter.send(information)
        except TimeoutError:
            return translation.unanswered()
        except ActivityError as error:
            return error
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


def _configuration() -> RequestConfiguration[QueryParameters]:
    configuration = RequestConfiguration[QueryParameters](headers=HeadersCollection())
    # Reading peerRecommended and later values needs it; otherwise they come back as unknownFutureValue.
    configuration.headers.add("Prefer", "include-unknown-enum-members")
    # Microsoft's support finds a request by it, and the app's log has it, too.
    configuration.headers.add("client-request-id", telemetry.invocation_id())
    return configuration


def _says_absent(answer: Answer | ActivityError) -> bool:
    return isinstance(answer, Answer) and translation.says_absent(answer.status, answer.body)


def _stored(
    answer: Answer | ActivityError, activity: CourseActivity, *, permission: Callable[[CourseActivity], str]
) -> StoredActivity | ActivityError:
    """Return the entity of an answer or, without one, what ``translation.translate`` makes of it."""
    if isinstance(answer, ActivityError):
        return answer
    if (entity := answer.entity) is not None:
        return StoredActivity(entity, answer.headers.get("request-id", ""))
    error = translation.translate(
        answer.status, answer.headers, answer.body, now=datetime.now(UTC), permission=permission(activity)
    )
    if isinstance(error, TransientError) and error.code is ErrorCode.THROTTLED:
        # Graph has been seen to execute what it throttles inside a batch.
        # Source: https://learn.microsoft.com/answers/questions/5529013
        error.may_have_executed = answer.in_batch
    return error
