"""What Microsoft Entra ID's refusals of the application mean, in words that an admin can act on. Pure.

Where the application or its federated credential is wrong, the app waits for the repair (503); where a tenant has not
let the application in, an admin of that tenant has to act first (424).
Source of the codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from dataclasses import dataclass

from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError

RETRY_AFTER_SECONDS = 30.0

_CODE = re.compile(r"AADSTS(\d{4,9})")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What a refusal says, and what an admin does. ``{tenant}`` in it stands for the tenant's id."""

    said: str
    to_do: str
    consent: bool = False


_NO_FEDERATED_CREDENTIAL = _Refusal(
    "the application has no federated credential that matches the app's managed identity.",
    "An admin has to give the application GRAPH_CLIENT_ID one: issuer https://login.microsoftonline.com/TENANT/v2.0 "
    "with the id of the app's own tenant, subject the object (principal) id of the managed identity, which is not its "
    "client id, audience api://AzureADTokenExchange. A fresh one takes some minutes to work.",
)
_NOT_LET_IN = (
    "An admin of that tenant has to consent to the application: "
    "https://login.microsoftonline.com/{tenant}/adminconsent?client_id= with GRAPH_CLIENT_ID behind it."
)
_NOT_CONSENTED = _Refusal("the tenant {tenant} has not consented to the application.", _NOT_LET_IN, consent=True)

_REFUSALS = {
    "70021": _NO_FEDERATED_CREDENTIAL,
    "700211": _NO_FEDERATED_CREDENTIAL,
    "700212": _NO_FEDERATED_CREDENTIAL,
    "700213": _NO_FEDERATED_CREDENTIAL,
    "700222": _NO_FEDERATED_CREDENTIAL,
    # Source: https://learn.microsoft.com/answers/questions/2139753
    "700236": _Refusal(
        "the application is registered in another tenant than the app's managed identity.",
        "An admin has to register the application, for several tenants, in the tenant that the function app is in, "
        "and set GRAPH_CLIENT_ID to it; other tenants only consent to it.",
    ),
    "700016": _Refusal(
        "the application is not in the tenant {tenant}.",
        f"In the app's own tenant, GRAPH_CLIENT_ID is wrong. Otherwise: {_NOT_LET_IN}",
        consent=True,
    ),
    "65001": _NOT_CONSENTED,
    "7000112": _Refusal(
        "the application is disabled in the tenant {tenant}.",
        "An admin of that tenant has to enable it again: Microsoft Entra ID, Enterprise applications, the application, "
        "Properties, Enabled for users to sign in.",
        consent=True,
    ),
    "90002": _Refusal("there is no tenant {tenant}.", "An admin has to correct GRAPH_TENANT_ID or PROVIDER_TENANTS."),
}
_OTHER = _Refusal(
    "it gave no reason that the app knows.",
    "If it stays so, an admin has to look at the application GRAPH_CLIENT_ID in Microsoft Entra ID: Enterprise "
    "applications, the application, Sign-in logs, Service principal sign-ins.",
)


def translate(said: str, *, tenant_id: str) -> ActivityError:
    """Return the error for a refusal.

    Args:
        said: Entra's own words; nothing of them is told but the code.
        tenant_id: The tenant in which the application asked.
    """
    found = _CODE.search(said)
    refusal = _REFUSALS.get(found[1], _OTHER) if found else _OTHER
    reason = f"{refusal.said} {refusal.to_do}".format(tenant=tenant_id)
    message = (
        "Microsoft Entra ID gives the function app no token for the application that it acts as"
        f"{f' (AADSTS{found[1]})' if found else ''}: {reason} Nothing was done."
    )
    if refusal.consent:
        return PermanentError(ErrorCode.GRAPH_PERMISSION_MISSING, message)
    return TransientError(ErrorCode.IDENTITY_UNAVAILABLE, message, retry_after_seconds=RETRY_AFTER_SECONDS)


def unreachable() -> TransientError:
    """Return the error for an Entra that does not answer."""
    return TransientError(
        ErrorCode.IDENTITY_UNAVAILABLE,
        "Microsoft Entra ID did not answer; nothing was done. It usually does again within a minute. If not, an admin "
        "has to check that the app's network lets it out to login.microsoftonline.com, and AZURE_AUTHORITY_HOST.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def unknown_tenant() -> TransientError:
    """Return the error for a managed identity whose token does not say which tenant it is from."""
    return TransientError(
        ErrorCode.IDENTITY_UNAVAILABLE,
        "The function app does not know in which tenant it acts as an application; nothing was done. An admin has to "
        "set GRAPH_TENANT_ID.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
