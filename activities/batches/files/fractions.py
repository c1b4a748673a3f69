"""Percentages of a workbook's cells: where they are formatted so, 50 % is the number 0.5 and 100 % is 1. Pure."""

import re
from collections.abc import Callable, Sequence

from activities.batches.files.file_table import Table
from activities.batches.files.headings import PERCENTAGE
from activities.batches.files.layouts import Layout

_PART = re.compile(r"0\.\d+")
_WHOLE = re.compile(r"[01](?:\.0*)?")
# Of a number in a cell formatted as text somebody means what stands there.
_UNCLEAR = "1 (1 % or 100 %: write 1 % or 100 % as text)"


def whole_percentages(table: Table, layout: Layout) -> Callable[[Sequence[str]], Sequence[str]] | None:
    """Return what makes whole percentages of a workbook's rows, where its column of percentages has parts of one.

    A column with nothing but 0 and 1 is unclear, and its ones are refused with their rows.
    """
    if not table.workbook or PERCENTAGE not in layout.names or not isinstance(table.rows, list):
        return None
    column = layout.names.index(PERCENTAGE)
    said = [row[column].strip() for row in table.rows if len(row) > column and row[column].strip()]
    if not all(_PART.fullmatch(one) or _WHOLE.fullmatch(one) for one in said):
        return None
    parts = any(_PART.fullmatch(one) for one in said)

    def whole(row: Sequence[str]) -> Sequence[str]:
        if len(row) <= column or not row[column].strip():
            return row
        cells = list(row)
        if parts:
            cells[column] = f"{float(row[column]) * 100:.10g}"
        elif row[column].strip() == "1":
            cells[column] = _UNCLEAR
        return cells

    return whole
