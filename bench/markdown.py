"""Figures as tables in Markdown, which read well on a terminal, too. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from bench.figures import Figures, Spread
from bench.goals import GOALS

TITLES = {
    "app": "this app",
    "app_once": "this app, exactly once",
    "application": "this app, acting as an application",
    "package": "this app, packed",
    "batch": "this app, in batches",
    "plain": "plain SDK function",
    "plain_1": "plain SDK function, 1 caller",
    "plain_32": "plain SDK function, 32 callers",
    "floor": "floor",
}
_NONE = "-"
_COLD = {
    "ready_seconds": "start to ready, s",
    "first_create_seconds": "first create, s",
    "cold_seconds": "first 201 after, s",
    "cold_cpu_seconds": "CPU, s",
    "cold_megabytes": "resident, MB",
    "modules": "modules",
}
_WARM = {
    "creates_per_second": "creates per second",
    "p50_milliseconds": "p50, ms",
    "p99_milliseconds": "p99, ms",
    "host_cpu_milliseconds": "host's CPU per create, ms",
}
_CPU = {
    "host_cpu_milliseconds": "host",
    "graph_cpu_milliseconds": "Graph emulator",
    "storage_cpu_milliseconds": "Azurite",
    "callers_cpu_milliseconds": "callers",
    "host_busy": "host busy (1 is a core)",
}
_QUEUE = {"messages_per_second": "messages per second", "queue_cpu_milliseconds": "host's CPU per message, ms"}
_BATCH = {
    "batch_activities_per_second": "activities per second",
    "batch_cpu_milliseconds": "host's CPU per activity, ms",
}
_MEMORY = {"resident_megabytes": "resident, MB"}
_BODIES = {
    "pause_milliseconds": "longest pause, ms",
    "peak_megabytes": "peak of memory, MB",
    "body_seconds": "until its own answer, s",
    "body_status": "answer",
}
_GROWTH = {
    "growth_seconds": "seconds",
    "growth_cpu_milliseconds": "host's CPU per activity, ms",
    "growth_megabytes": "resident, MB",
}


def sections(figures: Figures) -> dict[str, str]:
    """Return a table for each part of the figures that was measured, by the part's name."""
    made = {
        "ratios": _ratios(figures),
        "cold": _measured(figures, _COLD, "Cold start"),
        "warm": _measured(figures, _WARM, "Warm creates"),
        "cpu": _measured(figures, _CPU, "CPU per create, ms, of"),
        "queue": _measured(figures, _QUEUE, "Queue"),
        "batch": _measured(figures, _BATCH, "Batch"),
        "memory": _measured(figures, _MEMORY, "Memory"),
        "bodies": _measured(figures, _BODIES, "Body"),
        "growth": _measured(figures, _GROWTH, "Activities"),
    }
    return {name: table for name, table in made.items() if table}


def _ratios(figures: Figures) -> str:
    rows = []
    for goal in GOALS:
        ratio = goal.reached(figures)
        if ratio:
            wanted = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}"
            rows.append([goal.title, cell(ratio), wanted, "yes" if goal.is_met_by(ratio) else "no"])
    return table(["Ratio", "median (lowest to highest)", "goal", "reached"], rows)


def _measured(figures: Figures, columns: Mapping[str, str], title: str) -> str:
    first = next(iter(columns))
    rows = [
        [case, TITLES[key], *(cell(figures.spread(measure, case, key)) for measure in columns)]
        for case in figures.cases(first)
        for key in sorted(figures.candidates(first, case), key=list(TITLES).index)
    ]
    return table([title, "", *columns.values()], rows)


def cell(spread: Spread | None) -> str:
    """Return a median with its spread, if it has one."""
    if spread is None:
        return _NONE
    median, low, high = number(spread.median), number(spread.low), number(spread.high)
    return median if low == high else f"{median} ({low} to {high})"


def number(value: float) -> str:
    """Return a number with three digits that count, or all before the point."""
    if value >= 100:  # noqa: PLR2004 (three digits)
        return f"{value:,.0f}"
    if value >= 10:  # noqa: PLR2004 (two digits)
        return f"{value:.1f}"
    return f"{value:.2g}" if 0 < value < 0.1 else f"{value:.2f}"  # noqa: PLR2004 (no digit that counts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown whose columns are as wide as what is in them; nothing without rows."""
    cells = [list(heads), *(list(row) for row in rows)]
    if len(cells) == 1:
        return ""
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, " | ".join("-" * max(width, 3) for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
