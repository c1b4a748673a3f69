"""What the ledger forgets: the state of an activity after its time, and whose it was when the learner is erased.

The row stays, so that nothing is made twice: whoever asks for the activity again looks it up in Graph first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import batched, groupby
from typing import Any

from activities.contract.learner import Learner
from activities.storage.keys import LearnerKey
from activities.storage.ledger_rows import IN_PROGRESS, forgotten
from activities.storage.retention import Ended, Run
from activities.storage.table_bytes import LARGEST_TRANSACTION, Entity, Operation, Verb
from activities.storage.tables import EntityChangedError, EntityMissingError, Table, TransactionConflictError
from activities.storage.walking import Walk

# An earlier version kept the answer as it was, with Graph's id, which begins with the learner's.
_EXPIRED = "ChangedAt lt @before and Forgotten eq false or GraphId ge '' and Timestamp lt @before"
_OF_LEARNER = "LearnerHash eq @hash or GraphId ge @id and GraphId lt @after"


class LedgerRetention:
    """Ends what the ledger's rows say of people. See ``Keeper``.

    Args:
        table: The table ``activityledger``.
        learner_key: What made the hashes of the learners in its rows.
        now: The clock.
    """

    def __init__(
        self, table: Table, learner_key: LearnerKey, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._table = table
        self._learner_key = learner_key
        self._now = now

    async def expire(self, before: datetime, run: Run) -> Ended:
        """Forget the state of every activity that has not changed since. See ``Keeper``."""
        walk = Walk(self._table, "ledger", _EXPIRED, {"before": before})
        return await walk.go(run, self._forget)

    async def erase(self, learner: Learner, run: Run) -> Ended:
        """Forget the state of a learner's activities, and whose they are. See ``Keeper``."""
        count, more = 0, False
        for number, learner_id in enumerate(learner.ids):
            hash_ = await self._learner_key.learner_hash(learner_id)
            parameters = {"hash": hash_, "id": learner_id, "after": f"{learner_id}~"}
            walk = Walk(self._table, f"ledger-{number}", _OF_LEARNER, parameters)
            ended = await walk.go(run, partial(self._forget, changed={"LearnerHash": ""}))
            count, more = count + ended.count, more or ended.more
        return Ended(count, more)

    async def _forget(self, rows: Sequence[Entity], changed: Mapping[str, Any] | None = None) -> Ended:
        """Forget rows that nobody works on; if one is changed meanwhile, that change stands."""
        free = [row for row in rows if row.get("State") != IN_PROGRESS or row["LeaseUntil"] <= self._now()]
        count = 0
        for _, of_provider in groupby(free, key=lambda row: row["PartitionKey"]):
            for some in batched(of_provider, LARGEST_TRANSACTION, strict=False):
                count += await self._replace([self._forgetting(row, changed or {}) for row in some])
        return Ended(count, more=count < len(rows))

    def _forgetting(self, row: Any, changed: Mapping[str, Any]) -> Operation:
        return Operation(Verb.REPLACE, {**forgotten(row, now=self._now()), **changed}, row.metadata["etag"])

    async def _replace(self, operations: Sequence[Operation]) -> int:
        try:
            return len(await self._table.transact(operations))
        except TransactionConflictError:
            return sum([await self._replace_alone(operation) for operation in operations])

    async def _replace_alone(self, operation: Operation) -> bool:
        try:
            await self._table.do(operation)
        except (EntityChangedError, EntityMissingError):
            return False
        return True
