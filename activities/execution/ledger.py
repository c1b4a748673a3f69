"""What is remembered of every activity that was asked for: who is at it, what came of it. Knows no storage library.

The words are those of Powertools: an idempotency record is in progress with a lease, then completed; an expired lease
means that somebody died in the middle. Source: https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from activities.contract.models import ActivityRequest, StoredActivity
from activities.errors import ActivityError


@dataclass(slots=True)
class Claim:
    """The right to create one activity, held by this invocation alone as long as its lease is renewed.

    ``left_behind`` says that an earlier holder did not come to an end: Graph has to be asked before anything is sent.
    """

    key: tuple[str, str]
    owner: str
    content_hash: str
    etag: str
    left_behind: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The activity was created by an earlier request with this content."""

    stored: StoredActivity


@dataclass(frozen=True, slots=True)
class Released:
    """The end of a claim that is given up: for anybody to begin anew or, if the outcome is not known, to ask Graph."""

    outcome_known: bool


class Ledger(Protocol):
    """Remembers every activity that was asked for under an external id; every failure is an ``ActivityError``."""

    lease_seconds: float

    async def claim(self, wanted: Sequence[tuple[ActivityRequest, str]]) -> list[Claim | Completed | ActivityError]:
        """Claim the right to create different activities, each with its content hash, or return what came of them.

        An error in its place is ``activityExists`` (completed with other content), ``createInProgress``, or
        ``storageUnavailable``.
        """

    async def renew(self, claim: Claim) -> None:
        """Extend the claim's lease from now."""

    async def settle(self, ends: Sequence[tuple[Claim, StoredActivity | Released]]) -> None:
        """Remember what was created, and give up the other claims."""

    async def check(self) -> None:
        """Find out whether the storage answers."""
