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
