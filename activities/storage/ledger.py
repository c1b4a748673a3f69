"""The ledger in Table Storage: one row for each external id of a provider; see ``ledger_rows`` for what it holds.

A claim changes a row on the condition that it is as it was read, so that one holder at a time is at an activity.
Source: https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from activities.contract.activity import ActivityRequest
from activities.errors import ActivityError
from activities.execution.decisions import Known
from activities.execution.ledger import Claim, Released
from activities.storage.claiming import Claiming, RowClaim, by_provider, change_of
from activities.storage.group_commit import GroupCommit
from activities.storage.ledger_rows import COMPLETED, completed
from activities.storage.recent_rows import RecentRows
from activities.storage.table_bytes import MOST_PROPERTIES, Entity, Verb
from activities.storage.table_bytes import Operation as Change
from activities.storage.tables import EntityChangedError, EntityMissingError, Table, TransactionConflictError

TABLE = "activityledger"
_MOST_PROPERTIES_TOGETHER = 2  # Of each of twenty entities, because a transaction may have 4 MiB in all.


class TableLedger:
    """The ledger in Table Storage.

    Args:
        table: The table ``activityledger``.
        key: The app's own, for what is kept as a hash; the same for ever.
        lease_seconds: How long a claim lasts that is not renewed: after a crash, the activity waits so long.
        now: The clock.
    """

    def __init__(
        self,
        table: Table,
        *,
        key: Callable[[], Awaitable[bytes]],
        lease_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.lease_seconds = lease_seconds
        self._table = table
        self._key = key
        self._commits = GroupCommit(table)
        self._recent = RecentRows()
        self._claiming = Claiming(
            table=table, commits=self._commits, recent=self._recent, key=key, lease_seconds=lease_seconds, now=now
        )
        self._now = now

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
        """Claim activities. See ``Ledger`` and ``Claiming``."""
        return await self._claiming.claim(requests)

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        await self._end(claim, Verb.MERGE, {"LeaseUntil": self._claiming.lease_end()})

    async def settle(self, ends: Sequence[tuple[Claim, Known | Released]]) -> None:
        """Complete or release claims. See ``Ledger``; costs one call for a provider."""
        key = await self._key()
        for places in by_provider([claim for claim, _ in ends]):
            mine = [ends[place] for place in places]
            if len(mine) > 1 and await self._settle_together(mine, key):
                continue
            await asyncio.gather(
                *(self._end(claim, *self._settling(claim, end, key, MOST_PROPERTIES)) for claim, end in mine)
            )

    async def check(self) -> None:
        """Read one entity that need not be there. See ``Ledger``."""
        try:
            await self._table.get("health", "health")
        except EntityMissingError:
            return

    async def _settle_together(self, ends: Sequence[tuple[Claim, Known | Released]], key: bytes) -> bool:
        """Settle claims of one provider; False, and none of them is settled, if one of them was taken over."""
        changes = [
            change_of(claim, *self._settling(claim, end, key, most_properties=_MOST_PROPERTIES_TOGETHER))
            for claim, end in ends
        ]
        try:
            etags = await self._table.transact(changes)
        except TransactionConflictError:
            return False  # Its lease had run out; the others are still ours.
        for change, etag in zip(changes, etags, strict=True):
            self._keep(change, etag)
        return True

    async def _end(self, claim: Claim, verb: Verb, properties: Entity) -> None:
        """Change the row of a claim that is still held."""
        change = change_of(claim, verb, properties)
        try:
            claim.etag = await self._commits.do_own(change, owner=claim.owner)
        except (EntityChangedError, EntityMissingError):
            return  # Taken over after the lease had run out: the new holder has asked Graph, and writes what is true.
        self._keep(change, claim.etag)

    def _keep(self, change: Change, etag: str) -> None:
        if change.verb is Verb.REPLACE:
            self._recent.keep((change.entity["PartitionKey"], change.entity["RowKey"]), change.entity, etag)

    def _settling(self, claim: Claim, end: Known | Released, key: bytes, most_properties: int) -> tuple[Verb, Entity]:
        kept = claim.kept if isinstance(claim, RowClaim) else {}
        match end:
            case Known():
                now = self._now()
                row = completed(end, key, before=kept, now=now, most_properties=most_properties)
                return Verb.REPLACE, {**row, "Owner": claim.owner}
            case Released(outcome_known=True) if claim.known is not None:
                return Verb.MERGE, {"State": COMPLETED}
            case Released(outcome_known=True):
                return Verb.DELETE, {}
        return Verb.MERGE, {"LeaseUntil": self._now()}
