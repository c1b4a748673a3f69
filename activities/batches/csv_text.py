"""CSV as spreadsheets write and open it: bytes ⇄ rows of cells. Knows nothing of activities, and does no I/O.

Source: https://www.rfc-editor.org/rfc/rfc4180, and what Excel makes of it.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator

from activities.contract import charsets, made_by_machines, wrappings
from activities.contract.limits import LONGEST_NOTES, MOST_COLUMNS
from activities.errors import ErrorCode, PermanentError

DELIMITERS = (",", ";", "\t", "|")
# For Excel, which shows no such row: https://support.microsoft.com/office/import-or-export-text-txt-or-csv-files
_DECLARED = re.compile(rf'"?sep=([{"".join(DELIMITERS)}])"?[,;\t|]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")
_LARGEST_CELL = 2**30
_LONGEST_HEADER = 100_000  # Characters; a row without an end would be taken apart once for each delimiter.
_SAVE_AS = 'Save it again; in Excel: "Save As", file type "CSV UTF-8 (Comma delimited)".'
# A spreadsheet calculates what begins like this, also in the full width of East Asian keyboards; OWASP's ASVS 1.2.10
# adds the null character. Not every program minds the space in front. "{" is no formula, but a text that begins with
# it must not be read as an object.
_FORMULA = re.compile("\\s*[=+\\-@\t\r\n\0\uff0b\uff0d\uff1d\uff20{]")
# A spreadsheet makes another text of 0042, 2026-12-18, 1E5, 3/4 and of any number with more than 15 digits.
_REWRITTEN = re.compile(r"\s*(?!(?:0|[1-9]\d{0,14})\Z)\.?\d[\d.,:/\s%eE+-]*", re.ASCII)
# All delimiters, because the file may be opened where lists are separated by another one.
_QUOTED = re.compile(r'["\r\n,;\t|]')
_END_OF_FILE = "\x1a"  # Of programs that have known CP/M.


def decode(body: bytes, *, content_type: str = "") -> str:
    """Return the text of a file.

    Args:
        body: What came.
        content_type: What its sender calls it, for the charset.

    Raises:
        PermanentError: ``invalidFile`` with how to save it; ``invalidJson`` for a compressed body.
    """
    wrappings.refuse_packed(body)
    declared = charsets.declared(content_type)
    encoding = declared if declared in charsets.WIDE else "utf-8-sig"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = charsets.decode(body, encoding, content_type=content_type)
    except UnicodeDecodeError as error:
        line = _lines(body[: error.start].decode(encoding, errors="replace")) if encoding == "utf-8-sig" else 0
        where = f" (line {line} is not)" if line else ""
        raise _invalid(f"The CSV file is not text in UTF-8{where}. {_SAVE_AS}") from error
    if "\0" in _first_line(text):
        # Every other byte of UTF-16 without a byte order mark.
        raise _invalid(f"The CSV file is not text in UTF-8. {_SAVE_AS}")
    # Two programs have written two byte order marks.
    return text.lstrip("\ufeff").rstrip(_END_OF_FILE)


def headers(text: str) -> dict[str, list[str]]:
    """Return the first row as each delimiter would part it; a delimiter that it cannot have been is left out.

    A first line "sep=;" says which delimiter it is, and is no row. What cannot be seen around a name is not part of it.

    Raises:
        PermanentError: ``invalidFile``: no delimiter makes a row of it.
    """
    if len(_first_line(text)) > _LONGEST_HEADER:
        raise _invalid("Row 1 of the CSV file is too long for the names of columns.")
    found: dict[str, list[str]] = {}
    broken: list[PermanentError] = []
    declared = _DECLARED.match(text)
    for delimiter in declared[1] if declared else DELIMITERS:
        try:
            found[delimiter] = [made_by_machines.trimmed(cell) for cell in next(decode_rows(text, delimiter), [])]
        except PermanentError as error:
            broken.append(error)
    if not found:
        raise broken[0]
    return found


def decode_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each row, line breaks and doubled quotes included; none of a row that is blank.

    Raises:
        PermanentError: ``invalidFile`` with the line in which a row begins: a quote is missing or one too many.
    """
    # For the whole process, but nothing else in it reads CSV; a body is bounded before it comes here.
    csv.field_size_limit(_LARGEST_CELL)
    declared = _DECLARED.match(text)
    start, skipped = (declared.end(), 1) if declared else (0, 0)
    begin, columns = 1 + skipped, 0

    def lines() -> Iterator[str]:
        # Before they are a row: one without an end would be all of the file.
        nonlocal columns
        for number, line in enumerate(_LINE.finditer(text, start), 1 + skipped):
            columns += line[0].count(delimiter)
            if columns > MOST_COLUMNS or number - begin > LONGEST_NOTES:
                raise _invalid(
                    f"The row that begins in line {begin} of the CSV file has more columns or lines than a spreadsheet "
                    "can have. Probably a quote is missing."
                )
            yield line[0]

    # In a file that puts a space between a delimiter and a quote, the quotes are no part of what the cells say.
    spaced = re.search(rf'[{delimiter}\r\n] +"', text) is not None
    reader = csv.reader(lines(), delimiter=delimiter, strict=True, skipinitialspace=spaced)
    try:
        for cells in reader:
            yield cells
            begin, columns = reader.line_num + skipped + 1, 0
    except csv.Error as error:
        raise _invalid(
            f"The quotes in line {begin} of the CSV file do not match: a cell that begins "
            'with a quote has to end with one, and a quote inside such a cell is written twice ("").'
        ) from error


def encode(rows: Iterable[Iterable[str]], delimiter: str) -> bytes:
    """Return the file; with the byte order mark that Excel wants, or else it takes UTF-8 for something older."""
    text = "".join(delimiter.join(map(_quoted, cells)) + "\r\n" for cells in rows)
    # Half a character can stand in JSON, but in no file.
    return text.encode("utf-8-sig", errors="replace")


def guarded(text: str) -> str:
    """Return a text so that a spreadsheet shows it, instead of calculating or rewriting it: after an apostrophe.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if _needs_guard(text.lstrip("'")) else text


def unguarded(cell: str) -> str:
    """Return what ``guarded`` was given."""
    return cell[1:] if cell.startswith("'") and _needs_guard(cell.lstrip("'")) else cell


def letter(column: int) -> str:
    """Return what a spreadsheet calls a column, counted from 0."""
    before, last = divmod(column, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def _needs_guard(text: str) -> bool:
    return bool(_FORMULA.match(text) or _REWRITTEN.fullmatch(text))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


def _first_line(text: str) -> str:
    line = re.match(r"[^\r\n]*+", text)
    return line[0] if line else ""


def _lines(text: str) -> int:
    return 1 + len(re.findall(r"\r\n|\r|\n", text))


def _invalid(message: str) -> PermanentError:
    return PermanentError(ErrorCode.INVALID_FILE, message)
