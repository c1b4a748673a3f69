"""What a file's columns and cells cannot mean is told; nothing that was sent is dropped without a word."""

import pytest

from activities.batches.files.headings import KNOWN, WORDS, key, titles
from activities.batches.files.moments import DateForm
from activities.batches.requests import parse_file
from activities.contract.values import InvalidValueError
from activities.errors import PermanentError
from tests.support.workbooks import Formula, Rows, xlsx

EXPORT = "Transcript Status,User Email,Email,Training Title\r\nCompleted,anna@contoso.com,other@contoso.com,Safety\r\n"


def problems_of(text: str, **query: str) -> list[str]:
    with pytest.raises(PermanentError) as caught:
        parse_file(text.encode(), query=query)
    return [problem.message for problem in caught.value.problems]


def problem_of_row(rows: Rows, **query: str) -> str:
    (record,) = parse_file(xlsx({"List": rows}), query=query).records
    assert record.problem
    return record.problem.message


def test_two_columns_for_one_property_are_an_error() -> None:
    assert problems_of("Status,Completion status\r\n1,2\r\n") == [
        'Columns A and B of the file both hold "status": put what they hold into one of them.'
    ]


def test_in_an_export_the_column_that_its_table_prefers_counts() -> None:
    (record,) = parse_file(EXPORT.encode(), query={}).records
    assert record.content["learnerUserId"] == "anna@contoso.com"


def test_an_unknown_column_is_an_error_but_in_an_export() -> None:
    (problem,) = problems_of("Status,Cost centre\r\ncompleted,1\r\n")
    assert problem.startswith('Column B, "Cost centre", is not known: ')
    read = parse_file(EXPORT.replace("Training Title", "Cost centre").encode(), query={})
    assert any('"Cost centre"' in remark for remark in read.origin.remarks)


def test_columns_that_the_file_does_not_have_are_told() -> None:
    (problem,) = problems_of("Status\r\ncompleted\r\n", columns="Kurs=learningContentId")
    assert problem.startswith('columns names a heading for "learningContentId" that the file does not have')


def test_both_names_of_a_course_are_one_too_many() -> None:
    (problem,) = problems_of("Status\r\ncompleted\r\n", learningContentId="1", learningContentExternalId="2")
    assert problem == "learningContentId and learningContentExternalId both name the course: send one."


def test_a_date_in_another_form_than_is_said_is_its_rows_own_failure() -> None:
    said = problem_of_row([["Status", "Due date"], ["completed", "18/12/2026"]], dateFormat="dd.MM.yyyy")
    assert said == 'dueDateTime is "18/12/2026", but dateFormat says dd.MM.yyyy.'


def test_a_date_that_could_be_two_is_told_with_the_parameter() -> None:
    assert "or say with dateFormat" in problem_of_row([["Status", "Due date"], ["completed", "3/4/2026"]])


def test_one_percent_and_all_of_it_are_not_guessed() -> None:
    """The number 1 of a cell is 1 %, or 100 % in one that is formatted so."""
    (record,) = parse_file(xlsx({"List": [["Status", "Progress"], ["completed", 1]]}), query={}).records
    assert "1 % or 100 %" in record.content["completionPercentage"]


def test_a_number_that_excel_has_rounded_does_not_pass_for_an_id() -> None:
    (record,) = parse_file(
        xlsx({"List": [["Status", "Course ID"], ["completed", 1234567890123456789]]}), query={}
    ).records
    assert record.content["learningContentExternalId"] == "1.23456789012346E+18"


def test_the_error_of_a_formula_is_no_empty_cell() -> None:
    broken: Rows = [["completed", Formula("=1/0", "#DIV/0!")]] * 3000
    records = parse_file(xlsx({"List": [["Status", "Course ID"], *broken]}), query={}).records
    assert {record.content["learningContentExternalId"] for record in records} == {"#DIV/0!"}


def test_no_two_properties_are_called_the_same() -> None:
    pairs = {(key(word), name) for name, some in WORDS.items() for word in some}
    pairs |= {(key(title), name) for name, title in titles().items()} | {(key(name), name) for name in titles()}
    assert len(pairs) == len({said for said, _ in pairs})
    assert {name for name in KNOWN.values() if name} >= set(titles())


@pytest.mark.parametrize("form", ["", "dd.MM", "yyyy", "dd.MM.yyyy dd", "HH hh dd.MM.yyyy", "q dd.MM.yyyy", "d" * 99])
def test_a_form_without_its_parts_is_none(form: str) -> None:
    with pytest.raises(InvalidValueError):
        DateForm.parse(form)


@pytest.mark.parametrize(
    ("form", "text", "meant"),
    [
        ("dd.MM.yyyy", "3.4.2026", "2026-04-03"),
        ("M/d/yyyy h:mm tt", "12/18/2026 12:05 a.m.", "2026-12-18T00:05:00"),
        ("M/d/yyyy h:mm tt", "12/18/2026 12:05 PM", "2026-12-18T12:05:00"),
        ("MMM-dd-yyyy HH:mm:ss zzz", "Dec-18-2026 17:00:01 UTC", "2026-12-18T17:00:01Z"),
        ("yyyy-MM-ddTHH:mm", "2026-12-18T17:00", "2026-12-18T17:00:00"),
        ("d 'of' MMMM yyyy", "18 of December 2026", "2026-12-18"),
        ("dd.MM.yyyy", "31.02.2026", ""),
        ("dd.MM.yyyy", "2026-12-18", ""),
        ("d MMM yyyy", "18 Dez 2026", ""),
    ],
)
def test_a_form_reads_what_is_written_in_it_and_nothing_else(form: str, text: str, meant: str) -> None:
    assert DateForm.parse(form).read(text) == meant
