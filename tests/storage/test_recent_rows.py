"""The ledger's rows that a process knows: what is said of one that another request has forgotten meanwhile."""

from datetime import UTC, datetime, timedelta

from activities.storage.recent_rows import RecentRows

KEY = ("provider", "activity")
NOW = datetime(2026, 11, 29, tzinfo=UTC)
ROW = {"State": "completed", "AsOf": NOW, "Deleted": False, "Known0": "{}"}


def test_a_rows_newer_time_comes_with_its_version() -> None:
    rows = RecentRows()
    rows.keep(KEY, ROW, "1")
    rows.update(KEY, NOW + timedelta(hours=1), "2")
    row, etag = rows.get(KEY) or ({}, "")
    assert (row["AsOf"], etag) == (NOW + timedelta(hours=1), "2")


def test_what_was_forgotten_while_storage_was_asked_stays_forgotten() -> None:
    """Two requests about one activity: the one whose change came second forgets the row, and the first goes on."""
    rows = RecentRows()
    rows.keep(KEY, ROW, "1")
    rows.forget(KEY)
    rows.update(KEY, NOW, "2")
    assert rows.get(KEY) is None
