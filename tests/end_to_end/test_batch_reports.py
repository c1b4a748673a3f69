"""Batches that take their time: how flows, Azure-style clients and people follow them, and how they correct them."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest
from azure.data.tables import TableClient

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities, assert_report, assert_results, ended, follow, self_initiated
from tests.end_to_end.queue_stack import (
    NOTE,
    OTHER_PROVIDER,
    QueueStack,
    assert_created_once,
    assignment,
    learner,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json
from tests.support import plain_http
from tests.support.error_shape import assert_error

KEY = "key-of-the-function"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FOREIGN = "content-of-another"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("reports")) as stack, stack.host(function_key=KEY):
        yield stack
    stack.assert_discreet(FOREIGN, KEY)


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    running.reset()
    return running


def post(stack: QueueStack, body: object, **headers: str) -> httpx.Response:
    return batch_stack.post(stack, body, {"x-functions-key": KEY, **headers})


def test_a_flow_follows_the_answer_to_the_report_without_any_key(stack: QueueStack) -> None:
    """202 with Location and Retry-After until all is done, then 200: what flows poll by themselves."""
    records = activities(21)
    assert batch_stack.post(stack, records).status_code == 401
    accepted = batch_stack.post(stack, records, query=f"?code={KEY}")
    assert accepted.status_code == 202
    batch_id = accepted.json()["batchId"]
    assert accepted.headers["Location"] == f"{stack.hosts[-1].url}/api/batches/{batch_id}"
    assert accepted.headers["Operation-Location"] == f"{accepted.headers['Location']}/status"
    assert (accepted.json()["status"], accepted.json()["results"]) == ("running", [])
    report, asked = follow(accepted)
    assert report.status_code == 200
    assert asked >= 1
    assert_report(report.json(), 21)
    assert report.json().keys() == accepted.json().keys()
    assert_created_once(stack, records)
    # Twenty together, and one alone.
    assert sorted(call["operation"] for call in stack.http_calls()) == ["batch", "create"]


def test_the_caller_can_ask_not_to_wait(stack: QueueStack) -> None:
    records = activities(3)
    accepted = post(stack, records, Prefer="return=minimal, respond-async")
    assert accepted.status_code == 202
    assert_report(ended(stack, accepted), 3)
    assert_created_once(stack, records)


def test_many_invalid_records_with_few_valid_ones_are_answered_at_once(stack: QueueStack) -> None:
    """What counts is how many Graph has to create."""
    records = [*activities(20), *(assignment(status="") for _ in range(100))]
    answer = post(stack, records)
    assert answer.status_code == 200
    assert_report(answer.json(), 120, dict.fromkeys(range(20, 120), "invalidRequest"))
    assert_created_once(stack, records[:20])


def test_a_report_can_be_asked_for_its_failures_alone(stack: QueueStack) -> None:
    records: list[Json] = [
        {**one, "status": ""} if number % 10 == 9 else one for number, one in enumerate(activities(45))
    ]
    report = ended(stack, post(stack, records))
    failed = dict.fromkeys((9, 19, 29, 39), "invalidRequest")
    assert_report(report, 45, failed)
    only = batch_stack.get(stack, report["batchId"], "?failedOnly=true").json()
    assert only["results"] == [one for one in report["results"] if one["outcome"] == "failed"]
    assert {**only, "results": []} == {**report, "results": []}
    assert_results(only["results"], failed)
    refused = batch_stack.get(stack, report["batchId"], "?failedOnly=maybe")
    assert assert_error(refused, 400, "invalidRequest")["target"] == "failedOnly"


def test_an_azure_style_client_sees_a_job(stack: QueueStack) -> None:
    """Always 200; it has failed only if nothing at all exists."""
    ends = {}
    for what, records in (("good", activities(2)), ("bad", [assignment(status="")] * 2)):
        answer = post(stack, [*records, assignment(status="")], Prefer="respond-async")
        batch_id = answer.json()["batchId"]
        ended(stack, answer)
        job = plain_http.get(answer.headers["Operation-Location"])
        assert job.status_code == 200
        said = job.json()
        assert (said["id"], said["percentComplete"]) == (batch_id, 100)
        assert plain_http.get(said["resourceLocation"]).json()["batchId"] == batch_id
        ends[what] = (said["status"], "error" in said)
    assert ends == {"good": ("Succeeded", False), "bad": ("Failed", True)}


def test_while_graph_throttles_the_report_says_what_is_done_and_when_to_ask_again(stack: QueueStack) -> None:
    provider = str(uuid4())
    stack.change_tenant(providers={provider: {"syncEnabled": True}})
    stack.arm({"status": 429, "headers": {"Retry-After": "300"}})
    answer = post(stack, activities(20, registrationId=provider))
    assert answer.status_code == 202
    for said in (answer, plain_http.get(answer.headers["Location"])):
        assert said.status_code == 202
        counts = {name: said.json()[name] for name in ("status", "total", "succeededCount", "failedCount")}
        assert counts == {"status": "running", "total": 20, "succeededCount": 19, "failedCount": 0}
        assert [one["index"] for one in said.json()["results"]] == list(range(1, 20))
    job = batch_stack.status(stack, answer.json()["batchId"])
    assert (job["status"], job["percentComplete"]) == ("Running", 95)
    page = batch_stack.get(stack, answer.json()["batchId"], headers={"Accept": BROWSER})
    assert page.status_code == 200
    assert "text/html" in page.headers["Content-Type"]


def test_a_person_sees_a_page_with_what_failed(stack: QueueStack) -> None:
    records = [*activities(3), assignment(status="")]
    batch_id = post(stack, {"name": "Week 12 <b>", "activities": records}).json()["batchId"]
    page = batch_stack.get(stack, batch_id, headers={"Accept": BROWSER})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Week 12 &lt;b&gt;" in page.text
    assert "status is required" in page.text
    [download] = re.findall('href="([^"]*format=csv)"', page.text)
    sheet = plain_http.get(urljoin(str(page.url), unescape(download)))
    assert sheet.headers["Content-Type"].startswith("text/csv")
    assert b"status is required" in sheet.content
    unknown = batch_stack.get(stack, "0" * 32, headers={"Accept": BROWSER})
    assert unknown.status_code == 404
    assert unknown.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("query", ["", "/status", "?format=csv"])
def test_an_unknown_batch_is_not_found(stack: QueueStack, query: str) -> None:
    for batch_id in ("0" * 32, "x", "..%2factivityledger"):
        assert_error(batch_stack.get(stack, batch_id, query), 404, "notFound")


@pytest.mark.parametrize("delimiter", ["", ";"], ids=["of JSON", "of a sheet"])
def test_failed_rows_are_downloaded_corrected_and_sent_again(stack: QueueStack, delimiter: str) -> None:
    """What the download withholds, the app fills in again; sent twice, the corrected rows are the same activities."""
    stack.change_tenant(contents={FOREIGN: OTHER_PROVIDER})
    wrong = [
        assignment(completionPercentage=101),
        assignment(learningContentId=FOREIGN, externalCourseActivityId=str(uuid4())),
        self_initiated(status="done"),
    ]
    records = [*activities(3), *wrong]
    first = _post_as(stack, records, delimiter)
    codes = ["invalidRequest", "contentNotOwnedByProvider", "invalidRequest"]
    assert_report(first.json(), 6, dict(enumerate(codes, 3)))
    download = batch_stack.get(stack, first.json()["batchId"], "?format=csv")
    assert re.fullmatch(r'attachment; filename="[\w-]+\.csv"', download.headers["Content-Disposition"])
    rows = list(csv.DictReader(io.StringIO(download.content.decode("utf-8-sig")), delimiter=delimiter or ","))
    assert [row["errorCode"] for row in rows] == codes
    assert [row["learnerUserId"] + row["notes"] for row in rows] == [""] * 3
    assert [row["index"] for row in rows] == ["3", "4", "5"]
    corrections = [
        {"completionPercentage": "100"},
        {"learningContentId": "content-of-our-own"},
        {"status": "completed"},
    ]
    corrected = [{**row, **correction} for row, correction in zip(rows, corrections, strict=True)]
    answers = [post(stack, _sheet(corrected, delimiter or ","), **{"Content-Type": "text/csv"}) for _ in range(2)]
    for answer, outcome in zip(answers, ("created", "unchanged"), strict=True):
        assert answer.status_code == 200
        assert_report(answer.json(), 3)
        assert [one["outcome"] for one in answer.json()["results"]] == [outcome] * 3
    assert len(stack.created()) == 6
    created = stack.created()[3:]
    assert [one["learnerUserId"] for one in created] == [one["learnerUserId"] for one in wrong]
    assert [one["notes"]["content"] for one in created[:2]] == [NOTE] * 2
    assert [created[0]["completionPercentage"], created[2]["status"]] == [100, "completed"]
    assert created[1]["learningContentId"] == "content-of-our-own"


def test_rows_can_be_left_out_of_the_corrected_sheet(stack: QueueStack) -> None:
    batch_id = post(stack, [assignment(status=""), assignment(status="", learnerUserId=learner())]).json()["batchId"]
    download = batch_stack.get(stack, batch_id, "?format=csv").content.decode("utf-8-sig")
    second = list(csv.DictReader(io.StringIO(download)))[1]
    answer = post(stack, _sheet([{**second, "status": "notStarted"}], ","), **{"Content-Type": "text/csv"})
    assert_report(answer.json(), 1)
    assert len(stack.created()) == 1


def _post_as(stack: QueueStack, records: list[Json], delimiter: str) -> httpx.Response:
    if not delimiter:
        return post(stack, records)
    cells = [
        {"type" if name == "@odata.type" else name: _cell(value) for name, value in one.items()} for one in records
    ]
    headings = list(dict.fromkeys(name for one in cells for name in one))
    rows = [{**dict.fromkeys(headings, ""), **one} for one in cells]
    return post(stack, _sheet(rows, delimiter), **{"Content-Type": "text/csv; charset=utf-8"})


def _cell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sheet(rows: list[dict[str, str]], delimiter: str) -> bytes:
    """Return rows as a spreadsheet saves them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def test_the_timer_deletes_the_reports_whose_time_is_over_and_no_others(stack: QueueStack) -> None:
    old, young = (post(stack, activities(1)).json()["batchId"] for _ in range(2))
    with TableClient.from_connection_string(stack.connection, "activitybatches") as table:
        sent = datetime.now(UTC) - timedelta(days=31)
        table.update_entity({"PartitionKey": old, "RowKey": "batch", "CreatedAt": sent})
    url = f"{stack.hosts[-1].url}/admin/functions/delete_expired"
    assert plain_http.post(url, json={}, headers={"x-functions-key": KEY}).status_code == 202
    wait_until(lambda: batch_stack.get(stack, old).status_code == 404, stack.tail)
    assert batch_stack.get(stack, young).status_code == 200
