"""A large batch, while hosts are killed, Graph and storage fail: each activity is created exactly once, and told.

`--activities 10000` runs it in full, as the largest batch that is accepted.
"""

import json
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.stack.processes import Child
from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import self_initiated
from tests.end_to_end.queue_stack import (
    OTHER_PROVIDER,
    PROVIDER,
    QueueStack,
    assert_created_once,
    assignment,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json

LOCK_SECONDS = 3
LEASE_SECONDS = "6"  # As long as storage may be busy with a claim.
LIMIT_SECONDS = 300.0
MOST_MEGABYTES = 250
MOST_SECONDS_TO_ACCEPT = 1.0
PAGE = 1000
NAME = "Onboarding of Megan Bowen"
ENTITIES_A_SECOND = 100  # No less than the largest transaction; so few that a slow machine meets the limit, too.
UNLICENSED = "5ec2e700-1ea4-4e12-8000-000000000000"
FOREIGN_CONTENT = "content-of-the-other"
SOON = {"Retry-After": "1"}
# Of single records inside of batches and of batches as a whole, done by Graph or not. Where Graph does not say when to
# come again, and after a 504, records wait for half a minute: that comes early, while the others go on.
EARLY: list[Json] = [
    {"operation": "batch", "disconnect": True, "execute": True},
    {"operation": "batch", "disconnect": True},
    {"operation": "batch", "name": "gateway-timeout-executed"},
    {"name": "gateway-timeout-executed", "times": 3},
    {"name": "gateway-timeout", "times": 2},
]
FAULTS: list[Json] = [
    {"status": 503, "headers": SOON, "times": 3},
    {"status": 429, "headers": {"Retry-After": "1.5"}, "execute": True, "times": 2},
    {"name": "internal-error", "headers": SOON, "times": 2},
    {"name": "internal-error", "headers": SOON, "execute": True, "times": 2},
    {"operation": "batch", "status": 503, "headers": SOON},
]
THROTTLING: list[Json] = [
    {"name": "throttling-window", "forSeconds": 4, "registrationId": PROVIDER},
    {"name": "throttling-window", "forSeconds": 2, "registrationId": OTHER_PROVIDER},
]
# What goes wrong before each kill.
ROUNDS = [[*EARLY, *FAULTS], [*THROTTLING, *FAULTS]]
# Graph has done its work, or has not begun, and the host is killed before it hears of that.
KILLS: list[list[Json]] = [
    [{"operation": "batch", "delaySeconds": 9, "times": 2}],
    [{"operation": "batch", "delaySeconds": 9}, {"operation": "batch", "hang": True}],
]


@dataclass
class Load:
    """The records of a batch, and what has to become of each."""

    records: list[Json] = field(default_factory=list)
    valid: list[Json] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


def load(count: int) -> Load:
    """Make records of both kinds for two providers; every hundredth is wrong in one of three ways."""
    made = Load()
    wrongs: list[tuple[str, Json]] = [
        ("invalidRequest", {"completionPercentage": 101}),
        ("learnerNotLicensed", {"learnerUserId": UNLICENSED}),
        ("contentNotOwnedByProvider", {"learningContentId": FOREIGN_CONTENT, "registrationId": PROVIDER}),
    ]
    for number in range(count):
        kind = (assignment, self_initiated)[number % 2]
        activity = kind(**({"externalCourseActivityId": f"xid-{number}"} if number % 3 else {}))
        provider = (PROVIDER, OTHER_PROVIDER)[number // 2 % 2]
        wrong: Json = {}
        if number % 100 == 99:
            made.failed[number], wrong = wrongs[number // 100 % len(wrongs)]
        else:
            made.valid.append(activity)
        made.records.append({**activity, "registrationId": provider, **wrong})
    return made


def test_each_activity_of_a_large_batch_is_created_exactly_once_whatever_breaks(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Two kills while Graph works, throttling, every fault of both: nothing is lost, doubled or unexplained."""
    count = int(pytestconfig.getoption("activities"))
    sent = load(count)
    body = json.dumps({"name": NAME, "activities": sent.records}).encode()
    with queue_stack(tmp_path) as stack, ExitStack() as running:
        stack.change_tenant(unlicensedLearners=[UNLICENSED], contents={FOREIGN_CONTENT: OTHER_PROVIDER})
        begun = time.monotonic()
        alive, megabytes = _start(stack, running), list[float]()
        accepted = batch_stack.post(stack, body)
        assert accepted.status_code == 202, accepted.text
        assert accepted.elapsed.total_seconds() < MOST_SECONDS_TO_ACCEPT
        batch_id = accepted.json()["batchId"]
        stack.storage.begin_bad_day(entities_a_second=ENTITIES_A_SECOND)
        for kill, (faults, in_flight) in enumerate(zip(ROUNDS, KILLS, strict=True), 1):
            stack.arm(*faults)
            _wait_until_done(stack, batch_id, percent=30 * kill)
            stack.arm(*in_flight)
            wait_until(lambda: not stack.armed(), stack.tail)
            megabytes.append(_peak_megabytes(alive))
            _kill(alive)
            alive = _start(stack, running)
        _wait_until_done(stack, batch_id, percent=100)
        megabytes.append(_peak_megabytes(alive))
        seconds = time.monotonic() - begun
        _assert_told(stack, batch_id, sent)
        assert_created_once(stack, sent.valid)
        assert max(megabytes) < MOST_MEGABYTES
        assert stack.count("-failed") == stack.count("-batches-poison") == 0
        stack.storage.assert_met()
        assert stack.storage.throttled
        statuses = [call["status"] for call in stack.calls()]
        assert {201, 429, 500, 503, 504} <= set(statuses)
    stack.assert_discreet(UNLICENSED, FOREIGN_CONTENT, NAME)
    print(
        f"{count} activities in {seconds:.1f} s; accepted after {accepted.elapsed.total_seconds():.2f} s; "
        f"{max(megabytes):.0f} MB; {len(KILLS)} kills; {statuses.count(429)} of {len(statuses)} calls throttled"
    )


def _start(stack: QueueStack, running: ExitStack) -> Child:
    return running.enter_context(stack.host(lock_seconds=LOCK_SECONDS, CLAIM_LEASE_SECONDS=LEASE_SECONDS))


def _wait_until_done(stack: QueueStack, batch_id: str, *, percent: int) -> None:
    """Wait until so much is done, without asking often: each time five hundred rows are added up."""
    batch_stack.wait_until_done(stack, batch_id, percent=percent, limit_seconds=LIMIT_SECONDS, pause_seconds=0.5)


def _kill(host: Child) -> None:
    host.send_signal(signal.SIGKILL)
    assert host.wait(10) == 128 + signal.SIGKILL


def _peak_megabytes(host: Child) -> float:
    """Return the most memory that a host has had so far; 0 where the system does not tell."""
    told = Path(f"/proc/{host.pid}/status")
    if not told.exists():
        return 0
    lines = told.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _assert_told(stack: QueueStack, batch_id: str, sent: Load) -> None:
    """Check that the report has every record once, in order and page by page, and the reason of each failure."""
    total, failed = len(sent.records), sent.failed
    report = batch_stack.get(stack, batch_id)
    assert report.status_code == 200
    said = report.json()
    assert (said["total"], said["succeededCount"], said["failedCount"]) == (total, total - len(failed), len(failed))
    results, pages = batch_stack.all_results(stack, batch_id)
    assert pages == -(-total // PAGE)
    assert [one["index"] for one in results] == list(range(total))
    batch_stack.assert_results(results, failed)
    only_failed, _ = batch_stack.all_results(stack, batch_id, "?failedOnly=true")
    assert only_failed == [one for one in results if one["outcome"] == "failed"]
