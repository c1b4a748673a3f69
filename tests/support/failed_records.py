"""Failures as the queue worker adds them."""

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.errors import ErrorCode, PermanentError, Problem
from activities.execution.patience import PATIENCE
from activities.queueing.failures import Failures
from activities.queueing.messages import Delivery, Failure
from activities.queueing.put_back import Record
from tests.support.records import sample

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
SENT = NOW - timedelta(hours=1)
COURSE = sample("self-initiated.request")
ERROR = PermanentError(
    ErrorCode.INVALID_REQUEST, "It is wr\u00f6ng.", problems=[Problem("required", "a is required.", "a")]
)


def failed(number: int = 0, content: Any = COURSE, *, at: datetime | None = None, code: str = "") -> Failure:
    """Return the failure of a record; the number says which, and is its time in seconds."""
    record = Record(content, f"message-{number}:0", SENT, SENT + PATIENCE, attempts=3)
    failure = Failure.of_record(record, ERROR, now=at or NOW + timedelta(seconds=number))
    return replace(failure, code=code or failure.code)


def unreadable(body: bytes) -> Failure:
    """Return the failure of a message that could not be read."""
    return Failure.of_message(Delivery(body, "message-1", SENT), ERROR, now=NOW)


def incompressible(characters: int) -> str:
    """Return a text that hardly gets shorter when it is compressed."""
    return base64.b64encode(random.Random(1).randbytes(characters)).decode()[:characters]  # noqa: S311 (no secret)


async def listed(failures: Failures, *, size: int = 50, code: str | None = None) -> list[Failure]:
    """Return all failures, page by page."""
    found: list[Failure] = []
    after = ""
    for _ in range(200):
        page, after = await failures.page(code=code, size=size, after=after)
        found += page
        if not after:
            return found
        assert len(page) == size
    raise AssertionError("The pages have no end.")
