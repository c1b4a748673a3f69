"""The one shape of every error that a caller sees, asserted in one place by all tests."""

import json
from http import HTTPStatus
from typing import Any

import httpx

from activities.web import http

# The same request can succeed later: a caller has to be told when.
TRANSIENT = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


def assert_error(response: http.Response | httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is the error it should be, in the one shape; return what stands under "error"."""
    if isinstance(response, http.Response):
        actual_status, content, headers = response.status, response.body, httpx.Headers(dict(response.headers))
    else:
        actual_status, content, headers = response.status_code, response.content, response.headers
    body = json.loads(content)
    assert (actual_status, body.get("error", {}).get("code")) == (status, code), content
    assert headers["content-type"].partition(";")[0] == "application/json"
    assert headers["x-ms-error-code"] == code
    assert headers["x-ms-request-id"]
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"code", "message"} <= error.keys() <= {"code", "message", "target", "details"}
    assert all(isinstance(error[name], str) and error[name] for name in error.keys() - {"details"})
    if "details" in error:
        assert error["details"]
        for detail in error["details"]:
            assert detail.keys() == {"code", "message", "target"}
            assert all(isinstance(said, str) for said in detail.values())
            assert detail["code"]
            assert detail["message"]
    if status in TRANSIENT:
        assert int(headers["retry-after"]) >= 1
    elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
        assert "retry-after" not in headers
    return error
