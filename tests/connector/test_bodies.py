"""What the app really takes and answers fits the schemas of both documents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from activities.batches.results import Batch, Progress
from activities.contract.activity import Operation, Outcome, StoredActivity
from activities.contract.models import Assignment, CourseActivity, Json, SelfInitiatedCourse
from activities.contract.validation import WHOLE, parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import Done
from activities.execution.result import Result
from activities.health import Report
from activities.queueing.messages import Delivery, Failure
from activities.queueing.put_back import Record
from activities.web import activities, answers, batch_answers, http
from activities.web.batch_answers import ResultPage
from activities.web.failures import parse_selection
from connector import examples, schemas
from tests.connector.documents import API, CONNECTOR, operations_of, problems_in_api, problems_in_connector
from tests.support.records import DEFAULTS, KINDS, PROVIDER, parse, record, sample
from tests.support.strategies import kinds_and_records

NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
REQUEST = http.Request()
BATCH = Batch("0b7c3b1e5d0f4a2c9e6d8f7a1b2c3d4e", 2, NOW)
FAILED = Result(1, Outcome.FAILED, "", "", ErrorCode.INVALID_REQUEST, "status is required.", "status")
SAMPLES = ("assignment", "self-initiated")
ODD: tuple[Any, ...] = (None, True, -1, 101, 1.5, 20, "", "nope", "2026-12-18", [], ["a"], {}, {"content": 1}, "42")


def body_of(response: http.Response) -> Json:
    body: Json = json.loads(response.body)
    return body


def problems_in_both(value: object, name: str) -> list[str]:
    return [*problems_in_api(value, name), *problems_in_connector(value, name)]


def test_the_examples_of_microsofts_page_are_the_examples_of_the_document() -> None:
    """And so they fit its schemas, like every example."""
    said = operations_of(API)["CreateActivity"]
    sent = said["requestBody"]["content"]["application/json"]["examples"]
    answered = said["responses"]["201"]["content"]["application/json"]["examples"]
    assert {name: one["value"] for name, one in sent.items()} == {name: sample(f"{name}.request") for name in SAMPLES}
    assert [one["value"] for one in answered.values()] == [sample(f"{name}.response") for name in SAMPLES]


@pytest.mark.parametrize("operation", operations_of(API).values(), ids=operations_of(API))
def test_every_example_fits_its_schema(operation: Json) -> None:
    contents = [one["content"] for one in operation["responses"].values() if "content" in one]
    contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
    for content in contents:
        said = content.get("application/json", {})  # A file has no form.
        for example in said.get("examples", {}).values():
            code = example.get("$ref", "").rpartition("/")[2]
            value = API["components"]["examples"][code]["value"] if code else example["value"]
            assert problems_in_api(value, said["schema"]["$ref"].rpartition("/")[2]) == []


@given(kinds_and_records)
def test_whatever_is_taken_fits_in_the_form_of_the_contract(drawn: tuple[type[CourseActivity], Json]) -> None:
    kind, sent = drawn
    read = parse(sent, kind)
    body = {**read.activity.to_graph(), "registrationId": read.registration_id}
    assert problems_in_api(body, "Activity") == []
    assert problems_in_api({**body, "id": "1"}, "LearningCourseActivity") == []


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_schema_allows_is_taken(kind: type[CourseActivity]) -> None:
    for name, said in schemas.properties_of(kind).items():
        for value in (*ODD, *said["examples"], *said.get("enum", ())):
            body = record(kind, **{name: value})
            if problems_in_api(body, kind.__name__) == []:
                parse(body, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_maker_fills_in_is_taken(kind: type[CourseActivity]) -> None:
    form = CONNECTOR["definitions"][kind.__name__]["properties"]
    parse({name: said["example"] for name, said in form.items()}, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_maker_changes_is_taken(kind: type[CourseActivity]) -> None:
    """With one of the two ids: the form has room for both."""
    form = CONNECTOR["definitions"][f"{kind.__name__}Change"]["properties"]
    filled = {name: said["example"] for name, said in form.items()}
    for left_out in ("id", "externalCourseActivityId"):
        body = {name: value for name, value in filled.items() if name != left_out}
        read = parse_activity(body, kind=kind, defaults=DEFAULTS, operation=Operation.UPDATE)
        assert read.activity.to_graph().keys() >= kind.changeable
        assert problems_in_api(body, f"{kind.__name__}Change") == []
        assert problems_in_api(body, "ActivityChange") == []


@pytest.mark.parametrize("outcome", [Outcome.DELETED, Outcome.UNCHANGED, Outcome.SUPERSEDED])
def test_what_a_deletion_answers_fits_and_has_every_key(outcome: Outcome) -> None:
    query = {"externalCourseActivityId": "1"}
    wanted = parse_activity(query, kind=None, defaults=DEFAULTS, operation=Operation.DELETE)
    said = body_of(activities.encode_deleted(Done(outcome, wanted, StoredActivity({})), REQUEST))
    assert problems_in_both(said, "DeletedActivity") == []
    assert list(said) == CONNECTOR["definitions"]["DeletedActivity"]["required"]


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_says_its_operation_and_when_it_was_true(kind: type[CourseActivity], operation: Operation) -> None:
    said = {"operation": str(operation), "asOfDateTime": "2024-11-22T17:02:00Z", "externalCourseActivityId": "1"}
    whole = {**record(kind), "type": kind.type_name, **said}
    for body in (whole, *([] if operation in WHOLE else [said])):
        assert problems_in_api({"operation": "upsert", "activities": [body]}, "BatchBody") == []
        assert parse_activity(body, kind=None, defaults=DEFAULTS).operation is operation
    assert problems_in_api({**whole, "operation": "replace"}, "Record")


@pytest.mark.parametrize("component", ["Activity", "AssignmentActivity", "SelfInitiatedCourseActivity"])
def test_a_property_of_nobody_and_a_missing_type_fit_no_request(component: str) -> None:
    assert problems_in_api({**sample("assignment.request"), "activites": 1}, component)
    assert problems_in_api(record(Assignment), component)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.FAILED}))
def test_a_flat_answer_fits_and_has_every_key(kind: type[CourseActivity], outcome: Outcome) -> None:
    for sent in (record(kind), examples.of_requests()[kind.__name__]["example"]["value"]):
        wanted = parse(sent, kind)
        stored = StoredActivity({**wanted.activity.to_graph(), "id": "1", "completedDateTime": None})
        said = body_of(activities.encode_flat(Done(outcome, wanted, stored), REQUEST))
        name = f"Created{kind.__name__}"
        assert problems_in_both(said, name) == []
        for document in (API["components"]["schemas"], CONNECTOR["definitions"]):
            assert list(said) == list(document[name]["properties"]) == document[name]["required"]


@pytest.mark.parametrize("has_more", [False, True])
@pytest.mark.parametrize("succeeded", [0, 1])
def test_a_report_fits_and_has_every_key(succeeded: int, has_more: bool) -> None:  # noqa: FBT001 (a case, no switch)
    results = ResultPage([Result(0, Outcome.CREATED, "1"), FAILED], has_more=has_more)
    progress = Progress(BATCH, succeeded, 1)
    said = body_of(batch_answers.encode_report(progress, results, REQUEST, url="https://a/b", now=NOW))
    assert problems_in_both(said, "BatchReport") == []
    known = CONNECTOR["definitions"]["BatchReport"]
    assert known["required"] == [name for name in said if name != "nextLink"]
    assert set(said) == {*known["required"], *(["nextLink"] if has_more else [])}
    assert list(said["results"][0]) == list(known["properties"]["results"]["items"]["properties"])


@pytest.mark.parametrize(("succeeded", "failed"), [(0, 0), (2, 0), (0, 2)])
def test_a_status_fits_and_has_every_key(succeeded: int, failed: int) -> None:
    progress = Progress(BATCH, succeeded, failed, changed_at=NOW + timedelta(seconds=1))
    said = body_of(batch_answers.encode_status(progress, FAILED, REQUEST, url="https://a/b", now=NOW))
    assert problems_in_both(said, "BatchStatus") == []
    assert [name for name in said if name != "error"] == CONNECTOR["definitions"]["BatchStatus"]["required"]
    assert set(said) <= CONNECTOR["definitions"]["BatchStatus"]["properties"].keys()


def test_failures_fit_and_have_every_key() -> None:
    error = PermanentError(ErrorCode.INVALID_JSON, "The body is not JSON.")
    of_record = Failure.of_record(Record({"a": None}, "origin", NOW, NOW), error, now=NOW).to_json()
    of_message = Failure.of_message(Delivery(b"{", "1", NOW), error, now=NOW).to_json()
    said = body_of(answers.encode_failures([of_record, of_message], "at-1", REQUEST))
    assert problems_in_both(said, "FailurePage") == []
    known = CONNECTOR["definitions"]["FailurePage"]["properties"]["failures"]["items"]
    assert list(of_record) == known["required"]
    assert of_message.keys() == known["properties"].keys()


def test_selections_of_the_document_are_understood_and_others_are_not() -> None:
    good: list[Json] = [{}, {"code": "a"}, {"ids": ["a"]}]
    for body in good:
        assert problems_in_api(body, "Selection") == []
        parse_selection(body)
    bad: list[Json] = [{"code": "a", "ids": ["a"]}, {"ids": []}, {"id": "a"}]
    for body in bad:
        assert problems_in_api(body, "Selection")
        with pytest.raises(PermanentError):
            parse_selection(body)


def entity(kind: type[CourseActivity]) -> http.Response:
    wanted = parse(record(kind), kind)
    stored = StoredActivity({**wanted.activity.to_graph(), "id": "1"})
    return activities.encode_graph(Done(Outcome.CREATED, wanted, stored), REQUEST)


def test_the_entity_of_graph_every_error_and_the_health_fit() -> None:
    wrong = PermanentError(ErrorCode.INTERNAL_ERROR, "Words.")
    with pytest.raises(PermanentError) as refused:
        parse({"status": "nope"})
    assert refused.value.problems
    errors = [ActivityError(code, "Words.") for code in ErrorCode]
    errors += [TransientError(code, "Words.", retry_after_seconds=1) for code in ErrorCode]
    expected = {
        "LearningCourseActivity": [entity(kind) for kind in KINDS],
        "Error": [answers.encode_error(error, REQUEST) for error in (*errors, refused.value)],
        "Health": [answers.encode_health(Report(NOW, failure), REQUEST) for failure in (None, wrong)],
    }
    for component, responses in expected.items():
        assert [problems_in_api(body_of(response), component) for response in responses] == [[]] * len(responses)


def test_the_document_itself_fits_what_is_said_of_it() -> None:
    assert problems_in_both(API, "ApiDescription") == []


def test_a_batch_of_the_connector_fits_the_api() -> None:
    form = CONNECTOR["definitions"]["Batch"]["properties"]["activities"]["items"]["properties"]
    filled = {name: said["example"] for name, said in form.items() if "Only for a self" not in said["description"]}
    body = {"name": "A batch", "registrationId": PROVIDER, "activities": [filled]}
    assert problems_in_connector(body, "Batch") == []
    assert problems_in_api(body, "BatchBody") == []
    assert DEFAULTS.registration_id == PROVIDER


def test_every_way_to_send_a_batch_fits() -> None:
    for told in ({"@odata.type": SelfInitiatedCourse.odata_type}, {"type": SelfInitiatedCourse.type_name}):
        one = {**told, **record(SelfInitiatedCourse)}
        for body in ({"activities": [one]}, [one], one):
            assert problems_in_api(body, "BatchBody") == []
    for body in ({"activities": []}, [], {"activity": one}, {"activities": [record(Assignment)]}):
        assert problems_in_api(body, "BatchBody")
