"""The door to calamine, which opens workbooks: bytes → the table of one sheet. Whoever needs it imports it.

Nothing but the sheet's values is read: no formulas, no macros, no links, no other file.
"""

import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from activities.batches.files import compound, moments, packed
from activities.batches.files.choices import Choices
from activities.batches.files.file_table import MOST_TITLE_ROWS, SHEET, Table, heading_row
from activities.batches.files.packed import MOST_CELLS, PackedError
from activities.contract import values
from activities.errors import ErrorCode, PermanentError

_MOST_SHEETS = 50  # Looked through for one with headings.
_EXACT = 10**15  # Excel keeps fifteen digits of a number, and makes zeros of the others.
_ROUNDED = "{:.14E}"
_SAVE_AS = "Save it again as an Excel workbook (.xlsx) or as CSV UTF-8."

type Cell = str | float | bool | date | datetime | time | timedelta


def open_table(body: bytes, choices: Choices, *, is_packed: bool) -> Table:
    """Return the table in a workbook.

    Args:
        body: The file.
        choices: What its sender says about it.
        is_packed: Whether it is packed XML, .xlsx or .ods; else .xls.

    Raises:
        PermanentError: ``invalidFile``.
    """
    try:
        if is_packed:
            body = packed.repacked(body)
        else:
            compound.check(body)
        with CalamineWorkbook.from_filelike(io.BytesIO(body)) as workbook:
            return _table(workbook, choices.sheet, choices.columns)
    except PackedError as error:
        raise _refused(f"The workbook {error}.") from error
    except PasswordError as error:
        raise _refused("The workbook is protected by a password: save it without one.") from error
    except CalamineError as error:
        raise _refused(f"The workbook cannot be read: it is broken. {_SAVE_AS}") from error
    except (KeyboardInterrupt, SystemExit, MemoryError, PermanentError):
        raise
    except BaseException as error:  # pyo3 raises what Rust panics with beside Exception.
        raise _refused(f"The workbook cannot be read: it is broken. {_SAVE_AS}") from error


def _table(workbook: CalamineWorkbook, sheet: str, chosen: Mapping[str, str]) -> Table:
    shown = [one.name for one in workbook.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
    names = shown or workbook.sheet_names
    if sheet:
        named = [one for one in workbook.sheet_names if one.strip().casefold() == sheet.strip().casefold()]
        if not named:
            there = ", ".join(f'"{values.shown(one)}"' for one in names[:20])
            raise _refused(f'The workbook has no sheet "{values.shown(sheet)}". It has: {there}.')
        names = named[:1]
    first: Table | None = None
    for name in names[:_MOST_SHEETS]:
        found = workbook.get_sheet_by_name(name)
        rows = _rows(found)
        begin = list(islice(rows, MOST_TITLE_ROWS))
        place = heading_row(begin, chosen)
        what = f'{SHEET} "{values.shown(name)}"'
        if place is not None:
            others = f'Of the workbook, the sheet "{values.shown(name)}" was read.'
            return Table(
                what,
                begin[place],
                place + 1,
                [*begin[place + 1 :], *rows],
                remarks=(others,) if len(names) > 1 or sheet else (),
                workbook=True,
            )
        if first is None and any(cell.strip() for row in begin for cell in row):
            place = next(place for place, row in enumerate(begin) if any(cell.strip() for cell in row))
            first = Table(what, begin[place], place + 1, [], workbook=True)
    if first is None:
        raise _refused("The workbook is empty: no sheet has a row with the names of columns.")
    return first


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    """Yield the rows of a sheet from row 1 and column A on, as texts."""
    if sheet.start is None:
        return
    above, left = sheet.start
    if sheet.height * sheet.width > MOST_CELLS:
        raise packed.too_far(sheet.height, sheet.width)
    before = [""] * left
    for _ in range(min(above, MOST_CELLS)):
        yield []
    for row in sheet.to_python(skip_empty_area=True):
        yield before + [_text(cell) for cell in row]


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return moments.of_cell(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _number(cell: float) -> str:
    if abs(cell) >= _EXACT:
        return _ROUNDED.format(cell)
    return str(int(cell)) if cell.is_integer() else repr(cell)


def _refused(message: str) -> PermanentError:
    return PermanentError(ErrorCode.INVALID_FILE, message)
