"""How long something waits in a queue before it is tried again, and for how long it is tried at all. Decisions only."""

import random
from collections.abc import Callable
from datetime import timedelta

from activities.errors import ErrorCode, TransientError

PATIENCE = timedelta(hours=24)
# A queue hides a message for at most seven days.
LONGEST_DELAY_SECONDS = 7 * 24 * 3600
BUG_ATTEMPTS = 5
_BUG_DELAY_SECONDS = 60.0
_LONGEST_BACKOFF_SECONDS = 900.0
_MOST_DOUBLINGS = 10

type Jitter = Callable[[], float]
random_jitter: Jitter = random.random


def delay_seconds(error: TransientError, *, attempts: int, jitter: Jitter) -> float:
    """Return how long to wait after so many attempts; never less than Graph asked for.

    Args:
        error: What the last attempt failed with.
        attempts: How many there were.
        jitter: A random number from 0 to 1, so that what was put back together does not come back together.
    """
    if error.code is ErrorCode.THROTTLED:
        return spread(error.retry_after_seconds, jitter=jitter)
    backoff = min(2.0 ** min(attempts, _MOST_DOUBLINGS), _LONGEST_BACKOFF_SECONDS)
    return spread(max(error.retry_after_seconds, backoff), jitter=jitter)


def spread(seconds: float, *, jitter: Jitter) -> float:
    """Return a delay that is up to a fifth longer, and not longer than a queue allows."""
    return min(seconds * (1 + 0.2 * jitter()), LONGEST_DELAY_SECONDS)


def bug() -> TransientError:
    """Return the error for an exception that nobody expected; its text stays in the log."""
    return TransientError(
        ErrorCode.INTERNAL_ERROR,
        "Something went wrong inside the function app; its log has the details under the time of the attempts.",
        retry_after_seconds=_BUG_DELAY_SECONDS,
    )
