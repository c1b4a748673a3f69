"""Batches whose records name people and courses otherwise than by ids: few look-ups, and nobody's name in a report."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.support.batch_stage import Ports, Stage, batch_stage, course
from tests.support.directories import Emulated, emulated_directory

ROWS, PEOPLE, COURSES, MOST_CALLS = 10_000, 500, 50, 250

type Rows = list[dict[str, Any]]


@pytest_asyncio.fixture
async def tenant(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    async with emulated_directory(monkeypatch) as given:
        people = ({"id": f"id-{one:03}", "userPrincipalName": f"p{one:03}@contoso.com"} for one in range(PEOPLE))
        given.add_people(*people)
        given.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(COURSES)))
        yield given


@pytest_asyncio.fixture
async def stage(storage_ports: Ports, tenant: Emulated) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        one.graph.directory = tenant.directory
        yield one


def row(number: int) -> dict[str, Any]:
    return course(
        learnerUserId=f"P{number % PEOPLE:03}@contoso.com",
        learningContentId=None,
        learningContentExternalId=f"LP{number // PEOPLE * 7 % COURSES}",
    )


def by_learner(rows: Rows) -> Rows:
    """Return the worst order: each chunk has one person who was in none before."""
    return sorted(rows, key=lambda one: str(one["learnerUserId"]))


@pytest.mark.parametrize("order", [list, by_learner])
async def test_ten_thousand_rows_about_500_people_and_50_courses_cost_at_most_250_look_ups(
    stage: Stage, tenant: Emulated, order: Callable[[Rows], Rows]
) -> None:
    batch = await stage.accept(order([row(number) for number in range(ROWS)]))
    await stage.run_dry(most=1000)
    progress, _ = await stage.report(batch)
    assert (progress.succeeded, progress.failed) == (ROWS, 0)
    assert {activity.entity["learnerUserId"] for _, activity in stage.graph.stored} == {
        f"id-{one:03}" for one in range(PEOPLE)
    }
    assert 0 < len(tenant.network.calls) <= MOST_CALLS


async def test_twenty_records_with_a_name_each_cost_no_more_than_three_look_ups(stage: Stage, tenant: Emulated) -> None:
    response = await stage.posts([row(number * 501) for number in range(20)])
    assert json.loads(response.body)["succeededCount"] == 20
    assert 0 < len(tenant.network.calls) <= 3


async def test_a_record_whose_person_is_not_found_fails_alone_and_its_report_names_nobody(stage: Stage) -> None:
    response = await stage.posts([row(0), {**row(1), "learnerUserId": "nobody@contoso.com"}])
    report = json.loads(response.body)
    assert [one["errorCode"] for one in report["results"]] == ["", "learnerNotFound"]
    assert "contoso" not in response.body.decode()
    assert "id-000" not in response.body.decode()


async def test_the_sheet_of_failed_rows_withholds_names_and_gets_them_back(stage: Stage, tenant: Emulated) -> None:
    tenant.add_people({"id": "late-id", "userPrincipalName": "late@contoso.com", "employeeId": "E77"})
    failed = {**course(), "learnerUserId": None, "learnerEmployeeId": "E77", "status": "nope"}
    batch_id = json.loads((await stage.posts([failed])).body)["batchId"]
    sheet = (await stage.gets(batch_id, query={"format": "csv"})).body
    assert b"E77" not in sheet
    corrected = sheet.replace(b"nope", b"completed")
    report = json.loads((await stage.posts(corrected, {"content-type": "text/csv"})).body)
    assert report["succeededCount"] == 1, report
    ((_, activity),) = stage.graph.stored
    assert activity.entity["learnerUserId"] == "late-id"


async def test_a_batch_that_dies_again_and_again_is_told_by_the_ids_that_it_was_sent_with(stage: Stage) -> None:
    """A name that is not found out would be other content than what was sent before."""
    named = [{**row(number), "externalCourseActivityId": f"e-{number}"} for number in range(3)]
    done = await stage.accept(named)
    await stage.run_dry()
    again = await stage.accept(named)
    await stage.deliver_next()
    (message,) = stage.queue.messages
    stage._deliveries[message.message_id] = 20  # noqa: SLF001 (as if its process had died as often)
    await stage.run_dry()
    assert await stage.outcomes(done) == ["created"] * 3
    assert await stage.outcomes(again) == ["unchanged"] * 3


async def test_a_row_of_a_file_without_an_id_is_the_same_activity_by_whatever_name(stage: Stage) -> None:
    """A list by ids, and one by addresses and the LMS's ids, make nothing twice."""
    sheets = [
        "type,learnerUserId,learningContentId,learningContentExternalId,status\n" + row
        for row in (
            "selfInitiatedCourse,P001@contoso.com,,LP7,completed",
            "selfInitiatedCourse,p001@Contoso.com,c-7,,completed",
            "selfInitiatedCourse,P002@contoso.com,,LP7,completed",
        )
    ]
    reports = [
        json.loads((await stage.posts(sheet.encode(), {"content-type": "text/csv"})).body)["results"]
        for sheet in (*sheets, sheets[0])
    ]
    outcomes, ids = ([one[name] for (one,) in reports] for name in ("outcome", "externalCourseActivityId"))
    assert outcomes == ["created", "unchanged", "created", "unchanged"]
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert all(ids)
