"""What is told of a record to everybody who has a report's address: the app's own words, nobody else's."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract.advice import ADVICE
from activities.errors import ErrorCode, PermanentError, Problem, TransientError
from activities.execution.result import Result
from activities.graph import translation
from tests.support.fakes import activity_request

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
REQUEST = activity_request("course-1")
# What a comparison with the record's own texts missed: line breaks, escapes, short texts, texts that are cut.
SECRETS = ["Ann", "a\nb", 'He said "no"', "x" * 600, "Zoë & Co", "anna@contoso.com"]


def told(error: PermanentError | TransientError) -> Result:
    return Result.of_request(0, error, REQUEST)


def answered(status: int, body: Any) -> Result:
    """Return what is told of a record that Graph answered so."""
    return told(_error(status, body))


def _error(status: int, body: Any) -> PermanentError | TransientError:
    error = translation.translate(status, {}, json.dumps(body).encode(), now=NOW)
    assert isinstance(error, PermanentError | TransientError)
    return error


def detailed(*messages: str) -> dict[str, Any]:
    return {"error": {"code": "badRequest", "message": "badRequest", "details": [{"message": one} for one in messages]}}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("place", ["message", "code", "detail", "target"])
def test_nothing_that_graph_wrote_is_told(status: int, place: str, secret: str) -> None:
    bodies = {
        "message": {"error": {"code": "badRequest", "message": f"Not for {secret}."}},
        "code": {"error": {"code": secret, "message": ""}},
        "detail": detailed(f"The notes {secret} are refused", f"{secret} is refused"),
        "target": detailed(f"Input field {secret} is invalid"),
    }
    said = json.dumps(answered(status, bodies[place]).to_json(), ensure_ascii=False)
    assert secret not in said
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in said
    assert secret[:50] not in said


@given(st.integers(400, 599), st.text(min_size=4), st.text(min_size=4))
def test_what_is_told_is_the_same_whatever_graph_wrote(status: int, message: str, other: str) -> None:
    one, two = (answered(status, detailed(f"§{words}§")) for words in (message, other))
    assert one == two


def test_the_property_that_graph_names_is_told_in_the_contracts_spelling() -> None:
    result = answered(400, detailed("Input field externalcourseActivityId is invalid"))
    assert (result.error_code, result.error_target) == ("rejectedByGraph", "externalCourseActivityId")
    assert result.error_message.endswith("Microsoft Graph names: externalCourseActivityId.")


def test_several_properties_are_named_once_each_and_what_is_none_is_left_out() -> None:
    result = answered(
        400,
        detailed(
            "Input field {status} is required",
            "Input field {notes}length exceeded than 4000",
            "Input field status is invalid",
            "Input field anna is invalid",
        ),
    )
    assert result.error_target == ""
    assert result.error_message.endswith("Microsoft Graph names: status, notes.")


def test_the_report_says_how_to_see_graphs_own_words() -> None:
    """Else nobody could find out what to correct."""
    assert "POST /api/activities" in answered(400, {"error": {"message": "No."}}).error_message


@pytest.mark.parametrize("code", [one for one in ErrorCode if not ADVICE[one].in_reports])
def test_what_the_app_says_itself_is_told_as_it_is(code: ErrorCode) -> None:
    problems = [Problem("required", "status is required.", "status")]
    result = told(PermanentError(code, "status is required.", target="status", problems=problems))
    assert (result.error_message, result.error_target) == ("status is required.", "status")
