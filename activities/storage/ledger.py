"""The ledger in Table Storage: which activities were asked for, who is at them, what came of them.

One entity for each activity; its partition is the learning provider, so that many of one provider fit into one
transaction. Source: https://learn.microsoft.com/rest/api/storageservices/designing-a-scalable-partitioning-strategy-for-azure-table-storage
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed, Released
from activities.storage.group_commit import GroupCommit
from activities.storage.packing import MOST_PROPERTIES, packed, unpacked
from activities.storage.table_bytes import Entity, Operation, Verb
from activities.storage.tables import (
    EntityChangedError,
    EntityExistsError,
    EntityMissingError,
    Table,
    TransactionConflictError,
)

TABLE = "activityledger"
_IN_PROGRESS, _COMPLETED = "inProgress", "completed"
_MOST_PROPERTIES_TOGETHER = 2  # Of each of twenty entities, because a transaction may have 4 MiB in all.


class TableLedger:
    """The ledger in Table Storage.

    Args:
        table: The table ``activityledger``.
        lease_seconds: How long a claim lasts that is not renewed: after a crash, the activity waits so long.
        now: The clock.
    """

    def __init__(
        self, table: Table, *, lease_seconds: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.lease_seconds = lease_seconds
        self._table = table
        self._commits = GroupCommit(table)
        self._now = now

    async def claim(self, request: ActivityRequest, content_hash: str) -> Claim | Completed:
        """Claim an activity. See ``Ledger``; costs one call, two when the activity is known."""
        return await self._claim(request, _unclaimed(request, content_hash))

    async def claim_all(self, wanted: Sequence[tuple[ActivityRequest, str]]) -> list[Claim | Completed | ActivityError]:
        """Claim several activities. See ``Ledger``; costs one call for a provider if none of them is known."""
        claims = [_unclaimed(request, content_hash) for request, content_hash in wanted]
        ends: dict[int, Claim | Completed | ActivityError] = {}
        for group in _by_provider(claims):
            if await self._claimed_together([claims[position] for position in group]):
                ends |= {position: claims[position] for position in group}
                continue
            single = await asyncio.gather(
                *(self._claim(wanted[position][0], claims[position]) for position in group), return_exceptions=True
            )
            for position, end in zip(group, single, strict=True):
                if isinstance(end, BaseException) and not isinstance(end, ActivityError):
                    raise end
                ends[position] = end
        return [ends[position] for position in range(len(wanted))]

    async def settle(self, ends: Sequence[tuple[Claim, StoredActivity | Released]]) -> None:
        """Complete or release several claims. See ``Ledger``; costs one call for a provider."""
        for group in _by_provider([claim for claim, _ in ends]):
            mine = [ends[position] for position in group]
            try:
                await self._table.transact([self._settling(claim, end) for claim, end in mine])
            except TransactionConflictError:
                # One of them was taken over after its lease had run out; the others are still ours.
                await asyncio.gather(*(self._settle(claim, end) for claim, end in mine))

    async def _claimed_together(self, claims: Sequence[Claim]) -> bool:
        """Claim activities that nobody knows yet; False, and none of them is claimed, if one is known."""
        try:
            etags = await self._table.transact([Operation(Verb.CREATE, self._claimed(claim)) for claim in claims])
        except TransactionConflictError:
            return False
        for claim, etag in zip(claims, etags, strict=True):
            claim.etag = etag
        return True

    async def _claim(self, request: ActivityRequest, claim: Claim) -> Claim | Completed:
        try:
            claim.etag = await self._commits.do(Operation(Verb.CREATE, self._claimed(claim)))
        except EntityExistsError:
            return await self._known(request, claim)
        return claim

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        await self._replace(claim, self._claimed(claim))

    async def complete(self, claim: Claim, stored: StoredActivity) -> None:
        """Remember an answer. See ``Ledger``."""
        await self._replace(claim, _completed(claim, stored, most_properties=MOST_PROPERTIES))

    async def release(self, claim: Claim, *, outcome_known: bool) -> None:
        """Give a claim up. See ``Ledger``."""
        if not outcome_known:
            await self._replace(claim, self._left_behind(claim))
            return
        try:
            await self._commits.do(Operation(Verb.DELETE, _entity(claim, _IN_PROGRESS), claim.etag))
        except (EntityChangedError, EntityMissingError):
            return  # Somebody took it over after the lease had run out.

    async def check(self) -> None:
        """Read one entity that need not be there. See ``Ledger``."""
        try:
            await self._table.get("health", "health")
        except EntityMissingError:
            return

    async def _known(self, request: ActivityRequest, claim: Claim) -> Claim | Completed:
        partition, row = claim.key
        try:
            entity = await self._table.get(partition, row)
        except EntityMissingError:
            raise _in_progress(1.0) from None  # Released in this moment: the next attempt gets it.
        if entity["Owner"] == claim.owner:
            # The answer to this very claim was lost, and the library sent it again.
            claim.etag = entity.metadata["etag"] or ""
            return claim
        if entity["State"] == _COMPLETED:
            if entity["ContentHash"] != claim.content_hash:
                raise _exists(entity["GraphId"])
            return Completed(_answer(request, entity))
        remaining = (entity["LeaseUntil"] - self._now()).total_seconds()
        if remaining > 0:
            raise _in_progress(remaining)
        claim.etag = entity.metadata["etag"] or ""
        claim.left_behind = True
        try:
            await self._replace(claim, self._claimed(claim), strict=True)
        except (EntityChangedError, EntityMissingError):
            raise _in_progress(1.0) from None  # Somebody else was faster.
        return claim

    async def _settle(self, claim: Claim, end: StoredActivity | Released) -> None:
        if isinstance(end, Released):
            await self.release(claim, outcome_known=end.outcome_known)
        else:
            await self.complete(claim, end)

    def _settling(self, claim: Claim, end: StoredActivity | Released) -> Operation:
        if isinstance(end, StoredActivity):
            completed = _completed(claim, end, most_properties=_MOST_PROPERTIES_TOGETHER)
            return Operation(Verb.REPLACE, completed, claim.etag)
        if end.outcome_known:
            return Operation(Verb.DELETE, _entity(claim, _IN_PROGRESS), claim.etag)
        return Operation(Verb.REPLACE, self._left_behind(claim), claim.etag)

    def _left_behind(self, claim: Claim) -> Entity:
        return {**_entity(claim, _IN_PROGRESS), "LeaseUntil": self._now()}

    def _claimed(self, claim: Claim) -> Entity:
        return {**_entity(claim, _IN_PROGRESS), "LeaseUntil": self._now() + timedelta(seconds=self.lease_seconds)}

    async def _replace(self, claim: Claim, entity: Entity, *, strict: bool = False) -> None:
        try:
            claim.etag = await self._commits.do(Operation(Verb.REPLACE, entity, claim.etag))
        except (EntityChangedError, EntityMissingError):
            if strict:
                raise
            return  # Taken over after the lease had run out: the new holder has asked Graph, and writes what is true.


def _key(request: ActivityRequest) -> tuple[str, str]:
    """Return partition and row: an external id may have any length and characters, a row key may not."""
    external_id = request.activity.external_course_activity_id or ""
    return request.registration_id.casefold(), hashlib.sha256(external_id.encode()).hexdigest()


def _unclaimed(request: ActivityRequest, content_hash: str) -> Claim:
    return Claim(_key(request), str(uuid4()), content_hash, etag="")


def _by_provider(claims: Sequence[Claim]) -> list[list[int]]:
    """Return the positions of the claims that can share a transaction: those of one partition."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, claim in enumerate(claims):
        groups[claim.key[0]].append(position)
    return list(groups.values())


def _completed(claim: Claim, stored: StoredActivity, *, most_properties: int) -> Entity:
    answer = packed("Answer", stored.entity)
    # An activity that Table Storage cannot hold is told by its id alone.
    remembered = answer if len(answer) <= most_properties else {}
    return {**_entity(claim, _COMPLETED), "GraphId": stored.id, **remembered}


def _entity(claim: Claim, state: str) -> Entity:
    partition, row = claim.key
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "State": state,
        "Owner": claim.owner,
        "ContentHash": claim.content_hash,
    }


def _answer(request: ActivityRequest, entity: Entity) -> StoredActivity:
    remembered = unpacked("Answer", entity)
    return StoredActivity(remembered or {**request.activity.to_graph(), "id": entity["GraphId"]})


def _in_progress(seconds: float) -> TransientError:
    return TransientError(
        ErrorCode.CREATE_IN_PROGRESS,
        "The same activity is being created by another request at the moment. Send the request again in a while.",
        retry_after_seconds=min(seconds, 5.0),
    )


def _exists(graph_id: str) -> PermanentError:
    return PermanentError(
        ErrorCode.ACTIVITY_EXISTS,
        f"An activity with this externalCourseActivityId was created before (id {graph_id}), with other content. "
        "Use another externalCourseActivityId for a new activity.",
        target="externalCourseActivityId",
    )
