"""The cells of an old workbook (.xls): how far apart they lie, before anything opens it. Pure.

Sources: https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb (the file) and
https://learn.microsoft.com/openspecs/office_file_formats/ms-xls (its records)
"""

import struct
from collections.abc import Iterator

from activities.batches.files.packed import MOST_CELLS, PackedError, too_far

_HEADER = struct.Struct("<8s16xHHHHH6xIIIIIIIIII")
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_ENTRY_BYTES = 128
_NAMES = ("Workbook", "Book")
_ENCRYPTED = "EncryptedPackage"
_MINI_SECTOR = 64
# Records that hold a value, of every version: one cell, or several in a row.
_CELLS = frozenset((*range(0x0001, 0x0008), 0x00D6, 0x00FD, *range(0x0201, 0x0208), 0x027E, 0x0406))
_SEVERAL = 0x00BD
_BEGIN = frozenset({0x0009, 0x0209, 0x0409, 0x0809})
_BROKEN = "is broken: its parts cannot be found"


def check(body: bytes) -> None:
    """Refuse a workbook whose cells lie too far apart.

    Raises:
        PackedError: that, or it is broken, or protected by a password.
    """
    try:
        stream = _workbook(body)
    except (struct.error, IndexError) as error:
        raise PackedError(_BROKEN) from error
    first_row = first_column = 2**16
    last_row = last_column = 0
    for kind, begin, size in _records(stream):
        if kind in _BEGIN:
            first_row = first_column = 2**16
            last_row = last_column = 0
        elif (kind in _CELLS or kind == _SEVERAL) and size >= 4:  # noqa: PLR2004 (row and column)
            row, column = struct.unpack_from("<HH", stream, begin)
            last = struct.unpack_from("<H", stream, begin + size - 2)[0] if kind == _SEVERAL else column
            first_row, last_row = min(first_row, row), max(last_row, row)
            first_column, last_column = min(first_column, column), max(last_column, last)
            rows, columns = last_row - first_row + 1, last_column - first_column + 1
            if rows * columns > MOST_CELLS:
                raise too_far(rows, columns)


def _records(stream: bytes) -> Iterator[tuple[int, int, int]]:
    place = 0
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        place += 4
        if place + size > len(stream):
            return
        yield kind, place, size
        place += size


def _workbook(body: bytes) -> bytes:
    """Return the stream that holds the sheets."""
    head = _HEADER.unpack_from(body)
    sector, mini = 1 << min(head[4], 12), _MINI_SECTOR
    directory, smallest, first_mini, first_more = head[8], head[10], head[11], head[13]
    table = list(struct.unpack_from("<109I", body, 76))
    while first_more < _END and len(table) < len(body) // 4:
        block = struct.unpack_from(f"<{sector // 4}I", body, (first_more + 1) * sector)
        table += block[:-1]
        first_more = block[-1]
    chain = [
        number
        for place in table
        if place < _END
        for number in struct.unpack_from(f"<{sector // 4}I", body, (place + 1) * sector)
    ]
    entries = dict(_entries(_followed(body, chain, directory, sector, offset=sector)))
    if _ENCRYPTED in entries:
        raise PackedError("is protected by a password")
    found = next((entries[name] for name in _NAMES if name in entries), None)
    if found is None:
        raise PackedError("is no Excel workbook, but another document of Microsoft Office")
    first, size = found
    if size >= smallest or "Root Entry" not in entries:
        return _followed(body, chain, first, sector, offset=sector)[:size]
    small = _followed(body, chain, entries["Root Entry"][0], sector, offset=sector)
    numbers = _followed(body, chain, first_mini, sector, offset=sector)
    minis = list(struct.unpack(f"<{len(numbers) // 4}I", numbers))
    return _followed(small, minis, first, mini, offset=0)[:size]


def _entries(directory: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    for begin in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        length = min(struct.unpack_from("<H", directory, begin + 64)[0], 64)
        name = directory[begin : begin + max(length - 2, 0)].decode("utf-16-le", errors="replace")
        yield name, struct.unpack_from("<II", directory, begin + 116)


def _followed(body: bytes, chain: list[int], first: int, sector: int, *, offset: int) -> bytes:
    blocks: list[bytes] = []
    number = first
    while number < _END and number != _FREE:
        if len(blocks) * sector > len(body) or number >= len(chain):
            raise PackedError(_BROKEN)
        begin = offset + number * sector
        blocks.append(body[begin : begin + sector])
        number = chain[number]
    return b"".join(blocks)
