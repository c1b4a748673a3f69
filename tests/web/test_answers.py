"""Bytes out: the flat answer with constant keys, Graph's answer as it came, the one error shape."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract.activity import Outcome, StoredActivity
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ActivityError, ErrorCode, PermanentError, Problem, SettingsError, TransientError
from activities.execution.decisions import Done
from activities.health import Report
from activities.web import activities, answers, http
from tests.support.error_shape import TRANSIENT, assert_error
from tests.support.records import KINDS, PROVIDER, parse, record, sample
from tests.support.strategies import json_values

REQUEST = http.Request(request_id="r-1")
SECRET = "anna@contoso.com"
NAMES = sorted({"id", *(field.alias or "" for kind in KINDS for field in kind.model_fields.values())})


def creation(
    entity: dict[str, Any], kind: type[CourseActivity] = Assignment, outcome: Outcome = Outcome.CREATED
) -> Done:
    """Return a finished creation that Graph answered with an entity."""
    body = record(kind, externalCourseActivityId="course-1")
    return Done(outcome, parse(body, kind), StoredActivity(entity))


def flat(entity: dict[str, Any], kind: type[CourseActivity] = Assignment) -> dict[str, Any]:
    """Return the flat answer for an entity of Graph."""
    answer: dict[str, Any] = json.loads(activities.encode_flat(creation(entity, kind), REQUEST).body)
    return answer


def test_the_flat_answer_for_the_assignment_of_the_api_page() -> None:
    assert flat(sample("assignment.response")) == {
        "outcome": "created",
        "id": "7ba2228a-e020-11ec-9d64-0242ac120002:749c8786-99bb-4b3b-8d5d-586428f6aaa3",
        "externalCourseActivityId": "course-1",
        "registrationId": PROVIDER,
        "learnerUserId": "7ba2228a-e020-11ec-9d64-0242ac120002",
        "learningContentId": "57baf9dc-e020-11ec-9d64-0242ac120002",
        "status": "notStarted",
        "completionPercentage": 20,
        "completedDateTime": "",
        "learningProviderId": "01e8f81b-3060-4dec-acf0-0389665a0a38",
        "assignmentType": "required",
        "assignedDateTime": "2021-05-11T22:57:17+00:00",
        "assignerUserId": "cea1684d-57dc-438d-a9d1-e666ec1a7f3d",
        "dueDateTime": "2022-09-22T16:05:00Z",
        "notes": "required assignment added for user",
    }


def test_the_flat_answer_for_the_self_initiated_course_of_the_api_page() -> None:
    answer = flat(sample("self-initiated.response"), SelfInitiatedCourse)
    assert answer["startedDateTime"] == "2021-05-21T22:57:17+00:00"
    assert answer["status"] == "inProgress"
    assert not answer.keys() & {"notes", "dueDateTime", "assignmentType"}


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=20), json_values))
def test_the_flat_answer_always_has_the_same_keys_and_never_null(
    kind: type[CourseActivity], entity: dict[str, Any]
) -> None:
    """Whatever Graph leaves out or says in another form: a flow's later actions rely on every key being there."""
    names = {field.alias for field in kind.model_fields.values()}
    answer = flat(entity, kind)
    assert answer.keys() == {"outcome", "id", *names}
    assert type(answer.pop("completionPercentage")) is int
    assert {type(value) for value in answer.values()} == {str}


@pytest.mark.parametrize(("said", "expected"), [(20, 20), (20.0, 20), ("20", 20), (None, 0), (True, 0), ("x", 0)])
def test_the_percentage_is_a_number_in_whatever_form_graph_says_it(said: object, expected: int) -> None:
    assert flat({"completionPercentage": said})["completionPercentage"] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"dateTime": "2026-11-22T11:00:00.0000000", "timeZone": "Europe/Berlin"}, "2026-11-22T10:00:00Z"),
        ({"dateTime": "2026-11-22T11:00:00", "timeZone": "Mars"}, "2026-11-22T11:00:00"),
        ("2026-11-22T11:00:00Z", "2026-11-22T11:00:00Z"),
        ({}, ""),
        (5, ""),
    ],
)
def test_a_due_date_is_one_text_that_flows_can_compare(said: object, expected: str) -> None:
    assert flat({"dueDateTime": said})["dueDateTime"] == expected


def test_the_other_answer_is_what_graph_said_without_a_change() -> None:
    entity = {**sample("assignment.response"), "somethingElse": [None, {"a": 1.5}], "text": "Prüfung 🎓\ud83d"}
    assert json.loads(activities.encode_graph(creation(entity), REQUEST).body) == entity


@pytest.mark.parametrize("encode", [activities.encode_graph, activities.encode_flat])
@pytest.mark.parametrize(("outcome", "status"), [(one, 201 if one is Outcome.CREATED else 200) for one in Outcome])
def test_a_created_activity_answers_201_and_one_that_was_there_200(encode: Any, outcome: Outcome, status: int) -> None:
    response = encode(creation({"id": "a"}, outcome=outcome), REQUEST)
    assert response.status == status
    said = response.headers.get("x-ms-outcome") or json.loads(response.body)["outcome"]
    assert said == outcome
    assert response.headers.items() >= {"Content-Type": "application/json", "x-ms-request-id": "r-1"}.items()


def test_every_error_code_has_a_status() -> None:
    assert answers.HTTP_STATUS.keys() == set(ErrorCode)
    assert len({str(code) for code in ErrorCode}) == len(ErrorCode)


REFUSALS = [
    code
    for code in ErrorCode
    # Those that do mean the caller's own sign-in.
    if answers.HTTP_STATUS[code] not in TRANSIENT | {500, 401, 403}
]


@pytest.mark.parametrize("code", REFUSALS)
def test_a_permanent_refusal_is_never_a_5xx_because_flows_would_repeat_it_for_an_hour(code: ErrorCode) -> None:
    error = PermanentError(code, "No.", target="notes", problems=[Problem("invalid", "No.", "notes")])
    response = answers.encode_error(error, REQUEST)
    assert 400 <= response.status < 500
    assert response.status not in {401, 403, 408, 429}, "flows repeat these, or take them for their own sign-in"
    assert assert_error(response, response.status, code) == {
        "code": code,
        "message": "No.",
        "target": "notes",
        "details": [{"code": "invalid", "message": "No.", "target": "notes"}],
    }


@pytest.mark.parametrize("code", [code for code in ErrorCode if answers.HTTP_STATUS[code] in TRANSIENT])
@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (30.0, "30"), (119.5, "120")])
def test_a_transient_error_says_when_to_come_back_in_whole_seconds(
    code: ErrorCode, seconds: float, header: str
) -> None:
    response = answers.encode_error(TransientError(code, "Later.", retry_after_seconds=seconds), REQUEST)
    assert assert_error(response, response.status, code) == {"code": code, "message": "Later."}
    assert response.headers["Retry-After"] == header


def test_settings_that_cannot_be_used_name_each_one() -> None:
    error = SettingsError([Problem("invalidSetting", "AZURE_CLIENT_ID must be a GUID.", "AZURE_CLIENT_ID")])
    response = answers.encode_error(error, REQUEST)
    said = assert_error(response, 500, "internalError")
    assert said["details"][0]["target"] == "AZURE_CLIENT_ID"
    assert response.headers["Retry-After"] == "300"


def test_a_bug_answers_with_the_request_id_and_never_an_exceptions_text() -> None:
    try:
        int(SECRET)
    except ValueError:
        response = answers.encode_bug(REQUEST)
    said = assert_error(response, 500, "internalError")
    assert said.keys() == {"code", "message"}
    assert "r-1" in said["message"]
    assert SECRET.encode() not in response.body
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize("sent", ["0f8fad5b-d9cb-469f-a165-70867728950e", "my.id:1", "x" * 80])
def test_a_callers_request_id_is_echoed(sent: str) -> None:
    request = http.Request(headers={"x-ms-client-request-id": sent})
    for response in (answers.encode_bug(request), activities.encode_graph(creation({}), request)):
        assert response.headers["x-ms-client-request-id"] == sent


@pytest.mark.parametrize(
    "sent", ["", " ", "a b", "a\r\nx-ms-error-code: no", "a\nb", "a\0", "Prüfung", "\u0661", "a\x7f", "x" * 500]
)
def test_a_callers_request_id_that_is_no_plain_token_is_not_echoed(sent: str) -> None:
    """A header must not be able to write another one."""
    response = answers.encode_bug(http.Request(headers={"x-ms-client-request-id": sent}))
    assert "x-ms-client-request-id" not in response.headers


def test_every_request_without_an_id_gets_its_own() -> None:
    assert len({http.Request().request_id for _ in range(3)}) == 3


def test_health_answers_200_or_503_with_the_error_that_a_caller_would_get() -> None:
    checked_at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    healthy = answers.encode_health(Report(checked_at), REQUEST)
    assert healthy.status == 200
    assert json.loads(healthy.body) == {
        "status": "healthy",
        "checkedAt": "2026-11-22T10:00:00+00:00",
        "missingPermissions": [],
        "optionalPermissions": [],
    }
    failure: ActivityError = TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "No token.", retry_after_seconds=30)
    unhealthy = answers.encode_health(Report(checked_at, failure), REQUEST)
    body = json.loads(unhealthy.body)
    assert (body.pop("status"), body.pop("checkedAt")) == ("unhealthy", "2026-11-22T10:00:00+00:00")
    assert body.pop("missingPermissions") == []
    assert body.pop("optionalPermissions") == []
    same = http.Response(unhealthy.status, json.dumps(body).encode(), unhealthy.headers)
    assert_error(same, 503, "identityUnavailable")
