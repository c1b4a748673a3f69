"""Numbers, moments and lengths of time, as the page of a batch says them."""

import math
from datetime import UTC, datetime, timedelta

# Unit, its seconds, and up to how many seconds one speaks of it: "about 90 minutes" says more than "about 2 hours".
_UNITS = (("second", 1, 60), ("minute", 60, 7_200), ("hour", 3_600, 172_800), ("day", 86_400, math.inf))
_NOT_WORTH_COUNTING_SECONDS = 10
_TWO_DIGITS = 10


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it takes one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rate(per_minute: float) -> str:
    """Return how many there are per minute, to two digits where it is few."""
    return f"{per_minute:,.0f}" if per_minute >= _TWO_DIGITS else f"{per_minute:.1f}"


def about(span: timedelta) -> str:
    """Return a length of time that nobody knows exactly, rounded up."""
    seconds = span.total_seconds()
    if seconds <= _NOT_WORTH_COUNTING_SECONDS:
        return "a few seconds"
    unit, length = next((unit, length) for unit, length, longest in _UNITS if seconds <= longest)
    count = math.ceil(seconds / length)
    return f"about {counted(math.ceil(count / 10) * 10 if length == 1 else count, unit)}"


def exactly(span: timedelta) -> str:
    """Return a length of time in its two largest units."""
    rest = round(span.total_seconds())
    parts = []
    for unit, length, _ in reversed(_UNITS):
        count, rest = divmod(rest, length)
        if count:
            parts.append(counted(count, unit))
    return " ".join(parts[:2]) or "less than a second"


def moment(at: datetime) -> str:
    """Return a moment in UTC; the page's script says it in the reader's own time."""
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y at %H:%M} UTC"
