"""The local host runs timer functions on their schedules, and by hand, as the real one does."""

import json
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.stack.processes import Child, ChildError, started
from tests.local.host.queue_calls import LIMIT_SECONDS, wait_for
from tests.support import plain_http

TIMER_APP = Path(__file__).parent / "timer_app"
NEVER = "0001-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("timers") / "log"


@pytest.fixture(scope="module")
def host(log: Path) -> Iterator[Child]:
    """A host of an app that has neither HTTP nor queue functions."""
    options = ("--port", "0", "--app", str(TIMER_APP))
    with started("host", *options, env={"EACH_SECOND": "* * * * * *"}, log=log) as child:
        yield child


def seen(log: Path, name: str) -> list[dict[str, Any]]:
    """Return what a function saw of its timer, each time that it was called."""
    lines = re.findall(rf"^.* INFO timers {name} (.*)$", log.read_text(), re.MULTILINE)
    return [json.loads(line) for line in lines]


def wait_until_seen(log: Path, name: str, times: int) -> list[dict[str, Any]]:
    return wait_for(lambda: timers if len(timers := seen(log, name)) >= times else [])


@pytest.mark.usefixtures("host")
def test_a_function_runs_on_its_schedule(log: Path) -> None:
    first, second, *_ = wait_until_seen(log, "tick", 2)

    assert first == second == {"past_due": False, "schedule_status": {}, "schedule": {"AdjustForDST": True}}


@pytest.mark.usefixtures("host")
def test_an_exception_stands_in_the_log_and_stops_nothing(log: Path) -> None:
    wait_until_seen(log, "failing", 2)

    wait_for(lambda: log.read_text().count("RuntimeError: this is in the log only") >= 2)
    assert "Executed 'failing' (Failed, Id=" in log.read_text()


@pytest.mark.usefixtures("host")
def test_run_on_startup_calls_a_function_at_once_with_its_status_if_that_is_monitored(log: Path) -> None:
    yearly = wait_until_seen(log, "yearly", 1)[0]
    unmonitored = wait_until_seen(log, "unmonitored", 1)[0]

    following = datetime.fromisoformat(yearly["schedule_status"]["Next"])
    assert yearly["schedule_status"] == {"Last": NEVER, "Next": following.isoformat(), "LastUpdated": NEVER}
    assert (following.month, following.day, following.hour, following.tzinfo) == (1, 1, 3, UTC)
    assert unmonitored == {"past_due": False, "schedule_status": {}, "schedule": {"AdjustForDST": True}}


@pytest.mark.usefixtures("host")
def test_a_function_that_takes_too_long_runs_once_at_a_time(log: Path) -> None:
    wait_until_seen(log, "end", 2)

    runs = re.findall("INFO timers (begin|end)", log.read_text())
    assert runs == [("begin", "end")[number % 2] for number in range(len(runs))]


def test_a_function_can_be_run_by_hand(host: Child, log: Path) -> None:
    before = len(wait_until_seen(log, "yearly", 1))

    assert plain_http.post(f"{host.url}/admin/functions/Yearly", json={"input": "anything"}).status_code == 202

    at_start, *_, by_hand = wait_until_seen(log, "yearly", before + 1)
    assert by_hand["schedule_status"]["Next"] == at_start["schedule_status"]["Next"]
    assert by_hand["schedule_status"]["Last"] > NEVER


def test_without_http_functions_every_route_is_404(host: Child) -> None:
    assert plain_http.get(f"{host.url}/api/tick").status_code == 404
    assert plain_http.get(host.url).status_code == 200


def test_when_asked_to_stop_a_host_with_timers_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = ("--port", "0", "--app", str(TIMER_APP))
    with started("host", *options, env={"EACH_SECOND": "* * * * * *"}, log=log) as child:
        wait_until_seen(log, "begin", 1)
        child.send_signal(signal.SIGTERM)

        assert child.wait(LIMIT_SECONDS) == 0
    assert len(seen(log, "begin")) == len(seen(log, "end"))


def test_a_schedule_that_is_not_set_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = ("--port", "0", "--app", str(TIMER_APP))
    with pytest.raises(ChildError) as failure, started("host", *options, env={"EACH_SECOND": ""}, log=log):
        pass

    assert failure.value.exit_code == 2
    sentence = "The function tick runs on the schedule %EACH_SECOND%, but EACH_SECOND is not set.\n"
    assert log.read_text().endswith(sentence)
