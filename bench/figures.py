"""Figures and what they come to: medians, spreads, and ratios of what was measured in the same round. Pure.

A ratio is taken round by round and its median shown: what slows the machine down for a while slows both sides down.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

type Key = tuple[str, str, str]
"""What was measured, under which circumstances, of which candidate: ``("creates_per_second", "32 callers", "app")``."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values and where they lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(slots=True)
class Figures:
    """The values of every round, by what they are; the n-th value of every key is of the same round."""

    values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, measure: str, case: str, candidate: str, value: float) -> None:
        """Add the value of one more round."""
        self.values[measure, case, candidate].append(value)

    def row(self, case: str, candidate: str) -> "Row":
        """Return where to add what is measured of a candidate under some circumstances."""
        return Row(self, case, candidate)

    def spread(self, measure: str, case: str, candidate: str) -> Spread | None:
        """Return the spread of a figure, None if it was not measured."""
        values = self.values.get((measure, case, candidate))
        return Spread.of(values) if values else None

    def ratio(self, measure: str, case: str, one: str, other: str, *, other_case: str | None = None) -> Spread | None:
        """Return the spread of one candidate's figure as a multiple of another's, None if either was not measured.

        Raises:
            ValueError: they were not measured in the same rounds.
        """
        ours, theirs = self.values.get((measure, case, one)), self.values.get((measure, other_case or case, other))
        if not ours or not theirs:
            return None
        return Spread.of([mine / yours for mine, yours in zip(ours, theirs, strict=True)])

    def cases(self, measure: str) -> list[str]:
        """Return the circumstances under which something was measured, in the order in which they came up."""
        return list(dict.fromkeys(case for name, case, _ in self.values if name == measure))

    def candidates(self, measure: str, case: str) -> list[str]:
        """Return of whom it was measured, in the order in which they came up."""
        return [key for name, circumstances, key in self.values if (name, circumstances) == (measure, case)]

    def to_json(self) -> list[dict[str, Any]]:
        """Return every value as plain data."""
        return [
            {"measure": measure, "case": case, "candidate": candidate, "values": [round(one, 6) for one in values]}
            for (measure, case, candidate), values in self.values.items()
        ]

    @classmethod
    def from_json(cls, said: Iterable[Mapping[str, Any]]) -> "Figures":
        """Return what ``to_json`` returned as figures again."""
        figures = cls()
        for one in said:
            figures.values[one["measure"], one["case"], one["candidate"]] = list(one["values"])
        return figures


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one candidate under some circumstances."""

    figures: Figures
    case: str
    candidate: str

    def add(self, measure: str, value: float) -> None:
        """Add the value of one more round."""
        self.figures.add(measure, self.case, self.candidate, value)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share (0.5, 0.99) of at least one value does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def in_turn[Item](items: Sequence[Item], number: int) -> list[Item]:
    """Return the items in another order every round, so that none is always measured first."""
    start = number % len(items)
    return [*items[start:], *items[:start]]
