"""The SDK's costume: its requests carried without its own adapter, and its package left unopened."""

import base64
import binascii
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from http import HTTPStatus
from types import ModuleType
from typing import Any, cast

from azure.core.credentials_async import AsyncTokenCredential
from kiota_abstractions.request_adapter import RequestAdapter
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.serialization import Parsable, SerializationWriter, SerializationWriterFactory
from kiota_abstractions.store import BackingStoreFactory

from activities.graph.batching import Answer
from activities.graph.transport import Transport


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

# Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
_CLAIMS = re.compile(r'claims="([^"]+)"')


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


class _JsonWriters(SerializationWriterFactory):
    """Makes the writers that ``RequestInformation`` asks the adapter for."""

    def get_valid_content_type(self) -> str:
        return "application/json"

    def get_serialization_writer(self, content_type: str) -> SerializationWriter:
        assert content_type == self.get_valid_content_type()  # noqa: S101 (the builders of activities know no other)
        return cast("SerializationWriter", _JsonWriter())


class _JsonWriter:
    """As much of a writer as a ``JsonBody`` needs."""

    def write_object_value(self, _: str | None, body: JsonBody) -> None:
        self._content = json.dumps(body.content).encode()

    def get_serialized_content(self) -> bytes:
        return self._content


class Adapter(RequestAdapter[object]):
    """Carries what the request builders build; everything that is sent comes back as an ``Answer``, whatever it says.

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
        self._writers = _JsonWriters()

    def get_serialization_writer_factory(self) -> SerializationWriterFactory:
        """Return the factory of the only writer that is needed."""
        return self._writers

    async def send_async(self, request_info: RequestInformation, *_: object) -> Any:
        """Send one request and return its ``Answer``; the models that it should be read into are not used.

        Raises:
            TransientError: no token, no connection or no answer.
        """
        method = request_info.http_method.value if request_info.http_method else "GET"
        url, body = self.url_of(request_info), request_info.content
        headers = headers_of(request_info)
        if not url.startswith(self._trusted):
            return await self._transport.send(method, url, headers, body)
        token = await self._credential.get_token(SCOPE)
        answer = await self._transport.send(method, url, _signed(headers, token.token), body)
        claims = _claims_asked_for(answer)
        if not claims:
            return answer
        # Graph wants a token with more in it, and did nothing. Only once: the next answer is the answer.
        token = await self._credential.get_token(SCOPE, claims=claims)
        return await self._transport.send(method, url, _signed(headers, token.token), body)

    async def send_collection_async(self, request_info: RequestInformation, *_: object) -> Any:
        """Send one request. See ``send_async``."""
        return await self.send_async(request_info)

    async def send_collection_of_primitive_async(self, request_info: RequestInformation, *_: object) -> Any:
        """Send one request. See ``send_async``."""
        return await self.send_async(request_info)

    async def send_primitive_async(self, request_info: RequestInformation, *_: object) -> Any:
        """Send one request. See ``send_async``."""
        return await self.send_async(request_info)

    async def send_no_response_content_async(self, request_info: RequestInformation, *_: object) -> Any:
        """Send one request. See ``send_async``."""
        return await self.send_async(request_info)

    def enable_backing_store(self, backing_store_factory: BackingStoreFactory | None) -> None:
        """Do nothing: models are only written, and whole."""

    async def convert_to_native_async(self, request_info: RequestInformation) -> object:
        """Return method, address, headers and body of a request."""
        return request_info.http_method, self.url_of(request_info), headers_of(request_info), request_info.content

    def url_of(self, request_info: RequestInformation) -> str:
        """Return the address of a request."""
        request_info.path_parameters["baseurl"] = self.base_url
        return str(request_info.url)


def headers_of(request_info: RequestInformation) -> dict[str, str]:
    """Return the headers of a request by their names."""
    return {name: ", ".join(values) for name, values in request_info.headers.get_all().items()}


def _signed(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"}


def _claims_asked_for(answer: Answer) -> str:
    if answer.status != HTTPStatus.UNAUTHORIZED:
        return ""
    asked = _CLAIMS.search(answer.headers.get("www-authenticate", ""))
    try:
        return base64.b64decode(asked[1], validate=True).decode() if asked else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""
