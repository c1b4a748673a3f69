"""The guide for integrators: its messages are what the schema describes and what the app takes, its figures are so."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from activities.contract import limits
from activities.contract.models import Assignment, CourseActivity, Defaults, Json, SelfInitiatedCourse
from activities.contract.validation import ALTERNATIVES, parse_activity
from activities.errors import PermanentError
from activities.queueing import messages
from activities.queueing.messages import Delivery
from connector.__main__ import QUEUE_MESSAGE
from local.lifecycle import ROOT
from tests.support.integrators_guide import GUIDE, blocks, files
from tests.support.integrators_guide import messages as sent_messages
from tests.support.records import OTHER_PROVIDER, PROVIDER, parse, record, sample
from tests.support.strategies import kinds_and_records
from tests.test_docs import first_cells, section

SCHEMA = json.loads(QUEUE_MESSAGE.read_bytes())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
MESSAGES = sent_messages()
NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
RESULT_KEYS = [
    "index",
    "outcome",
    "id",
    "externalCourseActivityId",
    "errorCode",
    "errorMessage",
    "errorTarget",
    "operation",
    "messageId",
]


def taken(message: object) -> list[CourseActivity]:
    """Return the activities that the app reads in a message, without a default for the provider."""
    delivery = Delivery(json.dumps(message).encode(), "1", NOW)
    decoded = messages.decode(delivery, now=NOW, patience=timedelta(hours=24))
    return [parse_activity(one.content, kind=None, defaults=Defaults()).activity for one in decoded]


def test_the_schema_is_one_and_needs_no_other_file() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    references = set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(SCHEMA)))
    assert references == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_the_guide_has_a_message_of_every_form_and_of_both_kinds() -> None:
    one, other, many, envelope = MESSAGES.values()
    assert [type(activity) for message in (one, other) for activity in taken(message)] == [
        Assignment,
        SelfInitiatedCourse,
    ]
    assert isinstance(many, list)
    assert "activities" in envelope


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_the_guide_fits_the_schema_and_is_taken(name: str) -> None:
    assert list(VALIDATOR.iter_errors(MESSAGES[name])) == []
    assert taken(MESSAGES[name])


def test_complete_messages_have_every_property_of_their_kind() -> None:
    """But one of two names for the same, and a date of completion where nothing is completed."""
    for name, kind in (("assignment.json", Assignment), ("self-initiated.json", SelfInitiatedCourse)):
        second_names = {"learningProviderId", *ALTERNATIVES.values()}
        properties = {str(field.alias) for field in kind.model_fields.values()} - second_names
        left_out = {"completedDateTime"} if kind is Assignment else set[str]()
        assert MESSAGES[name].keys() == properties - left_out | {"@odata.type"}


def test_every_external_id_of_the_guide_is_its_own() -> None:
    ids = re.findall(r'"externalCourseActivityId": "(.*?)"', "".join(files().values()))
    assert len(ids) == len(set(ids))


@given(kinds_and_records)
def test_whatever_is_taken_fits_in_the_form_of_the_contract(drawn: tuple[type[CourseActivity], Json]) -> None:
    kind, sent = drawn
    read = parse(sent, kind)
    activity = read.activity.to_graph()
    body = {**activity, "registrationId": read.registration_id}
    wholes: list[object] = [body, [body], {"activities": [activity], "learningProviderId": read.registration_id}]
    for message in wholes:
        assert list(VALIDATOR.iter_errors(message)) == []
        assert len(taken(message)) == 1


ONE = {"type": "assignment", **record(Assignment)}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param([], id="no activity"),
        pytest.param({"activities": []}, id="an empty envelope"),
        pytest.param({"activities": [ONE], "name": "a batch"}, id="a name, which only batches have"),
        pytest.param({"activities": [ONE], "registrationId": "LMS"}, id="a provider that is no GUID"),
        pytest.param(
            {"activities": [ONE], "registrationId": PROVIDER, "learningProviderId": OTHER_PROVIDER}, id="two providers"
        ),
        pytest.param({"activites": [ONE]}, id="a typing mistake"),
        pytest.param({**sample("assignment.request"), "statuss": "notStarted"}, id="an unknown property"),
        pytest.param(record(Assignment), id="no kind"),
        pytest.param("assignment", id="a text"),
    ],
)
def test_what_the_app_refuses_does_not_fit(message: Any) -> None:
    assert list(VALIDATOR.iter_errors(message))
    with pytest.raises(PermanentError):
        taken(message)


def test_an_answer_has_the_keys_that_the_guide_explains() -> None:
    (example,) = (one for one in map(json.loads, blocks("json")) if "messageId" in one)
    assert list(example) == RESULT_KEYS
    assert first_cells(section(GUIDE, "What became of it")) == {*RESULT_KEYS}


def test_programs_are_written_for_what_is_told_to_be_installed() -> None:
    written = "".join(blocks("python"))
    imported = set(re.findall(r"^from (azure\.\w+(?:\.\w+)?) ", written, re.MULTILINE))
    assert imported == {"azure.identity", "azure.storage.queue"}
    assert "pip install azure-identity azure-storage-queue" in GUIDE


def test_the_limits_and_waits_are_the_apps() -> None:
    facts = " ".join(section(GUIDE, "What to rely on").split())
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert f"{limits.LARGEST_MESSAGE_BYTES:,} bytes" in facts
    assert f"{limits.LARGEST_MESSAGE_BYTES // 1024 * 3 // 4} KiB of JSON" in facts
    assert host["extensions"]["queues"]["maxPollingInterval"] == "00:00:10"
    assert "at least every 10 seconds" in facts


def test_what_the_guide_promises_of_speed_was_measured() -> None:
    (promised,) = re.findall(r"more than (\d+) messages of one activity each in a second", " ".join(GUIDE.split()))
    table = section((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"), "The queue")
    measured = re.findall(r"^\| Graph \d+ ms +\| this app +\| ([\d.]+)", table, re.MULTILINE)
    assert measured
    assert min(map(float, measured)) > int(promised)


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDE):
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / (path or "for-integrators.md")).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, link
