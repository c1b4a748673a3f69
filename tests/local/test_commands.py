"""How the commands of `python -m local` start, end, and say what is wrong."""

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from local.commands import main
from local.lifecycle import ROOT, free_ports
from local.stack.processes import ChildError, started
from tests.local.host.queue_calls import SAMPLE_APP
from tests.support import plain_http

LIMIT_SECONDS = 30
HOST = ("host", "--port", "0", "--app", str(SAMPLE_APP))
GRAPH = ("graph", "--port", "0")
STORAGE = ("storage", "--blob-port", "0", "--queue-port", "0", "--table-port", "0")
EMPTY_APP = "import azure.functions as func\napp = func.FunctionApp()\n"
SERVERS = pytest.mark.parametrize("command", [HOST, GRAPH, STORAGE], ids=["host", "graph", "storage"])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with nothing to read."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def app_in(folder: Path, code: str) -> str:
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "function_app.py").write_text(code)
    return str(folder)


@SERVERS
def test_one_line_on_standard_output_says_where_it_serves_until_the_lifeline_ends(command: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *command, "--lifeline"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:")
        assert plain_http.get(line.removeprefix("ready ").strip()).status_code in {200, 400, 404}
        rest, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert (rest, process.returncode) == ("", 0)


@SERVERS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(command: tuple[str, ...], number: signal.Signals) -> None:
    with started(*command) as child:
        child.send_signal(number)
        assert child.wait(LIMIT_SECONDS) == 0


@SERVERS
def test_nothing_outlives_a_parent_that_was_killed(command: tuple[str, ...]) -> None:
    """Every descendant holds the pipe of standard error: its end means that all of them have ended."""
    program = (
        "import os, signal\n"
        "from local.stack.processes import started\n"
        f"with started(*{command!r}):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "command",
    [
        ("host", "--app", str(SAMPLE_APP), "--port"),
        ("graph", "--port"),
        ("storage", "--queue-port", "0", "--table-port", "0", "--blob-port"),
    ],
    ids=["host", "graph", "storage"],
)
def test_a_port_in_use_is_exit_code_2_and_one_sentence(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(*command, str(port))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"Port {port} is already in use: stop the program that listens there, or choose another port.\n"
    )


def test_running_invocations_finish_after_a_signal() -> None:
    with started(*HOST) as child, httpx.Client(base_url=child.url) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, "/api/slow?seconds=0.5", timeout=LIMIT_SECONDS)
        while plain_http.get(f"{child.url}/api/running").text != "1":
            assert not answer.done()
        child.send_signal(signal.SIGTERM)
        assert answer.result(LIMIT_SECONDS).text == "finished"
        assert child.wait(LIMIT_SECONDS) == 0


def test_an_app_that_cannot_be_imported_is_exit_code_1_with_its_stack(tmp_path: Path) -> None:
    """In Azure it is "0 functions found" and nothing else."""
    app = app_in(tmp_path, "import azure.functions\nraise LookupError('the reason')\n")

    ended = run("host", "--port", "0", "--app", app)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "LookupError: the reason" in ended.stderr
    assert 'function_app.py", line 2, in <module>' in ended.stderr


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (EMPTY_APP, "There is no function in"),
        (
            f"{EMPTY_APP}@app.route('items/{{id:int}}')\ndef item(req: func.HttpRequest) -> str:\n    return ''\n",
            "the route template 'api/items/{id:int}' uses '{id:int}'",
        ),
    ],
)
def test_an_app_that_this_host_cannot_serve_is_exit_code_1(tmp_path: Path, code: str, reason: str) -> None:
    ended = run("host", "--port", "0", "--app", app_in(tmp_path, code))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert reason in ended.stderr


def test_the_route_prefix_comes_from_host_json_and_a_text_is_an_answer(tmp_path: Path) -> None:
    app = app_in(
        tmp_path, f"{EMPTY_APP}@app.route('name')\ndef name(req: func.HttpRequest) -> str:\n    return 'text'\n"
    )
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')

    with started("host", "--port", "0", "--app", app) as child:
        assert plain_http.get(f"{child.url}/name").text == "text"
        assert plain_http.get(f"{child.url}/api/name").status_code == 404


@pytest.mark.parametrize(("content", "reason"), [(None, "host.json is missing"), ("{", "is not a host.json")])
def test_without_a_host_json_it_is_exit_code_2(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "host.json").write_text(content)

    ended = run("host", "--port", "0", "--app", str(tmp_path))

    assert ended.returncode == 2
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1


def up_options() -> list[str]:
    names = ("--host-port", "--graph-port", "--blob-port", "--queue-port", "--table-port")
    ports = free_ports([0] * len(names))
    return [text for name, port in zip(names, ports, strict=True) for text in (name, str(port))]


def test_up_starts_everything_with_the_app_set_up_for_it_and_ends_it_all(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = up_options()

    with started("up", "--app", str(SAMPLE_APP), *options, env={"LEARNING_PROVIDER_ID": "mine"}, log=log) as up:
        settings = plain_http.get(f"{up.url}/api/settings").json()
        child_urls = [f"http://127.0.0.1:{port}" for port in options[1::2]]
        assert up.url == child_urls[0]
        assert settings["GRAPH_BASE_URL"] == f"{child_urls[1]}/v1.0"
        assert f"QueueEndpoint={child_urls[3]}/devstoreaccount1;" in settings["AzureWebJobsStorage"]
        assert settings["LEARNING_PROVIDER_ID"] == "mine"
        assert plain_http.get(f"{child_urls[1]}/_emulator/tenant").status_code == 200
        up.send_signal(signal.SIGINT)
        assert up.wait(LIMIT_SECONDS) == 0

    for url in child_urls:
        with pytest.raises(httpx.ConnectError):
            plain_http.get(url)
    shown = log.read_text()
    assert f"curl -i {up.url}/api/activities" in shown
    assert f"{child_urls[1]}/_emulator/activities" in shown


def test_when_a_child_ends_by_itself_up_ends_with_its_exit_code_and_says_which(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started("up", "--app", str(SAMPLE_APP), *up_options(), log=log) as up:
        with pytest.raises(httpx.TransportError):
            plain_http.post(f"{up.url}/api/crash")
        assert up.wait(LIMIT_SECONDS) == 3

    assert "host ended by itself with exit code 3, so everything else was stopped." in log.read_text()


def test_up_passes_on_why_a_child_cannot_start() -> None:
    options = up_options()
    with socket.create_server(("127.0.0.1", int(options[3]))):
        ended = run("up", "--app", str(SAMPLE_APP), *options)

    assert ended.returncode == 2
    assert f"Port {options[3]} is already in use" in ended.stderr


def test_a_child_that_ends_before_it_is_ready_is_reported_with_what_it_logged(tmp_path: Path) -> None:
    app = app_in(tmp_path, "raise LookupError('the reason')\n")

    with (
        pytest.raises(ChildError, match=r"(?s)host ended with exit code 1 before .*LookupError: the reason") as failure,
        started("host", "--port", "0", "--app", app, log=tmp_path / "log"),
    ):
        pass
    assert failure.value.exit_code == 1


def test_a_child_that_says_nothing_is_given_up_after_its_limit(tmp_path: Path) -> None:
    app = app_in(tmp_path, "import sys\nprint('importing', file=sys.stderr)\nsys.stdin.read()\n")

    with (
        pytest.raises(ChildError, match=r"host was not ready within 0\.01 s\."),
        started("host", "--port", "0", "--app", app, log=tmp_path / "log", timeout_seconds=0.01),
    ):
        pass


def test_every_childs_end_is_told(tmp_path: Path) -> None:
    ends: list[tuple[str, int]] = []

    with started(*GRAPH, log=tmp_path / "log", on_exit=lambda name, code: ends.append((name, code))) as child:
        assert child.exit_code is None
        os.kill(child.pid, signal.SIGKILL)
        child.wait(LIMIT_SECONDS)

    assert ends == [("graph", 128 + signal.SIGKILL)]
    assert child.exit_code == 128 + signal.SIGKILL


def test_demo_imports_the_demo_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "local.stack.demo", SimpleNamespace(main=lambda: 5))

    assert main(["demo"]) == 5
