"""What this app is to reach beside the plain SDK function and the floor: ratios, with their limits. Pure."""

from dataclasses import dataclass

from bench import cases
from bench.figures import Figures, Spread


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of two candidates' figures and what it has to be, at least or at most."""

    title: str
    measure: str
    case: str
    one: str
    other: str
    limit: float
    at_least: bool = False
    other_case: str | None = None

    def reached(self, figures: Figures) -> Spread | None:
        """Return the ratio, None where it was not measured."""
        return figures.ratio(self.measure, self.case, self.one, self.other, other_case=self.other_case)

    def is_met_by(self, ratio: Spread) -> bool:
        """Say whether the median is within the limit."""
        return ratio.median >= self.limit if self.at_least else ratio.median <= self.limit


def _cold(case: str, one: str, *, other_case: str | None = None) -> list[Goal]:
    return [
        Goal(f"Cold start, {case} ÷ plain SDK", "cold_seconds", case, one, "plain", 0.45, other_case=other_case),
        Goal(f"Cold start, {case} ÷ floor", "cold_seconds", case, one, "floor", 1.5, other_case=other_case),
    ]


def _warm(title: str, one: str, limit: float) -> list[Goal]:
    at = [(callers, cases.warm(callers, 0)) for callers in (1, 32)]
    return [
        Goal(
            f"{title}, {callers} caller{'s' if callers > 1 else ''} ÷ plain SDK",
            "creates_per_second",
            case,
            one,
            "plain",
            limit,
            at_least=True,
        )
        for callers, case in at
    ]


def _throughput(title: str, measure: str, other: str, limit: float) -> list[Goal]:
    return [
        Goal(f"{title}, {case}", measure, case, "app", other, limit, at_least=True)
        for case in (cases.latency(0), cases.latency(0.05))
    ]


GOALS = [
    *_cold(cases.VALID, "app"),
    *_cold(cases.WITHOUT, "app"),
    # The others' best case: what packing them with bytecode could make of them.
    *_cold(cases.PACKAGED, "package", other_case=cases.VALID),
    *_warm("Creates per second without a key", "app", 5),
    Goal("p50 without a key, 1 caller ÷ floor", "p50_milliseconds", cases.warm(1, 0), "app", "floor", 2.5),
    *_warm("Creates per second, exactly once", "app_once", 2),
    *_throughput("Batch, activities per second ÷ plain SDK one by one", "batch_activities_per_second", "plain_1", 15),
    *_throughput("Batch ÷ plain SDK with 32 callers", "batch_activities_per_second", "plain_32", 15),
    *_throughput("Queue, messages per second ÷ plain SDK", "messages_per_second", "plain", 3),
    Goal("Memory after 10,000 creates ÷ plain SDK", "resident_megabytes", cases.after(10_000), "app", "plain", 0.75),
    Goal(
        "Memory after 100,000 creates ÷ after 1,000",
        "growth_megabytes",
        cases.activities(100_000),
        "app",
        "app",
        1.1,
        other_case=cases.activities(1000),
    ),
    Goal(
        "Memory after a batch of 100,000 ÷ of 1,000",
        "growth_megabytes",
        cases.activities(100_000),
        "batch",
        "batch",
        1.1,
        other_case=cases.activities(1000),
    ),
]
