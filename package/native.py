"""Native modules without what only a debugger reads.

Wheels of some packages carry symbol tables and debug information many times as large as the code. `strip` takes them
away, but every system has its own: what the loader maps is told by the file's program headers, so everything else goes.

Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
"""

import struct

_MAGIC_64_BIT_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PROGRAM_HEADERS_AT, _SECTION_HEADERS_AT, _COUNTS_AT = 0x20, 0x28, 0x36
_HEADER_SIZE = 0x40
_SEGMENT_OFFSET, _SEGMENT_SIZE = 0x08, 0x20


def without_symbols(library: bytes) -> bytes:
    """Return an ELF file with zeroes wherever no segment is, cut off after the last one, and without section headers.

    Raises:
        ValueError: it is no ELF file for 64-bit x86.
    """
    if not library.startswith(_MAGIC_64_BIT_LITTLE_ENDIAN):
        raise ValueError("not a 64-bit little-endian ELF file")
    (headers_at,) = struct.unpack_from("<Q", library, _PROGRAM_HEADERS_AT)
    header_size, header_count = struct.unpack_from("<HH", library, _COUNTS_AT)
    kept = [(0, _HEADER_SIZE), (headers_at, header_size * header_count)]
    for header in range(headers_at, headers_at + header_size * header_count, header_size):
        (offset,) = struct.unpack_from("<Q", library, header + _SEGMENT_OFFSET)
        (size,) = struct.unpack_from("<Q", library, header + _SEGMENT_SIZE)
        kept.append((offset, size))
    stripped = bytearray(max(offset + size for offset, size in kept))
    for offset, size in kept:
        stripped[offset : offset + size] = library[offset : offset + size]
    # No section headers: neither where, nor how large, how many, nor which one holds their names.
    struct.pack_into("<Q", stripped, _SECTION_HEADERS_AT, 0)
    struct.pack_into("<HHH", stripped, _COUNTS_AT + 4, 0, 0, 0)
    return bytes(stripped)
