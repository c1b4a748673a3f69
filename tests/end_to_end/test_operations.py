"""The four operations by queue, batch and sheet, end to end: mixed, put back, replayed and overtaken."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import self_initiated
from tests.end_to_end.queue_stack import MARKER, QueueStack, learner, queue_stack, wait_until
from tests.end_to_end.stack import Json

UNLICENSED = learner()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("operations")) as stack, stack.host(QUEUE_RESULTS="true"):
        yield stack
    stack.assert_discreet(UNLICENSED)


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    running.reset()
    return running


def course(percent: int = 0, **said: object) -> Json:
    return self_initiated(externalCourseActivityId=f"xid-{uuid4()}", completionPercentage=percent, **said)


def at(activity: Json, percent: int, operation: str = "upsert", **said: object) -> Json:
    return {**activity, "operation": operation, "completionPercentage": percent, **said}


def deletion(activity: Json) -> Json:
    return {"operation": "delete", "externalCourseActivityId": activity["externalCourseActivityId"]}


def told(stack: QueueStack, count: int) -> list[tuple[str, str]]:
    """Take so many results of queue records: their operations and outcomes, in the order of the records."""
    wait_until(lambda: stack.count("-results") == count, stack.tail)
    with stack.queue("-results") as queue:
        messages = list(queue.receive_messages(messages_per_page=32))
        for message in messages:
            queue.delete_message(message)
    said = sorted((json.loads(message.content) for message in messages), key=lambda one: int(one["index"]))
    return [(one["operation"], one["errorCode"] or one["outcome"]) for one in said]


def percent(stack: QueueStack, activity: Json) -> float:
    return float(stack.states()[activity["externalCourseActivityId"]]["completionPercentage"])


def outcomes(report: Json) -> list[str]:
    return [one["errorCode"] or one["outcome"] for one in report["results"]]


def test_a_message_can_hold_all_four_and_each_is_told_with_its_operation(stack: QueueStack) -> None:
    one, other = course(10), course(10)
    stack.send(
        json.dumps({"operation": "upsert", "activities": [one, at(one, 40, "update"), one, at(other, 5, "create")]})
    )
    assert told(stack, 4) == [
        ("upsert", "created"),
        ("update", "updated"),
        ("upsert", "updated"),
        ("create", "created"),
    ]
    # The queue tells when a message came in whole seconds.
    second = datetime.now(UTC).replace(microsecond=0)
    wait_until(lambda: datetime.now(UTC) >= second + timedelta(seconds=1), stack.tail)
    stack.send(
        json.dumps([at(one, 90), at(other, 1, asOfDateTime="2020-01-01T00:00:00Z"), deletion(one), deletion(one)])
    )
    ends = [("upsert", "updated"), ("upsert", "superseded"), ("delete", "deleted"), ("delete", "unchanged")]
    assert told(stack, 4) == ends
    assert list(stack.states()) == [other["externalCourseActivityId"]]
    assert percent(stack, other) == 5
    assert {event["outcome"] for event in stack.events("activityAnswered")} >= {"updated", "superseded", "deleted"}


def test_what_waits_and_is_overtaken_ends_as_superseded(stack: QueueStack) -> None:
    activity = course()
    stack.send(json.dumps({**activity, "asOfDateTime": "2026-05-01T09:00:00Z"}))
    assert told(stack, 1) == [("create", "created")]
    stack.arm({"operation": "update", "status": 503, "headers": {"Retry-After": "3"}})
    stack.send(json.dumps(at(activity, 30, asOfDateTime="2026-05-01T10:00:00Z")))
    wait_until(lambda: stack.events("putBack"), stack.tail)
    stack.send(json.dumps(at(activity, 60, asOfDateTime="2026-05-01T11:00:00Z")))
    assert told(stack, 1) == [("upsert", "updated")]
    assert told(stack, 1) == [("upsert", "superseded")]
    assert percent(stack, activity) == 60


def test_a_replay_keeps_its_operation_and_wins_over_nothing_newer(stack: QueueStack) -> None:
    stack.change_tenant(unlicensedLearners=[UNLICENSED])
    activity = course(10, learnerUserId=UNLICENSED)
    stack.send(json.dumps(at(activity, 20)))
    assert told(stack, 1) == [("upsert", "learnerNotLicensed")]
    stack.change_tenant(unlicensedLearners=[])
    # An upsert of now: what was set aside came before it.
    report = batch_stack.post(stack, {"activities": [at(activity, 70)]}).json()
    assert outcomes(report) == ["created"]
    assert stack.replay({})["replayedCount"] == 1
    assert told(stack, 1) == [("upsert", "superseded")]
    assert percent(stack, activity) == 70


def test_a_large_batch_can_mix_them_and_counts_each_end(stack: QueueStack) -> None:
    known = [course(10) for _ in range(30)]
    assert batch_stack.ended(stack, batch_stack.post(stack, {"activities": known}))["createdCount"] == 30
    mixed = [
        *(at(one, 50) for one in known[:10]),
        *(deletion(one) for one in known[10:20]),
        *known[20:],
        *(at(one, 60, "update") for one in known[:5]),
        at(course(), 5, "update"),
        course(),
    ]
    report = batch_stack.ended(stack, batch_stack.post(stack, {"activities": mixed}))
    counts = {name: report[f"{name}Count"] for name in ("created", "updated", "unchanged", "deleted", "superseded")}
    assert counts == {"created": 1, "updated": 15, "unchanged": 10, "deleted": 10, "superseded": 0}
    assert (report["succeededCount"], report["failedCount"]) == (36, 1)
    assert outcomes(report)[35] == "activityNotFound"
    assert [bool(one["id"]) for one in report["results"][8:12]] == [True, True, False, False]
    status = batch_stack.status(stack, report["batchId"])
    assert (status["updatedCount"], status["deletedCount"]) == (15, 10)
    page = batch_stack.get(stack, report["batchId"], headers={"Accept": "text/html"}).text
    assert "1 created, 15 updated, 10 unchanged, 10 deleted" in " ".join(page.split())


def test_a_sheet_without_external_ids_can_be_sent_again_and_corrected(stack: QueueStack) -> None:
    """Twice the same list makes nothing twice; its columns say what is to be done, and come back with what failed."""
    rows = [
        {"type": "selfInitiatedCourse", "learnerUserId": learner(), "learningContentId": f"c-{number}", "status": said}
        for number, said in enumerate(["inProgress", "inProgress", "begun"])
    ]

    def send(some: list[dict[str, str]], query: str = "") -> Json:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(some[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(some)
        answer = batch_stack.post(stack, text.getvalue().encode(), {"Content-Type": "text/csv"}, query=query)
        said: Json = answer.raise_for_status().json()
        return said

    first = send(rows)
    assert outcomes(first) == ["created", "created", "invalidRequest"]
    assert outcomes(send(rows[:2])) == ["unchanged", "unchanged"]
    assert outcomes(send([{**rows[0], "status": "completed"}], "?operation=upsert")) == ["updated"]
    sheet = batch_stack.get(stack, first["batchId"], "?format=csv").content.decode("utf-8-sig")
    [row] = csv.DictReader(sheet.splitlines(), delimiter=";")
    assert MARKER not in sheet
    assert outcomes(send([{**row, "status": "inProgress"}])) == ["created"]
    assert outcomes(send([{**rows[2], "status": "inProgress"}])) == ["unchanged"]
    assert len(stack.states()) == 3
