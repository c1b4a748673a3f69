"""What gateways and monitors ask: HEAD, through the host's own routing."""

import pytest

from tests.end_to_end.stack import Stack
from tests.support import plain_http

EVERY_TIME_ANOTHER = {"date", "x-ms-request-id", "transfer-encoding", "content-length"}


@pytest.mark.parametrize("path", ["health", "openapi.json", f"batches/{'0' * 32}"])
def test_head_is_answered_as_get_without_a_body(stack: Stack, path: str) -> None:
    get, head = (plain_http.request(method, f"{stack.host_url}/api/{path}", timeout=30) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert get.content
    same = [
        {name: value for name, value in one.headers.items() if name not in EVERY_TIME_ANOTHER} for one in (get, head)
    ]
    assert same[0] == same[1]


def test_other_routes_know_no_head(stack: Stack) -> None:
    assert plain_http.request("HEAD", f"{stack.host_url}/api/failures").status_code == 404
