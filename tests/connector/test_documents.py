"""Both documents are what the code says, describe every route, and can be read by makers."""

import importlib
import json
import re
from pathlib import Path

import openapi_spec_validator
import pytest

from activities.contract import instructions
from activities.contract.activity import Operation
from activities.contract.advice import ADVICE
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ErrorCode, Problem
from activities.web import answers
from connector import __main__ as commands
from connector import publisher, rules, schemas, served_routes
from connector.operations import OPERATIONS
from connector.refusals import by_status
from connector.rules import PROPERTIES, SWAGGER
from tests.connector.documents import API, CONNECTOR, operations_of, routes_of

SWAGGERS = [folder / SWAGGER for folder in commands.SIGN_IN]
# The platform takes 1 MB; what is larger than needed makes every designer slow.
# Source: https://learn.microsoft.com/connectors/custom-connectors/faq
LARGEST_SWAGGER_BYTES = 150_000
API_OPERATIONS = operations_of(API)
CONNECTOR_OPERATIONS = operations_of(CONNECTOR)
BY_CONNECTOR_ID = {one.connector_id or one.id: one for one in OPERATIONS if one.visibility}
SENTENCE_ENDS = (".", "?", "!")


def test_the_committed_files_are_what_the_code_says() -> None:
    assert commands.outdated() == [], "run make connector"


@pytest.mark.parametrize("path", [commands.OPENAPI, *SWAGGERS], ids=lambda path: path.parent.name)
def test_openapi_spec_validator_finds_nothing(path: Path) -> None:
    openapi_spec_validator.validate(json.loads(path.read_bytes()))


# It still asks jsonschema for a class that is going away.
@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")
@pytest.mark.parametrize("path", SWAGGERS, ids=lambda path: path.parent.name)
def test_swagger_spec_validator_finds_nothing(path: Path) -> None:
    importlib.import_module("swagger_spec_validator.validator20").validate_spec(json.loads(path.read_bytes()))


def test_without_the_sign_in_nothing_asks_for_a_client_secret() -> None:
    """What has OAuth settings anywhere is not created by paconn unless it gets a secret."""
    files = {folder: (folder / PROPERTIES).read_text(encoding="utf-8") for folder in commands.SIGN_IN}
    assert {folder: "oauth" in said.casefold() for folder, said in files.items()} == commands.SIGN_IN


def test_both_forms_have_the_same_operations() -> None:
    one, other = (json.loads(path.read_bytes()) for path in SWAGGERS)
    assert {**one, "security": [], "securityDefinitions": {}} == {**other, "security": [], "securityDefinitions": {}}
    assert list(one["securityDefinitions"]) == ["api_key"]


def test_the_connector_is_small() -> None:
    assert max(path.stat().st_size for path in SWAGGERS) < LARGEST_SWAGGER_BYTES


def test_the_api_is_described_route_by_route_as_the_app_serves_it() -> None:
    expected = {(route.method, route.path) for route in served_routes.served().values()}
    assert routes_of(API) == expected
    assert {one.function for one in OPERATIONS} == served_routes.served().keys()


def test_the_connector_has_no_route_of_its_own() -> None:
    assert routes_of(CONNECTOR) <= {(method, f"{publisher.BASE_PATH}{path}") for method, path in routes_of(API)}
    assert CONNECTOR_OPERATIONS.keys() == BY_CONNECTOR_ID.keys()


def test_only_anonymous_routes_need_no_key() -> None:
    served = served_routes.served()
    for operation in OPERATIONS:
        said = API_OPERATIONS[operation.id]
        assert ("security" in said) is not served[operation.function].needs_key
        assert ("401" in said["responses"]) is served[operation.function].needs_key


def test_every_error_of_an_operation_is_listed_under_its_status() -> None:
    for operation in OPERATIONS:
        responses = API_OPERATIONS[operation.id]["responses"]
        for status, codes in by_status(operation.codes).items():
            content = responses[str(status)]["content"]["application/json"]
            assert content["schema"] == schemas.ref("Error")
            assert list(content["examples"]) == codes
            assert all(f"`{code}`" in responses[str(status)]["description"] for code in codes)
        assert responses["default"]["content"]["application/json"]["schema"] == schemas.ref("Error")


def test_every_error_code_but_that_of_batches_can_answer_a_request_about_one_activity() -> None:
    codes = {one.function: set(one.codes) for one in OPERATIONS if one.tag == "Activities"}
    # Nothing tells the two kinds of 401 apart in advance: the host's has no body.
    assert set[ErrorCode]().union(*codes.values()) == set(ErrorCode) - {
        ErrorCode.INVALID_FILE,
        ErrorCode.NOT_FOUND,
        ErrorCode.UNAUTHENTICATED,
    }
    changed = {ErrorCode.ACTIVITY_NOT_FOUND, ErrorCode.NOT_CHANGEABLE}
    assert {name for name, some in codes.items() if not some & changed} == {
        "create_activity",
        "create_assignment",
        "create_self_initiated_course",
    }
    assert ADVICE.keys() == answers.HTTP_STATUS.keys() == set(ErrorCode)


@pytest.mark.parametrize("name", API_OPERATIONS)
def test_every_operation_of_the_api_has_words_and_an_example(name: str) -> None:
    said = API_OPERATIONS[name]
    assert said["summary"]
    assert said["description"].endswith(SENTENCE_ENDS)
    assert said["tags"]
    contents = [one["content"] for one in said["responses"].values() if "content" in one]
    bodies = [
        content["application/json"] for content in contents[:-1] if "text/html" not in content or len(content) > 1
    ]
    assert all(one.get("examples") for one in bodies)
    assert bodies or name == "OpenTenantCheck", "a page holds nothing to show"
    if "requestBody" in said:
        content = said["requestBody"]["content"]
        assert "application/octet-stream" in content or content["application/json"]["examples"]
    assert [one["name"] for one in said["parameters"] if "example" not in one or not one["description"]] == []


@pytest.mark.parametrize("kind", schemas.KINDS)
def test_every_property_of_a_request_has_a_title_a_description_and_an_example(kind: type[CourseActivity]) -> None:
    names = {one.alias for one in kind.model_fields.values()}
    for schema in (API["components"]["schemas"][kind.__name__], CONNECTOR["definitions"][kind.__name__]):
        # Both name the provider, and a form needs only one of them.
        assert schema["properties"].keys() | {"learningProviderId"} == {*names, "asOfDateTime"}
        assert set(schema["required"]) == {one.alias for one in kind.model_fields.values() if one.is_required()}
        for name, said in schema["properties"].items():
            assert said.get("title") or said.get("x-ms-summary"), name
            assert said["description"].endswith(SENTENCE_ENDS), name
            assert "examples" in said or "example" in said, name


def test_an_activity_of_a_batch_has_the_properties_of_both_kinds() -> None:
    item = CONNECTOR["definitions"]["Batch"]["properties"]["activities"]["items"]
    kinds = [CONNECTOR["definitions"][kind.__name__]["properties"] for kind in (Assignment, SelfInitiatedCourse)]
    assert item["properties"].keys() == {"type", "operation"} | kinds[0].keys() | kinds[1].keys()
    shown = {one["value"]: one["displayName"] for one in item["properties"]["type"]["x-ms-enum-values"]}
    assert shown == {Assignment.type_name: "Assignment", SelfInitiatedCourse.type_name: "Self-initiated course"}


def test_the_connector_hides_what_makers_do_not_need() -> None:
    visibility = {name: said["x-ms-visibility"] for name, said in CONNECTOR_OPERATIONS.items()}
    assert visibility == {
        "UpsertAssignment": "important",
        "CreateAssignment": "important",
        "UpdateAssignment": "important",
        "GetAssignment": "advanced",
        "UpsertSelfInitiatedCourse": "important",
        "CreateSelfInitiatedCourse": "important",
        "UpdateSelfInitiatedCourse": "important",
        "GetSelfInitiatedCourse": "advanced",
        "DeleteActivity": "advanced",
        "ListLearningContents": "advanced",
        "CreateBatch": "important",
        "SendFile": "important",
        "GetBatch": "important",
        "GetBatchStatus": "internal",
        "ListFailures": "advanced",
        "ReplayFailures": "advanced",
        "DeleteBatch": "advanced",
        "DiscardFailures": "advanced",
        "TestConnection": "internal",
    }


@pytest.mark.parametrize("folder", commands.SIGN_IN, ids=lambda folder: folder.name)
def test_a_request_reaches_the_app_whichever_part_of_the_address_the_policy_replaces(folder: Path) -> None:
    swagger = json.loads((folder / SWAGGER).read_bytes())
    properties = json.loads((folder / PROPERTIES).read_bytes())["properties"]
    policy = properties["policyTemplateInstances"][0]["parameters"]
    template = policy["x-ms-apimTemplateParameter.urlTemplate"]
    base = template.replace("@connectionParameters('hostName')", "app.test").rstrip("/")
    expected = {f"https://app.test/api{route.path}" for route in served_routes.served().values()}
    for path in swagger["paths"]:
        assert {f"{base}{swagger['basePath'].rstrip('/')}{path}", f"{base}{path}"} <= expected
        assert path.startswith("/api/")


@pytest.mark.parametrize("kind", [Assignment, SelfInitiatedCourse])
def test_what_a_column_of_choices_gives_is_not_refused_before_the_app_reads_it(kind: type[CourseActivity]) -> None:
    status = CONNECTOR["definitions"][kind.__name__]["properties"]["status"]
    assert {"notStarted", "Not started", "In progress"} <= set(status["enum"])
    assert [one["value"] for one in status["x-ms-enum-values"]] == ["notStarted", "inProgress", "completed"]
    assert status.get("default") == ("notStarted" if kind is Assignment else None)


def test_a_hint_says_what_to_write_where_no_format_does() -> None:
    fields = CONNECTOR["definitions"]["Assignment"]["properties"]
    for name in ("registrationId", "completedDateTime", "assignedDateTime", "dueDateTime"):
        assert fields[name]["example"][:4] in fields[name]["description"], name
    for name in ("learnerUserId", "assignerUserId"):
        assert "ID or e-mail address" in fields[name]["description"], name


@pytest.mark.parametrize("kind", [Assignment, SelfInitiatedCourse])
def test_a_course_is_chosen_from_a_list_that_the_app_answers(kind: type[CourseActivity]) -> None:
    """Whichever of the two forms a designer knows; the provider is the one that stands in the same form."""
    field = CONNECTOR["definitions"][kind.__name__]["properties"]["learningContentId"]
    listing = CONNECTOR["definitions"]["LearningContents"]["properties"]
    by_values, by_list = field["x-ms-dynamic-values"], field["x-ms-dynamic-list"]
    said = [by_values[name] for name in ("operationId", "value-collection", "value-path", "value-title")]
    assert said == [by_list[name] for name in ("operationId", "itemsPath", "itemValuePath", "itemTitlePath")]
    operation, collection, value, title = said
    assert operation == "ListLearningContents"
    assert listing[collection]["items"]["properties"].keys() >= {value, title}
    taken = {one["name"] for one in CONNECTOR_OPERATIONS["ListLearningContents"]["parameters"]}
    assert by_values["parameters"].keys() == by_list["parameters"].keys() <= taken
    assert by_list["parameters"]["registrationId"]["parameterReference"] == "body/registrationId"


def test_apps_and_agents_are_told_what_to_do_instead_of_waiting() -> None:
    """They take a 202 for the answer, and show no sentence about an error."""
    writing = [name for name in CONNECTOR_OPERATIONS if name.endswith(("Assignment", "Course")) and name[:3] != "Get"]
    assert len(writing) == 6
    for name in ("CreateBatch", "GetBatch", *writing):
        assert "Power Apps and Copilot Studio" in CONNECTOR_OPERATIONS[name]["description"]
    assert CONNECTOR_OPERATIONS["GetBatch"]["summary"] in CONNECTOR_OPERATIONS["CreateBatch"]["description"]
    assert CONNECTOR_OPERATIONS["CreateBatch"]["summary"] in CONNECTOR_OPERATIONS["CreateAssignment"]["description"]


def test_what_most_flows_want_comes_first() -> None:
    first = next(iter(CONNECTOR_OPERATIONS.values()))
    assert first["summary"] == "Create or update an assignment"


def test_a_maker_is_offered_words_that_the_app_understands_for_each_operation() -> None:
    batch = CONNECTOR["definitions"]["Batch"]["properties"]
    for fields in (batch, batch["activities"]["items"]["properties"]):
        shown = {one["value"]: one["displayName"] for one in fields["operation"]["x-ms-enum-values"]}
        assert shown["upsert"] == "Create or update"
        problems: list[Problem] = []
        read = [instructions.operation_named(said, problems) for said in (*shown, *shown.values())]
        assert read == [*Operation, *Operation]
        assert problems == []


def test_what_a_flow_polls_is_in_the_connector() -> None:
    """The gateway answers 404 for an address that is not in the definition."""
    assert ("get", "/api/batches/{batchId}") in routes_of(CONNECTOR)


def test_the_connectors_readme_names_every_operation_that_makers_see() -> None:
    visible = [said["summary"] for said in CONNECTOR_OPERATIONS.values() if said["x-ms-visibility"] != "internal"]
    section = commands.README.read_text(encoding="utf-8").split("## Supported Operations")[1].split("\n## ")[0]
    assert re.findall(r"^\| ([A-Z][^|]+?) \|", section, re.MULTILINE)[1:] == visible


@pytest.mark.skipif(not rules.SPECTRAL.exists(), reason="Spectral is not installed: make test sets it up")
def test_the_connector_keeps_every_rule_and_the_commands_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["check"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert commands.main(["nonsense"]) == 2


def test_what_is_out_of_date_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publisher, "TITLE", "Something Else")
    assert commands.main(["check"]) == 1
    assert (
        "connector/access-key/apiDefinition.swagger.json is out of date: run make connector" in capsys.readouterr().out
    )
