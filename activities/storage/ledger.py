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

from activities.contract.models import ActivityRequest, StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.ledger import Claim, Completed, Released
from activities.storage.group_commit import GroupCommit
from activities.storage.table_bytes import MOST_PROPERTIES, Entity, Operation, Verb, packed, unpacked
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

    async def claim(self, wanted: Sequence[tuple[ActivityRequest, str]]) -> list[Claim | Completed | ActivityError]:
        """Claim activities. See ``Ledger``; costs one call for a provider if none is known, two if a single one is."""
        claims = [Claim(_key(request), str(uuid4()), content_hash, etag="") for request, content_hash in wanted]
        ends: dict[int, Claim | Completed | ActivityError] = {}
        for places in _by_provider(claims):
            if len(places) > 1:
                ends |= zip(places, await self._claim_together([claims[place] for place in places]), strict=False)
            left = [place for place in places if place not in ends]
            alone = await asyncio.gather(*(self._claim_alone(wanted[place][0], claims[place]) for place in left))
            ends |= zip(left, alone, strict=True)
        return [ends[place] for place in range(len(wanted))]

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        await self._end(claim, Operation(Verb.REPLACE, self._claimed(claim), claim.etag))

    async def settle(self, ends: Sequence[tuple[Claim, StoredActivity | Released]]) -> None:
        """Complete or release claims. See ``Ledger``; costs one call for a provider."""
        for places in _by_provider([claim for claim, _ in ends]):
            mine = [ends[place] for place in places]
            if len(mine) > 1:
                try:
                    await self._table.transact(
                        [self._settling(*one, most_properties=_MOST_PROPERTIES_TOGETHER) for one in mine]
                    )
                    continue
                except TransactionConflictError:
                    pass  # One of them was taken over after its lease had run out; the others are still ours.
            await asyncio.gather(
                *(self._end(one[0], self._settling(*one, most_properties=MOST_PROPERTIES)) for one in mine)
            )

    async def check(self) -> None:
        """Read one entity that need not be there. See ``Ledger``."""
        try:
            await self._table.get("health", "health")
        except EntityMissingError:
            return

    async def _claim_together(self, claims: Sequence[Claim]) -> Sequence[Claim | ActivityError]:
        """Claim activities that nobody knows yet; nothing, and none of them is claimed, if one is known."""
        try:
            etags = await self._table.transact([Operation(Verb.CREATE, self._claimed(claim)) for claim in claims])
        except TransactionConflictError:
            return ()
        except ActivityError as error:
            return [error] * len(claims)
        for claim, etag in zip(claims, etags, strict=True):
            claim.etag = etag
        return claims

    async def _claim_alone(self, request: ActivityRequest, claim: Claim) -> Claim | Completed | ActivityError:
        try:
            claim.etag = await self._commits.do(Operation(Verb.CREATE, self._claimed(claim)))
        except EntityExistsError:
            pass
        except ActivityError as error:
            return error
        else:
            return claim
        try:
            return await self._known(request, claim)
        except (EntityChangedError, EntityMissingError):
            return _in_progress(1.0)  # Released, or taken over by somebody faster, in this moment.
        except ActivityError as error:
            return error

    async def _known(self, request: ActivityRequest, claim: Claim) -> Claim | Completed | ActivityError:
        entity = await self._table.get(*claim.key)
        claim.etag = entity.metadata["etag"] or ""
        if entity["Owner"] == claim.owner:
            return claim  # The answer to this very claim was lost, and it was sent again.
        if entity["State"] == _COMPLETED:
            same = entity["ContentHash"] == claim.content_hash
            return Completed(_answer(request, entity)) if same else _exists(entity["GraphId"])
        remaining = (entity["LeaseUntil"] - self._now()).total_seconds()
        if remaining > 0:
            return _in_progress(remaining)
        claim.left_behind = True
        taking_over = Operation(Verb.REPLACE, self._claimed(claim), claim.etag)
        claim.etag = await self._commits.do_own(taking_over, owner=claim.owner)
        return claim

    async def _end(self, claim: Claim, operation: Operation) -> None:
        try:
            claim.etag = await self._commits.do_own(operation, owner=claim.owner)
        except (EntityChangedError, EntityMissingError):
            return  # Taken over after the lease had run out: the new holder has asked Graph, and writes what is true.

    def _settling(self, claim: Claim, end: StoredActivity | Released, *, most_properties: int) -> Operation:
        entity = _entity(claim, _IN_PROGRESS)
        match end:
            case StoredActivity():
                entity = _completed(claim, end, most_properties=most_properties)
            case Released(outcome_known=True):
                return Operation(Verb.DELETE, entity, claim.etag)
            case Released():
                entity["LeaseUntil"] = self._now()
        return Operation(Verb.REPLACE, entity, claim.etag)

    def _claimed(self, claim: Claim) -> Entity:
        return {**_entity(claim, _IN_PROGRESS), "LeaseUntil": self._now() + timedelta(seconds=self.lease_seconds)}


def _key(request: ActivityRequest) -> tuple[str, str]:
    """Return partition and row: an external id may have any length and characters, a row key may not."""
    external_id = request.activity.external_course_activity_id or ""
    return request.registration_id.casefold(), hashlib.sha256(external_id.encode()).hexdigest()


def _by_provider(claims: Sequence[Claim]) -> list[list[int]]:
    """Return the places of the claims that can share a transaction: those of one partition."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, claim in enumerate(claims):
        groups[claim.key[0]].append(place)
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
