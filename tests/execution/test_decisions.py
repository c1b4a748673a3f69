"""What an operation comes to, given what is known: what is sent, what is told, what is remembered."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.contract.activity import ActivityRequest, Operation, Outcome, StoredActivity
from activities.contract.models import Defaults, Json
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode
from activities.execution.decisions import (
    Done,
    Known,
    Look,
    Plan,
    Send,
    creation,
    meant,
    plan,
    plan_after_look,
    remembered,
    seen,
)
from activities.execution.sameness import KIND, content_hash
from tests.support.fakes import LEARNER_ID, REGISTRATION_ID, activity_request, assignment_request

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLIER, LATER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
NOTES = {"contentType": "text", "content": "Please."}
ASSIGNED = assignment_request(completionPercentage=20, notes=NOTES)
STARTED = activity_request(completionPercentage=20)
OTHER_LEARNER = LEARNER_ID.replace("7", "8")
CREATE, UPSERT, UPDATE, DELETE = Operation


def entity_of(request: ActivityRequest, **changes: Any) -> Json:
    return {**request.activity.to_graph(), "id": f"{LEARNER_ID}:own", **changes}


def known_as(request: ActivityRequest, **changes: Any) -> Known:
    return Known(NOON, entity_of(request, **changes), content_hash(request))


def asked(operation: Operation, request: ActivityRequest, *, at: datetime = LATER, **changes: Any) -> ActivityRequest:
    """Return what asks for a request's activity, changed, in another way and at another time."""
    record = {**request.activity.to_graph(), "registrationId": REGISTRATION_ID, **changes}
    return replace(part(operation, at=at, **record), arrived_at=at)


def part(operation: Operation, *, at: datetime = LATER, **record: Any) -> ActivityRequest:
    """Return a request that says no more than this."""
    said = {
        "externalCourseActivityId": "course-1",
        "registrationId": REGISTRATION_ID,
        "operation": str(operation),
        "asOfDateTime": at.isoformat(),
    }
    return parse_activity({**said, **record}, kind=None, defaults=Defaults())


def told(end: Plan) -> str:
    """Return a plan in a word."""
    match end:
        case Send():
            return f"send {end.write.operation}"
        case Look():
            return "look"
        case Done():
            return str(end.outcome)
    return str(end.code)


KNOWN = {
    "nothing": None,
    "its state": known_as(ASSIGNED),
    "another state": known_as(ASSIGNED, completionPercentage=90),
    "another learner": known_as(ASSIGNED, learnerUserId=OTHER_LEARNER),
    "another kind": known_as(STARTED),
    "forgotten": Known(NOON),
    "forgotten, another learner": Known(NOON, contradicted=("learnerUserId",)),
    "deleted": Known(NOON, deleted=True),
}
TABLE = {
    "nothing": ("send create", "look", "look", "look"),
    "its state": ("unchanged", "unchanged", "unchanged", "send delete"),
    "another state": ("unchanged", "send update", "send update", "send delete"),
    "another learner": ("activityExists", "notChangeable", "notChangeable", "send delete"),
    "another kind": ("activityExists", "notChangeable", "activityNotFound", "send delete"),
    "forgotten": ("look", "look", "look", "look"),
    "forgotten, another learner": ("activityExists", "notChangeable", "notChangeable", "look"),
    "deleted": ("deleted", "send create", "activityNotFound", "unchanged"),
}
# The same, said as of an earlier time than what is known.
OLDER = {
    "nothing": ("send create", "look", "look", "look"),
    "its state": ("unchanged", "superseded", "superseded", "superseded"),
    "another state": ("unchanged", "superseded", "superseded", "superseded"),
    "another learner": ("superseded", "superseded", "superseded", "superseded"),
    "another kind": ("superseded", "superseded", "activityNotFound", "superseded"),
    "forgotten": ("look", "look", "look", "look"),
    "forgotten, another learner": ("look", "look", "look", "look"),
    "deleted": ("deleted", "superseded", "superseded", "unchanged"),
}


def cases(table: Mapping[str, tuple[str, ...]]) -> list[tuple[str, Operation, str]]:
    return [(name, *one) for name, row in table.items() for one in zip(Operation, row, strict=True)]


@pytest.mark.parametrize("at", [NOON, LATER], ids=["equal", "newer"])
@pytest.mark.parametrize(("name", "operation", "expected"), cases(TABLE))
def test_what_is_not_older_applies(name: str, operation: Operation, expected: str, at: datetime) -> None:
    fields = {} if operation is not DELETE else {KIND: None}
    assert told(plan(asked(operation, ASSIGNED, at=at, **fields), KNOWN[name])) == expected


@pytest.mark.parametrize(("name", "operation", "expected"), cases(OLDER))
def test_an_older_state_never_overwrites_a_newer_one(name: str, operation: Operation, expected: str) -> None:
    fields = {} if operation is not DELETE else {KIND: None}
    assert told(plan(asked(operation, ASSIGNED, at=EARLIER, **fields), KNOWN[name])) == expected


def test_what_is_not_dated_is_as_old_as_its_arrival() -> None:
    request = replace(asked(UPSERT, ASSIGNED, completionPercentage=50), as_of=None)
    known = known_as(ASSIGNED)
    assert told(plan(replace(request, arrived_at=EARLIER), known)) == "superseded"
    assert told(plan(replace(request, arrived_at=LATER), known)) == "send update"


def test_a_create_of_other_content_than_the_first_and_the_present_is_refused() -> None:
    end = plan(asked(CREATE, ASSIGNED, completionPercentage=50), known_as(ASSIGNED, completionPercentage=90))
    assert isinstance(end, ActivityError)
    assert (end.code, end.target) == (ErrorCode.ACTIVITY_EXISTS, "externalCourseActivityId")
    assert "completionPercentage" in end.message
    assert "upsert" in end.message


def sent(end: Plan) -> Json:
    """Return the body of what is sent."""
    assert isinstance(end, Send)
    return end.write.body


def test_patch_sends_the_whole_changeable_state_with_type_and_status() -> None:
    end = plan(part(UPDATE, completionPercentage=50), known_as(ASSIGNED))
    assert sent(end) == {
        "@odata.type": "#microsoft.graph.learningAssignment",
        "status": "inProgress",
        "completionPercentage": 50,
        "notes": NOTES,
    }
    assert isinstance(end, Send)
    assert (end.write.graph_id, end.write.registration_id) == (f"{LEARNER_ID}:own", REGISTRATION_ID)
    assert end.entity == entity_of(ASSIGNED, completionPercentage=50)


def test_an_upsert_sends_nothing_that_cannot_change() -> None:
    body = sent(plan(asked(UPSERT, STARTED, status="completed"), known_as(STARTED)))
    assert body.keys() == {"@odata.type", "status", "completionPercentage"}


def test_an_explicit_null_clears_and_what_is_empty_already_stays_unsaid() -> None:
    known = known_as(ASSIGNED, completedDateTime="2026-11-22T10:00:00Z", dueDateTime=None)
    body = sent(plan(part(UPDATE, completedDateTime=None), known))
    assert body["completedDateTime"] is None
    assert "dueDateTime" not in body


def test_a_null_where_there_is_nothing_changes_nothing() -> None:
    assert told(plan(part(UPDATE, completedDateTime=None), known_as(ASSIGNED))) == "unchanged"


def test_other_html_is_a_change_and_the_same_is_none() -> None:
    html = {"contentType": "html", "content": "<b>a</b>"}
    known = known_as(ASSIGNED, notes=html)
    assert told(plan(part(UPDATE, notes=html), known)) == "unchanged"
    assert sent(plan(part(UPDATE, notes={**html, "content": "<b>b</b>"}), known))["notes"]["content"] == "<b>b</b>"


def test_html_is_remembered_as_it_was_sent_because_it_is_stored_as_something_else() -> None:
    html = {"contentType": "html", "content": "<b>a</b>"}
    request = asked(UPSERT, ASSIGNED, notes=html)
    stored = StoredActivity(entity_of(request, notes={"contentType": "html", "content": "<html><b>a</b></html>"}))
    known = remembered(Done(Outcome.CREATED, request, stored), None)
    assert told(plan(request, known)) == "unchanged"


@pytest.mark.parametrize(
    ("known", "change"),
    [(known_as(STARTED), {"status": "notStarted"}), (known_as(STARTED, status="notStarted"), {})],
    ids=["becomes", "stays"],
)
def test_a_self_initiated_course_cannot_be_not_started_and_that_is_said_before_anything_is_sent(
    known: Known, change: Json
) -> None:
    end = plan(part(UPDATE, completionPercentage=50, **change), known)
    assert isinstance(end, ActivityError)
    assert (end.code, end.target) == (ErrorCode.INVALID_REQUEST, "status")
    assert "Send inProgress or completed." in end.message


def test_an_assignment_can_be_not_started_again() -> None:
    assert sent(plan(part(UPDATE, status="notStarted"), known_as(ASSIGNED)))["status"] == "notStarted"


def test_what_cannot_change_is_named_with_what_to_do() -> None:
    end = plan(asked(UPSERT, ASSIGNED, assignmentType="recommended"), known_as(ASSIGNED))
    assert isinstance(end, ActivityError)
    assert (end.code, end.target) == (ErrorCode.NOT_CHANGEABLE, "assignmentType")
    assert "delete the activity and create a new one" in end.message
    assert LEARNER_ID not in end.message


class TestLookingFirst:
    """What was left behind, forgotten or never known."""

    @pytest.mark.parametrize(
        ("operation", "expected"),
        [(CREATE, "send create"), (UPSERT, "send create"), (UPDATE, "activityNotFound"), (DELETE, "unchanged")],
    )
    def test_what_never_was(self, operation: Operation, expected: str) -> None:
        assert told(plan_after_look(asked(operation, ASSIGNED), None, seen(None, None, None))) == expected

    @pytest.mark.parametrize(
        ("operation", "expected"),
        [(CREATE, "deleted"), (UPSERT, "send create"), (UPDATE, "activityNotFound"), (DELETE, "unchanged")],
    )
    def test_what_was_known_and_is_gone_was_deleted(self, operation: Operation, expected: str) -> None:
        known = seen(None, Known(NOON), None)
        assert known == Known(NOON, deleted=True)
        assert told(plan_after_look(asked(operation, ASSIGNED), None, known)) == expected

    def test_what_is_there_is_told_as_graph_told_it(self) -> None:
        found = StoredActivity(entity_of(ASSIGNED), "graph-request-id")
        end = plan_after_look(asked(UPSERT, ASSIGNED), found, seen(found, None, None))
        assert isinstance(end, Done)
        assert (end.outcome, end.stored) == (Outcome.UNCHANGED, found)

    def test_a_state_that_may_have_been_brought_about_counts_as_that(self) -> None:
        """The one who meant to is dead: what Graph has may be theirs."""
        left = meant(asked(UPDATE, ASSIGNED, at=LATER), Known(EARLIER), None)
        found = StoredActivity(entity_of(ASSIGNED))
        known = seen(found, Known(EARLIER), left)
        assert known is not None
        assert known.as_of == LATER
        assert told(plan_after_look(asked(UPSERT, ASSIGNED, at=NOON, status="completed"), found, known)) == "superseded"

    def test_of_several_who_came_to_no_end_the_latest_counts(self) -> None:
        first = meant(asked(UPDATE, ASSIGNED, at=LATER), Known(EARLIER), None)
        assert meant(asked(UPDATE, ASSIGNED, at=NOON), Known(EARLIER), first).as_of == LATER

    def test_the_repeat_of_a_create_is_recognised_after_somebody_else_changed_what_it_had_made(self) -> None:
        left = meant(ASSIGNED, None, None)
        known = seen(StoredActivity(entity_of(ASSIGNED)), None, left)
        changed = remembered(
            Done(Outcome.UPDATED, asked(UPSERT, ASSIGNED), StoredActivity(entity_of(ASSIGNED, status="completed"))),
            known,
        )
        assert told(plan(ASSIGNED, changed)) == "unchanged"

    def test_what_somebody_may_have_deleted_and_is_gone_was_deleted(self) -> None:
        """A create that is repeated does not bring it back, although nobody remembers the activity."""
        left = meant(asked(DELETE, ASSIGNED, at=NOON), None, None)
        known = seen(None, None, left)
        assert known == Known(NOON, deleted=True)
        assert told(plan_after_look(ASSIGNED, None, known)) == "deleted"

    def test_a_create_says_nothing_of_the_time_of_what_was_there_before(self) -> None:
        assert meant(asked(CREATE, ASSIGNED, at=LATER), Known(NOON), None).as_of < NOON


class TestRemembering:
    def test_each_end(self) -> None:
        stored = StoredActivity(entity_of(ASSIGNED))
        made = remembered(Done(Outcome.CREATED, asked(UPSERT, ASSIGNED, at=NOON), stored), None)
        assert made == Known(NOON, entity_of(ASSIGNED), content_hash(ASSIGNED))
        deleted = remembered(Done(Outcome.DELETED, asked(DELETE, ASSIGNED), StoredActivity({})), made)
        assert deleted == Known(LATER, deleted=True)
        again = remembered(Done(Outcome.CREATED, asked(UPSERT, ASSIGNED), stored), deleted)
        assert (again.deleted, again.entity) == (False, entity_of(ASSIGNED))

    @pytest.mark.parametrize(("operation", "time"), [(UPSERT, LATER), (UPDATE, LATER), (DELETE, LATER)])
    def test_unchanged_advances_the_time(self, operation: Operation, time: datetime) -> None:
        known = Known(NOON, deleted=True) if operation is DELETE else known_as(ASSIGNED)
        end = Done(Outcome.UNCHANGED, asked(operation, ASSIGNED), StoredActivity(known.entity or {}))
        assert remembered(end, known).as_of == time

    def test_the_repeat_of_a_create_does_not_advance_the_time_of_what_it_has_become(self) -> None:
        known = known_as(ASSIGNED, status="completed")
        end = Done(Outcome.UNCHANGED, asked(CREATE, ASSIGNED), StoredActivity(known.entity or {}))
        assert remembered(end, known).as_of == NOON

    def test_superseded_changes_nothing_of_what_is_known(self) -> None:
        known = known_as(ASSIGNED)
        end = Done(Outcome.SUPERSEDED, asked(UPSERT, ASSIGNED, at=EARLIER), StoredActivity(known.entity or {}))
        assert remembered(end, known) == known

    def test_what_is_said_to_be_from_before_all_time_is_as_old_as_storage_can_say(self) -> None:
        """Programs send 0001-01-01 for a date that they do not have."""
        request = replace(ASSIGNED, as_of=datetime.min.replace(tzinfo=UTC))
        assert request.true_at == datetime(1601, 1, 1, tzinfo=UTC)
        assert creation(request).entity == ASSIGNED.activity.to_graph()
