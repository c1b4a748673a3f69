"""What has no place in a record: unknown names, the other kind's properties, what only Graph says, other types."""

import pytest

from activities.models import Assignment, CourseActivity, SelfInitiatedCourse
from tests.records import KINDS, parse, problems_of, record

GRAPH = "#microsoft.graph."


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("learnerUserID", "learnerUserId"),
        ("LearnerUserId", "learnerUserId"),
        ("learner_user_id", "learnerUserId"),
        ("duedatetime", "dueDateTime"),
        ("dueDate", "dueDateTime"),
        ("completionPercent", "completionPercentage"),
        ("note", "notes"),
        ("ExternalCourseActivityId", "externalCourseActivityId"),
    ],
)
@pytest.mark.parametrize("kind", [None, Assignment])
def test_a_misspelt_property_is_refused_with_the_one_that_was_meant(
    kind: type[CourseActivity] | None, sent: str, meant: str
) -> None:
    problem = next(one for one in problems_of(record(Assignment, **{sent: "x"}), kind) if one.target == sent)
    assert problem.code == "unknownProperty"
    assert problem.message == f'"{sent}" is not known: did you mean "{meant}"?'


@pytest.mark.parametrize("value", ["x", 0, "", None, {}])
def test_an_unknown_property_is_refused_even_when_it_is_blank(value: object) -> None:
    [problem] = problems_of(record(Assignment, zzz=value))
    assert (problem.code, problem.target) == ("unknownProperty", "zzz")
    assert problem.message == '"zzz" is not known: an assignment has no such property.'


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [
        (Assignment, "startedDateTime", "a self-initiated course"),
        *(
            (SelfInitiatedCourse, name, "an assignment")
            for name in ("assignmentType", "assignedDateTime", "assignerUserId", "dueDateTime", "notes")
        ),
    ],
)
def test_a_property_of_the_other_kind_is_refused_and_blank_it_says_nothing(
    kind: type[CourseActivity], name: str, owner: str
) -> None:
    [problem] = problems_of(record(kind, **{name: "2026-11-22"}), kind)
    assert (problem.code, problem.target) == ("unknownProperty", name)
    assert problem.message.startswith(f"{name} belongs to {owner}; ")
    for blank in (None, "", " "):
        assert name not in parse(record(kind, **{name: blank}), kind).activity.to_graph()


@pytest.mark.parametrize("name", ["id", "@odata.context", "@odata.etag"])
def test_what_graph_gives_cannot_be_sent(name: str) -> None:
    [problem] = problems_of(record(Assignment, **{name: "x"}))
    assert problem.target == name
    assert problem.message == f"{name} is given by Microsoft Graph and cannot be sent: remove it."
    assert name not in parse(record(Assignment, **{name: None})).activity.to_graph()


def test_a_hostile_name_cannot_write_into_a_message() -> None:
    [problem] = problems_of(record(Assignment, **{"a\r\nb\x00\ud800" + "c" * 100: 1}))
    assert problem.target == "a??b??" + "c" * 34 + "…"
    assert problem.message.isprintable()


def test_an_answer_names_twenty_unknown_properties_and_counts_the_rest() -> None:
    problems = problems_of(record(Assignment, **{f"zzz{number}": 1 for number in range(25)}))
    assert [problem.target for problem in problems] == [f"zzz{number}" for number in range(20)] + [""]
    assert problems[-1].message == "5 more properties are not known."


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"{GRAPH}learningAssignment", Assignment),
        ("microsoft.graph.learningAssignment", Assignment),
        ("learningassignment", Assignment),
        (f" {GRAPH}LearningAssignment ", Assignment),
        (f"{GRAPH}learningSelfInitiatedCourse", SelfInitiatedCourse),
        (f"{GRAPH}learningSelfInitiated", SelfInitiatedCourse),
        ("assignment", Assignment),
        ("Self-initiated course", SelfInitiatedCourse),
        ("selfInitiatedCourse", SelfInitiatedCourse),
    ],
)
@pytest.mark.parametrize("name", ["@odata.type", "type"])
def test_the_type_is_understood_in_the_names_of_the_api_page_and_in_short_ones(
    name: str, said: str, kind: type[CourseActivity]
) -> None:
    for body in (
        record(kind, **{name: said}),
        {"@odata.type": kind.odata_type, "type": "", **record(kind, **{name: said})},
    ):
        activity = parse(body, kind=None).activity
        assert type(activity) is kind
        assert activity.to_graph()["@odata.type"] == kind.odata_type
        assert "type" not in activity.to_graph()


def test_two_types_that_differ_are_refused() -> None:
    types = {"@odata.type": Assignment.odata_type, "type": SelfInitiatedCourse.type_name}
    problem = problems_of(record(Assignment, **types), kind=None)[0]
    assert (problem.code, problem.target) == ("contradiction", "type")
    assert problem.message.startswith("@odata.type and type both say")


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_a_short_type_that_is_none_is_refused_with_both_that_there_are(kind: type[CourseActivity] | None) -> None:
    problem = problems_of(record(kind or Assignment, type="course"), kind)[0]
    assert (problem.code, problem.target) == ("invalid", "type")
    assert all(f'"{one.type_name}"' in problem.message for one in KINDS)


@pytest.mark.parametrize("said", [None, "", " "])
def test_the_type_is_required_only_where_the_operation_does_not_say_it(said: object) -> None:
    body = record(Assignment, **{"@odata.type": said})
    assert parse(body, Assignment)
    problem = problems_of(body, kind=None)[0]
    assert (problem.code, problem.target) == ("required", "@odata.type")
    assert all(f'"{one}"' in problem.message for kind in KINDS for one in (kind.odata_type, kind.type_name))


@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("said", [f"{GRAPH}learningCourseActivity", "#", 1, [], {}, True, "\ud800"])
def test_another_type_is_refused_with_both_that_there_are(kind: type[CourseActivity] | None, said: object) -> None:
    problem = problems_of(record(kind or Assignment, **{"@odata.type": said}), kind)[0]
    assert (problem.code, problem.target) == ("invalid", "@odata.type")
    assert all(f'"{kind.odata_type}"' in problem.message for kind in KINDS)


@pytest.mark.parametrize(("kind", "other"), [KINDS, KINDS[::-1]])
def test_a_type_that_contradicts_the_operation_is_refused(
    kind: type[CourseActivity], other: type[CourseActivity]
) -> None:
    for name, said in {"@odata.type": other.odata_type, "type": other.type_name}.items():
        [problem] = problems_of(record(kind, **{name: said}), kind)
        assert (problem.code, problem.target) == ("contradiction", name)
        assert other.spoken_name in problem.message


def test_without_a_type_the_properties_of_both_kinds_are_checked_all_the_same() -> None:
    body = {"completionPercentage": 101, "notes": "x", "startedDateTime": "2026-11-22", "foo": 1}
    targets = {problem.target for problem in problems_of(body, kind=None)}
    assert targets == {"@odata.type", "completionPercentage", "foo", "learnerUserId", "learningContentId", "status"}
