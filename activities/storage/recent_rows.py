"""The ledger's rows that this process read or wrote last: what they held, and in which version.

A row that is known is written without being read first, on the condition that nobody else has changed it since. So an
update of what was just created costs no more requests than its creation, and twenty of them no more than one.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.storage.ledger_rows import COMPLETED, KNOWN
from activities.storage.table_bytes import Entity

# A batch of ten thousand that is sent a second time is known; about 1 KiB each.
MOST_ROWS = 10_240
_LARGEST_STATE_BYTES = 2_048
_ETAG = "etag"

type Key = tuple[str, str]


class RecentRows:
    """Rows of activities that nobody was at; the one that was not used for the longest time is forgotten first."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Key, Entity] = OrderedDict()

    def get(self, key: Key) -> tuple[Entity, str] | None:
        """Return a row and its version, or None if it is not known."""
        row = self._rows.get(key)
        if row is None:
            return None
        self._rows.move_to_end(key)
        return row, row[_ETAG]

    def keep(self, key: Key, row: Mapping[str, Any], etag: str) -> None:
        """Remember a row, if all that it remembers is small; forget what was known of it else."""
        self._rows.pop(key, None)
        names = {"State", "AsOf", "Deleted", f"{KNOWN}0"}
        if row["State"] != COMPLETED or not names <= row.keys() or f"{KNOWN}1" in row:
            return
        if len(row[f"{KNOWN}0"]) <= _LARGEST_STATE_BYTES:
            self._rows[key] = {**{name: row[name] for name in names}, _ETAG: etag}
            if len(self._rows) > MOST_ROWS:
                self._rows.popitem(last=False)

    def update(self, key: Key, as_of: datetime, etag: str) -> None:
        """Remember a row's newer time, and with it its newer version, unless it was forgotten in the meantime."""
        if key in self._rows:
            self._rows[key] |= {"AsOf": as_of, _ETAG: etag}

    def forget(self, key: Key) -> None:
        """Forget what is known of a row."""
        self._rows.pop(key, None)
