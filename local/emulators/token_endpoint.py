"""Microsoft Entra ID's token endpoint, for an application whose secret is a token of a managed identity.

It checks what Entra checks of such a token: who issued it, about whom, for whom, and when. It takes no other secret.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

from local.emulators.applications import Application
from local.emulators.exchange import Request, Response, json_response
from local.emulators.identity_endpoint import EXCHANGE_RESOURCE, GRAPH_RESOURCE, TENANT_ID, Grant, Identity

TOKEN_LIFETIME_SECONDS = 3600
_REQUIRED = {
    "grant_type": "client_credentials",
    "scope": f"{GRAPH_RESOURCE}/.default",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


class _RefusedError(Exception):
    """Entra gives no token: OAuth's code and Entra's own."""

    def __init__(self, error: str, code: int, words: str) -> None:
        super().__init__(words)
        self.error = error
        self.code = code


def answer(request: Request, identity: Identity, applications: Mapping[str, Application]) -> Response:
    """Answer a request for a token for Microsoft Graph.

    Args:
        request: what came; its path names the tenant.
        identity: issued the assertion, and issues the token.
        applications: those that are registered, by their client ids.
    """
    tenant_id = request.path.split("/")[1].lower()
    form = dict(parse_qsl(request.body.decode(errors="replace")))
    client_id = form.get("client_id", "").lower()
    try:
        _check_form(form)
        application = _application_in(tenant_id, client_id, applications)
        _check_assertion(identity.grants.get(form.get("client_assertion", "")), application, request)
        roles = _roles_in(tenant_id, application)
    except _RefusedError as refusal:
        return _refused(refusal, request)
    expires_on = int(request.now.timestamp()) + TOKEN_LIFETIME_SECONDS
    token = identity.sign(Grant(GRAPH_RESOURCE, roles, expires_on, client_id, tenant_id), request.now)
    seconds = TOKEN_LIFETIME_SECONDS - 1
    return json_response(
        200, {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
    )


def _check_form(form: Mapping[str, str]) -> None:
    for name, value in _REQUIRED.items():
        if form.get(name) != value:
            raise _RefusedError("invalid_request", 900144, f"The request body must contain: '{name}' ({value}).")


def _application_in(tenant_id: str, client_id: str, applications: Mapping[str, Application]) -> Application:
    if tenant_id not in {TENANT_ID, *(one for application in applications.values() for one in application.tenants)}:
        raise _RefusedError("invalid_request", 90002, f"Tenant '{tenant_id}' not found.")
    application = applications.get(client_id)
    if application is None or tenant_id not in application.tenants:
        raise _RefusedError(
            "unauthorized_client", 700016, f"Application '{client_id}' was not found in the directory '{tenant_id}'."
        )
    if not application.enabled:
        raise _RefusedError("unauthorized_client", 7000112, f"Application '{client_id}' is disabled.")
    return application


def _check_assertion(assertion: Grant | None, application: Application, request: Request) -> None:
    if assertion is None:
        raise _RefusedError("invalid_client", 700027, "The assertion has an invalid signature.")
    if assertion.expires_on <= request.now.timestamp():
        raise _RefusedError("invalid_client", 700024, "The assertion is not within its valid time range.")
    if application.home_tenant_id != TENANT_ID:
        raise _RefusedError(
            "invalid_client",
            700236,
            f"Entra ID tokens issued by issuer '{assertion.issuer}' may not be used for federated identity credential"
            " flows for applications or managed identities registered in this tenant.",
        )
    no_match = "No matching federated identity record found"
    if not application.trusted:
        raise _RefusedError("invalid_client", 70021, f"{no_match}.")
    if assertion.resource != EXCHANGE_RESOURCE:
        words = f"{no_match} for presented assertion audience '{assertion.resource}'."
        raise _RefusedError("invalid_client", 700212, words)
    if assertion.issuer not in {issuer for issuer, _ in application.trusted}:
        words = f"{no_match} for presented assertion issuer '{assertion.issuer}'."
        raise _RefusedError("invalid_client", 700211, words)
    if (assertion.issuer, assertion.subject) not in application.trusted:
        words = f"{no_match} for presented assertion subject '{assertion.subject}'."
        raise _RefusedError("invalid_client", 700213, words)


def _roles_in(tenant_id: str, application: Application) -> tuple[str, ...]:
    roles = application.tenants[tenant_id]
    if roles is None:
        raise _RefusedError("invalid_grant", 65001, "Nobody has consented to the application.")
    return roles


def _refused(refusal: _RefusedError, request: Request) -> Response:
    trace_id, correlation_id = str(uuid.uuid4()), str(uuid.uuid4())
    timestamp = request.now.strftime("%Y-%m-%d %H:%M:%SZ")
    content = {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.code}: {refusal} Trace ID: {trace_id} Correlation ID: {correlation_id}"
        f" Timestamp: {timestamp}",
        "error_codes": [refusal.code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
    }
    return json_response(401 if refusal.error == "invalid_client" else 400, content)
