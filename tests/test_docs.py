"""The documents say what the code does: every code, setting, route, property and command, and no other."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from activities import settings
from activities.batches import requests, store
from activities.batches.results import Batch, Progress, outcomes
from activities.contract import limits
from activities.contract.actors import Actor
from activities.contract.advice import ADVICE
from activities.contract.models import Assignment, Defaults, SelfInitiatedCourse
from activities.contract.validation import parse_activity
from activities.errors import ErrorCode
from activities.execution.patience import PATIENCE
from activities.execution.result import Result
from activities.execution.tenant.assumptions import ASSUMPTIONS
from activities.queueing.messages import Failure
from activities.queueing.put_back import Record
from activities.queueing.result_queue import RESULTS_KEPT_FOR, Answer, encode
from activities.settings import Settings
from activities.storage import ledger
from activities.storage.retention import SECONDS_AT_NIGHT
from activities.web import answers, tenant_check
from connector.served_routes import served
from local.lifecycle import ROOT

TENANT_CHECK = (ROOT / "docs" / "for-admins-check.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BATCHES = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
PERSONAL_DATA = (ROOT / "docs" / "personal-data.md").read_text(encoding="utf-8")
QUEUE = (ROOT / "docs" / "queue.md").read_text(encoding="utf-8")
REQUESTS = (ROOT / "docs" / "requests.md").read_text(encoding="utf-8")
# Read by the Functions host and its tools, not by the app.
PLATFORM_SETTINGS = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage__credential"}


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def first_cells(table: str) -> set[str]:
    """Return every `code` of the first column of the tables in a text."""
    return {name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}


def test_the_error_table_has_every_code_with_its_status_its_meaning_and_who_acts() -> None:
    row = r"^\| (\d{3}) \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$"
    rows = re.findall(row, section(README, "Errors").replace("`details`", "details"), re.MULTILINE)
    first = {Actor.SENDER: "maker", Actor.ADMIN: "admin", Actor.NOBODY: "nobody: repeat"}
    assert sorted(
        (
            int(status),
            code,
            meaning.replace("`", ""),
            who.split(", ")[0].split("; ")[0].split(" of ")[0],
            "then admin" in who,
        )
        for status, code, meaning, who in rows
    ) == sorted(
        (int(answers.HTTP_STATUS[code]), str(code), one.meaning, first[one.actor], one.then_admin)
        for code, one in ((code, ADVICE[code]) for code in ErrorCode)
    )


def test_the_page_of_the_queue_names_the_codes_that_wait_for_an_admin() -> None:
    row = next(line for line in QUEUE.splitlines() if line.startswith("| put back three times"))
    waiting = {str(code) for code in ErrorCode if ADVICE[code].waited_for}
    assert set(re.findall(r"`(\w+)`", row)) == waiting


def test_the_settings_table_the_example_file_and_the_code_name_the_same_settings() -> None:
    example = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))
    expected = {*settings.NAMES, *PLATFORM_SETTINGS}
    assert first_cells(section(README, "Settings")) == expected
    assert set(example["Values"]) == expected


def test_the_route_table_has_every_route() -> None:
    routes = {f"{route.method.upper()} /api{route.path}" for route in served().values()}
    assert first_cells(section(README, "The request and the answer")) == routes


def test_the_property_table_has_every_property_of_both_kinds() -> None:
    names = {field.alias for model in (Assignment, SelfInitiatedCourse) for field in model.model_fields.values()}
    assert first_cells(section(REQUESTS, "Properties")) == {*names, "@odata.type"}


def test_the_check_page_has_every_assumption_in_the_words_of_the_answer() -> None:
    page = section(TENANT_CHECK, "What the app assumes")
    told = [f"| `{name}` | {one.assumed} | {one.consequence} | {one.action} |" for name, one in ASSUMPTIONS.items()]
    assert [line for line in page.splitlines() if line.startswith("| `")] == told


def test_the_check_page_has_every_field() -> None:
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]*) \|", TENANT_CHECK, re.MULTILINE))))
    assert {name for name in tenant_check.NAMES if name not in told} == set()


def test_every_queue_and_table_is_named() -> None:
    queue = Settings().activity_queue
    names = {queue, *(f"{queue}-{end}" for end in ("failed", "poison", "results"))}
    assert {name for name in names if f"`{name}`" not in QUEUE} == set()
    assert {name for name in (ledger.TABLE, store.TABLE) if f"`{name}`" not in README} == set()


def test_every_property_of_a_failure_stands_in_its_example() -> None:
    """The example is what a flow maker pastes into "Parse JSON"."""
    example = json.loads(re.findall(r"```json\n(.*?)```", QUEUE, re.DOTALL)[0])
    now = datetime.now(UTC)
    failure = Failure("id", "code", "message", (), 1, now, now, record=Record({}, "origin", now, now))
    assert example.keys() == failure.to_json().keys()


def test_every_property_of_a_result_stands_in_its_example() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", section(QUEUE, "An answer for each record"), re.DOTALL)[0])
    told = encode(Answer(Result.from_json(example), example["operation"]), message_id=example["messageId"])
    assert list(json.loads(told).items()) == list(example.items())


def test_every_property_of_a_report_stands_in_its_example() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", section(BATCHES, "The report"), re.DOTALL)[0])
    batch = Batch(example["batchId"], 2, datetime.now(UTC), example["name"])
    results = [Result.from_json(said) for said in example["results"]]
    expected = Progress(batch, 1, 1, outcomes=outcomes(results)).to_json(results)
    assert list(example) == list(expected)
    assert example == {**expected, "createdAt": example["createdAt"]}


def test_the_example_of_a_batch_can_be_sent() -> None:
    body = re.findall(r"```json\n(.*?)```", section(BATCHES, "Sending one"), re.DOTALL)[0]
    sent = requests.parse(body.encode(), media_type="", query={})
    assert [parse_activity(one.content, kind=None, defaults=Defaults()) for one in sent.records]


def test_the_example_of_a_sheet_can_be_sent() -> None:
    sheet = re.findall(r"```\n(type;.*?)```", BATCHES, re.DOTALL)[0]
    query = {"registrationId": "01e8f81b-3060-4dec-acf0-0389665a0a38"}
    sent = requests.parse(sheet.encode(), media_type="text/csv", query=query)
    assert [parse_activity(one.content, kind=None, defaults=Defaults()) for one in sent.records]


def test_the_limits_of_a_batch_are_told() -> None:
    for limit in (f"{limits.LARGEST_BATCH:,}", f"{limits.LARGEST_BATCH_BYTES // 2**20} MiB"):
        assert limit in BATCHES
        assert limit in README


def test_everything_that_the_app_keeps_has_a_row_that_says_for_how_long() -> None:
    kept = re.findall(r"^\| (.+?) \| .+? \| (.+?) \|", PERSONAL_DATA, re.MULTILINE)
    queues = [
        f"learning-activities{suffix}"
        for suffix in ("", "-failed", "-batches", "-results", "-poison", "-batches-poison")
    ]
    for place in (ledger.TABLE, store.TABLE, *queues):
        assert [time for where, time in kept if f"`{place}`" in where], place
    told = {re.findall(r"`([\w-]+)`", where)[0]: time for where, time in kept if "`" in where}
    assert f"{RESULTS_KEPT_FOR.days} days" in told["learning-activities-results"]
    assert f"{PATIENCE // timedelta(hours=1)} hours" in told["learning-activities"]
    assert f"{SECONDS_AT_NIGHT / 60:.0f}" == "1", "a minute, as the page says"


def test_every_command_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", README)) <= targets
    assert {"demo", "test"} <= targets


def test_every_file_that_the_documents_link_to_exists() -> None:
    for document in (
        "README.md",
        "docs/requests.md",
        "docs/batches.md",
        "docs/callers.md",
        "docs/for-admins.md",
        "docs/for-admins-change.md",
        "docs/for-admins-check.md",
        "docs/for-admins-connect.md",
        "docs/for-admins-look-after.md",
        "docs/for-admins-remove.md",
        "docs/for-integrators.md",
        "docs/for-makers.md",
        "docs/performance.md",
        "docs/personal-data.md",
        "docs/queue.md",
        "CHANGELOG.md",
    ):
        text = (ROOT / document).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (ROOT / document).parent.joinpath(link).exists(), f"{document}: {link}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_and_command_that_leads_whoever_carries_on_exists(name: str) -> None:
    named = set(re.findall(r"`([^`\s]+/[^`\s]*|[\w.]+\.(?:py|md|json))`", (ROOT / name).read_text(encoding="utf-8")))
    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_who_carries_on_reads_one_screen() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 40
