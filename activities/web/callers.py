"""Who may call where Microsoft Entra ID lets callers in. Function keys are the Functions host's affair. Pure.

App Service Authentication checks a token's signature, issuer, audience and client. It lets those without a token
through, because the report of a batch is for everybody who has its address: who may do what else is decided here.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from activities.errors import ErrorCode, PermanentError

# The claims of a token that has been checked; the header is taken away from everybody who writes it.
# Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
PRINCIPAL = "x-ms-client-principal"
# The application that asked for the token, in tokens of version 1 and 2.
# Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
_APPLICATION_CLAIMS = frozenset({"appid", "azp"})


def require_sign_in(headers: Mapping[str, str], *, allowed_applications: AbstractSet[str]) -> None:
    """Let only those through whom App Service Authentication knows, and who come by an application that may call.

    Args:
        headers: Of the request, names in lower case.
        allowed_applications: The client ids of the applications that may call, in small letters.

    Raises:
        PermanentError: ``unauthenticated``.
    """
    said = headers.get(PRINCIPAL, "").strip()
    if not said:
        raise PermanentError(
            ErrorCode.UNAUTHENTICATED,
            "This function app lets callers in by Microsoft Entra ID, not by a function key. Sign in, and send the "
            'token in the header Authorization ("Bearer …"); in a flow, use a connection with Microsoft Entra ID.',
        )
    if not _applications(said) & allowed_applications:
        raise PermanentError(
            ErrorCode.UNAUTHENTICATED,
            "The application that you signed in with may not call this function app. An admin can add its client ID to "
            "the setting ALLOWED_CLIENT_APPLICATIONS.",
        )


def _applications(principal: str) -> frozenset[str]:
    """Return the applications that a principal names: one, or none if it cannot be read."""
    try:
        claims: list[dict[str, Any]] = json.loads(base64.b64decode(principal, validate=True))["claims"]
        return frozenset(str(one["val"]).casefold() for one in claims if one["typ"] in _APPLICATION_CLAIMS)
    except (binascii.Error, ValueError, LookupError, TypeError, RecursionError):
        return frozenset()
