"""When two requests with the same external id ask for the same: another spelling does, another meaning does not."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from activities.contract import dates
from activities.contract.activity import ActivityRequest
from activities.contract.models import CourseActivity, Json
from activities.contract.validation import parse_activity
from activities.execution.sameness import content_hash
from tests.support.fakes import LEARNER_ID, REGISTRATION_ID, activity_request, assignment_request
from tests.support.records import DEFAULTS
from tests.support.strategies import can_be_meant, kinds_and_records

MOMENT = "2026-11-22T10:00:00Z"

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"assignedDateTime": MOMENT}, {"assignedDateTime": "2026-11-22T11:00:00.0000000+01:00"}),
    ({"assignedDateTime": "2026-11-22"}, {"assignedDateTime": "2026-11-22T00:00:00Z"}),
    ({"dueDateTime": MOMENT}, {"dueDateTime": {"dateTime": "2026-11-22T11:00:00", "timeZone": "Europe/Berlin"}}),
    ({"learnerUserId": LEARNER_ID}, {"learnerUserId": LEARNER_ID.upper()}),
    ({"learningContentId": LEARNER_ID}, {"learningContentId": LEARNER_ID.upper()}),
    ({"assignerUserId": LEARNER_ID}, {"assignerUserId": LEARNER_ID.upper()}),
    ({"notes": "Read this"}, {"notes": {"content": " Read this\n", "contentType": "TEXT"}}),
    ({"completionPercentage": "20"}, {"completionPercentage": 20.0}),
    ({"status": "In progress"}, {"status": "inProgress"}),
    ({"completedDateTime": None}, {}),
    ({"learningProviderId": REGISTRATION_ID}, {}),
    (
        {"externalCourseActivityId": "course-1"},
        {"externalCourseActivityId": None, "externalcourseActivityId": "course-1"},
    ),
]
OTHER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"assignedDateTime": MOMENT}, {"assignedDateTime": "2026-11-22T10:00:01Z"}),
    ({"assignedDateTime": MOMENT}, {}),
    ({"assignedDateTime": MOMENT}, {"completedDateTime": MOMENT}),
    ({"dueDateTime": MOMENT}, {"dueDateTime": {"dateTime": "2026-11-22T10:00:00", "timeZone": "Europe/Berlin"}}),
    ({"learningContentId": "content-1"}, {"learningContentId": "Content-1"}),
    ({"learningContentId": MOMENT}, {"learningContentId": "2026-11-22T11:00:00+01:00"}),
    ({"learningContentId": "ß"}, {"learningContentId": "ss"}),
    ({"notes": "a"}, {"notes": "A"}),
    ({"notes": "a"}, {"notes": {"content": "a", "contentType": "html"}}),
    ({"completionPercentage": 0}, {}),
    ({"status": "inProgress"}, {"status": "completed"}),
    ({"assignmentType": "required"}, {"assignmentType": "recommended"}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_another_spelling_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert content_hash(assignment(one)) == content_hash(assignment(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_meaning_is_other_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert content_hash(assignment(one)) != content_hash(assignment(other))


def assignment(properties: dict[str, Any]) -> ActivityRequest:
    least = {
        "@odata.type": "#microsoft.graph.learningAssignment",
        "registrationId": REGISTRATION_ID,
        "learnerUserId": LEARNER_ID,
        "learningContentId": "content-1",
        "status": "inProgress",
        "assignmentType": "required",
    }
    return parse_activity({**least, **properties}, kind=None, defaults=DEFAULTS)


def test_the_other_type_is_other_content() -> None:
    assert content_hash(activity_request()) != content_hash(assignment_request())


def test_the_hash_never_changes() -> None:
    """What the ledger holds was written by an earlier release: a change would turn repetitions into conflicts."""
    request = assignment_request(dueDateTime=MOMENT, notes="Read this", completionPercentage=20)
    assert content_hash(request) == "5a5485970b00715af6a7c85633677366e7b7633a68c5ec4e344372272c451d4e"


def hash_of(kind: type[CourseActivity], record: Json) -> str:
    return content_hash(parse_activity(record, kind=kind, defaults=DEFAULTS))


@given(drawn=kinds_and_records)
def test_neither_the_order_nor_a_detour_through_json_matters(drawn: tuple[type[CourseActivity], Json]) -> None:
    kind, record = drawn
    backwards = dict(reversed(json.loads(json.dumps(record)).items()))
    assert hash_of(kind, record) == hash_of(kind, backwards)


@given(moment=st.datetimes(datetime(1971, 1, 1), datetime(2100, 12, 30)), hours=st.integers(-14, 14))  # noqa: DTZ001 (the zone follows)
def test_the_offset_in_which_a_moment_is_told_does_not_matter(moment: datetime, hours: int) -> None:
    told = [moment.replace(tzinfo=UTC).astimezone(zone).isoformat() for zone in (UTC, timezone(timedelta(hours=hours)))]
    one, other = (content_hash(activity_request(startedDateTime=text)) for text in told)
    assert one == other


CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "learningContentId": st.text(st.characters(codec="utf-8"), min_size=1).filter(can_be_meant),
    "status": st.sampled_from(["notStarted", "inProgress", "completed"]),
    "completionPercentage": st.none() | st.just(0) | st.integers(2, 100),
    "completedDateTime": st.dates(date(1971, 1, 1), date(2100, 12, 31)).map(str),
    "learnerUserId": st.uuids().map(str),
}


@given(drawn=kinds_and_records, data=st.data())
@pytest.mark.parametrize("name", CHANGES)
def test_any_difference_in_one_property_is_other_content(
    drawn: tuple[type[CourseActivity], Json], data: st.DataObject, name: str
) -> None:
    kind, record = drawn
    changed = {**record, name: data.draw(CHANGES[name])}
    one, other = (parse_activity(each, kind=kind, defaults=DEFAULTS).activity.to_graph() for each in (record, changed))
    assume(str(one.get(name)).casefold() != str(other.get(name)).casefold())
    assume(name != "completedDateTime" or dates.moment_of(one.get(name)) != dates.moment_of(other[name]))
    assert hash_of(kind, record) != hash_of(kind, changed)
