"""Creating an activity: the emulator keeps to Microsoft's API page.

https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
"""

import re
from typing import Any

import pytest

from local.emulators.learning import (
    FOREIGN_CONTENT,
    NO_ACCESS,
    NO_SERVICE_PLAN,
    NOT_ENABLED,
    NOT_LICENSED,
    NOT_REGISTERED,
)
from local.emulators.tenant import ASSIGNED_READ, ASSIGNED_WRITE, OTHER_LEARNING_PROVIDER_ID, SELF_INITIATED_WRITE
from local.environment import LEARNING_PROVIDER_ID
from tests.local.emulators.calls import ACTIVITIES, NOW, Graph, sample

ASSIGNMENT = sample("assignment.request")
SELF_INITIATED = sample("self-initiated.request")


@pytest.mark.parametrize("name", ["assignment", "self-initiated"])
def test_the_answer_to_the_documented_request_is_the_documented_one_property_by_property(
    graph: Graph, name: str
) -> None:
    answer = graph.create(sample(f"{name}.request"))

    documented = sample(f"{name}.response")
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == documented.keys()
    for property_name in documented.keys() - {"id", "@odata.context"}:
        assert answer.json[property_name] == documented[property_name]


def test_the_id_is_the_learners_and_a_new_guid(graph: Graph) -> None:
    ids = [graph.create(ASSIGNMENT).json["id"] for _ in range(2)]

    assert ids[0] != ids[1]
    for identifier in ids:
        assert re.fullmatch(
            rf"{ASSIGNMENT['learnerUserId']}:[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", identifier
        )


def test_the_context_has_the_documented_form(graph: Graph) -> None:
    context = graph.create(ASSIGNMENT).json["@odata.context"]
    documented = sample("assignment.response")["@odata.context"]

    # The page's own example names another provider than its request.
    assert context == documented.replace(OTHER_LEARNING_PROVIDER_ID, LEARNING_PROVIDER_ID)


def test_the_same_external_id_twice_makes_two_activities(graph: Graph) -> None:
    """Microsoft documents no duplicate check, so the emulator shows a double instead of hiding it."""
    graph.create(ASSIGNMENT)
    graph.create(ASSIGNMENT)

    assert len(graph.stored) == 2


def test_what_was_received_is_kept_exactly(graph: Graph) -> None:
    graph.create(ASSIGNMENT)

    (stored,) = graph.stored
    assert stored["received"] == ASSIGNMENT
    assert stored["registrationId"] == LEARNING_PROVIDER_ID


@pytest.mark.parametrize("spelling", ["externalCourseActivityId", "externalcourseActivityId"])
def test_either_spelling_of_the_external_id_is_taken_and_given_back_as_sent(graph: Graph, spelling: str) -> None:
    activity = {name: value for name, value in ASSIGNMENT.items() if name != "externalCourseActivityId"}

    answer = graph.create({**activity, spelling: "a-1"})

    assert answer.json[spelling] == "a-1"
    assert {name for name in answer.json if name.lower() == spelling.lower()} == {spelling}


def test_every_answer_names_the_request_and_the_clients_own_name_for_it(graph: Graph) -> None:
    created = graph.create(ASSIGNMENT, headers={"client-request-id": "mine"})
    refused = graph.create({}, headers={"client-request-id": "mine"})

    for answer in (created, refused):
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["request-id"])
        assert answer.headers["client-request-id"] == "mine"
    inner = refused.json["error"]["innerError"]
    assert inner["request-id"] == refused.headers["request-id"]
    assert inner["client-request-id"] == "mine"
    assert inner["date"] == f"{NOW:%Y-%m-%dT%H:%M:%S}"


# The rows of the page's table of errors.


def test_a_provider_that_is_not_registered_is_400(graph: Graph) -> None:
    answer = graph.create(
        ASSIGNMENT, target=ACTIVITIES.replace(LEARNING_PROVIDER_ID, "11111111-e7bb-470d-8b20-6a23d9030d70")
    )

    assert (answer.status, answer.error) == (400, {"code": "badRequest", "message": NOT_REGISTERED})


def test_a_provider_without_activity_sync_is_400(graph: Graph) -> None:
    graph.patch_tenant(providers={LEARNING_PROVIDER_ID: {"syncEnabled": False}})

    answer = graph.create(ASSIGNMENT)

    assert (answer.status, answer.error) == (400, {"code": "badRequest", "message": NOT_ENABLED})


def test_a_tenant_without_the_service_plan_is_403(graph: Graph) -> None:
    graph.patch_tenant(servicePlan=False)

    answer = graph.create(ASSIGNMENT)

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": NO_SERVICE_PLAN})


def test_content_of_another_provider_is_403(graph: Graph) -> None:
    graph.patch_tenant(contents={ASSIGNMENT["learningContentId"]: OTHER_LEARNING_PROVIDER_ID})

    answer = graph.create(ASSIGNMENT)

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": FOREIGN_CONTENT})


def test_another_provider_in_the_body_than_in_the_address_is_403(graph: Graph) -> None:
    answer = graph.create({**ASSIGNMENT, "learningProviderId": OTHER_LEARNING_PROVIDER_ID})

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": FOREIGN_CONTENT})


def test_content_that_the_tenant_does_not_list_is_taken_for_any_provider(graph: Graph) -> None:
    activity = {**SELF_INITIATED, "learningContentId": "unlisted"}

    for provider in (LEARNING_PROVIDER_ID, OTHER_LEARNING_PROVIDER_ID):
        assert graph.create(activity, target=ACTIVITIES.replace(LEARNING_PROVIDER_ID, provider)).status == 201


def test_a_learner_without_a_licence_is_403(graph: Graph) -> None:
    graph.patch_tenant(unlicensedLearners=[ASSIGNMENT["learnerUserId"].upper()])

    answer = graph.create(ASSIGNMENT)

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": NOT_LICENSED})


@pytest.mark.parametrize(("activity", "role"), [(ASSIGNMENT, SELF_INITIATED_WRITE), (SELF_INITIATED, ASSIGNED_WRITE)])
def test_a_token_needs_the_role_of_the_activitys_type(graph: Graph, activity: dict[str, Any], role: str) -> None:
    graph.patch_tenant(roles=[role, ASSIGNED_READ])

    answer = graph.create(activity)

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": NO_ACCESS})


def test_every_problem_of_a_field_is_reported_at_once(graph: Graph) -> None:
    activity = {
        **{name: value for name, value in ASSIGNMENT.items() if name != "status"},
        "learnerUserId": " ",
        "learningContentId": None,
        "completionPercentage": 101,
        "notes": {"contentType": "text", "content": "n" * 4001},
        "dueDateTime": {"dateTime": "tomorrow", "timeZone": "UTC"},
    }

    answer = graph.create(activity)

    assert answer.status == 400
    assert (answer.error["code"], answer.error["message"]) == ("badRequest", "badRequest")
    assert {detail["code"] for detail in answer.error["details"]} == {"badRequest"}
    assert {detail["message"] for detail in answer.error["details"]} == {
        "Input field status is required",
        "Input field learnerUserId shouldn't be empty",
        "Input field learningContentId shouldn't be empty",
        "Input field notes length exceeded than 4000",
        "Input field completionPercentage is invalid",
        "Input field dueDateTime is invalid",
    }


@pytest.mark.parametrize("name", ["@odata.type", "assignmentType", "learnerUserId", "learningContentId", "status"])
def test_a_required_property_is_required(graph: Graph, name: str) -> None:
    answer = graph.create({key: value for key, value in ASSIGNMENT.items() if key != name})

    assert answer.status == 400
    assert answer.error["details"] == [{"code": "badRequest", "message": f"Input field {name} is required"}]


@pytest.mark.parametrize("percentage", [0, 100, None])
def test_a_percentage_is_from_0_to_100_or_absent(graph: Graph, percentage: int | None) -> None:
    assert graph.create({**ASSIGNMENT, "completionPercentage": percentage}).status == 201


# What OData refuses before the service sees it.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": "x"}, "The property 'title' does not exist on type 'microsoft.graph.learningAssignment'"),
        ({"startedDateTime": None}, "The property 'startedDateTime' does not exist"),
        ({"registrationId": LEARNING_PROVIDER_ID}, "The property 'registrationId' does not exist"),
        (
            {"assignedDateTime": "2021-05-11T22:57:17"},
            "Cannot convert the literal '2021-05-11T22:57:17' to the expected type 'Edm.DateTimeOffset'.",
        ),
        ({"assignedDateTime": "2021-02-30T22:57:17Z"}, "to the expected type 'Edm.DateTimeOffset'."),
        ({"completedDateTime": 5}, "to the expected type 'Edm.String'."),
        ({"completionPercentage": "20"}, "Cannot convert the literal '20' to the expected type 'Edm.Int32'."),
        ({"completionPercentage": 20.0}, "Cannot convert the literal '20.0' to the expected type 'Edm.Int32'."),
        ({"completionPercentage": True}, "Cannot convert the literal 'true' to the expected type 'Edm.Int32'."),
        ({"completionPercentage": {}}, "An unexpected 'StartObject' node was found"),
        ({"learnerUserId": 5}, "Cannot convert the literal '5' to the expected type 'Edm.String'."),
        ({"learnerUserId": []}, "An unexpected 'StartObject' node was found"),
        ({"status": "NotStarted"}, "the literal 'NotStarted' to the expected type 'microsoft.graph.courseStatus'."),
        ({"assignmentType": "optional"}, "to the expected type 'microsoft.graph.assignmentType'."),
        ({"notes": "a text"}, "An unexpected 'PrimitiveValue' node was found"),
        ({"notes": {"contentType": "markdown"}}, "to the expected type 'microsoft.graph.bodyType'."),
        ({"notes": {"text": "x"}}, "The property 'text' does not exist on type 'microsoft.graph.itemBody'"),
        ({"dueDateTime": "2022-09-22T16:05:00Z"}, "An unexpected 'PrimitiveValue' node was found"),
        ({"dueDateTime": {"zone": "UTC"}}, "'zone' does not exist on type 'microsoft.graph.dateTimeTimeZone'"),
        ({"@odata.type": "#microsoft.graph.course"}, "A type named '#microsoft.graph.course' could not be resolved"),
        ({"externalcourseActivityId": "b"}, "Multiple properties with the name 'externalcourseActivityId'"),
    ],
)
def test_odata_refuses_what_its_types_do_not_have(graph: Graph, changes: dict[str, Any], message: str) -> None:
    answer = graph.create({**ASSIGNMENT, **changes})

    assert (answer.status, answer.error["code"]) == (400, "BadRequest")
    assert message in answer.error["message"]
    assert graph.stored == []


@pytest.mark.parametrize("due", [{}, {"dateTime": "2022-09-22T16:05:00Z", "timeZone": "UTC"}])
def test_a_due_date_is_a_local_time_in_its_zone(graph: Graph, due: dict[str, str]) -> None:
    answer = graph.create({**ASSIGNMENT, "dueDateTime": due})

    assert answer.error["details"] == [{"code": "badRequest", "message": "Input field dueDateTime is invalid"}]


@pytest.mark.parametrize("moment", ["2021-05-11T22:57:17Z", "2021-05-11T22:57:17.1234567-07:00", "2021-05-11T22:57Z"])
def test_a_moment_has_an_offset_and_up_to_twelve_digits_of_a_second(graph: Graph, moment: str) -> None:
    assert graph.create({**ASSIGNMENT, "assignedDateTime": moment}).status == 201


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"\xff"])
def test_malformed_json_is_400(graph: Graph, body: bytes) -> None:
    answer = graph.create(body)

    assert (answer.status, answer.error["code"]) == (400, "BadRequest")
    assert "valid JSON format" in answer.error["message"]


def test_another_content_type_is_415(graph: Graph) -> None:
    assert graph.create(ASSIGNMENT, headers={"content-type": "text/plain"}).status == 415
    assert graph.create(ASSIGNMENT, headers={"content-type": "application/json; charset=utf-8"}).status == 201


# Who calls, and where.


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer made.up.token", "Basic eDp5"])
def test_without_a_token_of_this_emulator_it_is_401_with_a_challenge(graph: Graph, authorization: str) -> None:
    answer = graph.create(ASSIGNMENT, headers={"authorization": authorization})

    assert (answer.status, answer.error["code"]) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_path_with_a_double_slash_is_404(graph: Graph) -> None:
    """The SDK makes one unless told otherwise; a gateway that matches paths strictly does not find it."""
    answer = graph.create(ASSIGNMENT, target=ACTIVITIES.replace("/v1.0/", "/v1.0//"))

    assert (answer.status, answer.error["code"]) == (404, "notFound")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_405(graph: Graph, method: str) -> None:
    assert graph.call(method, ACTIVITIES).status == 405
