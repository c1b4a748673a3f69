"""Who may call where Microsoft Entra ID lets callers in. Function keys are the Functions host's affair."""

from collections.abc import Mapping

from activities.errors import ErrorCode, PermanentError

# App Service Authentication checks a token's issuer, audience and client, puts the caller's claims here, and takes the
# header away from everybody else.
# Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
PRINCIPAL = "x-ms-client-principal"


def require_sign_in(headers: Mapping[str, str]) -> None:
    """Let only those through whom App Service Authentication knows.

    Args:
        headers: Of the request, names in lower case.

    Raises:
        PermanentError: ``unauthenticated``.
    """
    if not headers.get(PRINCIPAL, "").strip():
        raise PermanentError(
            ErrorCode.UNAUTHENTICATED,
            "This function app lets callers in by Microsoft Entra ID, not by a function key. Sign in, and send the "
            'token in the header Authorization ("Bearer …"); in a flow, use a connection with Microsoft Entra ID. An '
            "admin sees which applications may call in the app's authentication settings.",
        )
