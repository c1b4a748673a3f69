"""Who may do what where Microsoft Entra ID lets callers in. Function keys are the Functions host's affair. Pure.

App Service Authentication checks a token's signature, issuer, audience and client. It lets those without a token
through, because the report of a batch is for everybody who has its address: who may do what else is decided here.
"""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from activities.contract import values
from activities.errors import ErrorCode, PermanentError
from activities.settings import SignIn

# The claims of a token that has been checked; the platform takes the header away from everybody else who writes it.
# Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
PRINCIPAL = "x-ms-client-principal"
_PROVIDER = "aad"


class Role(StrEnum):
    """The app roles that the application of this app declares, for applications and for people."""

    WRITE = "Activities.Write"
    MANAGE = "Failures.Manage"


# For whom each function is: one of the roles is enough. A function that stands nowhere is for nobody.
ROLES: Mapping[str, frozenset[Role]] = {
    "create_activity": frozenset({Role.WRITE}),
    "create_assignment": frozenset({Role.WRITE}),
    "create_self_initiated_course": frozenset({Role.WRITE}),
    "upsert_activity": frozenset({Role.WRITE}),
    "upsert_assignment": frozenset({Role.WRITE}),
    "upsert_self_initiated_course": frozenset({Role.WRITE}),
    "update_activity": frozenset({Role.WRITE}),
    "update_assignment": frozenset({Role.WRITE}),
    "update_self_initiated_course": frozenset({Role.WRITE}),
    "find_activity": frozenset({Role.WRITE}),
    "find_assignment": frozenset({Role.WRITE}),
    "find_self_initiated_course": frozenset({Role.WRITE}),
    "delete_activity": frozenset({Role.WRITE}),
    "list_learning_contents": frozenset({Role.WRITE}),
    "create_batch": frozenset({Role.WRITE}),
    "send_file": frozenset({Role.WRITE}),
    "delete_batch": frozenset({Role.WRITE}),
    "list_failures": frozenset({Role.MANAGE}),
    "replay_failures": frozenset({Role.MANAGE}),
    "erase_learner": frozenset({Role.MANAGE}),
    "discard_failures": frozenset({Role.MANAGE}),
    "check_tenant": frozenset({Role.MANAGE}),
    "get_tenant_check": frozenset({Role.MANAGE}),
    "get_openapi": frozenset(Role),  # With it, everybody tries whether a connection works.
}
FOR_ANYONE = frozenset({"get_batch", "get_batch_status", "get_health", "open_tenant_check"})

# What a claim is called in tokens of version 1 and 2, and by the platform's own names for some.
# Sources: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
# https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
_CLIENT = ("appid", "azp")
_AUDIENCE = ("aud",)
_USER = ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier")
_SCOPE = ("scp", "http://schemas.microsoft.com/identity/claims/scope")
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has signed in.

    Args:
        client_id: The application that calls, in small letters; in a browser, the one that people sign in to.
        user_id: The object id of the person who has signed in, "" where an application calls as itself.
        roles: The app roles: the person's if there is one, else the application's.
        in_browser: Whether it is the session of a browser.
    """

    client_id: str
    user_id: str
    roles: frozenset[str]
    in_browser: bool = False


def identify(headers: Mapping[str, str], *, sign_in: SignIn) -> Caller:
    """Return who has signed in, as App Service Authentication says.

    Args:
        headers: Of the request, names in lower case.
        sign_in: Who may.

    Raises:
        PermanentError: ``unauthenticated``.
    """
    said = headers.get(PRINCIPAL, "").strip()
    caller = _caller(_claims(said), sign_in) if said else None
    if caller is None:
        raise PermanentError(
            ErrorCode.UNAUTHENTICATED,
            "This function app lets callers in by Microsoft Entra ID, not by a function key. Sign in, and send the "
            'token in the header Authorization ("Bearer …"); in a flow, use a connection with Microsoft Entra ID.',
        )
    return caller


def require_permission(caller: Caller, *, function: str, sign_in: SignIn) -> None:
    """Let only those through who come by an application that may call, and have a role that the function is for.

    Raises:
        PermanentError: ``notAllowed``.
    """
    if not caller.in_browser and caller.client_id not in sign_in.client_ids - {sign_in.application_id}:
        raise PermanentError(
            ErrorCode.NOT_ALLOWED,
            "The application that you signed in with may not call this function app. An admin can add its client ID to "
            "the setting ALLOWED_CLIENT_APPLICATIONS.",
        )
    needed = ROLES.get(function, frozenset())
    if not caller.roles & needed:
        who = "your account" if caller.user_id else "the application"
        raise PermanentError(
            ErrorCode.NOT_ALLOWED,
            f"This takes the app role {' or '.join(sorted(needed))}, which {who} does not have. An admin can assign it "
            "(infra/assign-app-roles); it counts from the next sign-in on, or when the token is renewed.",
        )


def _claims(principal: str) -> Mapping[str, list[str]]:
    """Return what a principal of Microsoft Entra ID says, by the names of the claims; nothing if it cannot be read."""
    claims: defaultdict[str, list[str]] = defaultdict(list)
    try:
        # Padding is not promised.
        said = json.loads(base64.b64decode(principal + "=" * (-len(principal) % 4), validate=True))
        if said["auth_typ"] != _PROVIDER:
            return {}
        for claim in said["claims"]:
            name = _ROLES[0] if claim["typ"] == said.get("role_typ") else claim["typ"]
            claims[name].append(str(claim["val"]))
    except (binascii.Error, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return claims


def _caller(claims: Mapping[str, list[str]], sign_in: SignIn) -> Caller | None:
    clients = {one.casefold() for one in _named(claims, _CLIENT)}
    # The session of a browser is an id token, which names no client: it is for the application itself.
    in_browser = not clients and sign_in.application_id in {one.casefold() for one in _named(claims, _AUDIENCE)}
    if in_browser:
        clients = {sign_in.application_id}
    if len(clients) != 1 or not all(map(values.is_guid, clients)):
        return None
    is_person = in_browser or bool(_named(claims, _SCOPE))
    user_id = next(filter(values.is_guid, _named(claims, _USER)), "") if is_person else ""
    return Caller(clients.pop(), user_id, frozenset(_named(claims, _ROLES)), in_browser)


def _named(claims: Mapping[str, list[str]], names: tuple[str, ...]) -> list[str]:
    return [value for name in names for value in claims.get(name, ())]
