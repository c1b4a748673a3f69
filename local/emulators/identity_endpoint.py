"""The managed-identity endpoint of App Service and Azure Functions, emulated.

It issues tokens that look like Entra's: those for Microsoft Graph, which only the emulated Graph accepts, those for
Azure Storage, which Azurite accepts when it is started with OAuth (it looks at the claims and skips the signature), and
those with which the identity vouches for an application (`token_endpoint`).
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import base64
import json
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.emulators.exchange import GraphError, Request, Response, json_response

API_VERSION = "2019-08-01"
GRAPH_RESOURCE = "https://graph.microsoft.com"
# https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory#microsoft-entra-id-resource-id
STORAGE_RESOURCE = "https://storage.azure.com"
# Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
EXCHANGE_RESOURCE = "api://AzureADTokenExchange"
TENANT_ID = "3f6d8c52-6a0e-4d0b-9c53-0d6f3a6f8b11"
SYSTEM_ASSIGNED_CLIENT_ID = "5e7a1c3f-0b5d-4a55-9f0e-6f1f4f1f0a01"

# "Back-end services for managed identities maintain a cache per resource URI for around 24 hours."
TOKEN_LIFETIME_SECONDS = 24 * 3600

# Graph's own, without which some clients do not see a challenge.
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


def principal_id_of(client_id: str) -> str:
    """Return the object id that belongs to a client id: another one, and always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, client_id.lower()))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says: for what it is, until when, and about whom."""

    resource: str
    roles: tuple[str, ...]
    expires_on: int
    client_id: str
    tenant_id: str

    @property
    def issuer(self) -> str:
        """Who issued it: in the older form where that is what the resource asks for."""
        if self.resource == EXCHANGE_RESOURCE:
            return f"https://login.microsoftonline.com/{self.tenant_id}/v2.0"
        return f"https://sts.windows.net/{self.tenant_id}/"

    @property
    def subject(self) -> str:
        """About whom it is."""
        return principal_id_of(self.client_id)


class Identity:
    """The identity of the function app: issues its tokens and recognises them again."""

    def __init__(self, header: str) -> None:
        self._header = header
        self.grants: dict[str, Grant] = {}

    def answer(self, request: Request, roles: Iterable[str], client_ids: Collection[str] = ()) -> Response:
        """Answer a request for a token.

        Args:
            request: what the app sent.
            roles: what a token for Microsoft Graph carries.
            client_ids: the user-assigned identities, of which the request must name one; empty when any will do.
        """
        given = request.headers.get("x-identity-header")
        if given is None:
            return _failure(400, "The X-IDENTITY-HEADER header is missing.")
        if not secrets.compare_digest(given.encode(), self._header.encode()):
            return _failure(401, "The X-IDENTITY-HEADER header does not have the value of IDENTITY_HEADER.")
        if request.query.get("api-version") != API_VERSION:
            return _failure(400, f"The api-version must be {API_VERSION}.")
        resource = request.query.get("resource", "")
        if resource.rstrip("/") not in {GRAPH_RESOURCE, STORAGE_RESOURCE, EXCHANGE_RESOURCE}:
            reason = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
            return _failure(400, reason)
        client_id = request.query.get("client_id", SYSTEM_ASSIGNED_CLIENT_ID)
        if client_ids and client_id.lower() not in client_ids:
            return _failure(400, "No User Assigned or Delegated Managed Identity found for specified ClientId.")
        token, expires_on = self.issue(
            roles if resource.rstrip("/") == GRAPH_RESOURCE else (),
            now=request.now,
            client_id=client_id,
            resource=resource.rstrip("/"),
        )
        content = {
            "access_token": token,
            "client_id": client_id,
            "expires_on": str(expires_on),
            "resource": resource,
            "token_type": "Bearer",
        }
        return json_response(200, content)

    def issue(
        self,
        roles: Iterable[str],
        *,
        now: datetime,
        client_id: str = SYSTEM_ASSIGNED_CLIENT_ID,
        resource: str = GRAPH_RESOURCE,
    ) -> tuple[str, int]:
        """Return a token of a managed identity and when it expires, in seconds since the epoch."""
        expires_on = int(now.timestamp()) + TOKEN_LIFETIME_SECONDS
        return self.sign(Grant(resource, tuple(roles), expires_on, client_id, TENANT_ID), now), expires_on

    def sign(self, grant: Grant, now: datetime) -> str:
        """Return a new token that says this."""
        issued_at = int(now.timestamp())
        claims = {
            "aud": grant.resource,
            "appid": grant.client_id,
            "exp": grant.expires_on,
            "iat": issued_at,
            "idtyp": "app",
            "iss": grant.issuer,
            "nbf": issued_at,
            "oid": grant.subject,
            "sub": grant.subject,
            "tid": grant.tenant_id,
            **({"roles": list(grant.roles)} if grant.roles else {}),  # As Entra, which leaves the claim out.
        }
        # The signature is only unguessable: whether a token is ours is looked up.
        token = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}.{secrets.token_urlsafe(32)}"
        self.grants[token] = grant
        return token

    def roles_of(self, authorization: str, now: datetime) -> frozenset[str]:
        """Return the roles of whoever shows this Authorization header. See ``grant_of``."""
        return frozenset(self.grant_of(authorization, now).roles)

    def grant_of(self, authorization: str, now: datetime) -> Grant:
        """Return what an Authorization header's token for Microsoft Graph says.

        Raises:
            GraphError: there is no token, it is not one of ours or not for Graph, or it has expired.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated("Access token is empty.")
        grant = self.grants.get(token.strip())
        if grant is None:
            raise _unauthenticated("Access token validation failure. Invalid signature.")
        if grant.resource != GRAPH_RESOURCE:
            raise _unauthenticated("Access token validation failure. Invalid audience.")
        if grant.expires_on <= now.timestamp():
            raise _unauthenticated("Lifetime validation failed, the token is expired.")
        return grant


def _unauthenticated(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": _CHALLENGE})


def _failure(status: int, message: str) -> Response:
    return json_response(status, {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())})


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
