"""How long Graph wants to be left alone, in all the ways in which it says so. Pure and total."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DEFAULT_SECONDS = 30.0

_HINT = re.compile(r"retry\s+after\s+(\d{1,9}(?:\.\d{1,9})?)\s*(second|minute|hour)s?", re.ASCII | re.IGNORECASE)
_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


def retry_after_seconds(headers: Mapping[str, str], text: str, *, now: datetime) -> float:
    """Return how long Graph wants to be left alone: by its header (seconds, a fraction or a date), else by its words.

    Args:
        headers: Names in lower case.
        text: The body; Graph's pages document minutes, in a sentence.
        now: The moment that a date counts from.
    """
    header = headers.get("retry-after", "").strip()
    # A header that stood there twice is one with a comma: the longest counts.
    said = [one.strip() for one in header.split(",")]
    if all(re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", one, re.ASCII) for one in said):
        return max(map(float, said))
    try:
        moment = parsedate_to_datetime(header)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        pass
    if found := _HINT.search(text):
        return float(found[1]) * _UNIT_SECONDS[found[2].lower()]
    return DEFAULT_SECONDS
