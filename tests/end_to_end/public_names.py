"""Microsoft's addresses, led to this machine: what is written for them runs as it is, and nothing leaves the machine.

A proxy, which curl and Python's libraries find in ``HTTPS_PROXY``, connects each name to a port here. Microsoft Entra
ID is stood in for as far as an application signs in: with a secret, or with an assertion that its certificate signed.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import json
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from local.emulators.identity_endpoint import STORAGE_RESOURCE, TENANT_ID, Identity
from local.lifecycle import LOOPBACK
from local.stack.certificates import CERTIFICATE, KEY

SIGN_IN = "login.microsoftonline.com"
TOKEN_ENDPOINT = f"https://{SIGN_IN}/{TENANT_ID}/oauth2/v2.0/token"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Application:
    """An application that is registered in the tenant, with the certificates (PEM) that were uploaded to it."""

    client_id: str
    secret: str
    certificates: list[bytes] = field(default_factory=list)
    signed_in_with: list[str] = field(default_factory=list)

    def sign_in(self, form: Mapping[str, str]) -> str:
        """Return how an application proved who it is; empty if it did not."""
        if form.get("client_id") != self.client_id or form.get("grant_type") != "client_credentials":
            return ""
        if "client_secret" in form:
            return "secret" if form["client_secret"] == self.secret else ""
        if form.get("client_assertion_type") != _ASSERTION:
            return ""
        return "certificate" if any(self._signed(form["client_assertion"], one) for one in self.certificates) else ""

    def _signed(self, assertion: str, certificate: bytes) -> bool:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        assert isinstance(key, RSAPublicKey)
        try:
            said = jwt.decode(assertion, key, algorithms=["PS256", "RS256"], audience=TOKEN_ENDPOINT)
        except jwt.InvalidTokenError:
            return False
        return bool(said["iss"] == said["sub"] == self.client_id)


@contextmanager
def public_names(folder: Path, application: Application, **ports: int) -> Iterator[dict[str, str]]:
    """Lead the sign-in of Microsoft Entra ID, and further names, to this machine.

    Args:
        folder: where the certificate is that the servers on this machine show, and its key.
        application: who can sign in.
        ports: by the first label of their names under queue.core.windows.net.

    Returns:
        The environment with which programs go this way.
    """
    entra = ThreadingHTTPServer((LOOPBACK, 0), _entra(application))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    entra.socket = context.wrap_socket(entra.socket, server_side=True)
    names = {f"{label}.queue.core.windows.net": port for label, port in ports.items()}
    proxy = ThreadingTCPServer((LOOPBACK, 0), _proxy({SIGN_IN: entra.server_address[1], **names}))
    proxy.daemon_threads = True
    with entra, proxy:
        threads = [threading.Thread(target=server.serve_forever) for server in (entra, proxy)]
        for thread in threads:
            thread.start()
        certificate = str(folder / CERTIFICATE)
        yield {
            "HTTPS_PROXY": f"http://{LOOPBACK}:{proxy.server_address[1]}",
            "NO_PROXY": LOOPBACK,
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), certificate),
        }
        for server in (entra, proxy):
            server.shutdown()
        for thread in threads:
            thread.join()


def _entra(application: Application) -> type[BaseHTTPRequestHandler]:
    issuer = Identity("")

    class Entra(BaseHTTPRequestHandler):
        """What an application that signs in asks for."""

        def do_GET(self) -> None:
            if self.path.startswith("/common/discovery/instance"):
                names = {"preferred_network": SIGN_IN, "preferred_cache": SIGN_IN, "aliases": [SIGN_IN]}
                self._answer(200, {"tenant_discovery_endpoint": _configuration_url(), "metadata": [names]})
            elif f"https://{SIGN_IN}{self.path}" == _configuration_url():
                self._answer(200, _CONFIGURATION)
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            how = application.sign_in(form) if f"https://{SIGN_IN}{self.path}" == TOKEN_ENDPOINT else ""
            if not how or f"{STORAGE_RESOURCE}/.default" not in form.get("scope", "").split():
                self._answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215"})
                return
            application.signed_in_with.append(how)
            token, _ = issuer.issue((), now=datetime.now(UTC), client_id=form["client_id"], resource=STORAGE_RESOURCE)
            self._answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's own name)
            """Say nothing: what a test wants to know, it asks."""

        def _answer(self, status: int, content: Mapping[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Entra


def _configuration_url() -> str:
    return f"https://{SIGN_IN}/{TENANT_ID}/v2.0/.well-known/openid-configuration"


_CONFIGURATION = {
    "token_endpoint": TOKEN_ENDPOINT,
    "authorization_endpoint": TOKEN_ENDPOINT.replace("/token", "/authorize"),
    "issuer": f"https://{SIGN_IN}/{TENANT_ID}/v2.0",
}


def _proxy(ports: Mapping[str, int]) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        """Connects to the names that it knows, on port 443, and to no other."""

        def do_CONNECT(self) -> None:
            name, _, port = self.path.rpartition(":")
            if port != "443" or name not in ports:
                self.send_error(403)
                return
            with socket.create_connection((LOOPBACK, ports[name])) as server:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _carry(self.connection, server)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's own name)
            """Say nothing: what a test wants to know, it asks."""

    return Proxy


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side has no more."""
    to = {one: other, other: one}
    while True:
        ready, _, _ = select.select(list(to), [], [])
        for side in ready:
            content = side.recv(65_536)
            if not content:
                return
            to[side].sendall(content)
