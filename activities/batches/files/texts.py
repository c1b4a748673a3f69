"""A CSV file, in whatever encoding and with whatever separator its program writes it, as a table. Pure."""

import codecs
from collections.abc import Mapping
from itertools import islice

from activities.batches import csv_text
from activities.batches.files.file_table import CSV, MOST_TITLE_ROWS, Table, heading_row
from activities.batches.files.layouts import known_headings
from activities.errors import ErrorCode, PermanentError

# What programs on Windows write that know nothing of UTF-8; the characters of Western Europe.
_OF_WINDOWS = "cp1252"
_READ_AS_WINDOWS = (
    "The file is not UTF-8, so it was read as Windows-1252 (Western Europe). If letters are wrong, save it as "
    '"CSV UTF-8" and send it again.'
)
_LOOKED_AT = 64


def decode(body: bytes, *, content_type: str = "") -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, and what its sender should know about how it was read.

    Raises:
        PermanentError: ``invalidFile`` with how to save it.
    """
    body = _marked(body)
    try:
        return csv_text.decode(body, content_type=content_type), ()
    except PermanentError:
        if b"\0" in body or body.startswith(codecs.BOM_UTF8):
            raise
        try:
            return body.decode(_OF_WINDOWS), (_READ_AS_WINDOWS,)
        except UnicodeDecodeError:
            pass  # What is in no encoding is told as what is not UTF-8.
        raise


def table_of(text: str, chosen: Mapping[str, str]) -> Table:
    """Return the table: of the separators, the one with which most headings are known.

    Raises:
        PermanentError: ``invalidFile``: no separator makes a row of it.
    """
    firsts = csv_text.headers(text)

    def rating(delimiter: str) -> tuple[int, int]:
        return known_headings(firsts[delimiter], chosen), len(firsts[delimiter])

    delimiter, place = max(firsts, key=rating), 0
    if not rating(delimiter)[0]:
        delimiter, place = _below_titles(text, delimiter, list(firsts), chosen)
    rows = csv_text.decode_rows(text, delimiter)
    headings = next(islice(rows, place, None), [])
    return Table(CSV, headings, place + 1, rows, delimiter)


def _below_titles(text: str, default: str, delimiters: list[str], chosen: Mapping[str, str]) -> tuple[str, int]:
    """Return separator and place of the headings where titles stand above them; the first row if nothing is known."""
    best = (0, default, 0)
    for delimiter in delimiters:
        try:
            rows = list(islice(csv_text.decode_rows(text, delimiter), MOST_TITLE_ROWS))
        except PermanentError:
            continue
        place = heading_row(rows, chosen)
        if place is not None:
            known = known_headings(rows[place], chosen)
            best = max(best, (known, delimiter, place), key=lambda one: one[0])
    return best[1], best[2]


def _marked(body: bytes) -> bytes:
    """Return UTF-16 without a byte order mark with one: of Western letters, every other byte is zero."""
    begin = body[:_LOOKED_AT]
    if b"\0" not in begin or begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    if even and odd:
        return body
    return (codecs.BOM_UTF16_BE if even else codecs.BOM_UTF16_LE) + body


def refuse(message: str) -> PermanentError:
    """Return the refusal of a file that cannot be read."""
    return PermanentError(ErrorCode.INVALID_FILE, message)
