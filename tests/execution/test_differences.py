"""When an activity in Graph is the one that was sent: another spelling is the same, another meaning is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.execution.sameness import differences
from tests.support.fakes import LEARNER_ID, activity_request, assignment_request

MOMENT = "2026-11-22T10:00:00+00:00"

SAME = [
    ("assignedDateTime", MOMENT, "2026-11-22T10:00:00Z"),
    ("assignedDateTime", MOMENT, "2026-11-22T11:00:00.0000000+01:00"),
    ("assignedDateTime", "2026-11-22T10:00:00.1234567Z", "2026-11-22T10:00:00.1234567+00:00"),
    ("learnerUserId", LEARNER_ID, LEARNER_ID.upper()),
    ("completionPercentage", 20, 20),
    ("completedDateTime", None, None),
    ("notes", {"contentType": "text", "content": "a"}, {"content": "a\r\n", "contentType": "text"}),
    ("notes", {"contentType": "html", "content": "<b>a</b>"}, {"contentType": "html", "content": "<html><b>a</b>"}),
    (
        "dueDateTime",
        {"dateTime": "2026-11-22T11:00:00", "timeZone": "Europe/Berlin"},
        {"dateTime": "2026-11-22T10:00:00.0000000", "timeZone": "UTC"},
    ),
    (
        "dueDateTime",
        {"dateTime": "2026-11-22T11:00:00", "timeZone": "W. Europe Standard Time"},
        {"dateTime": "2026-11-22T11:00:00.0000000", "timeZone": "Europe/Berlin"},
    ),
]
OTHER = [
    ("assignedDateTime", MOMENT, "2026-11-22T10:00:01Z"),
    ("assignedDateTime", MOMENT, "2026-11-22T10:00:00+01:00"),
    ("assignedDateTime", MOMENT, None),
    ("assignedDateTime", MOMENT, "soon"),
    ("completedDateTime", None, MOMENT),
    ("learnerUserId", LEARNER_ID, LEARNER_ID.replace("7", "8")),
    ("learningContentId", "content-1", "content-10"),
    ("status", "completed", "inProgress"),
    ("completionPercentage", 20, 21),
    ("completionPercentage", 20, None),
    ("completionPercentage", 0, None),
    ("notes", {"contentType": "text", "content": "a"}, {"contentType": "text", "content": "b"}),
    ("notes", {"contentType": "text", "content": "a"}, None),
    (
        "dueDateTime",
        {"dateTime": "2026-11-22T11:00:00", "timeZone": "Europe/Berlin"},
        {"dateTime": "2026-11-22T11:00:00.0000000", "timeZone": "UTC"},
    ),
    (
        "dueDateTime",
        {"dateTime": "2026-11-22T11:00:00", "timeZone": "UTC"},
        {"dateTime": "2026-11-22T11:00:00", "timeZone": "Nowhere"},
    ),
]


@pytest.mark.parametrize(("name", "sent", "found"), SAME)
def test_another_spelling_is_the_same(name: str, sent: Any, found: Any) -> None:
    assert differences({name: sent}, {name: found}) == []


@pytest.mark.parametrize(("name", "sent", "found"), OTHER)
def test_another_meaning_is_a_difference(name: str, sent: Any, found: Any) -> None:
    assert differences({name: sent}, {name: found}) == [name]


@pytest.mark.parametrize("found", [{}, {"externalcourseActivityId": "a"}, {"externalCourseActivityId": "A"}])
def test_the_external_id_was_the_key_and_is_no_content(found: dict[str, Any]) -> None:
    assert differences({"externalCourseActivityId": "a"}, found) == []


def test_what_graph_adds_is_no_difference() -> None:
    sent = activity_request().activity.to_graph()
    added = {"id": "a:b", "@odata.context": "…", "completedDateTime": None, "completionPercentage": 0}
    assert differences(sent, {**added, **sent}) == []


def test_the_other_type_is_a_difference() -> None:
    sent, found = activity_request().activity.to_graph(), assignment_request().activity.to_graph()
    assert "@odata.type" in differences(sent, found)


def test_all_differing_properties_are_named_in_the_order_in_which_they_were_sent() -> None:
    assert differences({"c": 1, "a": "x", "b": 2}, {"a": "x", "b": 3, "c": 4}) == ["c", "b"]


def test_a_moment_without_offset_is_not_taken_for_the_machines_own_time() -> None:
    """The same two activities must compare alike on every machine, wherever it stands."""
    naive = "2026-11-22T10:00:00"
    assert [
        one for one in ("Z", "+01:00", "-05:00", "+09:00") if not differences({"d": naive + one}, {"d": naive})
    ] == []


values = st.none() | st.integers() | st.text() | st.dictionaries(st.sampled_from(["content", "dateTime"]), st.text())
entities = st.dictionaries(st.sampled_from(["status", "notes", "dueDateTime", "completedDateTime"]), values)


@given(sent=entities, found=entities)
def test_comparing_never_fails_and_names_only_what_was_sent(sent: dict[str, Any], found: dict[str, Any]) -> None:
    assert set(differences(sent, found)) <= sent.keys()
    assert differences(sent, sent) == []
