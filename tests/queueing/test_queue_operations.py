"""The four operations by queue: mixed in a message, kept through every delay and failure, and never out of order."""

import json
from datetime import timedelta
from typing import Any

import pytest

from activities.errors import ErrorCode, PermanentError
from activities.queueing.messages import Delivery, Failure
from tests.support.queue_fakes import BEGIN
from tests.support.queue_stage import COURSE, Stage, delivery, error_of

ID = "safety-2026-0042"
WHICH = {"externalCourseActivityId": ID}
NAMED = {**COURSE, **WHICH}
THROTTLED = error_of(ErrorCode.THROTTLED, 600.0)
UNLICENSED = error_of(ErrorCode.LEARNER_NOT_LICENSED)


def at(percent: int, **said: Any) -> dict[str, Any]:
    """Return an upsert that brings the course to so many percent."""
    return {**NAMED, "operation": "upsert", "completionPercentage": percent, **said}


async def arrives(stage: Stage, content: object, *, minutes: int = 1) -> None:
    """Let a message come that was put into the queue some minutes after the one before."""
    stage.queue.time.pass_by(60.0 * minutes)
    now = stage.queue.now()
    await stage.worker.handle(Delivery(json.dumps(content).encode(), f"message of {now}", now))


def outcomes(stage: Stage) -> list[tuple[str, str]]:
    return [(one["operation"], one["errorCode"] or one["outcome"]) for one in stage.told]


def percent(stage: Stage) -> float:
    [(_, stored)] = stage.graph.stored
    return float(stored.entity["completionPercentage"])


async def test_the_operations_of_one_message_are_carried_out_in_its_order(stage: Stage) -> None:
    await stage.send(at(10), {**at(20), "operation": "update"}, {**WHICH, "operation": "delete"}, at(30), at(30))
    assert outcomes(stage) == [
        ("upsert", "created"),
        ("update", "updated"),
        ("delete", "deleted"),
        ("upsert", "created"),
        ("upsert", "unchanged"),
    ]
    assert percent(stage) == 30


async def test_what_a_record_does_not_say_its_envelope_says(stage: Stage) -> None:
    others = {**NAMED, "externalCourseActivityId": "other"}
    records = [{**others, "operation": "create"}, {**others, "status": "completed"}]
    await stage.worker.handle(delivery(json.dumps({"operation": "upsert", "activities": records})))
    assert outcomes(stage) == [("create", "created"), ("upsert", "updated")]


async def test_who_waits_for_throttling_and_is_overtaken_ends_as_superseded(stage: Stage) -> None:
    """Nobody has dated the two: the one that arrived later is the newer one, however late the earlier one is tried."""
    stage.fail(THROTTLED)
    await arrives(stage, at(20))
    stage.fail(None)
    await arrives(stage, at(80))
    await stage.run_dry()
    assert outcomes(stage) == [("upsert", "created"), ("upsert", "superseded")]
    assert percent(stage) == 80


async def test_the_date_of_a_sender_counts_more_than_what_waited(stage: Stage) -> None:
    stage.fail(THROTTLED)
    await arrives(stage, at(80, asOfDateTime="2026-04-02T00:00:00Z"))
    stage.fail(None)
    await arrives(stage, at(20, asOfDateTime="2026-04-01T00:00:00Z"))
    await stage.run_dry()
    assert outcomes(stage) == [("upsert", "created"), ("upsert", "updated")]
    assert percent(stage) == 80


async def test_what_was_put_back_unsigned_does_not_win_over_what_came_later(stage: Stage) -> None:
    """As while the table with the key does not answer."""
    stage.signing_key.key = None
    stage.fail(error_of(ErrorCode.STORAGE_UNAVAILABLE))
    await arrives(stage, at(20))
    stage.fail(None)
    await arrives(stage, at(80))
    await stage.run_dry()
    assert outcomes(stage)[-1] == ("upsert", "superseded")
    assert percent(stage) == 80


@pytest.mark.parametrize("operation", ["upsert", "update", "delete"])
async def test_what_is_replayed_keeps_its_operation_and_wins_over_nothing_newer(stage: Stage, operation: str) -> None:
    await arrives(stage, at(10))
    stage.fail(UNLICENSED)
    await arrives(stage, at(20, operation=operation))
    stage.fail(None)
    await arrives(stage, at(80))
    await stage.failures.replay(stage.failure)
    await stage.run_dry()
    assert outcomes(stage)[1:] == [
        (operation, "learnerNotLicensed"),
        ("upsert", "updated"),
        (operation, "superseded"),
    ]
    assert percent(stage) == 80


async def test_what_is_replayed_and_still_the_newest_is_carried_out(stage: Stage) -> None:
    await arrives(stage, at(10))
    stage.fail(UNLICENSED)
    await arrives(stage, {**WHICH, "operation": "delete"})
    stage.fail(None)
    await stage.failures.replay(stage.failure)
    await stage.run_dry()
    assert outcomes(stage)[-1] == ("delete", "deleted")
    assert stage.graph.stored == []


async def test_a_message_that_a_later_version_can_read_is_as_old_as_it_is(stage: Stage) -> None:
    """Set aside, say, before there were operations; put back today, it must not overwrite what came since."""
    await arrives(stage, at(80))
    nameless = {**COURSE, "completionPercentage": 5, "operation": "create"}
    body = json.dumps({"operation": "upsert", "activities": [{**NAMED, "completionPercentage": 20}, nameless]})
    error = PermanentError(ErrorCode.INVALID_REQUEST, '"operation" is not known.')
    failure = Failure.of_message(Delivery(body.encode(), "earlier", BEGIN), error, now=BEGIN)
    for _ in range(2):  # As if somebody died between putting it back and forgetting it.
        await stage.failures.add(failure)
        await stage.failures.replay(failure)
    stage.queue.time.pass_by(timedelta(days=3).total_seconds())
    await stage.run_dry()
    assert outcomes(stage)[1:] == [
        ("upsert", "superseded"),
        ("create", "created"),
        ("upsert", "superseded"),
        ("create", "unchanged"),
    ]
    assert [float(one.entity["completionPercentage"]) for _, one in stage.graph.stored] == [80, 5]
