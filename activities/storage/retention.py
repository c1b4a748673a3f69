"""Ends what names a person: everywhere when its time is over, and at once for a learner who is to be erased.

Each part of the store ends its own, for a bounded time, and goes on the next time where it was.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from activities import telemetry
from activities.contract.learner import Learner
from activities.errors import TransientError
from activities.storage.keys import LearnerKey

# Of each of the four parts: at night four minutes in all; a flow that erases waits 120 s for its answer.
SECONDS_AT_NIGHT = 60.0
SECONDS_OF_A_REQUEST = 15.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How much was ended, and whether there is more: the time was over, or somebody was working on it."""

    count: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run through everything that is kept.

    Args:
        name: By which the next run with the same purpose finds the place; it names nobody.
        is_over: Whether the time is up.
    """

    name: str
    is_over: Callable[[], bool]


class Keeper(Protocol):
    """A part of the store that keeps what names people. Each of its ends can be repeated at any time."""

    async def expire(self, before: datetime, run: Run) -> Ended:
        """End what is older. Raises ``TransientError``: ``storageUnavailable``; what was ended is."""

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """End what is about a learner. Raises as ``expire``."""


class Retention:
    """Everything that names a person.

    Args:
        keepers: The parts by their names.
        learner_key: Names a run by its learner, telling nobody who that is.
        clock: In seconds, from any beginning.
    """

    def __init__(
        self, keepers: Mapping[str, Keeper], learner_key: LearnerKey, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keepers = keepers
        self._learner_key = learner_key
        self._clock = clock

    async def expire(self, before: datetime) -> None:
        """End everything that is older; what fails in one part does not stop the others.

        Raises:
            TransientError: ``storageUnavailable``, after all were tried; the next run goes on.
        """
        ended: dict[str, Ended] = {}
        errors: list[TransientError] = []
        for name, keeper in self._keepers.items():
            try:
                ended[name] = await keeper.expire(before, self._run("expire", SECONDS_AT_NIGHT))
            except TransientError as error:
                errors.append(error)
        telemetry.event("expired", **counts(ended), more=_more(ended), failed=len(errors))
        if errors:
            raise errors[0]

    async def erase(self, learner: Learner) -> dict[str, Any]:
        """End everything that is about a learner; say how much there was, and whether there is more.

        Raises:
            TransientError: ``storageUnavailable``; what was ended is, and the next call goes on.
        """
        name = f"erase-{await self._learner_key.learner_hash(' '.join(sorted(learner.names)))}"
        ended = {
            part: await keeper.erase(learner, self._run(name, SECONDS_OF_A_REQUEST))
            for part, keeper in self._keepers.items()
        }
        telemetry.event("learnerErased", **counts(ended), more=_more(ended))
        return {**counts(ended), "moreToErase": _more(ended)}

    def _run(self, name: str, seconds: float) -> Run:
        until = self._clock() + seconds
        return Run(name, lambda: self._clock() >= until)


def counts(ended: Mapping[str, Ended]) -> dict[str, int]:
    """Return how much of each part was ended, by the names of logs and answers."""
    return {f"{part}Count": one.count for part, one in ended.items()}


def _more(ended: Mapping[str, Ended]) -> bool:
    return any(one.more for one in ended.values())
