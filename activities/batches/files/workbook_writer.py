"""The door to XlsxWriter: a table → a workbook in which every cell is text. Whoever needs it imports it."""

import io
from collections.abc import Iterable, Sequence

from xlsxwriter import Workbook

_NAME = "Failed rows"
_LONGEST_CELL = 32_767  # https://support.microsoft.com/office/excel-specifications-and-limits
_WIDTH = 24


def encode(rows: Iterable[Sequence[str]]) -> bytes:
    """Return the workbook; the first row is its headings. As text, no cell is calculated, and zeros in front stay."""
    body = io.BytesIO()
    # Without the folder for temporary files, which not every plan has room in.
    workbook = Workbook(body, {"in_memory": True})
    sheet = workbook.add_worksheet(_NAME)
    text, heading = workbook.add_format({"num_format": "@"}), workbook.add_format({"bold": True})
    widest = 0
    for number, row in enumerate(rows):
        widest = max(widest, len(row))
        for place, cell in enumerate(row):
            if cell:
                sheet.write_string(number, place, _fitting(cell), heading if not number else text)
    sheet.freeze_panes(1, 0)
    # Also the cells that are filled in later are text.
    sheet.set_column(0, max(widest - 1, 0), _WIDTH, text)
    workbook.close()
    return body.getvalue()


def _fitting(cell: str) -> str:
    """Return what fits into a cell, without halves of characters; what is longer is too long for any property."""
    whole = cell.encode(errors="replace").decode()
    return whole if len(whole) <= _LONGEST_CELL else f"{whole[: _LONGEST_CELL - 1]}…"
