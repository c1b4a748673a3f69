"""The local Functions host treats requests as the real one does."""

import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from local.http_functions import BODY_LIMIT_BYTES
from local.processes import Child, started
from tests.local.calls import SAMPLE_APP
from tests.local.queue_calls import wait_for


def converse(child: Child, request: bytes, until: bytes) -> bytes:
    """Send bytes and return what comes back up to and including `until`."""
    with socket.create_connection(("127.0.0.1", urlsplit(child.url).port or 0), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while until not in received:
            part = connection.recv(4096)
            assert part, received
            received += part
        return received


def test_the_root_shows_that_the_app_is_up(host: httpx.Client) -> None:
    assert host.get("/").status_code == 200


def test_the_function_sees_the_request_and_the_caller_its_response(host: httpx.Client) -> None:
    answer = host.post("/api/echo?a=b", content=b"\x7b\x7d", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["x-answered-by"]) == (200, "sample")
    assert answer.headers["content-type"] == "application/json"
    seen = answer.json()
    assert (seen["method"], seen["url"], seen["body"]) == ("POST", f"{host.base_url}/api/echo?a=b", "{}")


def test_header_names_are_lower_case_and_several_values_joined(host: httpx.Client) -> None:
    headers = host.get("/api/echo", headers=[("X-Two", "1"), ("X-Two", "2"), ("X-One", "3")]).json()["headers"]

    assert (headers["x-two"], headers["x-one"]) == ("1,2", "3")


def test_empty_query_values_are_dropped_and_repeated_ones_joined(host: httpx.Client) -> None:
    query = host.get("/api/echo?empty=&flag&twice=1&twice=2&space=a%20b+c").json()["query"]

    assert query == {"twice": "1,2", "space": "a b c"}


def test_a_chunked_body_arrives_empty(host: httpx.Client) -> None:
    """The real host reads a body only when its length is announced."""
    seen = host.post("/api/echo", content=iter([b"some", b"thing"])).json()

    assert (seen["headers"]["transfer-encoding"], seen["body"]) == ("chunked", "")


def test_a_compressed_body_arrives_as_it_was_sent(host: httpx.Client) -> None:
    answer = host.post("/api/echo", content=b"not really", headers={"Content-Encoding": "gzip"})

    assert answer.json()["body"] == "not really"


def test_route_parameters_reach_the_function(host: httpx.Client) -> None:
    assert host.get("/api/items/a%20b/parts/7").json()["parameters"] == {"item": "a b", "part": "7"}


def test_without_a_route_the_function_has_its_name_and_any_method(host: httpx.Client) -> None:
    assert host.get("/api/unrouted").json()["method"] == "GET"
    assert host.request("PATCH", "/api/unrouted").json()["method"] == "PATCH"
    head = host.head("/api/unrouted")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nothing"),
        ("GET", "/echo"),
        ("GET", "/api/scheduled"),
        ("GET", "/admin/host/status"),
        ("DELETE", "/api/echo"),
        ("OPTIONS", "/api/echo"),
        ("HEAD", "/api/echo"),
        ("POST", "/"),
    ],
)
def test_no_route_and_a_wrong_method_are_404_without_a_body(host: httpx.Client, method: str, path: str) -> None:
    answer = host.request(method, path)

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("name", "status", "content", "headers"),
    [
        (
            "page",
            200,
            "<p>grün</p>".encode(),
            {
                "content-type": "text/html; charset=utf-8",
                "content-security-policy": "default-src 'none'; style-src 'sha256-a+/='",
                "refresh": "5",
            },
        ),
        (
            "file",
            200,
            bytes(range(256)),
            {"content-type": "text/csv; charset=utf-16", "content-disposition": "attachment; filename=a.csv"},
        ),
        ("elsewhere", 302, b"", {"location": "/api/echo?a=b%20c"}),
        ("nothing", 202, b"", {"location": "../x", "retry-after": "7"}),
    ],
)
def test_what_a_function_answers_passes_unchanged(
    host: httpx.Client, name: str, status: int, content: bytes, headers: dict[str, str]
) -> None:
    answer = host.get(f"/api/formats/{name}")

    assert (answer.status_code, answer.content) == (status, content)
    assert headers.items() <= dict(answer.headers).items()
    assert answer.headers["content-length"] == str(len(content))


def test_an_exception_is_500_without_a_body_and_stands_in_the_log(host: httpx.Client, host_log: Path) -> None:
    answer = host.get("/api/failing")

    assert (answer.status_code, answer.content) == (500, b"")
    log = host_log.read_text()
    assert "RuntimeError: this is in the log only: GET" in log
    assert 'function_app.py", line' in log


def test_what_the_app_logs_stands_in_the_log_with_time_level_and_logger(host: httpx.Client, host_log: Path) -> None:
    host.get("/api/trace")

    line = rf"^\d{{4}}-\d\d-\d\d \S+ INFO sample a line of the app for {host.base_url}api/trace$"
    assert re.search(line.replace(f"{host.base_url}api", f"{host.base_url}/api"), host_log.read_text(), re.MULTILINE)


def test_a_function_that_this_host_does_not_run_is_named_in_the_log(host: httpx.Client, host_log: Path) -> None:
    host.get("/")

    assert "WARNING local.host stored is not run: this host has no blobTrigger." in host_log.read_text()


def test_the_callers_trace_goes_on(host: httpx.Client) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    seen = host.get("/api/trace", headers={"traceparent": parent}).json()

    assert seen["trace"] == parent
    assert uuid.UUID(seen["invocation"])


def test_without_the_callers_trace_there_is_one_of_the_hosts(host: httpx.Client) -> None:
    traces = [host.get("/api/trace").json()["trace"] for _ in range(2)]

    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace) for trace in traces)
    assert traces[0] != traces[1]


def test_too_large_a_body_is_413_without_being_read(host_process: Child) -> None:
    head = f"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_LIMIT_BYTES + 1}\r\n\r\n"

    assert converse(host_process, head.encode(), b"\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_to_be_told_may_send_its_body(host_process: Child) -> None:
    head = b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

    answer = converse(host_process, head + b"body", b'"body": "body"}')
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_without_a_function_key_nobody_is_asked_for_one(host: httpx.Client) -> None:
    """As the Core Tools do."""
    assert host.get("/api/locked").status_code == 200


@pytest.fixture(scope="module")
def locked_host() -> Iterator[httpx.Client]:
    """A client of a host with a function key."""
    options = ("--port", "0", "--app", str(SAMPLE_APP), "--function-key", "the-key")
    with started("host", *options) as child, httpx.Client(base_url=child.url) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 401),
        ({"x-functions-key": "wrong"}, "", 401),
        ({}, "?code=wrong", 401),
        ({"x-functions-key": "wrong"}, "?code=the-key", 401),
        ({"x-functions-key": "ké".encode()}, "", 401),
        ({"X-Functions-Key": "the-key"}, "", 200),
        ({}, "?code=the-key", 200),
    ],
)
def test_with_a_function_key_callers_must_show_it(
    locked_host: httpx.Client, headers: dict[str, str], query: str, status: int
) -> None:
    answer = locked_host.get(f"/api/locked{query}", headers=headers)

    assert answer.status_code == status
    if status == 401:
        assert answer.content == b""


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"x-functions-key": "the-key"}, 202)])
def test_with_a_function_key_who_runs_a_function_by_hand_must_show_it(
    locked_host: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = locked_host.post("/admin/functions/scheduled", json={"input": ""}, headers=headers)

    assert answer.status_code == status


def test_a_timer_function_runs_by_hand_beside_http_functions(host: httpx.Client, host_log: Path) -> None:
    assert host.post("/admin/functions/scheduled", json={}).status_code == 202

    wait_for(lambda: "INFO sample scheduled, past due: False" in host_log.read_text())


def test_an_anonymous_function_asks_for_no_key(locked_host: httpx.Client) -> None:
    assert locked_host.get("/api/echo").status_code == 200


def test_a_wrong_method_is_404_before_it_is_401(locked_host: httpx.Client) -> None:
    assert locked_host.post("/api/locked").status_code == 404
