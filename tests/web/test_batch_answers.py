"""``GET /api/batches/…``: what flows, Azure-style clients and people get, while a batch runs and at its end."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from activities.batches.chunks import Chunk, chunk_of_each, pages_of
from activities.batches.results import Batch, Progress
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, PermanentError
from activities.execution.result import Result
from activities.web.batch_answers import pause_seconds
from tests.support.batch_stage import ASSIGNER, LEARNER, URL, Ports, Stage, batch_stage, body_of, course, courses, sent
from tests.support.error_shape import assert_error
from tests.support.fakes import Fault
from tests.support.sheets import sheet_of

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SHEET = {"content-type": "text/csv"}


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


async def kept(stage: Stage, total: int, *, done: int | None = None, failed: range = range(0)) -> str:
    """Keep a batch of which so many records have a result; return its id."""
    batch = Batch(uuid4().hex, total, datetime.now(UTC))
    pages = pages_of(sent(courses(total)))
    chunk_of = chunk_of_each(batch.id, pages)
    results: dict[Chunk, list[Result]] = {}
    for index in range(total if done is None else done):
        error = ("invalidRequest", f"Record {index} is wrong.") if index in failed else ("", "")
        outcome = Outcome.FAILED if index in failed else Outcome.CREATED
        results.setdefault(chunk_of[index], []).append(Result(index, outcome, "", "", *error))
    await stage.batches.keep(batch, pages, results)
    return batch.id


class TestUnknown:
    @pytest.mark.parametrize("batch_id", ["", "0" * 32, "x", "' or PartitionKey ne '", "A" * 32])
    async def test_a_flow_gets_an_error_and_a_person_a_page(self, stage: Stage, batch_id: str) -> None:
        for accept in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
            assert_error(await stage.gets(batch_id, accept), 404, "notFound")
        assert_error(await stage.gets_status(batch_id), 404, "notFound")
        page = await stage.gets(batch_id, BROWSER)
        assert page.status == 404
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["x-ms-error-code"] == "notFound"
        assert b"<main>" in page.body


class TestReport:
    async def test_while_it_runs_a_flow_is_told_when_and_where_to_ask_again(self, stage: Stage) -> None:
        batch_id = await kept(stage, 45, done=30, failed=range(3))
        response = await stage.gets(batch_id)
        said = body_of(response)
        assert (response.status, said["status"]) == (202, "running")
        assert (said["total"], said["succeededCount"], said["failedCount"]) == (45, 27, 3)
        assert len(said["results"]) == 30
        assert response.headers["Location"] == f"{URL}/{batch_id}"
        assert response.headers["Operation-Location"] == f"{URL}/{batch_id}/status"
        assert response.headers["Retry-After"] == "1"

    async def test_at_the_end_it_is_200_also_if_everything_failed(self, stage: Stage) -> None:
        response = await stage.gets(await kept(stage, 2, failed=range(2)))
        said = body_of(response)
        assert (response.status, said["status"], said["failedCount"]) == (200, "completed", 2)
        assert not {"Location", "Operation-Location", "Retry-After"} & response.headers.keys()

    @pytest.mark.parametrize("failed_only", ["true", "True", " TRUE "])
    async def test_who_follows_the_address_of_the_failed_ones_keeps_getting_only_those(
        self, stage: Stage, failed_only: str
    ) -> None:
        batch_id = await kept(stage, 45, done=30, failed=range(18, 22))
        response = await stage.gets(batch_id, query={"failedOnly": failed_only})
        assert [one["index"] for one in body_of(response)["results"]] == [18, 19, 20, 21]
        assert body_of(response)["succeededCount"] == 26
        assert response.headers["Location"] == f"{URL}/{batch_id}?failedOnly=true"
        assert response.headers["Operation-Location"] == f"{URL}/{batch_id}/status"

    @pytest.mark.parametrize("name", ["failedonly", "FailedOnly"])
    async def test_names_of_the_query_are_understood_in_any_case(self, stage: Stage, name: str) -> None:
        """As the Functions host takes them."""
        batch_id = await kept(stage, 5, done=5, failed=range(1, 4))
        said = body_of(await stage.gets(batch_id, query={name: "true", "After": "1"}))
        assert [one["index"] for one in said["results"]] == [2, 3]
        sheet = await stage.gets(batch_id, query={"Format": "csv"})
        assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"

    @pytest.mark.parametrize("said", ["false", "False", ""])
    async def test_without_that_wish_everything_is_told(self, stage: Stage, said: str) -> None:
        batch_id = await kept(stage, 3, failed=range(1))
        assert len(body_of(await stage.gets(batch_id, query={"failedOnly": said}))["results"]) == 3

    @pytest.mark.parametrize("said", ["yes", "1", "null"])
    async def test_another_wish_is_refused(self, stage: Stage, said: str) -> None:
        response = await stage.gets(await kept(stage, 1), query={"failedOnly": said})
        assert assert_error(response, 400, "invalidRequest")["target"] == "failedOnly"

    @pytest.mark.parametrize("after", ["x", "-1", "1.5", "\u0661", "99999999", "1' or '"])
    async def test_a_place_that_cannot_be_one_is_refused(self, stage: Stage, after: str) -> None:
        response = await stage.gets(await kept(stage, 1), query={"after": after})
        assert assert_error(response, 400, "invalidRequest")["target"] == "after"

    @pytest.mark.parametrize("after", ["0", "1048575", " 5 "])
    async def test_a_place_behind_the_end_is_an_empty_page(self, stage: Stage, after: str) -> None:
        """The rows of a sheet count up to 1,048,575, blank ones included."""
        said = body_of(await stage.gets(await kept(stage, 1), query={"after": after}))
        assert (said["results"], said["status"], "nextLink" in said) == ([], "completed", False)

    @pytest.mark.parametrize("failed_only", [False, True])
    async def test_the_pages_hold_every_result_once(self, stage: Stage, *, failed_only: bool) -> None:
        batch_id = await kept(stage, 2_100, failed=range(50, 1_150))
        query = {"failedOnly": "true"} if failed_only else {}
        found: list[list[int]] = []
        while True:
            said = body_of(await stage.gets(batch_id, query=query))
            found.append([one["index"] for one in said["results"]])
            if "nextLink" not in said:
                break
            link = urlsplit(said["nextLink"])
            assert f"{link.scheme}://{link.netloc}{link.path}" == f"{URL}/{batch_id}"
            assert "KEY" not in said["nextLink"]
            query = {name: value for name, (value,) in parse_qs(link.query, strict_parsing=True).items()}
        expected = list(range(50, 1_150) if failed_only else range(2_100))
        assert [index for page in found for index in page] == expected
        assert [len(page) for page in found] == ([1_000, 100] if failed_only else [1_000, 1_000, 100])

    @pytest.mark.parametrize("count", [1_000, 1_001])
    async def test_a_page_that_is_just_full_has_no_next_one(self, stage: Stage, count: int) -> None:
        said = body_of(await stage.gets(await kept(stage, count)))
        assert len(said["results"]) == 1_000
        assert ("nextLink" in said) == (count > 1_000)


class TestPauses:
    @given(st.integers(0, 100_000), st.integers(-1_000, 1_000) | st.none())
    def test_it_is_worth_asking_soon_at_first_then_less_often_and_not_while_graph_throttles(
        self, elapsed: int, throttled: int | None
    ) -> None:
        batch = Batch("0" * 32, 1, NOW - timedelta(seconds=elapsed))
        until = None if throttled is None else NOW + timedelta(seconds=throttled)
        pause = pause_seconds(Progress(batch, waiting_until=until), now=NOW)
        usual = min(max(1, elapsed / 4), 60)
        assert abs(pause - max(usual, min(throttled or 0, 300))) <= 0.5

    def test_it_never_gets_shorter_with_time(self) -> None:
        batch = Batch("0" * 32, 1, NOW)
        pauses = [pause_seconds(Progress(batch), now=NOW + timedelta(seconds=seconds)) for seconds in range(1_000)]
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (1, 60)

    def test_a_clock_that_goes_back_does_no_harm(self) -> None:
        assert pause_seconds(Progress(Batch("0" * 32, 1, NOW)), now=NOW - timedelta(hours=1)) == 1


class TestStatus:
    async def _job(self, stage: Stage, batch_id: str) -> dict[str, Any]:
        response = await stage.gets_status(batch_id)
        assert response.status == 200
        said = body_of(response)
        assert (said["id"], said["resourceLocation"]) == (batch_id, f"{URL}/{batch_id}")
        assert ("Retry-After" in response.headers) == (said["status"] == "Running")
        assert datetime.fromisoformat(said["lastActionDateTime"]) >= datetime.fromisoformat(said["createdDateTime"])
        return said

    async def test_it_tells_how_far_a_running_batch_is(self, stage: Stage) -> None:
        said = await self._job(stage, await kept(stage, 200, done=40, failed=range(40)))
        assert (said["status"], said["percentComplete"], "error" in said) == ("Running", 20, False)

    async def test_it_never_says_that_all_is_done_before_it_is(self, stage: Stage) -> None:
        said = await self._job(stage, await kept(stage, 201, done=200))
        assert (said["status"], said["percentComplete"]) == ("Running", 99)

    async def test_a_batch_has_succeeded_if_anything_was_created(self, stage: Stage) -> None:
        said = await self._job(stage, await kept(stage, 3, failed=range(2)))
        assert (said["status"], said["percentComplete"], "error" in said) == ("Succeeded", 100, False)

    async def test_a_batch_has_failed_if_nothing_was_created_and_says_why(self, stage: Stage) -> None:
        batch_id = await kept(stage, 2, failed=range(2))
        said = await self._job(stage, batch_id)
        assert said["status"] == "Failed"
        assert said["error"] == {
            "code": "invalidRequest",
            "message": "No activity succeeded; the report has the reason for each record. "
            "The first: Record 0 is wrong.",
            "target": f"{URL}/{batch_id}",
        }


class TestPage:
    async def test_a_browser_gets_a_page_and_a_flow_json(self, stage: Stage) -> None:
        batch_id = await kept(stage, 3, failed=range(1))
        page = await stage.gets(batch_id, BROWSER)
        assert page.status == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert b"Record 0 is wrong." in page.body
        assert b"KEY" not in page.body
        for accept in (
            {},
            {"accept": "*/*"},
            {"accept": "application/json"},
            {"accept": "application/json, text/html"},
        ):
            assert (await stage.gets(batch_id, accept)).headers["Content-Type"] == "application/json"


class TestSheet:
    async def _rows(self, stage: Stage, batch_id: str) -> list[dict[str, str]]:
        response = await stage.gets(batch_id, query={"format": "csv"})
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert response.headers["Content-Disposition"] == f'attachment; filename="failed-rows-{batch_id[:8]}.csv"'
        return list(csv.DictReader(response.body.decode("utf-8-sig").splitlines()))

    async def test_it_has_the_failed_rows_and_withholds_people(self, stage: Stage) -> None:
        wrong = course(1, status="maybe", assignerUserId=ASSIGNER, notes="SECRET")
        said = body_of(await stage.posts([course(0), wrong, course(2)]))
        response = await stage.gets(said["batchId"], BROWSER, query={"format": "CSV"})
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        (row,) = await self._rows(stage, said["batchId"])
        assert (row["index"], row["batchId"], row["errorCode"]) == ("1", said["batchId"], "invalidRequest")
        assert (row["learningContentId"], row["status"], row["learnerUserId"]) == ("content-1", "maybe", "")
        assert not [text for text in (LEARNER, ASSIGNER, "SECRET") if text.encode() in response.body]

    @pytest.mark.parametrize("gone", [False, True])
    async def test_a_corrected_row_gets_back_what_was_withheld_as_long_as_the_batch_is_kept(
        self, stage: Stage, *, gone: bool
    ) -> None:
        stage.graph.arm("create", [Fault(PermanentError(ErrorCode.REJECTED_BY_GRAPH, "No."))])
        first = body_of(await stage.posts([course(7)]))["batchId"]
        (row,) = await self._rows(stage, first)
        if gone:
            await stage.batches.delete_before(datetime.now(UTC) + timedelta(hours=1))
        (result,) = body_of(await stage.posts(sheet_of(row), SHEET))["results"]
        if gone:
            assert (result["errorCode"], result["errorTarget"]) == ("invalidRequest", "learnerUserId")
            assert "learnerUserId" in result["errorMessage"]
            assert stage.graph.stored == []
        else:
            assert (result["outcome"], result["externalCourseActivityId"]) == (
                "created",
                row["externalCourseActivityId"],
            )
            assert stage.graph.stored[0][1].entity["learnerUserId"] == LEARNER
