"""One HTTP exchange with Microsoft Graph over aiohttp: sent once, answered or failed. Knows no SDK and no activity.

aiohttp is what azure-identity's asynchronous side uses anyway. Its own repetition of requests is for GET alone, and it
follows no redirect here: a create must not be repeated by anybody but ``creation``.
"""

from collections.abc import Mapping
from typing import Protocol

import aiohttp
from yarl import URL

from activities.errors import TransientError
from activities.graph import translation
from activities.graph.batching import Answer

CONNECT_SECONDS = 5.0

# aiohttp's errors that are raised before a byte of the request is written.
# Source: https://docs.aiohttp.org/en/stable/client_reference.html#client-exceptions
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError, aiohttp.ConnectionTimeoutError)
# How long it takes at most is the caller's affair: ``asyncio.timeout`` around the exchange.
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)


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
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await response.read()
                return Answer(response.status, _in_lower_case(response.headers), content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise translate_failure(error) from error

    async def close(self) -> None:
        """Close the connections. See ``Transport``."""
        if self._session is not None:
            await self._session.close()


def translate_failure(error: Exception) -> TransientError:
    """Return the error for a request that got no answer: not sent, or perhaps executed."""
    return translation.unreachable() if isinstance(error, _NOT_SENT) else translation.unanswered()


def _in_lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
