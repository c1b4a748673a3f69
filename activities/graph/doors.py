"""Doors to Graph that stay shut for as long as Graph has asked for it. Each has a name; nobody waits here."""

import math
import time
from collections.abc import Callable

from activities.errors import ErrorCode, TransientError

PEOPLE = "people of "


class Doors:
    """Remembers which doors are shut, and until when.

    What it knows, it learned from this process's own calls: another instance asks Graph once to learn the same.

    Args:
        now: The clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open_again: dict[str, float] = {}

    def check(self, name: str) -> None:
        """Refuse while a door is shut.

        Raises:
            TransientError: ``throttled``, with the seconds that are left.
        """
        remaining = self._open_again.get(name.casefold(), 0.0) - self._now()
        if remaining > 0:
            whom = "look-ups of people" if name.startswith(PEOPLE) else "this learning provider"
            raise TransientError(
                ErrorCode.THROTTLED,
                f"Microsoft Graph is throttling {whom}. Send the request again after {math.ceil(remaining)} seconds.",
                retry_after_seconds=remaining,
            )
        self._open_again.pop(name.casefold(), None)

    def learn(self, name: str, end: object) -> None:
        """Shut a door if this end of a request says so; never for shorter than was known."""
        if isinstance(end, TransientError) and end.code is ErrorCode.THROTTLED:
            until = self._now() + end.retry_after_seconds
            self._open_again[name.casefold()] = max(until, self._open_again.get(name.casefold(), until))
