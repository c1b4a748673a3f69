"""``POST /api/batches`` with CSV: whatever a spreadsheet saves is a batch, or is told what is wrong with it."""

import json

import pytest

from activities.batches.columns import PROPERTIES
from activities.batches.csv_text import DELIMITERS
from activities.batches.records import Resent, SentRecord
from activities.batches.results import Origin
from activities.contract.limits import LARGEST_BATCH, LONGEST_NOTES, MOST_COLUMNS, MOST_CORRECTED_BATCHES
from activities.contract.models import Assignment, SelfInitiatedCourse
from activities.errors import ErrorCode, PermanentError
from tests.support.records import LEARNER, OTHER_PROVIDER, PROVIDER
from tests.support.sheets import contents, read

BATCH_ID = "0123456789abcdef0123456789abcdef"
NAMES = [one.alias or "" for model in (Assignment, SelfInitiatedCourse) for one in model.model_fields.values()]
TEXT = "status;notes;learningContentId\r\ncompleted;Pr\u00fcfung \U0001f393;c-1\r\n"
RECORD = {"status": "completed", "notes": "Pr\u00fcfung \U0001f393", "learningContentId": "c-1"}


def refused(text: str | bytes, **query: str) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(text, **query)
    return caught.value


def problem_of(text: str) -> str:
    """Return what is wrong with the only row of a sheet."""
    (sent,) = read(text).records
    assert sent.problem is not None
    assert sent.problem.code is ErrorCode.INVALID_REQUEST
    return sent.problem.message


class TestHowSheetsAreSaved:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("delimiter", DELIMITERS)
    @pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
    def test_every_encoding_delimiter_and_line_end_of_a_spreadsheet_gives_the_same(
        self, encoding: str, delimiter: str, line_end: str
    ) -> None:
        text = TEXT.replace(";", delimiter).replace("\r\n", line_end)
        request = read(text.encode(encoding))
        assert request.records == (SentRecord(0, RECORD, of_file=True),)
        assert request.origin == Origin(delimiter, headings=tuple((one, one) for one in RECORD))

    @pytest.mark.parametrize(
        "content_type",
        ["text/csv", "application/csv", "application/vnd.ms-excel"],
    )
    def test_every_name_for_csv_is_understood(self, content_type: str) -> None:
        assert read(TEXT, content_type).records[0].content == RECORD

    def test_the_last_line_needs_no_end(self) -> None:
        assert contents(TEXT.removesuffix("\r\n")) == [RECORD]

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_needs_no_byte_order_mark(self, encoding: str) -> None:
        assert contents(TEXT.encode(encoding)) == [RECORD]

    def test_what_is_no_utf_8_is_read_as_windows_writes_it_and_the_report_says_so(self) -> None:
        request = read(TEXT.replace("\U0001f393", "\u20ac").encode("windows-1252"))
        assert request.records[0].content["notes"] == "Pr\u00fcfung \u20ac"
        (remark,) = request.origin.remarks
        assert "Windows-1252" in remark

    @pytest.mark.parametrize("body", [TEXT.encode("utf-32"), b"status\r\n\x81\x8d\r\n"])
    def test_another_encoding_is_refused_with_how_to_save_the_file(self, body: bytes) -> None:
        error = refused(body)
        assert error.code is ErrorCode.INVALID_FILE
        assert error.message.startswith("The CSV file is not text in UTF-8")
        assert error.message.endswith('in Excel: "Save As", file type "CSV UTF-8 (Comma delimited)".')

    def test_the_first_line_in_another_encoding_is_told(self) -> None:
        assert "(line 2 is not)" in refused(b"status\r\n\x81\r\n").message

    def test_a_broken_workbook_is_no_csv_file_whatever_it_is_called(self) -> None:
        assert refused(b"PK\x03\x04\x14\x00").message == "The workbook is broken: it cannot be unpacked."

    def test_name_and_provider_of_the_batch_stand_in_the_query(self) -> None:
        request = read("status,registrationId\n1,\n2," + OTHER_PROVIDER, name=" June ", registrationid=PROVIDER)
        assert request.name == "June"
        assert [sent.content["registrationId"] for sent in request.records] == [PROVIDER, OTHER_PROVIDER]

    def test_the_querys_problems_are_told_together_with_the_headers(self) -> None:
        error = refused("stauts,notes\n1,2", registrationId="x", name="n" * 201)
        assert [problem.target for problem in error.problems] == ["name", "registrationId", "stauts"]


class TestHeader:
    def test_names_are_understood_in_any_order_case_and_with_space_around(self) -> None:
        (content,) = contents(" STATUS , externalcourseActivityId,Learningcontentid\n1,2,3")
        assert content == {"status": "1", "externalCourseActivityId": "2", "learningContentId": "3"}

    def test_every_property_of_both_kinds_can_be_a_column(self) -> None:
        (content,) = contents(";".join(NAMES[:9]) + "\n" + ";".join("x" * 9))
        assert content == dict.fromkeys(NAMES[:9], "x")

    @pytest.mark.parametrize("heading", ["type", "Type", "@odata.type"])
    @pytest.mark.parametrize(
        ("said", "meant"),
        [
            ("learningAssignment", Assignment),
            ("Assignment", Assignment),
            ("#microsoft.graph.learningAssignment", Assignment),
            ("selfInitiatedCourse", SelfInitiatedCourse),
            ("Self-initiated course", SelfInitiatedCourse),
            ("learningSelfInitiatedCourse", SelfInitiatedCourse),
            (" self initiated ", SelfInitiatedCourse),
        ],
    )
    def test_the_type_is_understood_as_people_call_it(self, heading: str, said: str, meant: type[Assignment]) -> None:
        assert contents(f"status,{heading}\n1,{said}") == [{"status": "1", "@odata.type": meant.odata_type}]

    def test_an_unknown_type_is_left_to_validation_to_name(self) -> None:
        assert contents("status,type\n1,Webinar") == [{"status": "1", "@odata.type": "Webinar"}]

    def test_all_problems_are_told_at_once(self) -> None:
        error = refused("lernerUserId;status;Status;what;;notes\n1;2;3;4;5;6\n")
        known = f"{', '.join(PROPERTIES)} or type."
        assert [problem.message for problem in error.problems] == [
            'Column A, "lernerUserId", is not known: did you mean "learnerUserId"?',
            'Columns B and C of the file both hold "status": put what they hold into one of them.',
            'Column D, "what", is not known: its values would not be sent. Give it the name of what it holds: ' + known,
            "Column E of the CSV file has a value in row 2, but no name in row 1: write its property's name there.",
        ]

    def test_both_headings_of_the_type_are_the_same_column(self) -> None:
        assert refused("status;type;@odata.type\n1;2;3").problems[0].target == "@odata.type"

    def test_columns_without_a_name_may_stand_there_empty(self) -> None:
        assert contents("status; ;notes;;\n1;;2;;\n3;  ;4; ;;;\n") == [
            {"status": "1", "notes": "2"},
            {"status": "3", "notes": "4"},
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "it is empty"),
            ("\r\n\r\n", "it is empty"),
            (";;;\r\n;;\r\n", "it is empty"),
            (f"assignment;{LEARNER};57baf9dc\r\n", f'it begins with "assignment, {LEARNER[:28]}…"'),
            ("completed\r\n", 'it begins with "completed"'),
        ],
    )
    def test_a_file_without_a_header_is_told_what_has_to_stand_there(self, text: str, said: str) -> None:
        error = refused(text)
        assert error.code is ErrorCode.INVALID_REQUEST
        assert error.message == (
            "Row 1 of the CSV file must hold the names of the columns, such as learnerUserId, learningContentId, "
            f"status; {said}."
        )

    def test_a_header_without_rows_is_nothing_to_create(self) -> None:
        assert refused("status;notes\r\n;;\r\n").message == (
            "The CSV file has no rows below row 1: there is nothing to do."
        )

    def test_a_header_without_end_is_refused_without_being_taken_apart(self) -> None:
        assert "too long" in refused("status;" * 100_000).message

    def test_of_very_many_problems_the_first_are_told_and_the_rest_counted(self) -> None:
        error = refused("status," + ",".join(f"x{number}" for number in range(30)))
        assert [problem.message for problem in error.problems][20:-1] == [
            "10 more columns are not known, or stand there twice."
        ]


class TestRows:
    def test_a_blank_cell_is_absent(self) -> None:
        assert contents("status;notes\n \t;x\n") == [{"notes": "x"}]

    def test_a_text_keeps_its_space(self) -> None:
        assert contents("status;notes\n1;  x ") == [{"status": "1", "notes": "  x "}]

    def test_blank_rows_are_skipped_but_counted_so_that_the_index_tells_the_row(self) -> None:
        request = read("status;notes\n1;\n;\n\n2;\n;;;;\n")
        assert [(sent.index, sent.content) for sent in request.records] == [(0, {"status": "1"}), (3, {"status": "2"})]

    def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(self) -> None:
        assert contents('status;notes\n1;"a;b\r\nc ""d""\n"\n2;5" disk\n"3";""\n') == [
            {"status": "1", "notes": 'a;b\r\nc "d"\n'},
            {"status": "2", "notes": '5" disk'},
            {"status": "3"},
        ]

    @pytest.mark.parametrize("line", ['1;"a', '1;"a"b', '"1" ;2', '1;"a""'])
    def test_broken_quotes_are_refused_with_the_line(self, line: str) -> None:
        error = refused(f'status;notes\n1;"two\nlines"\n{line}\n3;4\n')
        assert error.code is ErrorCode.INVALID_FILE
        assert error.message.startswith("The quotes in line 4 of the CSV file do not match: ")

    def test_a_row_with_more_cells_than_the_header_is_its_own_failure(self) -> None:
        request = read("status,notes\n1,Please, soon\n2,ok\n")
        assert [sent.problem is None for sent in request.records] == [False, True]
        assert problem_of("status,notes\n1,Please, soon\n") == (
            "Row 2 has a value in column C, but the last column with a name in row 1 is B. Probably a text that holds "
            "a comma is not in quotes; otherwise write the name of its property into row 1."
        )

    @pytest.mark.parametrize("name", ["dueDateTime", "notes"])
    def test_an_object_can_be_written_as_json(self, name: str) -> None:
        said = '{"content": "a", "contentType": "html"}'
        quoted = said.replace('"', '""')
        assert contents(f'status,{name}\n1,"{quoted}"') == [{"status": "1", name: json.loads(said)}]

    @pytest.mark.parametrize("said", ["{see below}", "{", "{1e999}", '{"a":1e999}', "'{}"])
    def test_a_brace_alone_makes_no_object(self, said: str) -> None:
        assert contents(f"status;notes\n1;{said}")[0]["notes"] == said.removeprefix("'")

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "=1+1"])
    def test_the_apostrophe_before_a_formula_goes(self, begin: str) -> None:
        assert contents(f"status;notes\n1;'{begin}x")[0]["notes"] == f"{begin}x"

    @pytest.mark.parametrize("said", ["'s Gravenhage", "'", "''", "it's", "x'=1"])
    def test_another_apostrophe_stays(self, said: str) -> None:
        assert contents(f"status;notes\n1;{said}")[0]["notes"] == said

    def test_a_cell_larger_than_the_standard_librarys_limit_is_read(self) -> None:
        long = "x" * (131_072 + 1)
        assert contents(f'status;notes\n1;{long}\n2;"{long}"\n') == [
            {"status": "1", "notes": long},
            {"status": "2", "notes": long},
        ]

    def test_a_sheet_may_have_as_many_rows_as_the_limit_and_no_more(self) -> None:
        text = "status\n\n" + "1\n" * LARGEST_BATCH + "\n\n"
        assert len(read(text).records) == LARGEST_BATCH
        error = refused(text + "1\n")
        assert error.code is ErrorCode.REQUEST_TOO_LARGE
        assert error.message.startswith("The batch has 10,001 rows; up to 10,000 are accepted.")

    @pytest.mark.parametrize("row", ["," * 2**20, '"' + "\n" * 2**20 + '"', '"a\n",' * 2**16])
    def test_a_row_without_an_end_is_refused_before_it_is_one(self, row: str) -> None:
        """16 MiB of commas were sixteen million cells."""
        error = refused(f"status,notes\n1,2\n{row}\n")
        assert error.message.startswith("The row that begins in line 3 of the CSV file has more columns or lines")

    def test_a_row_may_have_as_many_columns_as_a_spreadsheet_and_notes_of_as_many_lines_as_characters(self) -> None:
        assert contents("status\n1" + "," * (MOST_COLUMNS - 1)) == [{"status": "1"}]
        lines = "\n" * (LONGEST_NOTES - 1)
        assert contents(f'status,notes\n1,"{lines}x"') == [{"status": "1", "notes": f"{lines}x"}]

    def test_a_cell_with_a_large_object_in_it_is_a_text(self) -> None:
        """Of a sheet, such cells together would be more than a body may hold."""
        large = '{""a"":[' + "{}," * 50 + "1]}"
        assert contents(f'status,notes\n1,"{large}"') == [{"status": "1", "notes": large.replace('""', '"')}]

    def test_a_file_may_correct_the_failed_rows_of_twenty_batches_and_no_more(self) -> None:
        """Each of them would be read completely."""
        rows = [f"{number:032x},0,completed" for number in range(MOST_CORRECTED_BATCHES)] * 2
        assert len(read("\n".join(["batchId,index,status", *rows])).records) == 2 * MOST_CORRECTED_BATCHES
        error = refused("\n".join(["batchId,index,status", *rows, f"{BATCH_ID},0,completed"]))
        assert (error.code, error.target) == (ErrorCode.INVALID_REQUEST, "batchId")
        assert "more than 20 batches" in error.message

    def test_a_file_of_nothing_but_line_breaks_comes_to_an_end(self) -> None:
        assert refused("status" + "\n" * 2**21).code is ErrorCode.REQUEST_TOO_LARGE


class TestResending:
    def test_a_row_of_our_download_says_which_record_it_corrects(self) -> None:
        (sent,) = read(
            f"batchId,index,rowToken,row,errorCode,errorMessage,errorTarget,status\n{BATCH_ID},7,t,9,a,b,c,done"
        ).records
        assert sent == SentRecord(0, {"status": "done"}, resends=Resent(BATCH_ID, 7, "t"), of_file=True)

    def test_a_row_without_them_is_a_record_of_its_own(self) -> None:
        (sent,) = read("batchId,index,status\n,,done").records
        assert sent == SentRecord(0, {"status": "done"}, of_file=True)

    @pytest.mark.parametrize(
        ("batch_id", "index"),
        [
            ("", ""),
            (BATCH_ID, ""),
            ("", "7"),
            (BATCH_ID, "-1"),
            (BATCH_ID, "1.5"),
            (BATCH_ID, "9" * 5000),
            (BATCH_ID.upper(), "7"),
            (BATCH_ID[1:], "7"),
            ("1.23457E+31", "7"),
        ],
    )
    def test_what_is_malformed_is_that_rows_failure(self, batch_id: str, index: str) -> None:
        problem = problem_of(f"batchId,index,rowToken,status\n{batch_id},{index},t,done")
        assert problem.startswith("Row 2: batchId and index and rowToken say")
