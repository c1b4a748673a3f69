"""How an activity is claimed in the ledger's table: in one call where its row is new or recent, else after a look.

A claim changes a row on the condition that it is as it was read, so that one holder at a time is at an activity.
Source: https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from activities.contract.activity import LONG_AGO, ActivityRequest, Operation
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import Done, Known, advances, meant, plan
from activities.execution.ledger import Claim
from activities.storage.group_commit import GroupCommit
from activities.storage.ledger_rows import IN_PROGRESS, claimed, key_of, known_in, lasting, lasting_in, left_in
from activities.storage.recent_rows import Key, RecentRows
from activities.storage.table_bytes import Entity, Verb
from activities.storage.table_bytes import Operation as Change
from activities.storage.tables import (
    EntityChangedError,
    EntityExistsError,
    EntityMissingError,
    Table,
    TransactionConflictError,
)

# Operations that are mostly about an activity that nobody knows yet.
_MAKING = frozenset({Operation.CREATE, Operation.UPSERT})
_OTHERWISE = (TransactionConflictError, EntityChangedError, EntityExistsError, EntityMissingError)

type _End = Claim | Known | ActivityError


@dataclass(slots=True)
class RowClaim(Claim):
    """A claim, where it stands, what is kept there for good, and until when it is held if nobody renews it."""

    row: Key = ("", "")
    kept: Entity = field(default_factory=dict)
    lease_until: datetime = LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Claiming:
    """The claims of one ledger.

    Args:
        table: Where they are.
        commits: How a change of one row gets there.
        recent: The rows whose version is known.
        key: The app's own, for what is kept as a hash.
        lease_seconds: How long a claim lasts that is not renewed.
        now: The clock.
    """

    table: Table
    commits: GroupCommit
    recent: RecentRows
    key: Callable[[], Awaitable[bytes]]
    lease_seconds: float
    now: Callable[[], datetime]

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[_End]:
        """Claim activities. One call for a provider whose rows are new or recent, else some for each."""
        claims = [RowClaim(request, str(uuid4()), row=key_of(request)) for request in requests]
        ends: dict[int, _End] = {}
        for places in by_provider(claims):
            ends |= await self._claim_unread({place: claims[place] for place in places})
            left = [place for place in places if place not in ends]
            was_there = len(places) == 1
            alone = await asyncio.gather(*(self._claim_alone(claims[place], was_there=was_there) for place in left))
            ends |= zip(left, alone, strict=True)
        return [self._in_time(ends[place]) for place in range(len(requests))]

    def _in_time(self, end: _End) -> _End:
        """Take no claim that storage was busy with for so long that it could run out before it is renewed."""
        if not isinstance(end, RowClaim):
            return end
        remaining = (end.lease_until - self.now()).total_seconds()
        return end if remaining > self.lease_seconds / 2 else _in_progress(max(remaining, 1.0))

    def lease_end(self) -> datetime:
        """Return until when a lease lasts that begins now."""
        return self.now() + timedelta(seconds=self.lease_seconds)

    async def _claim_unread(self, claims: Mapping[int, RowClaim]) -> dict[int, _End]:
        """Claim activities whose rows nobody has made yet, or whose rows are recent; if it is not so, none of them."""
        ends: dict[int, _End] = {}
        changes: dict[int, Change] = {}
        for place, claim in claims.items():
            if recent := self.recent.get(claim.row):
                row, claim.etag = recent
                ends[place], properties = self._decide(claim, row, await self.key())
                changes[place] = change_of(claim, Verb.MERGE, properties or {"AsOf": row["AsOf"]})
            elif claim.request.operation in _MAKING:
                ends[place], changes[place] = claim, change_of(claim, Verb.CREATE, self._in_progress(claim))
        try:
            etags = await self._do(list(changes.values()))
        except _OTHERWISE:
            for claim in claims.values():
                self.recent.forget(claim.row)
            return {}
        except ActivityError as error:
            return dict.fromkeys(changes, error)
        for place, etag in zip(changes, etags, strict=True):
            claims[place].etag = etag
            if isinstance(ends[place], Known):
                self.recent.update(claims[place].row, changes[place].entity["AsOf"], etag)
            else:
                self.recent.forget(claims[place].row)
        return ends

    async def _claim_alone(self, claim: RowClaim, *, was_there: bool) -> _End:
        """Claim an activity, reading its row if there is one."""
        try:
            if not was_there and claim.request.operation in _MAKING and await self._claims_new(claim):
                return claim
            try:
                row = await self.table.get(*claim.row)
            except EntityMissingError:
                return claim if await self._claims_new(claim) else _in_progress(1.0)
            return await self._claim_read(claim, row, row.metadata["etag"] or "")
        except (EntityChangedError, EntityMissingError):
            return _in_progress(1.0)  # Released, or taken over by somebody faster, in this moment.
        except ActivityError as error:
            return error

    async def _claims_new(self, claim: RowClaim) -> bool:
        try:
            claim.etag = await self.commits.do(change_of(claim, Verb.CREATE, self._in_progress(claim)))
        except EntityExistsError:
            return False
        return True

    async def _claim_read(self, claim: RowClaim, row: Entity, etag: str) -> _End:
        claim.etag = etag
        if row["Owner"] == claim.owner:
            return claim  # The answer to this very claim was lost, and it was sent again.
        end, properties = self._decide(claim, row, await self.key())
        if properties is None:
            self.recent.keep(claim.row, row, etag)
            return end
        claim.etag = await self.commits.do_own(change_of(claim, Verb.MERGE, properties), owner=claim.owner)
        if isinstance(end, Known):
            self.recent.keep(claim.row, {**row, **properties}, claim.etag)
        return end

    def _decide(self, claim: RowClaim, row: Mapping[str, Any], key: bytes) -> tuple[_End, Entity | None]:
        """Return what a claim comes to at a row that is there, and what changes in the row, if anything does."""
        known = known_in(row, claim.request, key)
        if row["State"] == IN_PROGRESS:
            remaining = (row["LeaseUntil"] - self.now()).total_seconds()
            if remaining > 0:
                return _in_progress(remaining), None
            claim.left = left_in(row)
        elif known is not None:
            end = plan(claim.request, known)
            if isinstance(end, Done) and advances(end, known):
                known = replace(known, as_of=claim.request.true_at)
                return known, {"AsOf": known.as_of}
            if isinstance(end, Done | ActivityError):
                return known, None
        claim.known = known
        claim.kept = lasting(known.entity, key) if known and known.entity else lasting_in(row)
        return claim, self._in_progress(claim)

    async def _do(self, changes: Sequence[Change]) -> Sequence[str]:
        """Do changes of one partition together and return the etags."""
        if len(changes) > 1:
            return await self.table.transact(changes)
        return [await self.commits.do(one) for one in changes]

    def _in_progress(self, claim: RowClaim) -> Entity:
        claim.lease_until = self.lease_end()
        return {
            "State": IN_PROGRESS,
            "Owner": claim.owner,
            "LeaseUntil": claim.lease_until,
            **claimed(meant(claim.request, claim.known, claim.left)),
        }


def change_of(claim: Claim, verb: Verb, properties: Entity) -> Change:
    """Return the change of a claim's row that is made only if the row is as the claim knows it."""
    partition, row = key_of(claim.request)
    return Change(verb, {"PartitionKey": partition, "RowKey": row, **properties}, claim.etag)


def by_provider(claims: Sequence[Claim]) -> list[list[int]]:
    """Return the places of the claims that can share a transaction: those of one partition."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, claim in enumerate(claims):
        groups[claim.request.key[0]].append(place)
    return list(groups.values())


def _in_progress(seconds: float) -> TransientError:
    return TransientError(
        ErrorCode.CREATE_IN_PROGRESS,
        "Another request is at the same activity at the moment. Send the request again in a while.",
        retry_after_seconds=min(seconds, 5.0),
    )
