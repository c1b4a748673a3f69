"""The app's network, over an httpx transport of a test: httpx has the simplest stand-ins for a server."""

from collections.abc import Mapping

import httpx

from activities.graph import translation
from activities.graph.sdk import Answer


class OverHttpx:
    """Implements ``Transport``; whatever httpx raises counts as sent, but for a connection that could not be made."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request. See ``Transport``."""
        request = httpx.Request(method, url, headers=headers, content=body)
        try:
            response = await self._transport.handle_async_request(request)
            content = await response.aread()
        except httpx.ConnectError as error:
            raise translation.unreachable() from error
        except httpx.RequestError as error:
            raise translation.unanswered() from error
        return Answer(response.status_code, dict(response.headers), content)

    async def close(self) -> None:
        """Close. See ``Transport``."""
        await self._transport.aclose()
