"""The connector's icon: a white mortarboard on the brand colour, drawn without any image library.

Microsoft asks for a square PNG of 100 to 230 pixels whose picture takes up less than 70 % of it:
https://learn.microsoft.com/connectors/custom-connectors/certification-submission
"""

import struct
import zlib
from collections.abc import Callable

from connector.about import BRAND_COLOUR

SIZE = 230
_FINE = 4  # Each pixel is looked at in 4 x 4 places, for smooth edges.
_WHITE = (255, 255, 255)


def build() -> bytes:
    """Return the PNG file."""
    return png(_coverage)


def png(coverage: Callable[[int, int], float]) -> bytes:
    """Return a PNG of the brand colour with white over it, as much as ``coverage`` says of each pixel."""
    colour = tuple(bytes.fromhex(BRAND_COLOUR.removeprefix("#")))
    rows = []
    for y in range(SIZE):
        row = bytearray(1)  # The row's filter: none.
        for x in range(SIZE):
            share = coverage(x, y)
            row += bytes(round(back + (front - back) * share) for back, front in zip(colour, _WHITE, strict=True))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)  # Eight bits each for red, green and blue.
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def same_picture(one: bytes, other: bytes) -> bool:
    """Tell whether two files written here show the same, whichever release of zlib packed them."""
    return zlib.decompress(_data(one)) == zlib.decompress(_data(other))


def _data(png: bytes) -> bytes:
    begin = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[begin - 4 : begin])
    return png[begin + 4 : begin + 4 + length]


def _coverage(x: int, y: int) -> float:
    places = [(step + 0.5) / _FINE for step in range(_FINE)]
    hits = sum(_is_white(x + dx, y + dy) for dx in places for dy in places)
    return hits / _FINE**2


def _is_white(x: float, y: float) -> bool:
    slope = 35 / 78  # Of the board's edges.
    across, below = abs(x - 115), y - 92
    board = across * slope + abs(below) <= 35  # noqa: PLR2004 (the drawing)
    # What the board leaves of the head below it, after a gap.
    head = across <= 46 and below + across * slope >= 43 and below <= 52 - (across / 46) ** 2 * 12  # noqa: PLR2004
    tassel = (abs(x - 182) <= 3 and 0 <= below <= 44) or (x - 182) ** 2 + (below - 48) ** 2 <= 64  # noqa: PLR2004
    return board or head or tassel


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
