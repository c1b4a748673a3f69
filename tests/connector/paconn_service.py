"""A stand-in for what paconn talks to: the sign-in, Power Apps, Power Automate, and the storage for the icon.

It keeps what was uploaded exactly as it came. Its addresses and answers are those that paconn 0.0.21 works with; the
comments name the file and line of its source.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

type Json = dict[str, Any]

ENVIRONMENT = "Default-7c3a1e52-33c0-4a7e-8f0f-6f3d8a1b2c4d"
TOKEN = "token-of-the-maker"
CONNECTOR_ID = "shared_viva-20learning-20activities-5f1a2b3c4d5e6f7081"
STORAGE = "https://contoso.blob.core.windows.net/upload?sv=2018-03-28&sr=c&sig=signature"
POWER_APPS = "api.powerapps.com/providers/Microsoft.PowerApps"  # settings/settings.py:45-47
POWER_AUTOMATE = "api.flow.microsoft.com/providers/Microsoft.ProcessSimple"  # settings/settings.py:50-52
SIGN_IN = "login.microsoftonline.com/common/oauth2"  # settings/settings.py:55-56
OURS = f"$filter=environment eq '{ENVIRONMENT}'"  # apimanager/powerappsrp.py:25-26


@dataclass
class Service:
    """What has arrived."""

    port: int = 0
    calls: list[str] = field(default_factory=list)
    connectors: dict[str, Json] = field(default_factory=dict)
    """What each connector was created or updated with last, by its id."""
    files: dict[str, bytes] = field(default_factory=dict)

    def answer(self, method: str, url: str, authorization: str, content: bytes) -> tuple[int, Json | None]:
        """Return the status and the answer; whatever else paconn may ask for is not found."""
        parts = urlsplit(url)
        address = f"{parts.netloc}{parts.path}"
        self.calls.append(f"{method} {address}")
        if parts.netloc == urlsplit(STORAGE).netloc:  # apimanager/fileuploader.py:16-58
            self.files[parts.path] = content
            return HTTPStatus.CREATED, None
        if address.startswith(SIGN_IN):
            return HTTPStatus.OK, _signed_in(address)
        if authorization != f"Bearer {TOKEN}":  # apimanager/apimanager.py:94-102
            return HTTPStatus.UNAUTHORIZED, {"error": {"code": "AuthenticationFailed"}}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert query.pop("api-version") == "2016-11-01"  # settings/settings.py:46
        return self._registered(f"{method} {address}", query, json.loads(content or b"null"))

    def _registered(self, call: str, query: Json, body: Any) -> tuple[int, Json | None]:
        connector_of = f"{POWER_APPS}/apis"
        match call.split():
            case ["GET", address] if address == f"{POWER_AUTOMATE}/environments":  # common/prompts.py:21-39
                return HTTPStatus.OK, {"value": [{"name": ENVIRONMENT, "properties": {"displayName": "Contoso"}}]}
            case ["POST", address] if address.endswith("/validateApiSwagger"):  # operations/upsert.py:130
                return HTTPStatus.OK, {}
            case ["POST", address] if address.endswith("/generateResourceStorage"):  # operations/upsert.py:135-136
                assert body == {"environment": {"name": ENVIRONMENT}}
                return HTTPStatus.OK, {"sharedAccessSignature": STORAGE}
            case ["POST", address] if address == connector_of:  # operations/upsert.py:163-166
                self.connectors[CONNECTOR_ID] = body
            case ["PATCH", address] if address == f"{connector_of}/{CONNECTOR_ID}":  # operations/upsert.py:157-160
                self.connectors[CONNECTOR_ID] = body
            case _:
                return HTTPStatus.NOT_FOUND, {"error": {"code": "NotFound", "message": call}}
        assert query == {"$filter": OURS.removeprefix("$filter=")}
        return HTTPStatus.OK, {"name": CONNECTOR_ID, "properties": body["properties"]}


def _signed_in(address: str) -> Json:
    """Answer the sign-in by a code (authentication/profile.py:34-55): at once, as if the person were done already."""
    if address.endswith("/devicecode"):
        page = {"verification_url": "https://microsoft.com/devicelogin", "message": "Enter the code ABCD to sign in."}
        return {"user_code": "ABCD", "device_code": "device", "expires_in": "900", "interval": "1", **page}
    expires = {"expires_in": "3600", "expires_on": str(int(time.time()) + 3600)}
    return {"token_type": "Bearer", "access_token": TOKEN, "resource": "https://service.powerapps.com/", **expires}


@contextmanager
def running_service() -> Iterator[Service]:
    """Run one on a free port of this machine."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        """Hands everything to the service."""

        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"https://{self.headers['Host']}{self.path}"
            status, said = service.answer(self.command, url, self.headers.get("Authorization", ""), content)
            answer = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            # Of what storage answers, azure-storage-blob reads these two.
            self.send_header("ETag", '"0x8D1"')
            self.send_header("Last-Modified", self.date_time_string())
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
