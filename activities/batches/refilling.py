"""Fills in again what the download of failed rows had withheld, in those that come back corrected. Changes nothing."""

from collections import defaultdict
from collections.abc import Sequence

from activities.batches import failed_rows
from activities.batches.failed_rows import Earlier
from activities.batches.records import Resent, SentRecord
from activities.batches.store import BatchStore
from activities.contract.models import Defaults


async def refill(records: Sequence[SentRecord], store: BatchStore, *, defaults: Defaults) -> list[SentRecord]:
    """Return the records, corrected rows with their withheld cells, or with the reason why they do not get them.

    Args:
        records: What came in.
        store: Where the batches are that rows come from.
        defaults: What the settings say about requests, and who sends the records.

    Raises:
        TransientError: ``storageUnavailable``.
    """
    asked: defaultdict[str, list[Resent]] = defaultdict(list)
    for record in records:
        if resent := failed_rows.asks_for(record):
            asked[resent.batch_id].append(resent)
    earlier = {batch_id: await _earlier(store, batch_id, rows) for batch_id, rows in asked.items()}
    return [
        failed_rows.completed(record, resent, earlier[resent.batch_id], defaults=defaults)
        if (resent := failed_rows.asks_for(record))
        else record
        for record in records
    ]


async def _earlier(store: BatchStore, batch_id: str, rows: Sequence[Resent]) -> Earlier | None:
    found = await store.get(batch_id)
    if found is None:
        return None
    batch, _ = found
    # Only for them is a batch read.
    proven = {row.index for row in rows if failed_rows.proves(row, batch)}
    if not proven:
        return Earlier(batch, {})
    failed = {one.index async for one in store.results_after(batch_id, -1, failed_only=True)} & proven
    return Earlier(batch, {one.index: one.content async for one in store.all_records(batch_id) if one.index in failed})
