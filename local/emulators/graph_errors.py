"""A refusal in Graph's form: https://learn.microsoft.com/graph/errors."""

import uuid
from collections.abc import Mapping
from typing import Any

from local.emulators.exchange import GraphError, Request, Response, json_response


def error_response(request: Request, refusal: GraphError) -> Response:
    """Return the response that refuses a request."""
    correlation = correlation_of(request)
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.details:
        error["details"] = list(refusal.details)
    error["innerError"] = {
        "date": request.now.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": correlation["request-id"],
        "client-request-id": correlation.get("client-request-id", correlation["request-id"]),
    }
    return json_response(refusal.status, {"error": error}, {**correlation, **refusal.headers})


def correlation_of(request: Request) -> Mapping[str, str]:
    """Return the headers by which Microsoft's support would find a request."""
    sent = request.headers.get("client-request-id")
    return {"request-id": str(uuid.uuid4()), **({"client-request-id": sent} if sent else {})}
