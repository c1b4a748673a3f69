"""Every action of the connector answers what it should: through what the platform makes of it, against the app."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.connector.paconn_service import CONNECTOR_ID, running_service
from tests.connector.paconn_tool import SECRET, Maker
from tests.connector.runtime import Connector, HostPolicy
from tests.connector.runtime_callers import Caller, Way, activity, connected, rows
from tests.end_to_end.keyed_stack import keyed_stack
from tests.end_to_end.queue_stack import QueueStack, learner, wait_until
from tests.support.principals import APPLICATION
from tests.support.workbooks import xlsx

type Json = dict[str, Any]

KEYS, ENTRA_ID = "access-key", "access-key-or-entra-id"
WAYS = [(KEYS, "only"), (ENTRA_ID, "key"), (ENTRA_ID, "entra-id")]
MANY = 25
"""So many activities are not done at once, so that the action is answered with 202."""


@pytest.fixture(scope="module")
def connectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Connector]:
    """Return both folders' connectors as paconn uploads them."""
    found = {}
    with running_service() as service:
        maker = Maker(service, tmp_path_factory.mktemp("maker"))
        maker.paconn("login")
        for folder in (KEYS, ENTRA_ID):
            done = maker.paconn("create", "--settings", "settings.json", "--secret", SECRET, folder=folder)
            assert done.stderr.endswith("successfully.\n"), done
            found[folder] = Connector(service.connectors[CONNECTOR_ID])
    return found


@pytest.fixture(scope="module")
def ways(
    tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]
) -> Iterator[tuple[QueueStack, dict[bool, Way]]]:
    """Run an app that asks for a key, and one behind a sign-in."""
    with (
        keyed_stack(tmp_path_factory.mktemp("runtime"), storage_ports) as stack,
        stack.host(
            ENTRA_AUTH="true",
            ALLOWED_CLIENT_APPLICATIONS=APPLICATION,
            WEBSITE_SITE_NAME="contoso",
            WEBSITE_AUTH_ENABLED="True",
        ) as host,
    ):
        yield stack, {False: Way(stack.hosts[0].url), True: Way(host.url)}


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}: {way[1]}")
def sign_in(request: pytest.FixtureRequest) -> tuple[str, str]:
    way: tuple[str, str] = request.param
    return way


@pytest.fixture(params=HostPolicy)
def caller(
    request: pytest.FixtureRequest,
    sign_in: tuple[str, str],
    connectors: dict[str, Connector],
    ways: tuple[QueueStack, dict[bool, Way]],
) -> Caller:
    connection = connected(connectors, *sign_in, request.param)
    return Caller(connection, ways[1][bool(connection.token)], ways[0])


def assigns(caller: Caller) -> None:
    """Without a status: notStarted is the default."""
    body = activity(assignmentType="required")
    assert caller.outputs("CreateAssignment", body=body)["outcome"] == "created"
    assert caller.stack.contents()[body["learningContentId"]] == 1


def records_a_course(caller: Caller) -> None:
    """With the name of the run, which repeats nothing; a text for a number; and what is empty."""
    body = activity(status="In progress", completionPercentage="20", startedDateTime="", registrationId="")
    run = {"Repeatability-Request-ID": f"run-{uuid4()}"}
    for outcome in ("created", "unchanged"):
        assert caller.outputs("CreateSelfInitiatedCourse", body=body, **run)["outcome"] == outcome
    assert caller.stack.contents()[body["learningContentId"]] == 1


def brings_an_assignment_to_a_state(caller: Caller) -> None:
    """Created and updated by the same action, and what comes late changes nothing."""
    body = activity(assignmentType="required", externalCourseActivityId=str(uuid4()), asOfDateTime="2024-11-01")
    assert caller.outputs("UpsertAssignment", body=body)["outcome"] == "created"
    later = {**body, "status": "Completed", "asOfDateTime": "2024-11-02"}
    assert caller.outputs("UpsertAssignment", body=later)["outcome"] == "updated"
    late = caller.outputs("UpsertAssignment", body=body)
    assert (late["outcome"], late["status"]) == ("superseded", "completed")


def brings_a_course_to_a_state(caller: Caller) -> None:
    body = activity(status="inProgress", externalCourseActivityId=str(uuid4()))
    assert caller.outputs("UpsertSelfInitiatedCourse", body=body)["outcome"] == "created"
    assert caller.outputs("UpsertSelfInitiatedCourse", body={**body, "status": "completed"})["outcome"] == "updated"


def assigned(caller: Caller) -> Json:
    body = activity(assignmentType="required", status="inProgress", externalCourseActivityId=str(uuid4()))
    return caller.outputs("CreateAssignment", body=body)


def taken(caller: Caller) -> Json:
    body = activity(status="inProgress", externalCourseActivityId=str(uuid4()))
    return caller.outputs("CreateSelfInitiatedCourse", body=body)


def updates_an_assignment(caller: Caller) -> None:
    """By either id, the empty other one beside it."""
    known = assigned(caller)
    by_own = {"externalCourseActivityId": known["externalCourseActivityId"], "id": "", "completionPercentage": "40"}
    assert caller.outputs("UpdateAssignment", body=by_own)["completionPercentage"] == 40
    by_graphs = {"id": known["id"], "externalCourseActivityId": "", "status": "Completed"}
    changed = caller.outputs("UpdateAssignment", body=by_graphs)
    assert changed == {**known, "outcome": "updated", "completionPercentage": 40, "status": "completed"}


def updates_a_course(caller: Caller) -> None:
    body = {"externalCourseActivityId": taken(caller)["externalCourseActivityId"], "status": "completed"}
    assert caller.outputs("UpdateSelfInitiatedCourse", body=body)["outcome"] == "updated"


def gets_an_assignment(caller: Caller) -> None:
    known = {**assigned(caller), "outcome": "unchanged"}
    own = known["externalCourseActivityId"]
    assert caller.outputs("GetAssignment", externalCourseActivityId=own) == known
    assert caller.outputs("GetAssignment", id=known["id"], registrationId=known["registrationId"]) == known
    assert caller.run("GetSelfInitiatedCourse", externalCourseActivityId=own).statuses == [404]


def gets_a_course(caller: Caller) -> None:
    known = {**taken(caller), "outcome": "unchanged"}
    own = known["externalCourseActivityId"]
    assert caller.outputs("GetSelfInitiatedCourse", externalCourseActivityId=own) == known


def deletes(caller: Caller) -> None:
    for known in (assigned(caller), taken(caller)):
        own = known["externalCourseActivityId"]
        late = caller.outputs("DeleteActivity", externalCourseActivityId=own, asOfDateTime="2024-11-01")
        assert late["outcome"] == "superseded"
        for outcome in ("deleted", "unchanged"):
            assert caller.outputs("DeleteActivity", externalCourseActivityId=own)["outcome"] == outcome


def sends_many(caller: Caller) -> None:
    """Filled in row by row, and followed until the report is complete."""
    action = caller.run("CreateBatch", body={"name": "Week 12", "activities": rows(caller, MANY)})
    assert action.statuses[0] == 202
    assert action.body["succeededCount"] == MANY, action.body
    # A gateway that answers polls itself knows only what stands in the definition.
    followed = caller.connection.request("GetBatch", {"batchId": action.body["batchId"]})
    assert httpx.URL(action.attempts[-1].url).path == followed.url.path
    assert action.outputs is not None
    caller.holds("CreateBatch", action.outputs)


def sends_a_file(caller: Caller) -> None:
    """As "Get file content" gives it, with what the file does not say among the options."""
    sheet = xlsx({"List": [["User ID", "Learning content ID"], [learner(), f"content-{uuid4()}"]]})
    report = caller.outputs("SendFile", body=sheet, name="Week 12", status="completed", type="Self initiated course")
    assert (report["succeededCount"], report["name"]) == (1, "Week 12"), report


def gets_the_report(caller: Caller) -> None:
    report = caller.outputs("CreateBatch", body={"activities": rows(caller, 2)})
    assert caller.outputs("GetBatch", batchId=report["batchId"])["allSucceeded"] is True
    paged = caller.outputs("GetBatch", batchId=report["batchId"], failedOnly=False, after=0)
    assert [one["index"] for one in paged["results"]] == [1]


def gets_the_status(caller: Caller) -> None:
    report = caller.outputs("CreateBatch", body={"activities": rows(caller, 1)})
    assert caller.outputs("GetBatchStatus", batchId=report["batchId"])["status"] == "Succeeded"


def failed(caller: Caller) -> str:
    """Let a message fail and return the failure's id."""
    content = f"content-{uuid4()}"
    record = {"@odata.type": "#microsoft.graph.learningAssignment", "learningContentId": content}
    known = {one["id"] for one in caller.outputs("ListFailures", top=1000)["failures"]}
    caller.stack.send(json.dumps(record))
    found: set[str] = set()

    def is_listed() -> bool:
        listed = caller.outputs("ListFailures", errorCode="invalidRequest", top="1000")["failures"]
        found.update({one["id"] for one in listed} - known)
        return bool(found)

    wait_until(is_listed, caller.stack.tail)
    return found.pop()


def lists_failures(caller: Caller) -> None:
    assert failed(caller)


def replays_failures(caller: Caller) -> None:
    assert caller.outputs("ReplayFailures", body={"ids": [failed(caller)]})["replayedCount"] == 1


def discards_failures(caller: Caller) -> None:
    assert caller.outputs("DiscardFailures", body={"ids": [failed(caller)]})["discardedCount"] == 1


def deletes_a_batch(caller: Caller) -> None:
    report = caller.outputs("CreateBatch", body={"activities": rows(caller, 2)})
    deleted = caller.outputs("DeleteBatch", batchId=report["batchId"])
    assert deleted == {"batchId": report["batchId"], "notSentCount": 0}


def makes_a_connection(caller: Caller) -> None:
    said = caller.connection.connector.definition["x-ms-capabilities"]["testConnection"]
    assert said["parameters"] == {}
    caller.outputs(said["operationId"])


ACTIONS: dict[str, Callable[[Caller], object]] = {
    "UpsertAssignment": brings_an_assignment_to_a_state,
    "UpdateAssignment": updates_an_assignment,
    "GetAssignment": gets_an_assignment,
    "UpsertSelfInitiatedCourse": brings_a_course_to_a_state,
    "UpdateSelfInitiatedCourse": updates_a_course,
    "GetSelfInitiatedCourse": gets_a_course,
    "DeleteActivity": deletes,
    "CreateAssignment": assigns,
    "CreateSelfInitiatedCourse": records_a_course,
    "CreateBatch": sends_many,
    "SendFile": sends_a_file,
    "GetBatch": gets_the_report,
    "GetBatchStatus": gets_the_status,
    "ListFailures": lists_failures,
    "ReplayFailures": replays_failures,
    "DeleteBatch": deletes_a_batch,
    "DiscardFailures": discards_failures,
    "TestConnection": makes_a_connection,
}


@pytest.mark.parametrize("operation", ACTIONS)
def test_the_action_does_what_it_says(caller: Caller, operation: str) -> None:
    ACTIONS[operation](caller)


def test_a_batch_creates_changes_and_deletes(caller: Caller) -> None:
    """With the operation that is chosen for all, and another in a row; a row has no more than it needs."""
    kept, gone = (assigned(caller)["externalCourseActivityId"] for _ in range(2))
    changes = [
        {"externalCourseActivityId": kept, "status": "Completed"},
        {"externalCourseActivityId": gone, "operation": "Delete"},
        activity(type="Assignment", assignmentType="required", status="notStarted", operation="Create"),
    ]
    report = caller.outputs("CreateBatch", body={"operation": "Update", "activities": changes})
    assert [one["outcome"] for one in report["results"]] == ["updated", "deleted", "created"]


@pytest.mark.parametrize("folder", [KEYS, ENTRA_ID])
def test_no_action_is_forgotten_here_and_each_has_outputs_everywhere(
    connectors: dict[str, Connector], folder: str
) -> None:
    connector = connectors[folder]
    assert connector.operations.keys() == ACTIONS.keys()
    for operation in connector.operations:
        assert (connector.designer_outputs(operation) or {}).get("properties"), operation
        assert connector.power_fx_outputs(operation) == connector.designer_outputs(operation)


def test_an_app_takes_the_first_answer_to_a_batch_and_asks_for_the_report_itself(
    connectors: dict[str, Connector], ways: tuple[QueueStack, dict[bool, Way]]
) -> None:
    """Power Fx polls nothing: every status below 300 is the answer, and has to be of the type that it knows."""
    caller = Caller(connected(connectors, KEYS, "only", HostPolicy.BASE_URL), ways[1][False], ways[0])
    request = caller.connection.request("CreateBatch", {"body": {"activities": rows(caller, MANY)}})
    with httpx.Client(transport=caller.way) as app:
        answer = app.send(request)
        assert answer.status_code == 202
        caller.holds("CreateBatch", answer)

        def is_completed() -> bool:
            report = app.send(caller.connection.request("GetBatch", {"batchId": answer.json()["batchId"]}))
            caller.holds("GetBatch", report)
            return bool(report.json()["status"] == "completed")

        wait_until(is_completed, caller.stack.tail)


def test_what_is_written_wrongly_is_refused_by_the_app_in_its_own_words(caller: Caller) -> None:
    """The platform's sentence about a type would hide it."""
    body = activity(learnerUserId="", assignmentType="required", dueDateTime="03/04/2026", assignerUserId="me")
    action = caller.run("CreateAssignment", body=body)
    assert action.outputs is not None
    assert action.statuses == [400]
    targets = {one["target"] for one in action.outputs.json()["error"]["details"]}
    assert targets == {"learnerUserId", "dueDateTime", "assignerUserId"}


@pytest.mark.parametrize("folder", [KEYS, ENTRA_ID])
@pytest.mark.parametrize(
    "operation",
    [
        "CreateAssignment",
        "CreateSelfInitiatedCourse",
        "UpsertAssignment",
        "UpdateAssignment",
        "UpdateSelfInitiatedCourse",
        "CreateBatch",
    ],
)
def test_every_text_may_be_empty(connectors: dict[str, Connector], folder: str, operation: str) -> None:
    """That is what an empty column or variable gives."""
    connector = connectors[folder]
    connection = connected(connectors, folder, next(iter(connector.sign_ins())), HostPolicy.HOST)
    schema = connector.resolved(connector.operations[operation].said["parameters"][-1]["schema"])
    body = emptied(schema)
    assert json.loads(connection.request(operation, {"body": body}).content) == body


def emptied(schema: Json) -> Json:
    """Return an object with all of its texts, and those of one row in each of its lists, empty."""
    said: Json = {name: "" for name, one in schema["properties"].items() if one["type"] == "string"}
    arrays = {name: one["items"] for name, one in schema["properties"].items() if one["type"] == "array"}
    return {**said, **{name: [emptied(items)] for name, items in arrays.items()}}


@pytest.mark.parametrize("folder", [KEYS, ENTRA_ID])
def test_a_wrong_key_is_found_when_the_connection_is_made(
    connectors: dict[str, Connector], ways: tuple[QueueStack, dict[bool, Way]], folder: str
) -> None:
    sign_in = next(iter(connectors[folder].sign_ins()))
    connection = connected(connectors, folder, sign_in, HostPolicy.BASE_URL, key="another")
    action = Caller(connection, ways[1][False], ways[0]).run("TestConnection")
    assert action.statuses == [401]


def test_nothing_is_answered_without_the_sign_in(
    connectors: dict[str, Connector], ways: tuple[QueueStack, dict[bool, Way]]
) -> None:
    """Otherwise the way to the app would sign in everybody."""
    connection = connected(connectors, KEYS, "only", HostPolicy.HOST)
    assert Caller(connection, ways[1][True], ways[0]).run("TestConnection").statuses == [401]
