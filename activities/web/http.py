"""An HTTP request and its answer as far as the product reads and writes them. No I/O, and no HTTP library."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from activities.errors import ErrorCode, PermanentError

PAGE_SIZE = 50
LARGEST_PAGE = 1000
# A caller's id is echoed only if it is one: a header must not be able to write another header.
_PLAIN_TOKEN = re.compile(r"[!-~]{1,128}")
# Every answer is for its caller alone, is what its type says, comes as JSON or as a page, and for a year by TLS alone.
_ALWAYS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as far as the product reads it; header names in lower case, names of the query as they came.

    ``function`` is the app's function that it came to; ``client_id`` the application that sent it, where Microsoft
    Entra ID says so.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    route: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid4()))
    function: str = ""
    client_id: str = ""

    def parameter(self, name: str) -> str:
        """Return what the query says under a name, in any case, as the host matches names; "" if it says nothing."""
        return next((value for given, value in self.query.items() if given.casefold() == name.casefold()), "")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer: JSON, but for the page and the sheet of a batch."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def media_type(request: Request) -> str:
    """Return what a caller calls the body, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().casefold()


def public_url(url: str, base: str) -> str:
    """Return an address of the app as callers see it: below ``base`` if a gateway stands in front, else as it is."""
    if not base:
        return url
    parts = urlsplit(url)
    return base + parts.path + (f"?{parts.query}" if parts.query else "")


def next_link(after: str, request: Request) -> str:
    """Return the address of the next page: the same query, from another place on."""
    # "code" is the host's name for the function key, which belongs in no link.
    kept = {name: value for name, value in request.query.items() if name.casefold() not in {"code", "after"}}
    return f"{request.url.partition('?')[0]}?{urlencode({**kept, 'after': after})}"


def page_size(request: Request) -> int:
    """Return how many items a page of the answer has: ``top`` of the query, 1 to 1,000, else 50.

    Raises:
        PermanentError: ``invalidRequest``.
    """
    said = (request.parameter("top") or str(PAGE_SIZE)).strip()
    if re.fullmatch(r"[1-9]\d{0,3}", said, re.ASCII) and int(said) <= LARGEST_PAGE:
        return int(said)
    message = f"top must be a whole number from 1 to {LARGEST_PAGE}."
    raise PermanentError(ErrorCode.INVALID_REQUEST, message, target="top")


def respond(status: int, body: object, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    content = json.dumps(body).encode()
    return respond_with(status, content, request, {"Content-Type": "application/json", **(headers or {})})


def respond_with(status: int, content: bytes, request: Request, headers: Mapping[str, str]) -> Response:
    """Return an answer with the headers that every answer has; ``headers`` say what it is."""
    always = {**_ALWAYS, "x-ms-request-id": request.request_id}
    client_request_id = request.headers.get("x-ms-client-request-id", "")
    if _PLAIN_TOKEN.fullmatch(client_request_id):
        always["x-ms-client-request-id"] = client_request_id
    return Response(int(status), content, {**always, **headers})
