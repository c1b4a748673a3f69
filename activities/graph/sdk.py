"""The SDK's costume: its requests carried over aiohttp without its own adapter, and its package left unopened.

aiohttp is what azure-identity's asynchronous side uses anyway. Its own repetition of requests is for GET alone, and it
follows no redirect here: a create must not be repeated by anybody but ``sending``.
"""

import importlib.util
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import ModuleType
from typing import Any, Protocol

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.serialization import Parsable, SerializationWriter
from yarl import URL

from activities.graph import token_refusals
from activities.graph.network_failures import at_most_once, translate_failure


class _Unopened(ModuleType):
    """A package whose own ``__init__`` runs when something of it is asked for; its modules can be imported before."""

    def __getattr__(self, name: str) -> object:
        self.__class__ = ModuleType  # type: ignore[assignment]  # Which it is, once it is open.
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        spec.loader.exec_module(self)
        return getattr(self, name)


def leave_unopened(package: str) -> None:
    """Let modules of a package be imported without running the package's own ``__init__`` first.

    Whoever asks the package itself for anything gets it as ever. A package that runs already, or is not there, stays as
    it is.
    """
    spec = None if package in sys.modules else importlib.util.find_spec(package)
    if spec is not None:
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _Unopened
        sys.modules[package] = module


# Locally Graph has another address, but the token is always one for Microsoft Graph.
SCOPE = "https://graph.microsoft.com/.default"

CONNECT_SECONDS = 5.0
# The credential's cache is searched anew for every request. It renews a token hours before its end, so one from it is
# good for a minute.
KEPT_SECONDS = 60.0

# How long it takes at most is the caller's affair: ``asyncio.timeout`` around the exchange.
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Answer:
    """Graph's answer to one request, alone or in a batch; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    in_batch: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether Graph did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def entity(self) -> dict[str, Any] | None:
        """The entity that a successful answer holds, or None when the answer is none."""
        if not self.succeeded:
            return None
        try:
            entity = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return entity if isinstance(entity, dict) and isinstance(entity.get("id"), str) else None


class Transport(Protocol):
    """The network."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request, once, and return whatever answer comes; names of its headers in lower case.

        Raises:
            TransientError: no connection (nothing was executed), or no answer (it may have been).
        """

    async def close(self) -> None:
        """Close the connections."""


class AiohttpTransport:
    """The network over aiohttp: one pool of connections, opened at the first request."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request. See ``Transport``."""
        if self._session is None:
            # Graph sets no cookie that has to come back.
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        try:
            # The SDK's addresses are quoted already; quoted again, an external id would be another one.
            target = URL(url, encoded=True)
            once = (at_most_once,) if method == "DELETE" else ()
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False, middlewares=once
            ) as response:
                content = await response.read()
                # Of a header that stands there twice, too, nothing is lost.
                headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
                return Answer(response.status, headers, content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise translate_failure(error) from error

    async def close(self) -> None:
        """Close the connections. See ``Transport``."""
        if self._session is not None:
            await self._session.close()


class JsonBody(Parsable):
    """A body that is JSON already, where the request builders take a model.

    The SDK's models drop values of a wrong type silently, write null under a wrong name, and know the external id only
    in the spelling of the metadata; and a model and its writer cost a fifth of what a record of a batch does.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    def get_field_deserializers(self) -> dict[str, Any]:
        """Return nothing: a body is only written."""
        return {}

    def serialize(self, writer: SerializationWriter) -> None:
        """Write the body with a writer of the SDK."""
        writer.write_additional_data_value(dict(self.content))


class _JsonWriter:
    """As much of a writer, and of the factory that makes it, as describing a request with a ``JsonBody`` needs."""

    @classmethod
    def get_serialization_writer(cls, _: str) -> "_JsonWriter":
        return cls()

    def write_object_value(self, _: str | None, body: JsonBody) -> None:
        self._content = json.dumps(body.content).encode()

    def get_serialized_content(self) -> bytes:
        return self._content


class Adapter:
    """Carries what the request builders build; everything that is sent comes back as an ``Answer``, whatever it says.

    To the builders it is the SDK's request adapter: they ask it for a writer, and only to describe a request.

    Args:
        base_url: Root of the API without a slash at the end; the token is sent there alone.
        credential: Gives the token.
        transport: The network.
    """

    def __init__(self, base_url: str, credential: AsyncTokenCredential, transport: Transport) -> None:
        self.base_url = base_url
        self._trusted = f"{base_url}/"
        self._credential = credential
        self._transport = transport
        self._kept = -math.inf, ""
        self.refused_token = ""  # The last one, until Graph does something again.

    def get_serialization_writer_factory(self) -> type[_JsonWriter]:
        """Return the factory of the only writer that is needed."""
        return _JsonWriter

    async def send(self, information: RequestInformation) -> Answer:
        """Send one request and return its answer.

        Raises:
            TransientError: no token that Graph could take, no connection or no answer.
        """
        method = method_of(information)
        url, body = self.url_of(information), information.content
        headers = headers_of(information)
        if not url.startswith(self._trusted):
            return await self._transport.send(method, url, headers, body)
        token = await self._token()
        headers["Authorization"] = f"Bearer {token}"
        answer = await self._transport.send(method, url, headers, body)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # Graph did nothing. Only once: the next answer is the answer.
            token = await self.another_token(answer.headers, token)
            headers["Authorization"] = f"Bearer {token}"
            answer = await self._transport.send(method, url, headers, body)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self.refused_token = token
        elif answer.succeeded:
            self.refused_token = ""
        return answer

    async def another_token(self, refusal: Mapping[str, str], refused: str = "") -> str:
        """Return, and keep, a token instead of the last one, or of ``refused``, which Graph refused with these headers.

        Raises:
            TransientError: there is no other one.
        """
        _, kept = self._kept  # Which is another one if somebody has replaced it meanwhile.
        self.refused_token = refused = refused or kept
        token = kept if kept != refused else await self._ask(token_refusals.claims_asked_for(refusal))
        return token_refusals.unless_same(token, refused)

    async def _token(self) -> str:
        until, token = self._kept
        return token if time.monotonic() < until else await self._ask()

    async def _ask(self, claims: str | None = None) -> str:
        token = (await self._credential.get_token(SCOPE, claims=claims)).token
        self._kept = time.monotonic() + KEPT_SECONDS, token
        return token

    def url_of(self, information: RequestInformation) -> str:
        """Return the address of a request."""
        information.path_parameters["baseurl"] = self.base_url
        return str(information.url)


def method_of(information: RequestInformation) -> str:
    """Return the method of a request."""
    return information.http_method.value if information.http_method else "GET"


def headers_of(information: RequestInformation) -> dict[str, str]:
    """Return the headers of a request by their names."""
    return {name: ", ".join(values) for name, values in information.headers.get_all().items()}
