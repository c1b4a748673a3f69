"""An LMS tells states in any order, while everything goes wrong: Viva Learning shows the latest and never goes back."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.queue_stack import PROVIDER, QueueStack, assignment, queue_stack, wait_until
from tests.end_to_end.stack import Json
from tests.end_to_end.test_queue_chaos import BLIND, FAULTS, SLOW, THROTTLING, kill, send, start

KILLS = 5
STATES = 10
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def life(number: int) -> list[Json]:
    """Return what an LMS tells of one activity: that it is assigned, how far the learner is, that it is completed."""
    whole = assignment(externalCourseActivityId=f"life-{number}", registrationId=PROVIDER)
    told: list[Json] = []
    for place in range(STATES):
        said: Json = {"completionPercentage": 100 * place // (STATES - 1), "status": "inProgress"}
        if place == 0:
            said["status"] = "notStarted"
        if place == STATES - 1:
            said |= {"status": "completed", "completedDateTime": "2026-11-20T10:00:00Z"}
        operation = "create" if place == 0 and number % 2 else "upsert"
        moment = BEGIN + timedelta(days=place)
        told.append({**whole, **said, "operation": operation, "asOfDateTime": moment.isoformat()})
    return told


def test_each_activity_ends_completed_and_none_goes_backwards(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    messages = request.config.getoption("messages")
    activities = messages // STATES
    texts = [json.dumps(told) for number in range(activities) for told in life(number)]
    Random(messages).shuffle(texts)  # noqa: S311 - The same order in every run.
    with queue_stack(tmp_path) as stack, ExitStack() as running:
        stack.storage.begin_bad_day(entities_a_second=150)
        *parts, rest = [texts[number :: KILLS + 1] for number in range(KILLS + 1)]
        host = start(stack, running)
        for number, part in enumerate(parts):
            stack.arm(*FAULTS, *THROTTLING[: number % 2], *([BLIND] if number == 1 else []), SLOW)
            send(stack, part)
            wait_until(lambda: not any("delaySeconds" in one for one in stack.armed()), stack.tail)
            kill(host)
            host = start(stack, running)
        send(stack, rest)
        stack.wait_until_empty(limit_seconds=180)
        _assert_all_completed(stack, activities)
        assert stack.failures() == []
        assert stack.count("-poison") == 0
    stack.assert_discreet()


def _assert_all_completed(stack: QueueStack, activities: int) -> None:
    stored = stack.activities()
    assert sorted(one["externalCourseActivityId"] for one in stored) == sorted(f"life-{n}" for n in range(activities))
    assert {(one["status"], one["completionPercentage"]) for one in stored} == {("completed", 100)}
    for one in stored:
        shown = [said["completionPercentage"] for said in (one["received"], *one["updates"])]
        assert shown == sorted(shown), one["externalCourseActivityId"]
