"""The ledger in Table Storage: which activities were asked for, who is at them, what came of them.

One entity for each activity; its partition is the learning provider, so that many of one provider fit into one
transaction. Source: https://learn.microsoft.com/rest/api/storageservices/designing-a-scalable-partitioning-strategy-for-azure-table-storage
"""

import hashlib
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode

from activities.errors import ErrorCode, PermanentError, TransientError
from activities.gateway import StoredActivity
from activities.idempotency import Claim, Completed
from activities.models import ActivityRequest
from activities.tables import PROPERTY_BYTES, Table

TABLE = "activityledger"
_IN_PROGRESS, _COMPLETED = "inProgress", "completed"
_MOST_PROPERTIES = 12  # In base64 just below 1 MiB, from which on aiohttp warns that sending holds up all others.
# The library repeats no POST whose answer was lost; this one is safe, because the owner tells whose entity is there.
_REPEATED = frozenset({"POST"})

type Entity = dict[str, Any]


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
        self._now = now

    async def claim(self, request: ActivityRequest, content_hash: str) -> Claim | Completed:
        """Claim an activity. See ``Ledger``; costs one call, two when the activity is known."""
        key = _key(request)
        owner = str(uuid4())
        claim = Claim(key, owner, content_hash, etag="")
        try:
            answer = await self._table.call(
                lambda: self._table.client.create_entity(self._claimed(claim), retry_on_methods=_REPEATED)
            )
        except ResourceExistsError:
            return await self._known(request, claim)
        claim.etag = answer["etag"]
        return claim

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        await self._replace(claim, self._claimed(claim))

    async def complete(self, claim: Claim, stored: StoredActivity) -> None:
        """Remember an answer. See ``Ledger``."""
        answer = zlib.compress(json.dumps(stored.entity).encode())
        parts = [answer[begin : begin + PROPERTY_BYTES] for begin in range(0, len(answer), PROPERTY_BYTES)]
        entity = {
            **_entity(claim, _COMPLETED),
            "GraphId": stored.id,
            # An activity that even Table Storage cannot hold is told by its id alone.
            **(
                {f"Answer{number}": part for number, part in enumerate(parts)} if len(parts) <= _MOST_PROPERTIES else {}
            ),
        }
        await self._replace(claim, entity)

    async def release(self, claim: Claim, *, outcome_known: bool) -> None:
        """Give a claim up. See ``Ledger``."""
        if not outcome_known:
            await self._replace(claim, {**_entity(claim, _IN_PROGRESS), "LeaseUntil": self._now()})
            return
        partition, row = claim.key
        try:
            await self._table.call(
                lambda: self._table.client.delete_entity(
                    partition, row, etag=claim.etag, match_condition=MatchConditions.IfNotModified
                )
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            return  # Somebody took it over after the lease had run out.

    async def check(self) -> None:
        """Read one entity that need not be there. See ``Ledger``."""
        try:
            await self._table.call(lambda: self._table.client.get_entity("health", "health"))
        except ResourceNotFoundError:
            return

    async def _known(self, request: ActivityRequest, claim: Claim) -> Claim | Completed:
        partition, row = claim.key
        try:
            entity = await self._table.call(lambda: self._table.client.get_entity(partition, row))
        except ResourceNotFoundError:
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
        except (ResourceModifiedError, ResourceNotFoundError):
            raise _in_progress(1.0) from None  # Somebody else was faster.
        return claim

    def _claimed(self, claim: Claim) -> Entity:
        return {**_entity(claim, _IN_PROGRESS), "LeaseUntil": self._now() + timedelta(seconds=self.lease_seconds)}

    async def _replace(self, claim: Claim, entity: Entity, *, strict: bool = False) -> None:
        try:
            answer = await self._table.call(
                lambda: self._table.client.update_entity(
                    entity, UpdateMode.REPLACE, etag=claim.etag, match_condition=MatchConditions.IfNotModified
                )
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            if strict:
                raise
            return  # Taken over after the lease had run out: the new holder has asked Graph, and writes what is true.
        claim.etag = answer["etag"]


def _key(request: ActivityRequest) -> tuple[str, str]:
    """Return partition and row: an external id may have any length and characters, a row key may not."""
    external_id = request.activity.external_course_activity_id or ""
    return request.registration_id.casefold(), hashlib.sha256(external_id.encode()).hexdigest()


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
    parts = [entity[name] for number in range(_MOST_PROPERTIES) if (name := f"Answer{number}") in entity]
    if not parts:
        return StoredActivity({**request.activity.to_graph(), "id": entity["GraphId"]})
    return StoredActivity(json.loads(zlib.decompress(b"".join(parts))))


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
