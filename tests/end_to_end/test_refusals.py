"""Every row of the API page's error table and what networks do, as a caller of the app sees it."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.stack import Stack, own_example
from tests.support.error_shape import assert_error

FAULTS: list[tuple[str, int, str, int | None]] = [
    ("provider-not-registered", 424, "providerNotRegistered", None),
    ("provider-not-enabled", 424, "providerNotEnabled", None),
    ("field-validation", 422, "rejectedByGraph", None),
    ("service-plan-missing", 424, "servicePlanMissing", None),
    ("access-missing", 424, "graphPermissionMissing", None),
    ("content-of-another-provider", 422, "contentNotOwnedByProvider", None),
    ("content-of-another-provider-as-code", 422, "contentNotOwnedByProvider", None),
    ("learner-not-licensed", 422, "learnerNotLicensed", None),
    ("learner-not-licensed-as-code", 422, "learnerNotLicensed", None),
    ("internal-error", 502, "graphFault", 30),
    ("internal-error-empty", 502, "graphFault", 30),
    ("bad-gateway-html", 502, "graphFault", 30),
    *(
        (f"{name}{variant}", status, code, seconds)
        for name, status, code in (("throttled", 429, "throttled"), ("unavailable", 503, "graphUnavailable"))
        for variant, seconds in (
            ("", 120),
            ("-wrapped", 120),
            ("-json-in-message", 120),
            ("-minutes-and-header", 7),
            ("-header", 7),
            ("-fraction", 3),
            ("-no-hint", 30),
            ("-empty", 30),
        )
    ),
]


def assignment(**properties: Any) -> dict[str, Any]:
    return {**own_example("assignment.request"), **properties}


def assignment_of_its_own_provider(stack: Stack) -> dict[str, Any]:
    """Return a request whose throttling stops no other test: the app remembers for each provider how long it lasts."""
    provider = str(uuid4())
    stack.change_tenant(providers={provider: {"syncEnabled": True}})
    return assignment(learningProviderId=provider, learningContentId="content-of-its-own")


def created_before_the_ledger(stack: Stack) -> tuple[dict[str, Any], dict[str, Any]]:
    """Create an activity of which only Graph knows; return a request for the same one, and the answer to the first."""
    request = assignment(externalCourseActivityId="")
    first = stack.post("activities", request).json()
    return {**request, "externalCourseActivityId": first["externalCourseActivityId"]}, first


@pytest.mark.parametrize(("fault", "status", "code", "retry_after"), FAULTS)
def test_each_refusal_of_graph_has_its_own_code(
    stack: Stack, fault: str, status: int, code: str, retry_after: int | None
) -> None:
    stack.arm({"name": fault})
    response = stack.post("activities", assignment_of_its_own_provider(stack))
    assert_error(response, status, code)
    assert response.headers.get("Retry-After") == (str(retry_after) if retry_after else None)
    assert stack.stored() == []
    assert stack.calls().count("create") == 1


@pytest.mark.parametrize("fault", ["throttled-date", "unavailable-date"])
def test_a_date_as_retry_after_becomes_seconds(stack: Stack, fault: str) -> None:
    stack.arm({"name": fault})
    response = stack.post("activities", assignment_of_its_own_provider(stack))
    assert 80 <= int(response.headers["Retry-After"]) <= 91


def test_graphs_own_details_are_passed_on(stack: Stack) -> None:
    stack.arm({"name": "field-validation"})
    error = stack.post("activities", assignment()).json()["error"]
    assert [detail["target"] for detail in error["details"]] == ["learnerUserId", "status", "notes"]
    assert "length exceeded than 4000" in error["message"]


@pytest.mark.parametrize(
    ("tenant", "request_properties", "status", "code"),
    [
        ({}, {"learningProviderId": str(uuid4())}, 424, "providerNotRegistered"),
        ({"servicePlan": False}, {}, 424, "servicePlanMissing"),
        (
            {"contents": {"elsewhere": str(uuid4())}},
            {"learningContentId": "elsewhere"},
            422,
            "contentNotOwnedByProvider",
        ),
    ],
)
def test_a_tenant_that_is_not_ready_is_told_apart_from_a_bad_record(
    stack: Stack, tenant: dict[str, Any], request_properties: dict[str, Any], status: int, code: str
) -> None:
    stack.change_tenant(**tenant)
    assert_error(stack.post("activities", assignment(**request_properties)), status, code)


@pytest.mark.parametrize("fault", ["gateway-timeout-executed", "disconnect-executed"])
def test_a_create_whose_answer_was_lost_is_found_and_not_doubled(stack: Stack, fault: str) -> None:
    stack.arm({"name": fault})
    request = assignment()
    response = stack.post("activities", request)
    assert response.status_code == 201
    assert stack.stored() == [request]
    assert stack.graph_calls()[:2] == ["create", "find"]


@pytest.mark.parametrize("fault", ["gateway-timeout", "disconnect"])
def test_a_create_that_was_not_executed_is_sent_again_after_looking(stack: Stack, fault: str) -> None:
    stack.arm({"name": fault})
    request = assignment()
    assert stack.post("activities", request).status_code == 201
    assert stack.stored() == [request]
    calls = stack.graph_calls()
    assert calls[0] == "create"
    assert calls[-1] == "create"
    assert "find" in calls[1:-1]


def test_an_unknown_outcome_is_said_only_when_looking_up_fails(stack: Stack) -> None:
    stack.arm({"name": "disconnect-executed"}, {"operation": "find", "status": 403, "body": "", "times": 9})
    request = assignment()
    response = stack.post("activities", request)
    assert_error(response, 504, "outcomeUnknown")
    assert request["externalCourseActivityId"] in response.json()["error"]["message"]
    assert stack.calls().count("create") == 1


def test_a_short_throttling_is_waited_for(stack: Stack) -> None:
    stack.arm({"status": 429, "headers": {"Retry-After": "0.2"}, "times": 2})
    assert stack.post("activities", assignment_of_its_own_provider(stack)).status_code == 201
    assert len(stack.stored()) == 1


def test_the_same_external_id_with_other_content_is_refused_when_graph_refuses_it(stack: Stack) -> None:
    request, first = created_before_the_ledger(stack)
    stack.arm({"status": 409})
    response = stack.post("activities", {**request, "completionPercentage": 30})
    assert_error(response, 409, "activityExists")
    learner, _, own = first["id"].partition(":")
    assert own in response.json()["error"]["message"]
    assert learner not in response.text
    # Whether it is this create's own doing, and then what it is, so that the ledger knows it from then on.
    assert stack.calls().count("find") == 2


def test_the_same_external_id_with_the_same_content_is_unchanged_when_graph_refuses_it(stack: Stack) -> None:
    request, first = created_before_the_ledger(stack)
    stack.arm({"status": 409})
    again = stack.post("activities", request)
    assert (again.status_code, again.json()) == (200, first)
    assert stack.calls().count("find") == 1


def test_all_mistakes_are_named_at_once(stack: Stack) -> None:
    mistakes = {"statuss": "x", "completionPercentage": 120, "learnerUserId": "Megan Bowen"}
    response = stack.post("activities", assignment(**mistakes))
    assert_error(response, 400, "invalidRequest")
    assert {detail["target"] for detail in response.json()["error"]["details"]} == set(mistakes)
    assert "create" not in stack.calls()


@given(body=st.binary(max_size=200))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_answered_with_a_4xx_and_an_error(stack: Stack, body: bytes) -> None:
    response = stack.post("activities", body)
    assert 400 <= response.status_code < 500
    assert_error(response, response.status_code, response.json()["error"]["code"])


def test_a_chunked_body_arrives_empty_and_the_answer_says_so(stack: Stack) -> None:
    """The real host passes a body on only with Content-Length."""
    response = stack.post("activities", b"")
    assert_error(response, 400, "invalidJson")
    assert "Content-Length" in response.json()["error"]["message"]
