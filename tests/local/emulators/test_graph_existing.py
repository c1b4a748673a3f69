"""Updating, deleting and getting an activity by Graph's id.

https://learn.microsoft.com/graph/api/learningcourseactivity-update
https://learn.microsoft.com/graph/api/learningcourseactivity-delete
https://learn.microsoft.com/graph/api/learningcourseactivity-get
"""

from typing import Any
from urllib.parse import quote

import pytest

from local.emulators.learning import NO_ACCESS, NO_ACTIVITY, NOT_ENABLED, NOT_LICENSED
from local.emulators.tenant import ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE
from local.environment import LEARNING_PROVIDER_ID
from tests.local.emulators.calls import ACTIVITIES, Answer, Graph, sample

ASSIGNMENT, COURSE = sample("assignment.request"), sample("self-initiated.request")
ROOT = "/v1.0/employeeExperience/learningCourseActivities"
NOT_FOUND = {"code": "notFound", "message": NO_ACTIVITY}
NO_ROLE = {"code": "Forbidden", "message": NO_ACCESS}


def created(graph: Graph, activity: dict[str, Any] = ASSIGNMENT) -> str:
    """Create an activity and return its id as it stands in an address."""
    return quote(graph.create(activity).json["id"], safe="")


def update(graph: Graph, key: str, state: Any) -> Answer:
    return graph.call("PATCH", f"{ACTIVITIES}/{key}", state)


def delete(graph: Graph, key: str) -> Answer:
    return graph.call("DELETE", f"{ACTIVITIES}/{key}")


def get(graph: Graph, key: str) -> Answer:
    return graph.call("GET", f"{ROOT}/{key}")


def completed(activity: dict[str, Any], **state: Any) -> dict[str, Any]:
    return {"@odata.type": activity["@odata.type"], "status": "completed", **state}


@pytest.mark.parametrize("activity", [ASSIGNMENT, COURSE])
def test_an_update_is_answered_without_a_body_and_shown_with_the_json_it_was_made_from(
    graph: Graph, activity: dict[str, Any]
) -> None:
    key = created(graph, activity)
    state = completed(activity, completionPercentage=100)

    answer = update(graph, key, state)

    assert (answer.status, answer.response.body) == (204, b"")
    assert get(graph, key).json.items() >= {**activity, **state}.items()
    assert graph.stored[0]["updates"] == [state]
    assert graph.stored[0]["received"] == activity


def test_the_whole_activity_can_be_sent_and_only_what_may_change_changes(graph: Graph) -> None:
    """As in the page's example."""
    key = created(graph)
    before = get(graph, key).json

    assert update(graph, key, {**ASSIGNMENT, "status": "inProgress", "assignmentType": "recommended"}).status == 204

    assert get(graph, key).json == {**before, "status": "inProgress"}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"status": None}, "Input field status shouldn't be empty"),
        ({"completionPercentage": 101}, "Input field completionPercentage is invalid"),
        ({"status": "notStarted"}, "Input field status is invalid"),
    ],
)
def test_fields_that_the_page_refuses_are_refused_and_nothing_changes(
    graph: Graph, state: dict[str, Any], message: str
) -> None:
    key = created(graph, COURSE)
    before = get(graph, key).json

    answer = update(graph, key, completed(COURSE, **state))

    assert answer.status == 400
    assert answer.error["details"] == [{"code": "badRequest", "message": message}]
    assert get(graph, key).json == before


@pytest.mark.parametrize("missing", ["status", "@odata.type"])
def test_status_and_type_are_required(graph: Graph, missing: str) -> None:
    state = completed(ASSIGNMENT)
    del state[missing]

    answer = update(graph, created(graph), state)

    assert answer.error["details"][0]["message"] == f"Input field {missing} is required"


@pytest.mark.parametrize(
    "state",
    [completed(COURSE, notes={"content": "x"}), completed(ASSIGNMENT, startedDateTime=None), {"@odata.type": "x"}],
)
def test_what_the_type_does_not_have_is_refused(graph: Graph, state: dict[str, Any]) -> None:
    assert update(graph, created(graph), state).status == 400


def test_an_assignment_may_go_back_to_not_started(graph: Graph) -> None:
    assert update(graph, created(graph), completed(ASSIGNMENT, status="notStarted")).status == 204


def test_an_activity_of_the_other_kind_is_not_there(graph: Graph) -> None:
    assert update(graph, created(graph), completed(COURSE)).error == NOT_FOUND


@pytest.mark.parametrize("unknown", ["unknown", "a%3Ab", "a%2Fb"])
def test_what_is_not_there_is_404_with_the_apostrophe_of_the_page(graph: Graph, unknown: str) -> None:
    for answer in (update(graph, unknown, completed(ASSIGNMENT)), delete(graph, unknown), get(graph, unknown)):
        assert (answer.status, answer.error) == (404, NOT_FOUND)
    assert "\N{RIGHT SINGLE QUOTATION MARK}" in NO_ACTIVITY


def test_a_deleted_activity_is_gone_and_the_other_one_with_its_external_id_is_found(graph: Graph) -> None:
    first, second = created(graph), created(graph)

    assert (delete(graph, first).status, delete(graph, first).status) == (204, 404)

    assert get(graph, first).status == 404
    assert graph.find(ASSIGNMENT["externalCourseActivityId"]).json == get(graph, second).json
    delete(graph, second)
    assert graph.find(ASSIGNMENT["externalCourseActivityId"]).status == 404
    assert graph.stored == []


def test_another_provider_has_it_not(graph: Graph) -> None:
    key = created(graph)
    other = ACTIVITIES.replace(LEARNING_PROVIDER_ID, "13727311-e7bb-470d-8b20-6a23d9030d70")

    assert graph.call("DELETE", f"{other}/{key}").error == NOT_FOUND
    assert graph.call("PATCH", f"{other}/{key}", completed(ASSIGNMENT)).error == NOT_FOUND
    assert get(graph, key).status == 200


@pytest.mark.parametrize(
    ("role", "get_status", "write_status"),
    [
        (ASSIGNED_WRITE, 200, 204),
        (ASSIGNED_READ, 200, 403),
        (SELF_INITIATED_WRITE, 403, 403),
        (SELF_INITIATED_READ, 403, 403),
    ],
)
def test_the_kind_of_the_activity_and_the_path_say_which_role_it_takes(
    graph: Graph, role: str, get_status: int, write_status: int
) -> None:
    key = created(graph)
    graph.patch_tenant(roles=[role])

    assert get(graph, key).status == get_status
    assert update(graph, key, completed(ASSIGNMENT)).status == write_status
    assert delete(graph, key).status == write_status


def test_without_a_role_nothing_is_told(graph: Graph) -> None:
    graph.patch_tenant(roles=["LearningContent.Read.All"])

    for answer in (update(graph, "x", completed(ASSIGNMENT)), delete(graph, "x"), get(graph, "x")):
        assert (answer.status, answer.error) == (403, NO_ROLE)


def test_a_provider_whose_sync_is_off_is_refused_below_the_provider_alone(graph: Graph) -> None:
    key = created(graph)
    graph.patch_tenant(providers={LEARNING_PROVIDER_ID: {"syncEnabled": False}})

    for answer in (update(graph, key, completed(ASSIGNMENT)), delete(graph, key)):
        assert (answer.status, answer.error) == (400, {"code": "badRequest", "message": NOT_ENABLED})
    assert get(graph, key).status == 200


def test_an_update_needs_a_licensed_learner_and_a_deletion_does_not(graph: Graph) -> None:
    key = created(graph)
    graph.patch_tenant(unlicensedLearners=[ASSIGNMENT["learnerUserId"]])

    assert update(graph, key, completed(ASSIGNMENT)).error == {"code": "Forbidden", "message": NOT_LICENSED}
    assert delete(graph, key).status == 204


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", f"{ACTIVITIES}/x"), ("PUT", f"{ACTIVITIES}/x"), ("PATCH", f"{ROOT}/x"), ("DELETE", f"{ROOT}/x")],
)
def test_what_no_page_documents_is_405(graph: Graph, method: str, target: str) -> None:
    """The SDK has builders for more than is documented."""
    assert graph.call(method, target, completed(ASSIGNMENT)).status == 405


@pytest.mark.parametrize("operation", ["update", "delete"])
@pytest.mark.parametrize("executed", [True, False])
def test_an_answer_can_be_lost_before_or_after_the_work(graph: Graph, operation: str, *, executed: bool) -> None:
    key = created(graph)
    graph.arm({"operation": operation, "disconnect": True, "execute": executed})

    lost = update(graph, key, completed(ASSIGNMENT)) if operation == "update" else delete(graph, key)

    assert lost.ending.value == "disconnect"
    assert (get(graph, key).status == 404 or get(graph, key).json["status"] == "completed") is executed


def test_all_of_them_can_stand_in_a_batch(graph: Graph) -> None:
    first, second = created(graph), created(graph, COURSE)
    folder = ACTIVITIES.removeprefix("/v1.0")
    headers = {"Content-Type": "application/json"}
    state = completed(ASSIGNMENT)

    answer = graph.batch(
        {"id": "a", "method": "PATCH", "url": f"{folder}/{first}", "headers": headers, "body": state},
        {"id": "b", "method": "DELETE", "url": f"{folder}/{second}"},
        {"id": "c", "method": "GET", "url": f"{ROOT.removeprefix('/v1.0')}/{first}"},
        {"id": "d", "method": "DELETE", "url": f"{folder}/unknown"},
    )

    items = {item["id"]: item for item in answer.json["responses"]}
    assert {name: item["status"] for name, item in items.items()} == {"a": 204, "b": 204, "c": 200, "d": 404}
    assert "body" not in items["a"]
    assert items["c"]["body"]["status"] == "completed"
