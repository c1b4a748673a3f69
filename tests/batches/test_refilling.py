"""Whose withheld cells a corrected row gets back: those of the failed record that it proves to come from."""

import csv
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from activities.batches.accepting import Accepted, BatchAcceptor
from activities.batches.failed_rows import WITHHELD, asks_for, encode_failed
from activities.batches.records import Resent, SentRecord
from activities.batches.refilling import refill
from activities.batches.requests import BatchRequest
from activities.batches.store import BatchStore
from activities.contract.activity import Outcome
from activities.errors import ErrorCode, PermanentError
from activities.execution.result import Result
from tests.support.batch_stage import ASSIGNER, LEARNER, Ports, Stage, batch_stage, course, sent
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, Fault
from tests.support.sheets import read, sheet_of
from tests.support.stores import DEFAULTS

CLIENT, OTHER_CLIENT = "c11e0000-e020-11ec-9d64-0242ac120002", "c11e0001-e020-11ec-9d64-0242ac120002"
OTHER_LEARNER = "badc0de0-e020-11ec-9d64-0242ac120002"
NOTES = {"contentType": "text", "content": "Well done."}
REFUSED = PermanentError(ErrorCode.LEARNER_NOT_LICENSED, "No licence.")

type Row = dict[str, str]


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


def assignment(number: int = 0, **properties: Any) -> dict[str, Any]:
    kind = {"@odata.type": "#microsoft.graph.learningAssignment", "assignmentType": "required", "status": "notStarted"}
    return {**course(number), **kind, "assignerUserId": ASSIGNER, "notes": NOTES, **properties}


async def accept(stage: Stage, wanted: BatchRequest, *, client_id: str = "") -> Accepted:
    accepted = await stage.store.batch_acceptor.accept(wanted, key=None, at_once=True, client_id=client_id)
    assert isinstance(accepted, Accepted)
    return accepted


async def refused_rows(stage: Stage, *contents: dict[str, Any], client_id: str = "") -> list[Row]:
    """Send records that Graph refuses, and download them."""
    stage.graph.arm("create", [Fault(REFUSED)] * len(contents))
    accepted = await accept(stage, BatchRequest(tuple(sent(contents))), client_id=client_id)
    assert [result.failed for result in accepted.results] == [True] * len(contents)
    return await downloaded(stage, accepted.progress.batch.id)


async def downloaded(stage: Stage, batch_id: str) -> list[Row]:
    response = await stage.gets(batch_id, query={"format": "csv"})
    return list(csv.DictReader(response.body.decode("utf-8-sig").splitlines()))


async def send_again(stage: Stage, *rows: Mapping[str, str], client_id: str = "") -> Accepted:
    return await accept(stage, read(sheet_of(*rows)), client_id=client_id)


async def result_of(stage: Stage, row: Mapping[str, str], *, client_id: str = "") -> Result:
    (result,) = (await send_again(stage, row, client_id=client_id)).results
    return result


def assert_refused(stage: Stage, result: Result, why: str) -> None:
    """Check that a row got nothing, and that the person who sent it is told why and what to do."""
    assert (result.error_code, result.error_target) == ("invalidRequest", "learnerUserId")
    assert why in result.error_message
    assert result.error_message.endswith(
        "write the learnerUserId (and assignerUserId and notes, if there were any) into the row."
    )
    assert stage.graph.stored == []


def created(stage: Stage) -> dict[str, Any]:
    ((_, activity),) = stage.graph.stored
    return activity.entity


async def test_a_failed_row_gets_back_all_that_was_withheld_whatever_else_was_corrected(stage: Stage) -> None:
    (row,) = await refused_rows(stage, assignment())
    assert {row.get(name, "") for name in WITHHELD} == {""}
    corrected = {**row, "learningContentId": "content-of-our-own", "status": "completed"}
    assert (await result_of(stage, corrected)).outcome is Outcome.CREATED
    entity = created(stage)
    assert (entity["learnerUserId"], entity["assignerUserId"], entity["notes"]) == (LEARNER, ASSIGNER, NOTES)
    assert (entity["learningContentId"], entity["status"]) == ("content-of-our-own", "completed")


async def test_a_row_that_names_its_learner_gets_nobodys_notes(stage: Stage) -> None:
    """Else what was written to one person could be sent to another."""
    (row,) = await refused_rows(stage, assignment())
    assert (await result_of(stage, {**row, "learnerUserId": OTHER_LEARNER})).outcome is Outcome.CREATED
    entity = created(stage)
    assert entity["learnerUserId"] == OTHER_LEARNER
    assert not entity.get("notes")
    assert entity.get("assignerUserId") != ASSIGNER


@pytest.mark.parametrize("name", sorted(WITHHELD))
def test_a_row_that_fills_in_one_of_the_cells_asks_for_none(name: str) -> None:
    resent = Resent("0" * 32, 7, "token")
    assert asks_for(SentRecord(0, {"status": "completed"}, resends=resent)) == resent
    assert asks_for(SentRecord(0, {name: "typed"}, resends=resent)) is None
    assert asks_for(SentRecord(0, {"status": "completed"})) is None


@pytest.mark.parametrize("token", ["", "0" * 32, "\u00e9", "that of another row", "that of another batch"])
async def test_without_the_rows_own_token_nothing_is_filled_in(stage: Stage, token: str) -> None:
    """The address of a report and a place in it are no permission."""
    row, second = await refused_rows(stage, assignment(0), assignment(1))
    (other, *_) = await refused_rows(stage, assignment(0))
    known = {"that of another row": second["rowToken"], "that of another batch": other["rowToken"]}
    result = await result_of(stage, {**row, "rowToken": known.get(token, token)})
    assert_refused(stage, result, "rowToken is not as it was in the downloaded file")


async def test_a_wrong_token_lets_no_batch_be_read(stage: Stage) -> None:
    """Twenty batches of ten thousand records would be a lot of work for a guess."""
    (row,) = await refused_rows(stage, assignment())
    before = stage.life.count
    await refill(read(sheet_of({**row, "rowToken": "0" * 32})).records, stage.batches, defaults=DEFAULTS)
    assert stage.life.count - before == 1


async def test_the_report_does_not_tell_a_token(stage: Stage) -> None:
    (row,) = await refused_rows(stage, assignment())
    for accept_header in ("application/json", "text/html"):
        report = await stage.gets(row["batchId"], {"accept": accept_header})
        assert row["rowToken"].encode() not in report.body


async def test_a_record_that_did_not_fail_is_never_filled_in(stage: Stage) -> None:
    """Not even with a token that is right, as after a download while it was not at its end."""
    accepted = await accept(stage, BatchRequest(tuple(sent([assignment()]))))
    stage.graph.stored.clear()
    found = await stage.batches.get(accepted.progress.batch.id)
    assert found is not None
    sheet = encode_failed(found[0], [(Result(0, Outcome.FAILED), assignment())])
    (result,) = (await accept(stage, read(sheet))).results
    assert_refused(stage, result, "The record that this row comes from has not failed")


@pytest.mark.parametrize(
    ("original", "row"),
    [
        ({}, {"registrationId": OTHER_REGISTRATION_ID}),
        ({}, {"learningProviderId": OTHER_REGISTRATION_ID}),
        ({"registrationId": OTHER_REGISTRATION_ID}, {"registrationId": ""}),
        ({"learningProviderId": OTHER_REGISTRATION_ID}, {"learningProviderId": REGISTRATION_ID}),
    ],
)
async def test_nothing_goes_to_another_learning_provider(stage: Stage, original: dict[str, Any], row: Row) -> None:
    (failed,) = await refused_rows(stage, assignment(**original))
    assert_refused(stage, await result_of(stage, {**failed, **row}), "was sent for another learning provider")


@pytest.mark.parametrize(
    ("original", "row"),
    [
        ({}, {"registrationId": f" {REGISTRATION_ID.upper()}"}),
        ({"registrationId": REGISTRATION_ID}, {"registrationId": "", "learningProviderId": ""}),
    ],
)
async def test_the_same_learning_provider_is_the_same_however_it_is_named(
    stage: Stage, original: dict[str, Any], row: Row
) -> None:
    (failed,) = await refused_rows(stage, assignment(**original))
    assert (await result_of(stage, {**failed, **row})).outcome is Outcome.CREATED


async def test_a_provider_that_the_client_may_not_write_to_gets_nothing(stage: Stage) -> None:
    """As when an admin has limited the application since it sent the batch."""
    (row,) = await refused_rows(stage, assignment(), client_id=CLIENT)
    limited = replace(DEFAULTS, registration_ids_of_clients={CLIENT: frozenset({OTHER_REGISTRATION_ID})})
    acceptor = BatchAcceptor(stage.batches, replace(stage.worker, defaults=limited))
    accepted = await acceptor.accept(read(sheet_of(row)), key=None, at_once=True, client_id=CLIENT)
    assert isinstance(accepted, Accepted)
    assert [result.error_code for result in accepted.results] == ["notAllowed"]
    assert stage.graph.stored == []


@pytest.mark.parametrize(("first", "second"), [(CLIENT, OTHER_CLIENT), (CLIENT, ""), ("", CLIENT)])
async def test_only_the_application_that_sent_the_batch_gets_its_rows_filled_in(
    stage: Stage, first: str, second: str
) -> None:
    (row,) = await refused_rows(stage, assignment(), client_id=first)
    assert_refused(stage, await result_of(stage, row, client_id=second), "was sent by another application")
    assert (await result_of(stage, row, client_id=first)).outcome is Outcome.CREATED


async def test_a_batch_that_was_kept_without_a_secret_gives_nothing(stage: Stage) -> None:
    """An earlier version kept it; nobody can prove to have its download."""
    (row,) = await refused_rows(stage, assignment())
    found = await stage.batches.get(row["batchId"])
    assert found is not None
    await BatchStore(stage.batches._table).keep(replace(found[0], secret=b""), [], {})  # noqa: SLF001
    for token in (row["rowToken"], ""):
        assert_refused(stage, await result_of(stage, {**row, "rowToken": token}), "rowToken")


async def test_a_row_that_is_refused_keeps_what_was_wrong_with_it_before(stage: Stage) -> None:
    (row,) = await refused_rows(stage, assignment())
    body = sheet_of({**row, "rowToken": "0" * 32}).rstrip() + b",surplus\r\n"
    (result,) = (await accept(stage, read(body))).results
    assert "column" in result.error_message


async def test_a_row_that_fails_again_can_be_sent_again_from_its_second_download(stage: Stage) -> None:
    (row,) = await refused_rows(stage, assignment())
    second = await send_again(stage, {**row, "status": "sometime"})
    assert second.results[0].error_code == "invalidRequest"
    (row,) = await downloaded(stage, second.progress.batch.id)
    assert row["learnerUserId"] == ""
    assert (await result_of(stage, {**row, "status": "completed"})).outcome is Outcome.CREATED
    assert created(stage)["learnerUserId"] == LEARNER


@pytest.mark.parametrize("original", [None, [], "text", {}, {"notes": " ", "learnerUserId": None}])
async def test_an_original_that_says_nothing_of_people_adds_nothing(stage: Stage, original: Any) -> None:
    accepted = await accept(stage, BatchRequest(tuple(sent([original]))))
    (row,) = await downloaded(stage, accepted.progress.batch.id)
    again = read(sheet_of(row)).records
    assert await refill(again, stage.batches, defaults=DEFAULTS) == list(again)
