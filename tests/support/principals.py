"""What App Service Authentication tells the app of a caller: of an application, of a person through one, of a browser.

Sources: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities,
https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
"""

import base64
import json
from collections.abc import Iterable, Mapping

from local.environment import API_CLIENT_ID

# Who calls, what they ask a token for, and who the person is.
APPLICATION = "3f2c7a34-9a0e-4f0a-8f6e-2f4c1b7d9e10"
API = API_CLIENT_ID
TENANT = "0f9a1c52-7f0e-4e64-8f7c-1d2f3a4b5c6d"
USER = "5c1f0d4e-2b7a-4d0c-9b53-7e6a1f2d3c4b"
SERVICE_PRINCIPAL = "9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a"
WRITE, MANAGE = "Activities.Write", "Failures.Manage"
LONG_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
# The platform's own names, where it does not leave a claim as it is in the token.
LONG_NAMES = {
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
    "scp": "http://schemas.microsoft.com/identity/claims/scope",
    "roles": LONG_ROLE,
}

type Claims = Iterable[tuple[str, str]]


def application(*roles: str, client_id: str = APPLICATION, version: int = 2) -> list[tuple[str, str]]:
    """Return the claims of an application that calls as itself."""
    return [*_of_token(client_id, version), ("oid", SERVICE_PRINCIPAL), *_roles(roles)]


def delegated(*roles: str, client_id: str = APPLICATION, version: int = 2) -> list[tuple[str, str]]:
    """Return the claims of a person who calls through an application; the roles are the person's."""
    scope = ("scp", "user_impersonation")
    return [*_of_token(client_id, version), ("oid", USER), ("name", "Ada Lovelace"), scope, *_roles(roles)]


def session(*roles: str, audience: str = API, version: int = 2) -> list[tuple[str, str]]:
    """Return the claims of a person who has signed in in a browser: an id token, which names no client."""
    said = [("ver", f"{version}.0"), ("aud", audience), ("tid", TENANT), ("oid", USER), ("name", "Ada Lovelace")]
    return [*said, *_roles(roles)]


def header(
    claims: Claims, *, auth_typ: str = "aad", role_typ: str = "roles", renamed: Mapping[str, str] | None = None
) -> str:
    """Return the value of the header; ``renamed`` says what claims are called instead."""
    names = renamed or {}
    said = [{"typ": names.get(name, name), "val": value} for name, value in claims]
    principal = {"auth_typ": auth_typ, "claims": said, "name_typ": "name", "role_typ": role_typ}
    return base64.b64encode(json.dumps(principal).encode()).decode()


def principal(client_id: str = APPLICATION, *roles: str) -> str:
    """Return the header's value for an application with these roles, or with all."""
    return header(application(*(roles or (WRITE, MANAGE)), client_id=client_id))


def _of_token(client_id: str, version: int) -> list[tuple[str, str]]:
    # In version 2 the audience is the client id, in version 1 the address that was asked for.
    claim, audience = ("azp", API) if version > 1 else ("appid", f"api://{TENANT}/func-viva-learning")
    return [("ver", f"{version}.0"), ("aud", audience), ("tid", TENANT), (claim, client_id)]


def _roles(roles: Iterable[str]) -> list[tuple[str, str]]:
    return [("roles", role) for role in roles]
