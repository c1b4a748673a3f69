"""What aiohttp raises when a request gets no answer, told in this app's errors: not sent, or perhaps executed."""

import aiohttp

from activities.errors import TransientError
from activities.graph import translation

# Raised before a byte of the request is written.
# Source: https://docs.aiohttp.org/en/stable/client_reference.html#client-exceptions
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError, aiohttp.ConnectionTimeoutError)


def translate_failure(error: Exception) -> TransientError:
    """Return the error for a request that got no answer."""
    return translation.unreachable() if isinstance(error, _NOT_SENT) else translation.unanswered()


async def at_most_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp by itself repeats what HTTP calls idempotent, if the connection breaks.

    Of a deletion that was done, the repeat would say that there was nothing to delete.
    Source: https://docs.aiohttp.org/en/stable/client_advanced.html#client-middleware
    """
    try:
        return await handler(request)
    except _NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # Any other error of its own ends the request.
        raise aiohttp.ClientError("No answer.") from error
