"""Workbooks made for the tests, in the three forms that are read: what stands in them is nobody's data."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.sax.saxutils import escape

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

type Cell = str | float | bool | date | datetime | Formula | Percent | None
type Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula and the value that it had when the workbook was saved."""

    text: str
    value: str | float


@dataclass(frozen=True, slots=True)
class Percent:
    """A number in a cell that is formatted as a percentage."""

    value: float


def xlsx(
    sheets: Mapping[str, Rows], *, hidden: Sequence[str] = (), merged: str = "", since_1904: bool = False
) -> bytes:
    """Return an Excel workbook; the cells ``merged`` of the first sheet are merged."""
    body = io.BytesIO()
    workbook = Workbook(body, {"in_memory": True, "default_date_format": "dd.mm.yyyy", "date_1904": since_1904})
    moment = workbook.add_format({"num_format": "dd.mm.yyyy hh:mm"})
    percent = workbook.add_format({"num_format": "0 %"})
    for name, rows in sheets.items():
        sheet = workbook.add_worksheet(name)
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                _write(sheet, number, place, cell, {datetime: moment, Percent: percent})
        if name in hidden:
            sheet.hide()
        elif hidden:
            sheet.activate()  # The first is it otherwise, and would not be hidden.
            sheet.set_first_sheet()
        if merged and name == next(iter(sheets)):
            sheet.merge_range(merged, rows[0][0])
    workbook.close()
    return body.getvalue()


def _write(sheet: Worksheet, row: int, place: int, cell: Cell, formats: Mapping[type, Format]) -> None:
    match cell:
        case None:
            sheet.write_blank(row, place, None, formats[datetime])
        case str():
            sheet.write_string(row, place, cell)
        case Formula():
            sheet.write_formula(row, place, cell.text, None, cell.value)
        case Percent():
            sheet.write_number(row, place, cell.value, formats[Percent])
        case datetime():
            sheet.write_datetime(row, place, cell, formats[datetime])
        case date():
            sheet.write_datetime(row, place, datetime(cell.year, cell.month, cell.day))  # noqa: DTZ001 (as cells are)
        case _:
            sheet.write(row, place, cell)


def ods(sheets: Mapping[str, Rows], *, blank_rows: int = 0) -> bytes:
    """Return an OpenDocument sheet as LibreOffice writes it, with so many blank rows below, as it also does."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">{"".join(map(_ods_row, rows))}'
        f'<table:table-row table:number-rows-repeated="{blank_rows + 1}">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
        for name, rows in sheets.items()
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{names} office:version="1.3"><office:body>'
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return packed({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """Return parts in a zip, as workbooks are."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return body.getvalue()


def xls(rows: Rows, *, far: tuple[int, int] | None = None) -> bytes:
    """Return an old workbook (BIFF8) with one sheet of texts and numbers, and one text ``far`` from the others."""
    sheet = b"".join(
        _biff_cell(number, place, cell) for number, row in enumerate(rows) for place, cell in enumerate(row) if cell
    )
    if far:
        sheet += _biff_cell(*far, "far")
    bof = struct.pack("<HHHHHHII", 0x0809, 16, 0x0600, 5, 0, 0, 0, 0)
    of_sheet = struct.pack("<HHHHHHII", 0x0809, 16, 0x0600, 0x10, 0, 0, 0, 0) + sheet + b"\x0a\0\0\0"
    name = b"List"
    globals_bytes = len(bof) + 4 + 8 + len(name) + 4
    bound = struct.pack("<HHIHBB", 0x0085, 8 + len(name), globals_bytes, 0, len(name), 0) + name
    return _compound(bof + bound + b"\x0a\0\0\0" + of_sheet)


def _biff_cell(row: int, place: int, cell: Cell) -> bytes:
    if isinstance(cell, str):
        text = cell.encode("utf-16-le")
        said = struct.pack("<HHHHB", row, place, 0, len(cell), 1) + text
        return struct.pack("<HH", 0x0204, len(said)) + said
    assert isinstance(cell, int | float)
    return struct.pack("<HHHHHd", 0x0203, 14, row, place, 0, cell)


def _compound(stream: bytes) -> bytes:
    """Return a compound file with one stream: a header, one sector of the table, one of the directory, the stream."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    count = len(stream) // 512
    assert count <= 126, "one sector of the table has no more"
    table = [0xFFFFFFFD, 0xFFFFFFFE, *(place + 3 for place in range(count - 1)), 0xFFFFFFFE]
    fat = struct.pack("<128I", *table, *[0xFFFFFFFF] * (128 - len(table)))
    root = _entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)
    directory = (root + _entry("Workbook", 2, 2, len(stream))).ljust(512, b"\0")
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 62, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096,
        *(0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0),
    )  # fmt: skip
    return header + struct.pack("<108I", *[0xFFFFFFFF] * 108) + fat + directory + stream


def _entry(name: str, kind: int, first: int, size: int, *, child: int = 0xFFFFFFFF) -> bytes:
    said = (name + "\0").encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIII", said, len(said), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, first, size, 0)


def _ods_row(row: Sequence[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(cell: Cell) -> str:
    match cell:
        case None | "":
            return "<table:table-cell/>"
        case str():
            value, shown = 'office:value-type="string"', cell
        case date():
            value, shown = f'office:value-type="date" office:date-value="{cell.isoformat()}"', str(cell)
        case _:
            value, shown = f'office:value-type="float" office:value="{cell}"', str(cell)
    return f"<table:table-cell {value}><text:p>{escape(shown)}</text:p></table:table-cell>"
