"""The guide for makers: what it says is so, and what is copied from it works with this app."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from activities.batches import failed_rows
from activities.batches.results import Batch, Origin
from activities.contract import values
from activities.contract.activity import Outcome
from activities.contract.actors import Actor
from activities.contract.advice import ADVICE
from activities.contract.models import Assignment
from activities.errors import ErrorCode
from activities.execution.result import Result
from activities.web import answers, http
from local.lifecycle import ROOT
from tests.end_to_end.flow_engine import FlowEngine
from tests.support.records import parse, record
from tests.support.sample_flows import (
    FLOWS,
    GUIDE,
    actions_of,
    assert_answered,
    assert_well_formed,
    connector_actions,
    definition_of,
    filled,
    initialized,
    prose,
)
from tests.test_docs import BATCHES, README, section

WHO = {Actor.SENDER: "you", Actor.ADMIN: "admin", Actor.NOBODY: "nobody"}


def test_what_is_repeated_is_what_an_engine_repeats() -> None:
    """408 among them: an answer that something in between gives."""

    def attempts(status: int) -> int:
        transport = httpx.MockTransport(lambda _: httpx.Response(status))
        return len(FlowEngine({}, transport=transport, sleep=lambda _: None).post("https://app.example", {}).statuses)

    repeated = {status for status in range(400, 600) if attempts(status) > 1}
    assert repeated == {408, 429, *range(500, 600)}
    for text in (GUIDE, README):
        assert "repeats 408, 429 and 5xx by itself, and nothing else" in " ".join(re.sub(r"[*_]", "", text).split())


def test_the_picture_of_a_flow_names_every_action_and_variable() -> None:
    for name in FLOWS:
        assert f"](flows/{name})" in GUIDE
        assert {one for one in actions_of(name) if one.replace("_", " ") not in GUIDE} == set()
        told = {
            one for one, action in initialized(name).items() if f"| *{action.replace('_', ' ')}* | `{one}` |" in GUIDE
        }
        assert told == initialized(name).keys()


def test_the_example_of_an_lms_is_what_the_triggers_take() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)[0])
    for name in ("record-completed-course.json", "record-completed-course-by-queue.json"):
        assert definition_of(name)["triggers"]["manual"]["inputs"]["schema"]["properties"].keys() == example.keys()


def test_the_expressions_to_copy_are_well_formed_and_the_activity_to_append_can_be_sent() -> None:
    blocks = re.findall(r"```\n(.*?)\n```", section(GUIDE, "Expressions to copy"), re.DOTALL)
    assert len(blocks) >= 10
    inline = re.findall(r"`(\w+\([^`]*\)[^`]*)`|\"@(\w+\([^\"]*)\"", GUIDE)
    for expression in [*blocks, *("".join(one) for one in inline)]:
        assert_well_formed(expression)
        assert_answered(expression)
    assert "equals(item()?['outcome'], 'failed')" in blocks
    assert Result(0, Outcome.FAILED).to_json()["outcome"] == "failed"
    body = json.loads(re.findall(r"```json\n(.*?)```", section(GUIDE, "Expressions to copy"), re.DOTALL)[0])
    assert isinstance(parse(filled(body), None).activity, Assignment)


def test_what_the_guide_says_about_dates_is_so() -> None:
    assert values.due_date_time("2026-12-18", zone=UTC) == {"dateTime": "2026-12-18T23:59:59", "timeZone": "UTC"}
    assert values.date_time_offset("2026-12-18", zone=UTC) == "2026-12-18T00:00:00+00:00"
    for refused in ("18/12/2026", "12/18/2026"):
        assert f"`{refused}`" in section(GUIDE, "Dates and time zones")
        with pytest.raises(ValueError, match="more than one way"):
            values.due_date_time(refused, zone=UTC)


def test_the_table_of_errors_has_every_code_in_the_words_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([^|]+) \| (\w+) \| [^|]+ \|$", GUIDE, re.MULTILINE)
    assert sorted((code, int(status), title, who) for code, status, title, who in rows) == sorted(
        (str(code), int(answers.HTTP_STATUS[code]), ADVICE[code].title, WHO[ADVICE[code].actor]) for code in ErrorCode
    )


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDE):
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / (path or "for-makers.md")).read_bytes().decode(errors="replace")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, link


def test_the_failed_results_are_asked_for_because_an_answer_has_only_the_first() -> None:
    assert f"The first {http.LARGEST_PAGE:,} results" in prose()
    reports = [inputs for action, inputs in connector_actions() if action == "Get_the_report_of_a_batch"]
    assert [inputs["parameters"]["failedOnly"] for inputs in reports] == [True]
    for text in (GUIDE, BATCHES):
        assert "*Failed Only*" in text
    assert f"More than {http.LARGEST_PAGE:,} results come in pages" in BATCHES


def test_a_failed_rows_way_back_to_the_person_is_its_row() -> None:
    """The columns for people are empty in the file that everybody with its address can download."""
    batch = replace(Batch("0" * 32, 1, datetime.now(UTC)), origin=Origin(";"))
    failed = Result(41, Outcome.FAILED)
    headings, row = failed_rows.encode_failed(batch, [(failed, record(Assignment))]).decode("utf-8-sig").splitlines()
    cells = dict(zip(headings.split(";"), row.split(";"), strict=True))
    assert (cells["row"], cells["learnerUserId"]) == ("43", "")
    for text in (GUIDE, BATCHES, json.dumps(FLOWS["batch-from-csv.json"])):
        assert re.search(r"\brow\b[`*]? says", text)


def test_how_to_find_an_id_of_learning_content_is_the_address_that_graph_has() -> None:
    how = section(GUIDE, "The IDs of learning content")
    assert "/employeeExperience/learningProviders/{registrationId}/learningContents(externalId='{externalId}')" in how
    assert "`LearningContent.Read.All`" in how


def test_the_key_is_told_to_belong_into_the_connection() -> None:
    """An export has the values of environment variables, and a variable shows in the run history."""
    key = " ".join(section(GUIDE, "The key").split())
    for fact in ("connection", "*Secure inputs*", "an export has their current values", "kind *Secret*", "run history"):
        assert fact in key


def test_what_only_an_admin_does_is_told_to_both() -> None:
    admins = (ROOT / "docs" / "for-admins-connect.md").read_text(encoding="utf-8")
    asked = GUIDE.partition("**Ask your admin for:**")[2].partition("\n## ")[0]
    for word in ("share", "data polic"):
        assert word in asked
        assert word in section(admins, "What makers need from you")


def test_the_first_lines_do_not_deny_the_other_way() -> None:
    for text in (README, GUIDE):
        first = " ".join(text.partition("\n## ")[0].split())
        assert "client secret" in first
        assert "so they cannot" not in first
