"""The four operations in batches: mixed in one, said by whoever stands nearest, and in sheets without external ids."""

import csv
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from activities.errors import ErrorCode, PermanentError, TransientError
from tests.support.batch_stage import LEARNER, Ports, Stage, batch_stage, body_of, course
from tests.support.fakes import OTHER_REGISTRATION_ID, Fault
from tests.support.sheets import sheet_of

ID = "safety-2026-0042"
WHICH = {"externalCourseActivityId": ID}
SHEET = {"content-type": "text/csv"}
ROW = {
    "type": "selfInitiatedCourse",
    "learnerUserId": LEARNER,
    "learningContentId": "content-1",
    "status": "inProgress",
}


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


def at(percent: int, operation: str = "upsert", **said: Any) -> dict[str, Any]:
    return course(1, **WHICH, operation=operation, completionPercentage=percent, **said)


async def answered(stage: Stage, body: object, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Send a batch that is answered at once: JSON, or the rows of a sheet as bytes."""
    response = await stage.posts(body, SHEET if isinstance(body, bytes) else None, query)
    assert response.status == 200, response.body
    return body_of(response)


def outcomes(report: Mapping[str, Any]) -> list[str]:
    return [one["errorCode"] or one["outcome"] for one in report["results"]]


async def failed_rows(stage: Stage, report: Mapping[str, Any]) -> list[dict[str, str]]:
    sheet = await stage.gets(report["batchId"], query={"format": "csv"})
    return list(csv.DictReader(sheet.body.decode("utf-8-sig").splitlines()))


class TestMixed:
    async def test_each_record_says_what_it_wants_and_the_report_counts_each_end(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Records about one activity are carried out in the batch's order."""
        records = [
            course(1, **WHICH),
            at(20, "update"),
            at(20),
            at(5, asOfDateTime="2020-01-01T00:00:00Z"),
            {**WHICH, "operation": "delete"},
            {**WHICH, "operation": "delete"},
            {**WHICH, "operation": "update", "status": "completed"},
            course(1, **WHICH),
            {**WHICH, "operation": "move"},
        ]
        with caplog.at_level("INFO"):
            report = await answered(stage, records)
        ends = ["created", "updated", "unchanged", "superseded", "deleted", "unchanged"]
        assert outcomes(report) == [*ends, "activityNotFound", "deleted", "invalidRequest"]
        counts = {name: report[f"{name}Count"] for name in (*ends, "succeeded", "failed")}
        expected = {"created": 1, "updated": 1, "unchanged": 2, "superseded": 1, "deleted": 2}
        assert counts == {**expected, "succeeded": 7, "failed": 2}
        [said] = [json.loads(one.split(" ", 1)[1]) for one in caplog.messages if one.startswith("batchAnswered ")]
        assert said["outcomes"] == {**expected, "failed": 2}

    async def test_a_result_has_the_id_of_an_activity_that_is_there(self, stage: Stage) -> None:
        report = await answered(
            stage, [at(20), at(5, asOfDateTime="2020-01-01T00:00:00Z"), at(0, "delete"), at(9, "create")]
        )
        assert outcomes(report) == ["created", "superseded", "deleted", "deleted"]
        created, superseded, *gone = (one["id"] for one in report["results"])
        assert created
        assert superseded == created
        assert gone == ["", ""]

    async def test_the_nearest_word_says_the_operation(self, stage: Stage) -> None:
        """The record's, else the envelope's, else the address's, else it is a create."""
        records = [at(5, "create"), course(1, **WHICH, completionPercentage=10)]
        body = json.dumps({"operation": "upsert", "activities": records}).encode()
        assert outcomes(body_of(await stage.posts(body, query={"operation": "delete"}))) == ["created", "updated"]
        assert outcomes(await answered(stage, [WHICH], {"Operation": "delete"})) == ["deleted"]
        assert outcomes(await answered(stage, [at(5, "")])) == ["deleted"]

    async def test_the_queue_of_batches_counts_each_end(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        records = [course(number, externalCourseActivityId=f"x-{number}") for number in range(40)]
        changed = [{**one, "operation": "upsert", "completionPercentage": 50} for one in records[:30]]
        gone = [{"externalCourseActivityId": f"x-{number}", "operation": "delete"} for number in range(30, 40)]
        for wanted in (records, [*changed, *gone]):
            batch_id = body_of(await stage.posts(wanted, {"prefer": "respond-async"}))["batchId"]
            with caplog.at_level("INFO"):
                await stage.run_dry()
        report = body_of(await stage.gets(batch_id))
        assert (report["updatedCount"], report["deletedCount"], report["succeededCount"]) == (30, 10, 40)
        status = body_of(await stage.gets_status(batch_id))
        assert {name: status[name] for name in status if name.endswith("Count")} == {
            name: report[name] for name in report if name.endswith("Count")
        }
        lines = [json.loads(one.split(" ", 1)[1]) for one in caplog.messages if one.startswith("chunkWorkedOff ")]
        assert [one["outcomes"] for one in lines[-2:]] == [{"updated": 20}, {"updated": 10, "deleted": 10}]

    async def test_who_waits_for_throttling_and_is_overtaken_ends_as_superseded(self, stage: Stage) -> None:
        busy = TransientError(ErrorCode.THROTTLED, "Busy.", retry_after_seconds=60.0)
        stage.graph.arm("create", [Fault(busy)])
        first = body_of(await stage.posts([at(20)]))
        assert first["status"] == "running"
        assert outcomes(await answered(stage, [at(80)])) == ["created"]
        await stage.run_dry()
        assert outcomes(body_of(await stage.gets(first["batchId"]))) == ["superseded"]
        [(_, stored)] = stage.graph.stored
        assert stored.entity["completionPercentage"] == 80


class TestSheets:
    async def test_columns_say_operation_and_date_and_come_back_with_what_failed(self, stage: Stage) -> None:
        said = [("Upsert", "2026-05-02", "40"), ("upsert", "2026-05-01", "20"), ("update", "2026-05-03", "400")]
        said += [("delete", "2026-05-01", ""), ("delete", "", "-")]
        names = "operation", "asOfDateTime", "completionPercentage"
        rows = [{**ROW, **WHICH, **dict(zip(names, one, strict=True))} for one in said]
        report = await answered(stage, sheet_of(*rows))
        assert outcomes(report) == ["created", "superseded", "invalidRequest", "superseded", "deleted"]
        [row] = await failed_rows(stage, report)
        assert (row["operation"], row["asOfDateTime"]) == ("update", "'2026-05-03")

    async def test_the_same_list_sent_twice_makes_nothing_twice(self, stage: Stage) -> None:
        """Without external ids, with its rows in another order, one more, and the id of a person spelled otherwise."""
        rows = [{**ROW, "learningContentId": f"content-{number}"} for number in range(3)]
        assert outcomes(await answered(stage, sheet_of(*rows))) == ["created"] * 3
        again = [*reversed(rows), {**ROW, "learnerUserId": LEARNER.upper()}, {**ROW, "learningContentId": "content-3"}]
        assert outcomes(await answered(stage, sheet_of(*again))) == [*["unchanged"] * 4, "created"]
        assert len(stage.graph.stored) == 4

    async def test_another_provider_kind_learner_or_content_is_another_activity(self, stage: Stage) -> None:
        rows: list[dict[str, str]] = [
            {**ROW, "registrationId": "", "assignmentType": ""},
            {**ROW, "registrationId": OTHER_REGISTRATION_ID, "assignmentType": ""},
            {**ROW, "type": "assignment", "registrationId": "", "assignmentType": "required"},
            {
                **ROW,
                "learnerUserId": "badc0de0-e020-11ec-9d64-0242ac120002",
                "registrationId": "",
                "assignmentType": "",
            },
            {**ROW, "learningContentId": "Content-1", "registrationId": "", "assignmentType": ""},
        ]
        assert outcomes(await answered(stage, sheet_of(*rows))) == ["created"] * 5

    async def test_a_list_brings_its_activities_to_their_state_without_external_ids(self, stage: Stage) -> None:
        rows = sheet_of(ROW), sheet_of({**ROW, "status": "completed"})
        ends = [outcomes(await answered(stage, one, {"operation": "upsert"})) for one in (*rows, rows[1])]
        assert ends == [["created"], ["updated"], ["unchanged"]]
        [(_, stored)] = stage.graph.stored
        assert stored.entity["status"] == "completed"

    async def test_records_of_json_are_known_by_their_place_in_their_batch(self, stage: Stage) -> None:
        for _ in range(2):
            assert outcomes(await answered(stage, [course(1)])) == ["created"]


class TestCorrectedRows:
    async def test_a_corrected_row_is_the_same_activity_as_its_row_in_the_corrected_list(self, stage: Stage) -> None:
        wrong = {**ROW, "status": "doing"}
        report = await answered(stage, sheet_of(wrong))
        [row] = await failed_rows(stage, report)
        assert outcomes(await answered(stage, sheet_of({**row, "status": "completed"}))) == ["created"]
        assert outcomes(await answered(stage, sheet_of({**ROW, "status": "completed"}))) == ["unchanged"]

    async def test_a_row_that_was_tried_keeps_its_id_whatever_is_corrected(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(PermanentError(ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER, "No."))])
        report = await answered(stage, sheet_of(ROW))
        [tried] = [one["externalCourseActivityId"] for one in report["results"]]
        [row] = await failed_rows(stage, report)
        corrected = {**row, "learningContentId": "content-of-our-own"}
        ends = [await answered(stage, sheet_of(corrected)) for _ in range(2)]
        assert [outcomes(one) for one in ends] == [["created"], ["unchanged"]]
        [(_, stored)] = stage.graph.stored
        assert stored.entity["externalCourseActivityId"] == tried

    async def test_an_update_needs_no_learner_and_gets_back_its_notes(self, stage: Stage) -> None:
        notes = {"contentType": "text", "content": "Well done."}
        update = {**WHICH, "operation": "update", "status": "completed", "notes": notes}
        assignment = {"@odata.type": "#microsoft.graph.learningAssignment", "assignmentType": "required"}
        report = await answered(stage, [update])
        assert outcomes(report) == ["activityNotFound"]
        [row] = await failed_rows(stage, report)
        assert (row["operation"], row["notes"], row["learnerUserId"]) == ("update", "", "")
        await answered(stage, [{**course(1, **WHICH), **assignment}])
        assert outcomes(await answered(stage, sheet_of(row))) == ["updated"]
        [(_, stored)] = stage.graph.stored
        assert (stored.entity["status"], stored.entity["notes"]) == ("completed", notes)

    async def test_an_update_that_cannot_be_filled_in_says_how_it_goes_without(self, stage: Stage) -> None:
        report = await answered(stage, [{**WHICH, "operation": "update", "status": "completed"}])
        [row] = await failed_rows(stage, report)
        await answered(stage, [course(1, **WHICH)])
        await stage.batches.delete(report["batchId"])
        again = await answered(stage, sheet_of(row))
        [result] = again["results"]
        assert (result["errorCode"], result["errorTarget"]) == ("invalidRequest", "notes")
        assert result["errorMessage"].endswith("or clear batchId, index and rowToken if they are not.")
        cleared = {**row, "batchId": "", "index": "", "rowToken": ""}
        assert outcomes(await answered(stage, sheet_of(cleared))) == ["updated"]

    async def test_a_deletion_needs_nothing_of_the_record_that_it_corrects(self, stage: Stage) -> None:
        """Also where the batch is not kept any more: it deletes, whoever it is about."""
        report = await answered(stage, [{"externalCourseActivityId": "", "operation": "delete"}])
        [row] = await failed_rows(stage, report)
        await answered(stage, [course(1, **WHICH)])
        await stage.batches.delete(report["batchId"])
        assert outcomes(await answered(stage, sheet_of({**row, **WHICH}))) == ["deleted"]
