"""Runs of the retention: one with all the time, and one whose time is over after some pages."""

from itertools import count

from activities.storage.retention import Run


def run(name: str = "expire") -> Run:
    """Return a run that has all the time."""
    return Run(name, lambda: False)


def short_run(name: str = "expire", *, pages: int = 1) -> Run:
    """Return a run whose time is over after so many pages."""
    asked = count(1)
    return Run(name, lambda: next(asked) >= pages)
