"""``POST /api/batches/file``: a list as it is, and what failed of it as it was sent."""

import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from python_calamine import CalamineWorkbook

from activities.web import batches
from activities.web.http import Response
from tests.support.batch_stage import LEARNER, URL, Ports, Stage, batch_stage, body_of
from tests.support.error_shape import assert_error
from tests.support.fakes import REGISTRATION_ID
from tests.support.workbooks import Rows, xlsx

QUERY = {"type": "assignment", "assignmentType": "required", "columns": "Kurs-Nr.=learningContentId,Abteilung="}
HEADINGS = ["Learner ID", "Kurs-Nr.", "Abteilung", "Status", "External ID"]
WRONG: Rows = [HEADINGS, [LEARNER, "00042", "Sales", "maybe", "a-1"], [LEARNER, "00043", "Sales", "completed", "a-2"]]


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


async def sends(stage: Stage, body: bytes, query: dict[str, str], **headers: str) -> Response:
    query = {"registrationId": REGISTRATION_ID, **query}
    return await stage.asks(batches.send_file, body, headers, query, path="file")


def table(body: bytes) -> list[list[str]]:
    with CalamineWorkbook.from_filelike(io.BytesIO(body)) as workbook:
        return [[str(cell) for cell in row] for row in workbook.get_sheet_by_index(0).to_python()]


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "application/json", "image/png"])
async def test_a_file_is_a_batch_whatever_it_is_called(stage: Stage, content_type: str) -> None:
    response = await sends(stage, xlsx({"List": WRONG}), QUERY, **{"content-type": content_type})
    assert response.status == 200
    said = body_of(response)
    assert [(one["index"], one["outcome"]) for one in said["results"]] == [(0, "failed"), (1, "created")]
    assert said["remarks"] == ['Columns that are not used: C "Abteilung".']
    ((_, created),) = stage.graph.stored
    assert created.entity["learningContentId"] == "00043"
    assert body_of(await stage.gets(said["batchId"])) == said


async def test_the_report_of_a_file_is_where_that_of_any_batch_is(stage: Stage) -> None:
    response = await sends(stage, xlsx({"List": WRONG}), QUERY, prefer="respond-async")
    assert response.status == 202
    assert response.headers["Location"] == f"{URL}/{body_of(response)['batchId']}"


async def test_what_failed_of_a_workbook_comes_back_as_one_and_can_be_sent_as_it_is(stage: Stage) -> None:
    first = body_of(await sends(stage, xlsx({"List": WRONG}), QUERY))
    download = await stage.gets(first["batchId"], query={"format": "xlsx"})
    assert download.headers["Content-Disposition"].endswith('.xlsx"')
    headings, row = table(download.body)
    assert headings[7:11] == ["Learner ID", "Kurs-Nr. (learningContentId)", "Status", "External ID"]
    cells = dict(zip(headings, row, strict=True))
    assert cells["Kurs-Nr. (learningContentId)"] == "00042", "as text, zeros in front stay"
    assert (cells["row"], cells["Learner ID"], cells["Status"]) == ("2", "", "maybe")
    row[headings.index("Status")] = "not started"
    # Everything else stands in the file: no parameters are needed any more.
    second = body_of(await sends(stage, xlsx({"Failed rows": [headings, row]}), {}))
    assert second["allSucceeded"] is True, second
    assert {one.entity["learningContentId"] for _, one in stage.graph.stored} == {"00042", "00043"}


async def test_a_page_offers_what_failed_as_it_was_sent(stage: Stage) -> None:
    said = body_of(await sends(stage, xlsx({"List": WRONG}), QUERY))
    page = await stage.gets(said["batchId"], {"accept": "text/html"})
    assert b"format=xlsx" in page.body


async def test_what_is_no_file_is_refused(stage: Stage) -> None:
    assert_error(await sends(stage, b"%PDF-1.7", {}), 400, "invalidFile")
    assert_error(await sends(stage, b"[]", {}), 400, "invalidFile")
    wrong = {"dateFormat": "tomorrow", "timeZone": "Mars", "columns": "Kurs-Nr.=kurs", "registrationId": "x"}
    error = assert_error(await sends(stage, xlsx({"List": WRONG}), wrong), 400, "invalidRequest")
    targets = {problem["target"] for problem in error["details"]}
    assert targets >= {"registrationId", "dateFormat", "timeZone", "columns"}
