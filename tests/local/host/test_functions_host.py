"""The local Functions host treats requests as the real one does."""

import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from local.host.http_functions import BODY_LIMIT_BYTES, BODY_LIMIT_SETTING, body_limit
from local.stack.processes import Child, started
from tests.local.host.queue_calls import SAMPLE_APP, wait_for


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


def everything(child: Child, request: bytes) -> bytes:
    """Send bytes and return what comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", urlsplit(child.url).port or 0), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b""))


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


def test_query_names_are_the_same_in_any_case_and_keep_the_first_spelling(host: httpx.Client) -> None:
    query = host.get("/api/echo?Name=1&other=2&NAME=3").json()["query"]

    assert query == {"Name": "1,3", "other": "2"}


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


def test_of_a_head_request_only_the_head_is_answered(host_process: Child) -> None:
    """Only by functions that name the method or none at all; what they write as a body is ignored, its length, too."""
    head = b"HEAD /api/unrouted HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = everything(host_process, head)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"X-Answered-By: sample" in answer or b"x-answered-by: sample" in answer
    assert b"content-length" not in answer.lower()
    assert b"transfer-encoding" not in answer.lower()


@pytest.mark.parametrize(("path", "function"), [("literal", "a_parameter"), ("first", "b_literal")])
def test_the_functions_names_decide_which_of_two_routes_answers(host: httpx.Client, path: str, function: str) -> None:
    """A literal goes before a parameter only if its function's name does."""
    assert host.get(f"/api/{path}/literal").text == function


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


def test_an_answer_with_a_body_comes_in_chunks_and_one_without_has_a_length(host: httpx.Client) -> None:
    chunked = host.get("/api/formats/page").headers
    empty = host.get("/api/formats/nothing").headers

    assert (chunked["transfer-encoding"], "content-length" in chunked) == ("chunked", False)
    assert (empty["content-length"], "transfer-encoding" in empty) == ("0", False)


def test_who_speaks_an_older_http_gets_no_chunks(host_process: Child) -> None:
    answer = everything(host_process, b"GET /api/formats/page HTTP/1.0\r\nHost: x\r\n\r\n")

    assert b"transfer-encoding" not in answer.lower()
    assert answer.endswith("\r\n\r\n<p>grün</p>".encode())


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_that_has_no_body_is_500_if_it_is_given_one(host: httpx.Client, host_log: Path, status: int) -> None:
    without, with_body = (host.get(f"/api/statuses/{status}{query}") for query in ("", "?body=text"))

    assert (without.status_code, without.content) == (status, b"")
    assert (with_body.status_code, with_body.content) == (500, b"")
    assert f"an answer of status {status} has no body" in host_log.read_text()


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


def test_a_task_logs_for_the_invocation_that_created_it_and_in_vain_when_that_is_over(
    host: httpx.Client, host_log: Path
) -> None:
    """The real host drops lines of invocations that are over: who waits for a shared task has to log what it found."""
    host.post("/api/background")
    host.get("/api/background")

    log = host_log.read_text()
    assert "a line of a task while its invocation runs" in log
    assert "a line of who waited for the task" in log
    assert "a line of a task after its invocation" not in log


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


def test_too_large_a_body_is_an_empty_500_without_being_read(host_process: Child) -> None:
    """The host finds it out inside the invocation, and tells the caller no more than of any other that fails."""
    head = f"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_LIMIT_BYTES + 1}\r\n\r\n"

    answer = converse(host_process, head.encode(), b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"content-length: 0\r\n" in answer.lower()


def test_the_limit_of_a_body_is_the_settings_if_that_is_a_number() -> None:
    limits = [body_limit({BODY_LIMIT_SETTING: said}) for said in ("67108864", "64 MiB", "")]

    assert limits == [67_108_864, BODY_LIMIT_BYTES, BODY_LIMIT_BYTES]
    assert body_limit({}) == 104_857_600


def test_a_host_heeds_the_limit_that_it_is_given(tmp_path: Path) -> None:
    options = ("--port", "0", "--app", str(SAMPLE_APP))
    with started("host", *options, env={BODY_LIMIT_SETTING: "4"}, log=tmp_path / "log") as child:
        answers = [httpx.post(f"{child.url}/api/echo", content=b"x" * length).status_code for length in (4, 5)]

    assert answers == [200, 500]


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
        ({}, "?Code=the-key", 200),
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
