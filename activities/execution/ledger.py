"""What is remembered of every activity that was asked for: who is at it, what became of it. Knows no storage library.

The words are those of Powertools: an idempotency record is in progress with a lease, then completed; an expired lease
means that somebody died in the middle. Source: https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from activities.contract.activity import ActivityRequest
from activities.errors import ActivityError
from activities.execution.decisions import Known


@dataclass(slots=True)
class Claim:
    """The right to work on one activity, held by this invocation alone as long as its lease is renewed.

    Args:
        request: What is to be done.
        owner: Who holds it.
        known: What was remembered before or, once Graph has said what there is, what is known since.
        etag: The version of what is kept of it.
        left: What earlier holders meant to bring about who did not come to an end, if there are such: Graph has to be
            asked before anything is sent.
        found_out: Whether Graph has said what there is: the ledger does not know that yet.
    """

    request: ActivityRequest
    owner: str
    known: Known | None = None
    etag: str = ""
    left: Known | None = None
    found_out: bool = False

    @property
    def left_behind(self) -> bool:
        """Whether an earlier holder did not come to an end."""
        return self.left is not None

    def learn(self, known: Known | None) -> None:
        """Remember what Graph has said that there is."""
        self.known, self.found_out = known, True


@dataclass(frozen=True, slots=True)
class Released:
    """The end of a claim that is given up: for anybody to begin anew or, if the outcome is not known, to ask Graph."""

    outcome_known: bool


class Ledger(Protocol):
    """Remembers every activity that was asked for under an external id; every failure is an ``ActivityError``."""

    lease_seconds: float

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
        """Claim the right to work on different activities; where nothing has to be sent, return what is known instead.

        What an operation that changes nothing says of the time is remembered. An error in its place is
        ``createInProgress`` or ``storageUnavailable``.
        """

    async def renew(self, claim: Claim) -> None:
        """Extend the claim's lease from now."""

    async def settle(self, ends: Sequence[tuple[Claim, Known | Released]]) -> None:
        """Remember what the activities are now, and give up the other claims, whose activities are what they were."""

    async def check(self) -> None:
        """Find out whether the storage answers."""
