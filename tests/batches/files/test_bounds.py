"""What opens workbooks gets nothing that it could choke on: bombs, far cells and broken files are refused before."""

import io
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.batches.files import packed
from activities.batches.requests import BatchRequest, parse, parse_file
from activities.contract.limits import LARGEST_BATCH
from activities.errors import ErrorCode, PermanentError
from tests.batches.files.corpus import CORPUS
from tests.support.workbooks import Rows, ods, xls, xlsx
from tests.support.workbooks import packed as packed_as_zip

TABLE: Rows = [["type", "status"], ["assignment", "completed"]]
WORKBOOK = xlsx({"List": TABLE})
NAMES = ("csv", "xlsx", "ods", "xls")


def refused(body: bytes, **query: str) -> str:
    with pytest.raises(PermanentError) as caught:
        parse_file(body, query=query)
    assert caught.value.code is ErrorCode.INVALID_FILE, caught.value
    return caught.value.message


def parts_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_parts(more: Mapping[str, str | bytes], body: bytes = WORKBOOK) -> bytes:
    return packed_as_zip({**parts_of(body), **more})


class TestBombs:
    def test_a_part_that_is_packed_too_well_is_not_unpacked(self) -> None:
        bomb = with_parts({"xl/worksheets/sheet1.xml": b" " * 20_000_000})
        assert len(bomb) < 100_000
        assert refused(bomb) == "The workbook is packed more tightly than any list."

    def test_many_parts_are_too_large_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packed, "MOST_BYTES", 2**20)
        # What deflate looks back at is less than this.
        part = random.Random(1).randbytes(30_000).hex() * 2  # noqa: S311 (no secret)
        more = {f"xl/worksheets/sheet{number}.xml": part for number in range(2, 12)}
        assert "more than 1 MiB" in refused(with_parts(more))

    def test_a_directory_that_lies_about_a_size_is_found_out(self) -> None:
        """Whoever unpacks it without looking gets two hundred times of what the directory says."""
        bomb = bytearray(with_parts({"xl/worksheets/sheet1.xml": b" " * 900_000}))
        place = bomb.rindex(b"PK\x01\x02", 0, bomb.rindex(b"xl/worksheets/sheet1.xml"))
        struct.pack_into("<I", bomb, place + 24, 100)
        assert refused(bytes(bomb)).startswith("The workbook is broken")

    def test_a_part_that_nobody_reads_is_not_unpacked_either(self) -> None:
        bomb = with_parts({"xl/media/picture.xml": b" " * 20_000_000})
        assert len(parse_file(bomb, query={}).records) == 1

    def test_a_document_type_is_refused_before_its_entities_grow(self) -> None:
        laughs = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
        assert "declares a document type" in refused(with_parts({"xl/sharedStrings.xml": laughs}))

    def test_deep_nesting_is_refused(self) -> None:
        assert "nested too deeply" in refused(with_parts({"xl/styles.xml": "<a>" * 200 + "</a>" * 200}))

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(xls(TABLE, far=(65_000, 250)), id="xls"),
            pytest.param(
                with_parts(
                    {
                        "xl/worksheets/sheet1.xml": '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
                        '2006/main"><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576">'
                        '<c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
                    }
                ),
                id="xlsx",
            ),
            pytest.param(
                with_parts(
                    {
                        "content.xml": parts_of(ods({"A": TABLE}))["content.xml"].replace(
                            b"<table:table-cell office",
                            b'<table:table-cell table:number-columns-repeated="9999999" office',
                        )
                    },
                    ods({"A": TABLE}),
                ),
                id="ods",
            ),
        ],
    )
    def test_cells_that_lie_far_apart_are_refused(self, body: bytes) -> None:
        """Calamine takes memory for every cell between the first and the last one, and ends the process."""
        assert "values lie" in refused(body)

    def test_many_sheets_are_bounded_together_where_they_are_opened_together(self) -> None:
        body = ods({str(number): TABLE for number in range(3)})
        wide = b'<table:table-cell table:number-columns-repeated="400000" office'
        content = parts_of(body)["content.xml"].replace(b"<table:table-cell office", wide)
        assert "values lie" in refused(with_parts({"content.xml": content}, body))

    def test_rows_that_are_only_formatted_do_not_count(self) -> None:
        rows: Rows = [*TABLE, *[[]] * 50_000, [None] * 60]
        assert len(parse_file(xlsx({"List": rows}), query={}).records) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "The file is empty."),
            (b"  \r\n ", "The file is empty."),
            (b'{"activities": []}', "The body is JSON, not a file: send it to POST /api/batches."),
            (b"%PDF-1.7", "The file is a PDF document, not a list"),
            (b"\x1f\x8b\x08", "The file is a compressed file (gzip), not a list"),
            (b"<!DOCTYPE html><html>", "The file is a web page, not a list"),
            (b"PK\x03\x04", "The workbook is broken: it cannot be unpacked."),
            (b"PK\x05\x06" + b"\0" * 18, "The workbook cannot be read: it is broken."),
            (packed_as_zip({"word/document.xml": "<w/>"}), "The workbook cannot be read: it is broken."),
            (WORKBOOK[: len(WORKBOOK) // 2], "The workbook is broken: it cannot be unpacked."),
            (xlsx({"List": []}), "The workbook is empty: no sheet has a row with the names of columns."),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "The workbook is"),
        ],
    )
    def test_what_is_no_list_is_told_what_it_is(self, body: bytes, said: str) -> None:
        assert refused(body).startswith(said)

    def test_a_sheet_that_is_not_there_is_told_with_those_that_are(self) -> None:
        assert refused(WORKBOOK, sheet="2026") == 'The workbook has no sheet "2026". It has: "List".'

    def test_a_locked_workbook_is_told_to_be_one(self) -> None:
        body = bytearray(WORKBOOK)
        place = body.rindex(b"PK\x01\x02", 0, body.rindex(b"xl/workbook.xml"))
        body[place + 8] |= 1
        assert refused(bytes(body)) == "The workbook is protected by a password."

    def test_more_rows_than_a_batch_may_have_are_too_many(self) -> None:
        rows: Rows = [["status"], *[["completed"]] * (LARGEST_BATCH + 1)]
        with pytest.raises(PermanentError) as caught:
            parse_file(xlsx({"List": rows}), query={})
        assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE


@given(
    st.sampled_from(list(CORPUS)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=6),
    st.sampled_from(["", "text/csv", "application/json", "application/vnd.ms-excel", "application/octet-stream"]),
)
@example("an old workbook", [(0.0, b"")], "")
def test_a_broken_file_is_a_batch_or_one_refusal(name: str, changes: list[tuple[float, bytes]], called: str) -> None:
    sample = CORPUS[name]
    body = sample.body
    for where, put in changes:
        place = int(where * len(body))
        body = body[:place] + put + body[place + len(put) :]
    reads: list[Callable[[], BatchRequest]] = [
        partial(parse, body, media_type=called, query=sample.query),
        partial(parse_file, body, query=sample.query),
    ]
    for read in reads:
        try:
            assert read().records
        except PermanentError as error:
            assert error.message.isprintable()  # noqa: PT017 (or no error)


@given(
    st.sampled_from([b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b""]), st.binary(max_size=2000)
)
def test_any_bytes_are_a_batch_or_one_refusal(begin: bytes, rest: bytes) -> None:
    try:
        assert parse_file(begin + rest, query={}).records
    except PermanentError as error:
        assert error.code in {  # noqa: PT017 (or no error)
            ErrorCode.INVALID_FILE,
            ErrorCode.INVALID_REQUEST,
        }


def test_nothing_of_a_workbook_is_imported_before_one_comes() -> None:
    """Two megabytes of Rust that most processes never need."""
    program = (
        "import sys; import function_app; from activities.web import batches; from activities.batches import requests\n"
        "requests.parse_file(b'type,status\\n1,2\\n', query={})\n"
        "assert not {'python_calamine', 'xlsxwriter'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_opened_is_what_was_measured() -> None:
    """Packed again, so that nobody reads another directory, or another part, than was looked at."""
    copy = parts_of(packed.repacked(with_parts({"xl/media/image.png": b"x", "docProps/app.xml": "<x/>"})))
    assert "xl/worksheets/sheet1.xml" in copy
    assert not copy.keys() & {"xl/media/image.png", "docProps/app.xml", "xl/theme/theme1.xml"}
