"""One record, checked completely: every property of the API page, every contradiction, all problems at once."""

import json
import re
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from activities.contract import values
from activities.contract.models import Assignment, CourseActivity, Defaults, Json, SelfInitiatedCourse
from activities.contract.validation import ALTERNATIVES
from activities.errors import ErrorCode, PermanentError
from tests.support.records import DEFAULTS, KINDS, LEARNER, OTHER_PROVIDER, PROVIDER, parse, problems_of, record, sample
from tests.support.strategies import kinds_and_records

NO_DEFAULTS = Defaults()
BERLIN = Defaults(registration_id=PROVIDER, zone=ZoneInfo("Europe/Berlin"))
SHARED_FORMS: list[tuple[str, object, object]] = [
    ("learnerUserId", f" {LEARNER.upper()} ", LEARNER.upper()),
    ("learningContentId", " content 2 ", "content 2"),
    ("learningContentId", 7, "7"),
    ("learnerUserId", " Anna@contoso.com ", "Anna@contoso.com"),
    ("learnerUserId", "i:0#.f|membership|anna@contoso.com", "anna@contoso.com"),
    ("learnerUserId", {"DisplayName": "Anna", "Email": "anna@contoso.com"}, "anna@contoso.com"),
    ("status", "In progress", "inProgress"),
    ("status", "COMPLETED", "completed"),
    ("completionPercentage", 28.0, 28),
    ("completionPercentage", "42", 42),
    ("completedDateTime", "2026-11-22T10:00:00.0000000Z", "2026-11-22T10:00:00.0000000Z"),
    ("completedDateTime", "2026-07-22", "2026-07-22T00:00:00+02:00"),
    ("externalCourseActivityId", 42, "42"),
    ("externalCourseActivityId", " row/7 'x' ", "row/7 'x'"),
    ("learningProviderId", PROVIDER.upper(), PROVIDER.upper()),
]
FORMS: list[tuple[type[CourseActivity], str, object, object]] = [
    *((kind, *form) for kind in KINDS for form in SHARED_FORMS),
    (Assignment, "assignmentType", "Recommended ", "recommended"),
    (Assignment, "assignedDateTime", "2026-07-22T10:00:00.1234567", "2026-07-22T10:00:00.1234567+02:00"),
    (Assignment, "assignerUserId", LEARNER, LEARNER),
    (Assignment, "dueDateTime", "2026-07-22", {"dateTime": "2026-07-22T21:59:59", "timeZone": "UTC"}),
    (Assignment, "dueDateTime", "2026-07-22T10:00:00Z", {"dateTime": "2026-07-22T10:00:00", "timeZone": "UTC"}),
    (
        Assignment,
        "dueDateTime",
        {"dateTime": "2026-07-22T10:00:00.0000000", "timeZone": "W. Europe Standard Time"},
        {"dateTime": "2026-07-22T10:00:00.0000000", "timeZone": "W. Europe Standard Time"},
    ),
    (Assignment, "notes", " read it ", {"contentType": "text", "content": " read it "}),
    (
        Assignment,
        "notes",
        {"content": "<b>it</b>", "contentType": "HTML"},
        {"contentType": "html", "content": "<b>it</b>"},
    ),
    (SelfInitiatedCourse, "startedDateTime", "2026-11-22T10:00Z", "2026-11-22T10:00:00Z"),
]
SHARED_REFUSALS: list[tuple[str, object, str]] = [
    ("learnerUserId", "Anna", "learnerUserId is neither a GUID nor an address"),
    ("learnerUserId", {"DisplayName": "Anna"}, "learnerUserId is an object without an address"),
    ("learnerEmployeeId", ["42"], "learnerEmployeeId must be a text."),
    ("learningContentExternalId", {}, "learningContentExternalId must be a text."),
    ("learningContentId", ["content-1"], "learningContentId must be a text."),
    ("status", "unknownFutureValue", "status must be notStarted, inProgress or completed."),
    ("completionPercentage", 101, "completionPercentage must be a whole number from 0 to 100."),
    ("completionPercentage", "-1", "completionPercentage must be a whole number from 0 to 100."),
    ("completedDateTime", "03/04/2026", "completedDateTime can be read in more than one way"),
    ("completedDateTime", "44039.63951", "completedDateTime looks like an Excel day number"),
    ("externalCourseActivityId", {}, "externalCourseActivityId must be a text."),
    ("externalCourseActivityId", "\ud83d", "externalCourseActivityId holds half a character"),
    ("learningProviderId", "LinkedIn", "learningProviderId must be a GUID"),
    ("registrationId", "../me", "registrationId must be a GUID"),
    ("registrationId", 0, "registrationId must be a GUID"),
]
REFUSALS: list[tuple[type[CourseActivity], str, object, str]] = [
    *((kind, *refusal) for kind in KINDS for refusal in SHARED_REFUSALS),
    (Assignment, "assignmentType", "unknownFutureValue", "assignmentType must be required or recommended."),
    (Assignment, "assignmentType", "peerRecommended", "assignmentType must be required or recommended."),
    (Assignment, "assignedDateTime", "2026-02-30", "assignedDateTime is not a date of the calendar"),
    (Assignment, "assignerUserId", "Anna", "assignerUserId is neither a GUID nor an address"),
    (Assignment, "dueDateTime", "3.4.2026", "dueDateTime can be read in more than one way"),
    (Assignment, "dueDateTime", {"dateTime": "2026-07-22", "timeZone": "Mars"}, "dueDateTime has an unknown timeZone"),
    (Assignment, "notes", {"content": "x", "contentType": "rtf"}, "notes has a contentType that must be text or html."),
    (SelfInitiatedCourse, "startedDateTime", True, "startedDateTime must be a date written as a text"),
]
REQUIRED = [
    *((kind, name) for kind in KINDS for name in ("learnerUserId", "learningContentId", "status")),
    (Assignment, "assignmentType"),
]
NULLABLE = [
    *((kind, name) for kind in KINDS for name in ("completionPercentage", "completedDateTime")),
    *((Assignment, name) for name in ("assignedDateTime", "assignerUserId", "dueDateTime", "notes")),
    (SelfInitiatedCourse, "startedDateTime"),
]


@pytest.mark.parametrize(("name", "kind"), [("assignment", Assignment), ("self-initiated", SelfInitiatedCourse)])
def test_both_examples_of_the_api_page_reach_graph_value_by_value(name: str, kind: type[CourseActivity]) -> None:
    example = sample(f"{name}.request")
    for operation in (None, kind):
        request = parse(example, operation)
        assert json.dumps(request.activity.to_graph(), sort_keys=True) == json.dumps(example, sort_keys=True)
        assert request.registration_id == PROVIDER


@pytest.mark.parametrize(("kind", "name", "value", "expected"), FORMS)
def test_every_property_is_understood_in_the_forms_that_flows_send(
    kind: type[CourseActivity], name: str, value: object, expected: object
) -> None:
    assert parse(record(kind, **{name: value}), kind, BERLIN).activity.to_graph()[name] == expected


@pytest.mark.parametrize(("kind", "name", "value", "message"), REFUSALS)
def test_every_property_is_refused_by_its_name_in_a_sentence(
    kind: type[CourseActivity], name: str, value: object, message: str
) -> None:
    [problem] = problems_of(record(kind, **{name: value}), kind)
    assert (problem.code, problem.target) == ("invalid", name)
    assert problem.message.startswith(message)
    assert problem.message.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_above_have_every_property(kind: type[CourseActivity]) -> None:
    names = {field.alias for field in kind.model_fields.values()}
    assert {name for its_kind, name, *_ in REFUSALS if its_kind is kind} == names
    assert {name for its_kind, name, *_ in FORMS if its_kind is kind} == names - {
        "registrationId",
        *ALTERNATIVES.values(),
    }


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_required_property_may_not_be_missing_or_blank(kind: type[CourseActivity], name: str, blank: object) -> None:
    missing = record(kind)
    del missing[name]
    for body in (missing, record(kind, **{name: blank})):
        [problem] = problems_of(body, kind)
        assert (problem.code, problem.target) == ("required", name)
        assert problem.message.startswith(f"{name} is required. ")


@pytest.mark.parametrize(("kind", "name"), NULLABLE)
def test_an_optional_property_keeps_an_explicit_null_and_is_absent_when_blank(
    kind: type[CourseActivity], name: str
) -> None:
    assert parse(record(kind, **{name: None}), kind).activity.to_graph()[name] is None
    for body in (record(kind), record(kind, **{name: ""}), record(kind, **{name: " \n"})):
        assert name not in parse(body, kind).activity.to_graph()


@pytest.mark.parametrize("name", ["externalCourseActivityId", "externalcourseActivityId", "learningProviderId"])
def test_an_id_that_is_null_is_absent(name: str) -> None:
    assert (
        parse(record(Assignment, **{name: None})).activity.to_graph() == parse(record(Assignment)).activity.to_graph()
    )


@given(kinds_and_records)
def test_nothing_that_was_sent_is_dropped_and_nothing_else_is_added(drawn: tuple[type[CourseActivity], Json]) -> None:
    _, sent = drawn
    request = parse(sent, kind=None)
    graph = request.activity.to_graph()
    meant = {name for name, value in sent.items() if not values.is_blank(value)}
    if "registrationId" in meant:
        assert request.registration_id == sent["registrationId"].strip()
    expected = {re.sub("^externalcourse", "externalCourse", name) for name in meant} - {"registrationId"}
    assert {name for name, value in graph.items() if value is not None} == expected
    assert {name for name, value in graph.items() if value is None} <= {k for k, v in sent.items() if v is None}
    json.dumps(graph, ensure_ascii=False).encode()


@given(kinds_and_records)
def test_what_is_sent_to_graph_is_itself_a_valid_request_that_means_the_same(
    drawn: tuple[type[CourseActivity], Json],
) -> None:
    kind, sent = drawn
    graph = parse(sent, kind).activity.to_graph()
    assert parse(json.loads(json.dumps(graph)), kind=None).activity.to_graph() == graph


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [(None, "a", "a"), ("a", None, "a"), ("", "a", "a"), ("a", " a ", "a"), (42, "42", "42"), (42.0, "42", "42")],
)
def test_both_spellings_of_the_external_id_are_one_property(one: object, other: object, kept: str) -> None:
    body = record(Assignment, externalCourseActivityId=one, externalcourseActivityId=other)
    assert parse(body).activity.to_graph()["externalCourseActivityId"] == kept


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a", "A"), ("1.5", 1.5), ("a", ["a"])])
def test_two_external_ids_that_differ_are_a_contradiction(one: object, other: object) -> None:
    [problem] = problems_of(record(Assignment, externalCourseActivityId=one, externalcourseActivityId=other))
    assert (problem.code, problem.target) == ("contradiction", "externalCourseActivityId")


def test_the_other_spelling_of_the_external_id_is_checked_like_the_first() -> None:
    [problem] = problems_of(record(Assignment, externalcourseActivityId=[1]))
    assert problem.message == "externalCourseActivityId must be a text."


@pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
def test_the_provider_comes_from_either_property_and_wins_over_the_default(name: str) -> None:
    assert parse(record(Assignment, **{name: f" {OTHER_PROVIDER} "})).registration_id == OTHER_PROVIDER


@pytest.mark.parametrize("blank", [None, "", " "])
def test_the_provider_is_the_default_where_a_request_names_none(blank: object) -> None:
    body = record(Assignment, registrationId=blank, learningProviderId=blank)
    assert parse(body).registration_id == PROVIDER
    [problem] = problems_of(body, defaults=NO_DEFAULTS)
    assert (problem.code, problem.target) == ("required", "registrationId")


def test_the_registration_id_is_for_the_address_and_not_for_the_entity() -> None:
    assert "registrationId" not in parse(record(Assignment, registrationId=PROVIDER)).activity.to_graph()


def test_both_names_of_the_provider_may_stand_together_if_they_agree() -> None:
    agreeing = record(Assignment, registrationId=PROVIDER, learningProviderId=PROVIDER.upper())
    assert parse(agreeing, defaults=NO_DEFAULTS).registration_id == PROVIDER
    [problem] = problems_of(record(Assignment, registrationId=PROVIDER, learningProviderId=OTHER_PROVIDER))
    assert (problem.code, problem.target) == ("contradiction", "registrationId")


@pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
def test_only_allowed_providers_may_be_written_to(name: str) -> None:
    only = Defaults(allowed_registration_ids=frozenset({PROVIDER}))
    assert parse(record(Assignment, **{name: PROVIDER.upper()}), defaults=only)
    [problem] = problems_of(record(Assignment, **{name: OTHER_PROVIDER}), defaults=only)
    assert (problem.code, problem.target) == ("notAllowed", name)


@pytest.mark.parametrize("around", ["\ufeff{}", "{}\u200b", '="{}"'])
@pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
def test_what_cannot_be_seen_around_a_provider_gets_by_no_list(name: str, around: str) -> None:
    """It goes into an address, and is compared with what the settings allow."""
    body = record(Assignment, **{name: around.format(OTHER_PROVIDER)})
    assert parse(body).registration_id == OTHER_PROVIDER
    [problem] = problems_of(body, defaults=Defaults(allowed_registration_ids=frozenset({PROVIDER})))
    assert (problem.code, problem.target) == ("notAllowed", name)


@pytest.mark.parametrize("bad", [0, "LinkedIn", [], {"a": 1}])
def test_a_provider_that_is_no_guid_is_one_problem_and_not_replaced_by_the_default(bad: object) -> None:
    for defaults in (DEFAULTS, NO_DEFAULTS):
        [problem] = problems_of(record(Assignment, registrationId=bad), defaults=defaults)
        assert problem.target == "registrationId"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "other"), ALTERNATIVES.items())
class TestAlternatives:
    def test_either_is_enough_and_a_blank_one_says_nothing(
        self, kind: type[CourseActivity], name: str, other: str
    ) -> None:
        request = parse({**record(kind, **{other: 42}), name: " "}, kind)
        assert request.is_by_name
        assert not parse({**record(kind), other: None}, kind).is_by_name

    def test_both_are_a_contradiction(self, kind: type[CourseActivity], name: str, other: str) -> None:
        [problem] = problems_of({**record(kind), other: "42"}, kind)
        assert (problem.code, problem.target) == ("contradiction", other)
        assert name in problem.message

    def test_one_of_them_is_required_and_the_refusal_names_both(
        self, kind: type[CourseActivity], name: str, other: str
    ) -> None:
        [problem] = problems_of({**record(kind), name: None, other: ""}, kind)
        assert (problem.code, problem.target) == ("required", name)
        assert problem.message.endswith(f" Or send {other}.")

    def test_an_update_needs_none_but_takes_no_more_than_one(
        self, kind: type[CourseActivity], name: str, other: str
    ) -> None:
        update = {"operation": "update", "externalCourseActivityId": "a", "status": "completed"}
        assert not parse(update, kind).is_by_name
        [problem] = problems_of({**update, name: record(kind)[name], other: "42"}, kind)
        assert (problem.code, problem.target) == ("contradiction", other)


@pytest.mark.parametrize("kind", KINDS)
def test_graph_is_sent_no_name_but_ids(kind: type[CourseActivity]) -> None:
    sent = parse(record(kind, **dict.fromkeys(ALTERNATIVES.values(), "42")), kind).activity.to_graph()
    assert not sent.keys() & {*ALTERNATIVES, *ALTERNATIVES.values()}


def test_all_problems_are_told_at_once() -> None:
    body: Json = {
        "foo": 1,
        "startedDateTime": "2026-11-22",
        "id": "x",
        "externalCourseActivityId": "a",
        "externalcourseActivityId": "b",
        "status": "done",
        "completionPercentage": 101,
        "dueDateTime": "3/4/2026",
        "learnerUserId": "anna",
    }
    targets = {problem.target for problem in problems_of(body, defaults=NO_DEFAULTS)}
    assert targets == (body.keys() - {"externalcourseActivityId"}) | {
        "learningContentId",
        "assignmentType",
        "registrationId",
    }


def test_several_problems_are_one_message_and_a_single_one_names_its_target() -> None:
    with pytest.raises(PermanentError) as several:
        parse(record(Assignment, status="x", completionPercentage=101))
    assert several.value.message.startswith("2 problems: status must be ")
    assert several.value.target == ""
    with pytest.raises(PermanentError) as single:
        parse(record(Assignment, status="x"))
    assert (single.value.code, single.value.target) == (ErrorCode.INVALID_REQUEST, "status")
    assert single.value.message == single.value.problems[0].message


def test_the_defaults_are_utc_without_provider_or_restriction() -> None:
    assert Defaults() == Defaults(registration_id=None, allowed_registration_ids=frozenset(), zone=UTC)


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("body", [None, True, 1, 1.5, "text", [], [{}]])
def test_a_record_is_one_json_object(kind: Any, body: object) -> None:
    [problem] = problems_of(body, kind)
    assert problem.message.startswith("The body must be one JSON object")
    assert ("It is a list" in problem.message) == isinstance(body, list)
