"""Sheets as people send them to ``POST /api/batches``, and the shortest way to read one."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from activities.batches.requests import BatchRequest, parse


def read(text: str | bytes, content_type: str = "text/csv", **query: str) -> BatchRequest:
    """Read a sheet that should be accepted."""
    body = text if isinstance(text, bytes) else text.encode()
    return parse(body, media_type=content_type, query=query)


def contents(text: str | bytes) -> list[Any]:
    """Return the records of a sheet."""
    return [sent.content for sent in read(text).records]


def sheet_of(*rows: Mapping[str, str], delimiter: str = ",") -> bytes:
    """Return rows as a spreadsheet saves them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
