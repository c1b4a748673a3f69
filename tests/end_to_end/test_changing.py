"""What comes after the create, through everything: brought to a state, changed, found, deleted, by either id."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.end_to_end.stack import Json, Stack, example, own_example
from tests.support import plain_http
from tests.support.error_shape import assert_error

ROUTES = {"assignment": "assignments", "self-initiated": "self-initiated-courses"}
OTHER_PROVIDER = "13727311-e7bb-470d-8b20-6a23d9030d70"
EARLIER, LATER = "2024-11-01T10:00:00Z", "2024-11-02T10:00:00Z"
SPELLINGS = ("externalCourseActivityId", "externalcourseActivityId")
KIND = pytest.mark.parametrize("name", ROUTES)


def known_to_graph_alone(stack: Stack, name: str, **properties: Any) -> Json:
    """Create an activity that the ledger does not know, and return the answer."""
    created: Json = stack.post(
        "activities", example(f"{name}.request", externalCourseActivityId="", **properties)
    ).json()
    return created


def stored(stack: Stack) -> list[Json]:
    """Return what Graph has."""
    activities: list[Json] = plain_http.get(f"{stack.graph_url}/_emulator/activities").json()["activities"]
    return activities


def one_update(stack: Stack) -> Json:
    """Return the only update that Graph received."""
    ((update,),) = [one["updates"] for one in stored(stack) if one["updates"]]
    said: Json = update
    return said


def outcome_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.headers.get("x-ms-outcome") or response.json()["outcome"]


@KIND
def test_a_life_in_graphs_form(stack: Stack, name: str) -> None:
    """Created, updated, completed, found, deleted, by PUT, PATCH, GET and DELETE; and each again changes nothing."""
    request = own_example(f"{name}.request", status="inProgress")
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    changed = {**request, "completionPercentage": 40}
    completed = {**key, "status": "completed", "completionPercentage": 100}
    created = stack.send("PUT", "activities", request)
    assert outcome_of(created) == (201, "created")
    assert outcome_of(stack.send("PUT", "activities", request)) == (200, "unchanged")
    assert outcome_of(stack.send("PUT", "activities", changed)) == (200, "updated")
    for outcome in ("updated", "unchanged"):
        response = stack.send("PATCH", "activities", completed)
        assert outcome_of(response) == (200, outcome)
        assert response.json() == {**created.json(), **completed}
    found = stack.get("activities", **key)
    assert (found.status_code, found.json()) == (200, {**created.json(), **completed})
    for outcome in ("deleted", "unchanged"):
        assert outcome_of(stack.delete("activities", **key)) == (200, outcome)
    assert_error(stack.get("activities", **key), 404, "activityNotFound")
    assert outcome_of(stack.post("activities", request)) == (200, "deleted")
    assert stack.stored() == []
    calls = [call for call in stack.graph_calls() if call not in {"find", "get"}]
    assert calls == ["create", "update", "update", "delete"]


@KIND
def test_the_flat_operations_answer_with_the_same_keys_whatever_they_did(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request", status="inProgress")
    del request["@odata.type"]
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    created = stack.send("PUT", ROUTES[name], request).json()
    changed = stack.send("PATCH", ROUTES[name], {**key, "status": "Completed"}).json()
    found = stack.get(ROUTES[name], **key).json()
    assert changed == {**created, "outcome": "updated", "status": "completed"}
    assert found == {**changed, "outcome": "unchanged"}


@KIND
def test_an_update_carries_the_whole_changeable_state_with_type_and_status(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request", status="inProgress")
    stack.post("activities", request)
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    stack.send("PATCH", ROUTES[name], {**key, "completionPercentage": "41"})
    update = one_update(stack)
    assert (update["@odata.type"], update["status"]) == (request["@odata.type"], "inProgress")
    assert update["completionPercentage"] == 41
    assert update.keys() <= request.keys()
    assert "learnerUserId" not in update


@KIND
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_by_graphs_id_it_is_the_activity_with_that_external_id(stack: Stack, name: str, spelling: str) -> None:
    stack.change_tenant(externalIdSpelling=spelling)
    created = known_to_graph_alone(stack, name, status="inProgress")
    response = stack.send("PATCH", ROUTES[name], {"id": created["id"], "status": "completed"})
    assert outcome_of(response) == (200, "updated")
    key = {"externalCourseActivityId": created[spelling]}
    assert response.json()["externalCourseActivityId"] == created[spelling]
    assert outcome_of(stack.send("PATCH", ROUTES[name], {**key, "status": "completed"})) == (200, "unchanged")
    found = [stack.get(ROUTES[name], **one).json() for one in (key, {"id": created["id"]})]
    assert found[0] == found[1] == {**response.json(), "outcome": "unchanged"}
    assert outcome_of(stack.delete("activities", id=created["id"])) == (200, "deleted")
    assert stored(stack) == []


@KIND
def test_what_is_older_changes_nothing_and_is_told_what_is_newer(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request", status="inProgress")
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    stack.send("PUT", "activities", {**request, "status": "completed", "asOfDateTime": LATER})
    for method in ("PUT", "PATCH"):
        body = {**(request if method == "PUT" else key), "status": "inProgress", "asOfDateTime": EARLIER}
        response = stack.send(method, "activities", body)
        assert outcome_of(response) == (200, "superseded")
        assert response.json()["status"] == "completed"
    assert outcome_of(stack.delete("activities", **key, asOfDateTime=EARLIER)) == (200, "superseded")
    assert "asOfDateTime" not in stack.stored()[0]
    assert stack.graph_calls() == ["find", "create"]


@pytest.mark.parametrize("method", ["PATCH", "GET", "DELETE"])
@pytest.mark.parametrize("named", ["id", "externalCourseActivityId"])
def test_what_is_another_providers_is_not_this_ones(stack: Stack, method: str, named: str) -> None:
    properties = {"registrationId": OTHER_PROVIDER, "learningProviderId": None, "learningContentId": "another-content"}
    key = {named: known_to_graph_alone(stack, "assignment", **properties)[named]}
    if method == "PATCH":
        response = stack.send("PATCH", "assignments", {**key, "status": "completed"})
    else:
        response = stack.get("activities", **key) if method == "GET" else stack.delete("activities", **key)
    if method == "DELETE" and named == "externalCourseActivityId":
        assert outcome_of(response) == (200, "unchanged")
    else:
        assert_error(response, 404, "activityNotFound")
    assert len(stored(stack)) == 1
    assert stack.get("activities", **key, registrationId=OTHER_PROVIDER).status_code == 200


@pytest.mark.parametrize(
    "query", [{}, {"id": "a:b", "externalCourseActivityId": "c"}, {"registrationId": "me", "id": "a"}]
)
@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_query_that_says_too_little_or_too_much_is_refused(
    stack: Stack, method: str, query: Mapping[str, str]
) -> None:
    assert_error(getattr(stack, method)("activities", **query), 400, "invalidRequest")
    assert stack.graph_calls() == []


@pytest.mark.parametrize("fault", ["disconnect-executed", "disconnect", "internal-error"])
def test_an_update_and_a_deletion_whose_answer_is_lost_are_sent_again(stack: Stack, fault: str) -> None:
    request = own_example("assignment.request", status="inProgress")
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    stack.post("activities", request)
    stack.arm({"name": fault, "operation": "update"})
    response = stack.send("PATCH", "assignments", {**key, "status": "completed"})
    assert outcome_of(response) == (200, "updated")
    assert stored(stack)[0]["status"] == "completed"
    stack.arm({"name": fault, "operation": "delete"})
    assert outcome_of(stack.delete("activities", **key)) == (200, "deleted")
    assert stored(stack) == []


def test_without_the_reading_role_the_missing_one_is_named(stack: Stack) -> None:
    """An activity that the ledger does not know is looked up by its external id, which takes no other role."""
    created = known_to_graph_alone(stack, "assignment")
    stack.arm({"name": "access-missing", "operation": "find"})
    body = {"externalCourseActivityId": created["externalCourseActivityId"], "status": "completed"}
    error = assert_error(stack.send("PATCH", "assignments", body), 424, "graphPermissionMissing")
    assert "LearningAssignedCourse.Read.All" in error["message"]
    response = stack.send("PATCH", "assignments", {"id": created["id"], "status": "completed"})
    assert outcome_of(response) == (200, "updated")


def test_writers_at_once_end_in_the_newest_state(stack: Stack) -> None:
    request = own_example("assignment.request", status="inProgress")
    bodies = [
        {**request, "completionPercentage": number, "asOfDateTime": f"2024-11-01T10:{number:02}:00Z"}
        for number in range(1, 21)
    ]

    def put(body: Json) -> str:
        while True:
            response = stack.send("PUT", "activities", body)
            if response.status_code != 503:
                return outcome_of(response)[1]
            assert_error(response, 503, "createInProgress")

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(put, bodies))
    assert outcomes.count("created") == 1
    assert set(outcomes) <= {"created", "updated", "superseded"}
    (activity,) = stored(stack)
    assert activity["completionPercentage"] == 20
    said = [update["completionPercentage"] for update in activity["updates"]]
    assert said == sorted(said)


def test_a_repeatable_request_says_that_it_was_accepted(stack: Stack) -> None:
    request = own_example("assignment.request")
    key = {"externalCourseActivityId": request["externalCourseActivityId"]}
    now = format_datetime(datetime.now(UTC), usegmt=True)
    headers = {"Repeatability-Request-ID": str(uuid4()), "Repeatability-First-Sent": now}
    responses = [
        stack.send("PUT", "activities", request, headers),
        stack.send("PATCH", "activities", {**key, "completionPercentage": 30}, headers),
        stack.delete("activities", headers, **key),
    ]
    assert [one.headers["Repeatability-Result"] for one in responses] == ["accepted"] * 3
    old = {**headers, "Repeatability-First-Sent": "Sun, 22 Nov 2020 17:02:00 GMT"}
    assert_error(stack.delete("activities", old, **key), 412, "firstSentTooOld")
