"""The packed XML of a workbook (.xlsx, .ods), unpacked within bounds and packed again. Knows nothing of activities.

What opens workbooks trusts their directories, and makes one block of memory of all cells from the first to the last: so
it is given only what was measured here, byte by byte.
"""

import io
import re
import zipfile
import zlib
from xml.parsers import expat

MOST_BYTES = 48 * 2**20  # 10,000 rows of a hundred cells.
MOST_ENTRIES = 2_000
# Text of a sheet's XML is packed to a tenth, blank rows to a hundredth: more is a bomb.
MOST_TIMES_LARGER = 250
_SMALL = 2**20
MOST_CELLS = 2_000_000  # Of 24 to 32 bytes each; 10,000 rows of two hundred columns.
MOST_DEPTH = 100
_FAR = 2**31
_BLOCK = 2**16
# What stands in a workbook beside its cells.
_NOT_CELLS = re.compile(
    r"(?:xl/(?:media|drawings|charts|chartsheets|theme|pivot\w*|externalLinks|printerSettings|activeX|ctrlProps|"
    r"embeddings|customProperty|comments|threadedComments|persons|queryTables|tables|richData|model|webextensions)|"
    r"docProps|customXml|Thumbnails|Pictures|Object[^/]*|Configurations2|ObjectReplacements)\b"
)
_CELLS = re.compile(r"(?:\[Content_Types\]|.+)\.(?:xml|rels)|mimetype", re.IGNORECASE)
_REFERENCE = re.compile(r"([A-Za-z]{1,7})(\d{1,9})", re.ASCII)


class PackedError(Exception):
    """The file is not opened; the message completes a sentence that begins with "The workbook"."""


def repacked(body: bytes) -> bytes:
    """Return a workbook with nothing but what holds its cells, unpacked.

    Raises:
        PackedError: it is broken, or larger than any list.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            entries = [entry for entry in packed.infolist() if _holds_cells(entry.filename)]
            _check(entries)
            return _copied(packed, entries)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise PackedError("is broken: it cannot be unpacked") from error


def _holds_cells(name: str) -> bool:
    return bool(_CELLS.fullmatch(name)) and not _NOT_CELLS.match(name)


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES or len({entry.filename for entry in entries}) < len(entries):
        raise PackedError("is broken: it has too many parts")
    for entry in entries:
        larger = entry.file_size > _SMALL and entry.file_size > MOST_TIMES_LARGER * max(entry.compress_size, 1)
        if larger or entry.flag_bits & 1:
            raise PackedError("is packed more tightly than any list" if larger else "is protected by a password")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise PackedError(f"has more than {MOST_BYTES // 2**20} MiB when it is unpacked")


def _copied(packed: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> bytes:
    left = MOST_BYTES
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as stored:
        for entry in entries:
            measured = _Measured(entry.filename)
            with packed.open(entry) as part, stored.open(entry.filename, "w") as whole:
                while block := part.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise PackedError(f"has more than {MOST_BYTES // 2**20} MiB when it is unpacked")
                    measured.feed(block)
                    whole.write(block)
            measured.close()
    return copy.getvalue()


class _Measured:
    """Looks through one part for the cells with a value that lie farthest apart."""

    def __init__(self, name: str) -> None:
        self._parser = None if name == "mimetype" else expat.ParserCreate(namespace_separator=" ")
        self._depth = 0
        self._row = self._column = 0
        self._repeated_row = 1
        self._first_row = self._first_column = _FAR
        self._last_row = self._last_column = self._cells = self._earlier = 0
        if self._parser:
            self._parser.StartElementHandler = self._start
            self._parser.EndElementHandler = self._end
            self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, block: bytes) -> None:
        if self._parser:
            try:
                self._parser.Parse(block, False)  # noqa: FBT003 (expat's own)
            except expat.ExpatError as error:
                raise PackedError("is broken: a part of it is no XML") from error

    def close(self) -> None:
        if self._parser:
            try:
                self._parser.Parse(b"", True)  # noqa: FBT003 (expat's own)
            except expat.ExpatError as error:
                raise PackedError("is broken: a part of it is no XML") from error

    def _doctype(self, *_: object) -> None:
        raise PackedError("is broken: it declares a document type, which no workbook has")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise PackedError("is broken: it is nested too deeply")
        match name.rpartition(" ")[2]:
            case "row":
                self._row = int(attributes.get("r") or self._row + 1)
                self._column = 0
            case "c":
                self._column += 1
                if found := _REFERENCE.fullmatch(attributes.get("r", "")):
                    self._column, self._row = _number(found[1]), int(found[2])
            case "v" | "is" | "f":
                self._has_value(self._row, self._column)
            case "table":
                # All sheets of such a file are opened together.
                self._earlier += self._cells
                self._row = self._cells = self._last_row = self._last_column = 0
                self._first_row = self._first_column = _FAR
            case "table-row":
                self._repeated_row = _repeated(attributes, "rows")
                self._row += self._repeated_row
                self._column = 0
            case "table-cell" | "covered-table-cell":
                times = _repeated(attributes, "columns")
                if any(one.rpartition(" ")[2] in {"value-type", "formula"} for one in attributes):
                    self._has_value(self._row - self._repeated_row + 1, self._column + 1)
                    self._has_value(self._row, self._column + times)
                self._column += times

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _has_value(self, row: int, column: int) -> None:
        self._first_row, self._last_row = min(self._first_row, row), max(self._last_row, row)
        self._first_column, self._last_column = min(self._first_column, column), max(self._last_column, column)
        rows, columns = self._last_row - self._first_row + 1, self._last_column - self._first_column + 1
        self._cells = rows * columns
        if self._earlier + self._cells > MOST_CELLS:
            raise too_far(rows, columns)


def too_far(rows: int, columns: int) -> PackedError:
    """Return the refusal of a sheet whose values lie far apart."""
    return PackedError(
        f"has a sheet in which values lie {rows:,} rows and {columns:,} columns apart: clear the cells beside and "
        "below the list"
    )


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _repeated(attributes: dict[str, str], what: str) -> int:
    said = next((value for name, value in attributes.items() if name.endswith(f"number-{what}-repeated")), "1")
    return int(said) if said.isascii() and said.isdigit() and len(said) < len("1000000000") else _FAR
