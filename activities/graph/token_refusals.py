"""What to do when Graph refuses a token, and what to say when that did not help.

Azure's identity service keeps a token for up to a day, gives it to whoever asks until then, and cannot be made to
forget it: a token that Graph refuses before its time stays the only one there is.
Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#configure-target-resource
"""

import base64
import binascii
import re
from collections.abc import Mapping

from activities import telemetry
from activities.errors import ErrorCode, TransientError

# Nobody can do more than wait for it or call an admin: whoever repeats need not hurry.
RETRY_AFTER_SECONDS = 300.0
# Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
_CLAIMS = re.compile(r'claims="([^"]+)"')
# Claims that ask for nothing. azure-identity asks the endpoint again for a token with claims, whatever they are.
_NONE = "{}"


def claims_asked_for(headers: Mapping[str, str]) -> str:
    """Return the claims that a token has to be asked for with after a refusal: those that Graph names, if any."""
    asked = _CLAIMS.search(headers.get("www-authenticate", ""))
    try:
        return base64.b64decode(asked[1], validate=True).decode() if asked else _NONE
    except (binascii.Error, UnicodeDecodeError):
        return _NONE


def unless_same(token: str, refused: str) -> str:
    """Return the token that was given after another one was refused.

    Raises:
        TransientError: ``identityUnavailable``: it is the same.
    """
    telemetry.event("tokenRefused", replaced=token != refused)
    if token == refused:
        raise no_other_token()
    return token


def no_other_token() -> TransientError:
    """Return the error for a token that Graph refuses and that the identity service gives again."""
    return TransientError(
        ErrorCode.IDENTITY_UNAVAILABLE,
        "Microsoft Graph refuses the token of the function app's managed identity, and Azure's identity service has no "
        "other one: it keeps a token for up to 24 hours, also over a restart. Nothing was done. If it stays so, an "
        "admin has to check in Microsoft Entra that the identity is there and enabled, or assign another one to the "
        "app (AZURE_CLIENT_ID).",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
