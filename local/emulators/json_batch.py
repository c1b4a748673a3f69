"""JSON batching: the requests in a `$batch` request, and the one answer to all of them.

It only reads and writes; what a request does is decided where single ones are answered. `dependsOn` is refused, since
the product does not use it. The words of the refusals are Graph's, as reported, where a source stands beside them.
https://learn.microsoft.com/graph/json-batching
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.emulators.exchange import GraphError, Request, Response, json_response
from local.emulators.odata import parse_object

MOST_REQUESTS = 20
_ABSOLUTE = re.compile(r"[a-z][a-z\d+.-]*:|//", re.IGNORECASE)
_WRITING = {"PATCH", "POST", "PUT"}
# What tells HTTP requests apart stands in the headers of the whole answer only.
_OUTER_HEADERS = {"client-request-id", "request-id"}


def read(request: Request) -> dict[str, Request]:
    """Return the requests of a batch by their ids, in their order; each is authorized as the batch is.

    Raises:
        GraphError: the batch is malformed, and none of it may be carried out.
    """
    items = parse_object(request).get("requests")
    if not isinstance(items, list) or not items:
        raise _malformed("Invalid batch payload format.")
    if len(items) > MOST_REQUESTS:
        # https://github.com/microsoftgraph/microsoftgraph-postman-collections/issues/9
        raise _malformed("Number of requests inside batch exceeds the limit.")
    requests: dict[str, Request] = {}
    seen: set[str] = set()
    for item in items:
        request_id, one = _read_item(item, request)
        if request_id.lower() in seen:
            # https://github.com/microsoftgraph/msgraph-sdk-java/issues/559
            raise _malformed(f"Request Id {request_id} has to be unique in a batch.")
        seen.add(request_id.lower())
        requests[request_id] = one
    return requests


def to_response(answers: Mapping[str, Response]) -> Response:
    """Return one answer that holds those to all requests, as late as the latest of them.

    Graph promises no order; this one is the opposite of the requests', so that nobody relies on theirs.
    """
    responses = [_write_item(request_id, answer) for request_id, answer in answers.items()]
    latest = max(answer.delay_seconds for answer in answers.values())
    return replace(json_response(200, {"responses": responses[::-1]}), delay_seconds=latest)


def _read_item(item: Any, outer: Request) -> tuple[str, Request]:
    match item:
        case {"id": str(request_id), "method": str(method), "url": str(url)} if request_id and method and url:
            headers = item.get("headers") or {}
        case _:
            # https://github.com/microsoftgraph/msgraph-sdk-javascript/issues/1451
            raise _malformed("Invalid batch payload format.")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise _malformed("Invalid batch payload format.")
    if _ABSOLUTE.match(url):
        raise _malformed(f"The url of request {request_id} has to be relative: '{url}'.")
    if item.get("dependsOn"):
        raise _malformed("This emulator does not support dependsOn.")
    sent = {name.lower(): value for name, value in headers.items()}
    body = item.get("body")
    is_incomplete = body is None or "content-type" not in sent
    if is_incomplete and (body is not None or method.upper() in _WRITING):
        # https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2628
        raise _malformed(f"Write request id : {request_id} does not contain Content-Type header or body.")
    own = {name: outer.headers[name] for name in ("authorization", "client-request-id") if name in outer.headers}
    one = Request.from_wire(
        method.upper(),
        f"/v1.0/{url.removeprefix('/')}",
        headers={**sent, **own}.items(),
        body=b"" if body is None else json.dumps(body).encode(),
        now=outer.now,
    )
    return request_id, replace(one, batched=True)


def _write_item(request_id: str, answer: Response) -> dict[str, Any]:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OUTER_HEADERS}
    item = {"id": request_id, "status": answer.status, "headers": headers}
    return {**item, "body": _write_body(answer)} if answer.body else item


def _write_body(answer: Response) -> Any:
    """Return JSON as it is, and anything else as base64, which a batch holds as a text."""
    if answer.headers.get("Content-Type", "").startswith("application/json"):
        try:
            return json.loads(answer.body)
        except ValueError:
            pass
    return base64.urlsafe_b64encode(answer.body).decode()


def _malformed(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)
