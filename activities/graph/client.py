"""The only door to Microsoft Graph: the app's identity, the official SDK's request builders, nothing of the use case.

Deviations from the SDK's defaults, each with its reason:

- ``sdk`` carries the requests instead of the SDK's own adapter; it says why.
- ``msgraph`` itself stays unopened: it would import that adapter and 150 more modules.
- The URL of a provider's activities is expanded once: the SDK does it three times a request, a third of its CPU.
- ``$batch`` bodies are put together from what the builders would send: the SDK's batch classes lose the bodies of the
  answers, the ids, and everything after the first failure.
- A body is the entity's JSON instead of a model (``sdk.JsonBody``).
- A principal name with a dollar sign or a quote is put into quotes, which no builder does (``people``).
"""

import asyncio
import time
from collections.abc import Sequence
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.default_query_parameters import QueryParameters
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from activities import telemetry
from activities.contract.activity import Operation, StoredActivity
from activities.errors import ActivityError
from activities.execution.gateway import ExternalKey, Write
from activities.execution.witness import SEEN, Seen
from activities.graph import existing, permissions, translation
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

if TYPE_CHECKING:
    from activities.execution.names import NameResolver


class MicrosoftGraph:
    """Microsoft Graph as one identity of the app sees it; one per process, used on one event loop, then closed.

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

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Send writes, each once. See ``GraphGateway``."""
        operation = str(writes[0].operation) if writes else ""
        answers = await self._send(operation, [self._writing(one) for one in writes], timeout_seconds)
        return [_written(answer, write) for answer, write in zip(answers, writes, strict=True)]

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by their alternate keys. See ``GraphGateway``."""
        sent = [existing.finding(self._providers, one, _configuration()) for one in keys]
        answers = await self._send("find", sent, timeout_seconds)
        return [existing.found(answer, permissions.TO_FIND) for answer in answers]

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by Graph's ids. See ``GraphGateway``."""
        sent = [existing.getting(self._adapter, one, _configuration()) for one in graph_ids]
        answers = await self._send("get", sent, timeout_seconds)
        return [existing.found(answer, permissions.TO_GET) for answer in answers]

    def check_open(self, registration_id: str) -> None:
        """Let everything through. See ``GraphGateway``."""

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token, another one if Graph refused this. See ``GraphGateway``."""
        token = (await self.credential.get_token(SCOPE)).token
        if token == self._adapter.refused_token:
            token = await self._adapter.another_token({}, token)
        if (seen := SEEN.get()) is not None:
            seen.append(Seen("token", HTTPStatus.OK, words=permissions.whose(token)))
        return permissions.granted(token)

    @cached_property
    def names(self) -> "NameResolver":
        """What finds the ids of people and courses over the same connections. See ``GraphGateway``."""
        from activities.execution.names import NameResolver
        from activities.graph.lookups import GraphDirectory

        return NameResolver(lambda: GraphDirectory(self._adapter, self._send))

    async def close(self) -> None:
        """Close both connection pools."""
        await self._transport.close()
        await self.credential.close()

    def _writing(self, write: Write) -> RequestInformation:
        if write.operation is not Operation.CREATE:
            return existing.writing(*self._activities_of(write.registration_id), write, _configuration())
        # The builder is typed for a model, and takes whatever can be written.
        body: Any = JsonBody(write.body)
        activities, _ = self._activities_of(write.registration_id)
        information: RequestInformation = activities.to_post_request_information(body, _configuration())
        return information

    def _expanded(self, registration_id: str) -> tuple[builders.LearningCourseActivitiesRequestBuilder, str]:
        """Return the builder for a provider's activities, with its URL ready, and the URL."""
        builder = self._providers.by_learning_provider_id(registration_id).learning_course_activities
        url = self._adapter.url_of(builder.to_get_request_information())
        return builder.with_url(url), url

    async def _send(
        self, operation: str, sent: Sequence[RequestInformation], timeout_seconds: float
    ) -> Sequence[Answer | ActivityError]:
        """Send one request alone, and several in a batch; those that Graph does not take there a few side by side."""
        if len(sent) == 1:
            return [await self._answer(operation, sent[0], timeout_seconds)]
        parts = [self._part(one) for one in sent]
        answers = await self._together(parts, timeout_seconds) if parts else []
        for answer in answers:
            _show(operation, answer)
        alone = (
            self._answer(operation, one, timeout_seconds)
            for one, answer in zip(sent, answers, strict=True)
            if answer is None
        )
        singly = iter(await self._batching.singly(alone))
        return [next(singly) if answer is None else answer for answer in answers]

    async def _together(self, parts: Sequence[Part], timeout_seconds: float) -> list[Answer | ActivityError | None]:
        """Send a batch, and those of it whose token Graph refused inside once more if there is another token."""
        answers = await self._batching.together(parts, timeout_seconds=timeout_seconds)
        refused = [place for place, answer in enumerate(answers) if _refuses_token(answer)]
        if not refused:
            return answers
        try:
            await self._adapter.another_token({})
        except ActivityError as error:
            again: list[Answer | ActivityError | None] = [error] * len(refused)
        else:
            again = await self._batching.together([parts[place] for place in refused], timeout_seconds=timeout_seconds)
        repeated = dict(zip(refused, again, strict=True))
        return [repeated.get(place, answer) for place, answer in enumerate(answers)]

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
        _show(operation, answer)
        # A success is told by the use case, in the one line that a create costs.
        if not answer.succeeded:
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


def _show(operation: str, answer: Answer | ActivityError | None) -> None:
    """Show an answer to whoever watches."""
    if isinstance(answer, Answer) and (seen := SEEN.get()) is not None:
        code, words = translation.said_in(answer.body) if not answer.succeeded else ("", "")
        seen.append(Seen(operation, answer.status, code, words, answer.in_batch))


def _refuses_token(answer: Answer | ActivityError | None) -> bool:
    return isinstance(answer, Answer) and answer.status == HTTPStatus.UNAUTHORIZED


def _written(answer: Answer | ActivityError, write: Write) -> StoredActivity | ActivityError:
    """Return what Graph stored, or why it did not."""
    if isinstance(answer, ActivityError):
        return answer
    if write.operation is not Operation.CREATE:
        return existing.written(answer, write)
    if (entity := answer.entity) is not None:
        return StoredActivity(entity, answer.headers.get("request-id", ""))
    return existing.failure(answer, permissions.to_write(write.body))
