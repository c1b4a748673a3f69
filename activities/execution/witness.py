"""What Graph literally answered, for whoever wants to see it: the app's errors say the same in its own words.

It decides nothing, and without anybody who watches, nothing is kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: to which operation, its status, and Graph's own code and words where it refuses.

    Of a token, ``words`` say whose it is. ``in_batch``: it came inside the answer to several.
    """

    operation: str
    status: int
    code: str = ""
    words: str = ""
    in_batch: bool = False


# What has been seen so far; None where nobody watches.
SEEN: ContextVar[list[Seen] | None] = ContextVar("seen", default=None)


@contextmanager
def watching() -> Iterator[list[Seen]]:
    """Collect the answers to all that is asked inside the block."""
    seen: list[Seen] = []
    token = SEEN.set(seen)
    try:
        yield seen
    finally:
        SEEN.reset(token)
