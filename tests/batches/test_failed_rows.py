"""The sheet of failed rows: safe to open, telling nothing about people, and understood when it is sent again."""

import csv
import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.batches.csv_text import DELIMITERS, letter
from activities.batches.failed_rows import WITHHELD, Earlier, asks_for, completed, encode_failed, proves
from activities.batches.records import Resent, SentRecord
from activities.batches.results import NO_FILE, Batch, Origin
from activities.contract.activity import Outcome
from activities.contract.models import Assignment, Json, SelfInitiatedCourse
from activities.contract.validation import parse_activity
from activities.contract.values import is_blank
from activities.execution.result import Result
from tests.support.records import DEFAULTS, LEARNER, record, sample
from tests.support.sheets import contents, read
from tests.support.strategies import kinds_and_records

BATCH_ID = "0123456789abcdef0123456789abcdef"
BATCH = Batch(BATCH_ID, 1, datetime(2026, 5, 1, tzinfo=UTC), origin=Origin(","), secret=b"s" * 32)
COLUMNS = ["type", "registrationId", "learnerUserId", "learningContentId", "status", "completionPercentage"]
NAMES = [one.alias or "" for model in (Assignment, SelfInitiatedCourse) for one in model.model_fields.values()]
# Also in the middle of a cell they must arrive; at its beginning, most of them are guarded.
AWKWARD = "=+-@\t\r\n\"',;'{}[] \u00a0\ufeff\u2028\0\x0b\uff1d0123456789.e/:\U0001f393\u00fc"


def failed(original: object, result: Result | None = None, batch: Batch = BATCH) -> bytes:
    said = result or Result(0, Outcome.FAILED, error_code="invalidRequest", error_message="status is required.")
    rows: Any = [(said, original)]  # A failed record can be anything, not only an object.
    return encode_failed(batch, rows)


def refilled(sent: SentRecord, original: object, batch: Batch = BATCH) -> SentRecord:
    """Return a row of the download as the app understands it when it comes back."""
    resent = asks_for(sent)
    if resent is None:
        return sent
    return completed(sent, resent, Earlier(batch, {resent.index: original}), defaults=DEFAULTS)


def table(body: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    """Read a sheet as another program would."""
    return list(csv.DictReader(body.decode("utf-8-sig").split("\r\n"), delimiter=delimiter))


class TestSheetOfFailedRows:
    def test_it_is_what_excel_opens(self) -> None:
        body = failed(record(Assignment))
        assert body.startswith(
            b"\xef\xbb\xbfbatchId,index,rowToken,row,errorCode,errorMessage,errorTarget,type,registrationId,"
        )
        assert body.count(b"\r\n") == body.count(b"\n") == 2

    def test_it_has_every_property_of_both_kinds_once(self) -> None:
        headings = list(table(failed({}))[0])
        assert headings[7:13] == COLUMNS
        assert sorted(headings[8:]) == sorted({*NAMES, "operation", "asOfDateTime"})

    def test_a_row_says_what_failed_where_and_why(self) -> None:
        result = Result(41, Outcome.FAILED, "", "made-up", "invalidRequest", 'status is "x".', "status")
        (row,) = table(failed({"status": "x", "completionPercentage": 28.0, "@odata.type": "y"}, result))
        token = row.pop("rowToken")
        assert proves(Resent(BATCH_ID, 41, token), BATCH)
        assert {name: text for name, text in row.items() if text} == {
            "batchId": BATCH_ID,
            "index": "41",
            "row": "43",
            "errorCode": "invalidRequest",
            "errorMessage": 'status is "x".',
            "errorTarget": "status",
            "type": "y",
            "status": "x",
            "completionPercentage": "28",
            "externalCourseActivityId": "made-up",
        }

    @pytest.mark.parametrize("said", [{"type": "assignment"}, {"type": "assignment", "@odata.type": ""}])
    def test_the_short_name_of_the_type_arrives_like_the_long_one(self, said: Json) -> None:
        (row,) = table(failed(said))
        assert row["type"] == "assignment"

    def test_a_batch_that_was_no_sheet_has_no_rows_to_name_and_commas(self) -> None:
        (row,) = table(failed({"status": "x"}, batch=replace(BATCH, origin=NO_FILE)))
        assert row["status"] == "x"
        assert "row" not in row

    @pytest.mark.parametrize("delimiter", DELIMITERS)
    def test_it_is_separated_as_the_batch_was(self, delimiter: str) -> None:
        (row,) = table(failed({"status": "x"}, batch=replace(BATCH, origin=Origin(delimiter))), delimiter)
        assert row["status"] == "x"

    def test_it_tells_nothing_about_people(self) -> None:
        assert {"learnerUserId", "learnerEmployeeId", "assignerUserId", "notes"} == WITHHELD
        body = failed({"learnerUserId": "SECRET", "assignerUserId": {"Email": "SECRET"}, "notes": "SECRET"})
        assert b"SECRET" not in body
        assert table(body)[0].keys() >= WITHHELD - {"learnerEmployeeId"}

    @pytest.mark.parametrize("name", ["externalCourseActivityId", "externalcourseActivityId"])
    def test_without_an_id_of_its_result_a_row_keeps_the_records_own(self, name: str) -> None:
        (row,) = table(failed({name: "mine"}))
        assert row["externalCourseActivityId"] == "mine"

    @pytest.mark.parametrize("original", [None, 5, "text", [{"status": "x"}], {"unknown": "x"}])
    def test_what_has_no_column_is_left_out(self, original: object) -> None:
        (row,) = table(failed(original))
        assert not any(row[name] for name in NAMES)

    @pytest.mark.parametrize(
        "text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0x", " =1", "\u00a0 @x", "\uff1d1"]
    )
    def test_no_cell_is_a_formula(self, text: str) -> None:
        """Also those of the error: its words can be a caller's."""
        body = failed({"status": text}, Result(0, Outcome.FAILED, "", "", "rejectedByGraph", text, text))
        (sent,) = csv.DictReader(re.split(r"(?<=\r\n)", body.decode("utf-8-sig"))[:2])
        assert {sent["status"], sent["errorMessage"], sent["errorTarget"]} == {f"'{text}"}

    @pytest.mark.parametrize("text", ["0042", "2026-12-18", "12345678901234567", "1E5", "3/4", "10:30", "1.0", " 042"])
    def test_no_cell_is_rewritten_by_a_spreadsheet(self, text: str) -> None:
        """Excel saves 42, 18.12.2026, 1.23457E+16, 100000 and 4 March: other ids and dates than were sent."""
        body = failed({"externalCourseActivityId": text})
        assert table(body)[0]["externalCourseActivityId"] == f"'{text}"
        assert contents(body)[0]["externalCourseActivityId"] == text

    @pytest.mark.parametrize("text", ["0", "42", "100", "123456789012345", "c-1", "2026-12-18T10:00:00Z", LEARNER])
    def test_a_cell_that_a_spreadsheet_leaves_alone_is_left_alone(self, text: str) -> None:
        assert table(failed({"learningContentId": text}))[0]["learningContentId"] == text

    def test_half_a_character_does_not_keep_the_others_from_their_sheet(self) -> None:
        assert table(failed({"status": "a\ud800"}))[0]["status"] == "a?"

    @pytest.mark.parametrize(
        "token", ["", "0" * 32, hmac.digest(b"", b"0", "sha256").hex()[:32], "\u00e9", "\ud800"], ids=repr
    )
    def test_a_token_is_proof_of_nothing_that_was_not_downloaded(self, token: str) -> None:
        """Nor of a row of a batch that has no secret, because an earlier version kept it."""
        old = replace(BATCH, secret=b"")
        assert table(failed({}, batch=old))[0]["rowToken"] == ""
        assert not proves(Resent(BATCH_ID, 0, token), BATCH)
        assert not proves(Resent(BATCH_ID, 0, token), old)

    def test_every_row_of_every_batch_has_a_token_of_its_own(self) -> None:
        (first,) = table(failed({}, Result(1, Outcome.FAILED)))
        (second,) = table(failed({}, Result(11, Outcome.FAILED)))
        (other,) = table(failed({}, Result(1, Outcome.FAILED), replace(BATCH, secret=b"t" * 32)))
        assert len({first["rowToken"], second["rowToken"], other["rowToken"]}) == 3

    def test_columns_are_named_as_a_spreadsheet_does(self) -> None:
        assert [letter(column) for column in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


texts = st.text(st.sampled_from(AWKWARD) | st.characters(codec="utf-8"), max_size=12)
frames = st.dictionaries(
    st.sampled_from(["dateTime", "timeZone", "content", "contentType"]), st.none() | st.text(st.characters())
)
values = texts | st.none() | st.integers(-(10**20), 10**20)
originals = st.dictionaries(st.sampled_from(NAMES), values).flatmap(
    lambda said: st.fixed_dictionaries({}, optional={"dueDateTime": frames, "notes": frames, "unknown": texts}).map(
        lambda more: {**said, **more}
    )
)
batches = st.sampled_from(["", *DELIMITERS]).map(lambda delimiter: replace(BATCH, origin=Origin(delimiter)))


def said_by(content: Json) -> Json:
    """Return what a record says about the contract's properties, a number as the text that a cell is."""
    return {
        name: str(value) if isinstance(value, int) else value
        for name, value in content.items()
        if name in NAMES and not is_blank(value)
    }


@given(st.lists(originals, min_size=1, max_size=3), texts, batches)
@example([{"dueDateTime": '{"a": 1}', "notes": "{", "learningContentId": "'=1"}], "''", BATCH)
@example([{"completionPercentage": -5}], "\r", BATCH)
def test_a_failed_row_that_is_sent_again_says_what_the_original_said(
    sent: list[Json], message: str, batch: Batch
) -> None:
    results = [Result(3 * place, Outcome.FAILED, "", "", "invalidRequest", message) for place in range(len(sent))]
    again = read(encode_failed(batch, list(zip(results, sent, strict=True))))
    assert again.origin.delimiter == batch.origin.delimiter or not batch.origin.delimiter
    resent = [one.resends for one in again.records if one.resends]
    assert [(one.batch_id, one.index) for one in resent] == [(BATCH_ID, result.index) for result in results]
    assert all(proves(one, batch) for one in resent)
    assert [one.problem for one in again.records] == [None] * len(sent)
    back = [refilled(one, original, batch) for one, original in zip(again.records, sent, strict=True)]
    assert [one.problem for one in back] == [None] * len(sent)
    assert [said_by(one.content) for one in back] == [said_by(original) for original in sent]


@given(st.lists(originals, min_size=1, max_size=3), texts, batches)
def test_no_cell_of_a_sheet_of_failed_rows_begins_as_a_formula(sent: list[Json], message: str, batch: Batch) -> None:
    rows = [(Result(0, Outcome.FAILED, "", message, message, message, message), one) for one in sent]
    text = encode_failed(batch, rows).decode("utf-8-sig")
    for cells in csv.reader(
        re.split(r"(?<=\r\n)|(?<=\n)|(?<=\r)(?!\n)", text), delimiter=batch.origin.delimiter or ","
    ):
        assert [cell for cell in cells if cell.strip()[:1] in {"=", "+", "-", "@"} or cell[:1] in {"\t", "\r"}] == []


@given(kinds_and_records, batches)
def test_a_valid_record_is_the_same_activity_after_it_went_through_a_sheet(
    drawn: tuple[type[Assignment], Json], batch: Batch
) -> None:
    """As after a refusal by Graph whose cause an admin has removed: the file is sent again as it is."""
    _, original = drawn
    (again,) = read(failed(original, batch=batch)).records
    expected = parse_activity(original, kind=None, defaults=DEFAULTS)
    actual = parse_activity(refilled(again, original, batch).content, kind=None, defaults=DEFAULTS)
    assert actual.registration_id.casefold() == expected.registration_id.casefold()
    # A null, which the API page allows, is a blank cell.
    assert said_by(actual.activity.model_dump(by_alias=True)) == said_by(expected.activity.model_dump(by_alias=True))


def test_the_samples_of_the_api_page_go_through_a_sheet() -> None:
    for name in ("assignment.request", "self-initiated.request"):
        original = sample(name)
        (again,) = read(failed(original)).records
        assert said_by(refilled(again, original).content) == said_by(original)
