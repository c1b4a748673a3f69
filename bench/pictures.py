"""Which pictures the document shows. Pure."""

from bench import cases
from bench.figures import Figures
from bench.markdown import TITLES, cell, number
from bench.plots import Bar, Line, bars, lines

_COLD = (
    (cases.VALID, ("app", "plain", "floor")),
    (cases.WITHOUT, ("app", "plain", "floor")),
    (cases.PACKAGED, ("package",)),
)
_GROWTH = {"app": "without a key", "app_once": "exactly once", "batch": "in batches"}


def pictures(figures: Figures) -> dict[str, str]:
    """Return the SVG of each picture for which there are figures, by its file's name."""
    made = {
        "cold-start.svg": _cold(figures),
        "creates.svg": _per_second(figures, "creates_per_second", "Creates per second over HTTP", zero_latency=True),
        "queue.svg": _per_second(figures, "messages_per_second", "Queue messages per second"),
        "batch.svg": _per_second(figures, "batch_activities_per_second", "Activities per second in a batch"),
        "memory.svg": _memory(figures),
        "growth.svg": _growth(figures),
    }
    return {name: picture for name, picture in made.items() if picture}


def _cold(figures: Figures) -> str:
    groups: dict[str, list[Bar]] = {}
    for case, keys in _COLD:
        for key in keys:
            parts = [figures.spread(measure, case, key) for measure in ("ready_seconds", "first_create_seconds")]
            total = figures.spread("cold_seconds", case, key)
            if total:
                text = f"{number(total.median)} s{_times(figures, 'cold_seconds', case, key)}"
                bar = Bar(TITLES[key], key, [part.median for part in parts if part], text)
                groups.setdefault(case, []).append(bar)
    note = "From the start of the process: until it is ready, then its first create (pale). Shorter is better."
    return bars("Cold start to the first 201, seconds", groups, note=note) if groups else ""


def _per_second(figures: Figures, measure: str, title: str, *, zero_latency: bool = False) -> str:
    groups = {}
    for case in figures.cases(measure):
        if zero_latency and not case.endswith(cases.latency(0)):
            continue
        groups[case] = [
            Bar(
                TITLES[key],
                key.partition("_")[0] if key.startswith("plain") else key,
                [spread.median],
                f"{number(spread.median)}{_times(figures, measure, case, key)}",
            )
            for key in sorted(figures.candidates(measure, case), key=list(TITLES).index)
            if (spread := figures.spread(measure, case, key))
        ]
    return (
        bars(title, groups, note="In brackets: as a multiple of the plain SDK function's. Longer is better.")
        if groups
        else ""
    )


def _times(figures: Figures, measure: str, case: str, key: str) -> str:
    other = next((one for one in ("plain", "plain_32") if figures.spread(measure, case, one)), None)
    ratio = figures.ratio(measure, case, key, other) if other and other != key else None
    return f" ({number(ratio.median)} times)" if ratio else ""


def _memory(figures: Figures) -> str:
    groups = {
        case: [
            Bar(TITLES[key], key, [spread.median], cell(spread))
            for key in figures.candidates("resident_megabytes", case)
            if (spread := figures.spread("resident_megabytes", case, key))
        ]
        for case in figures.cases("resident_megabytes")
    }
    return (
        bars("Resident memory, MB", groups, note="Of the process that hosts the app. Shorter is better.")
        if groups
        else ""
    )


def _growth(figures: Figures) -> str:
    counts = [int(case.replace(",", "")) for case in figures.cases("growth_seconds")]
    series = []
    for key, label in _GROWTH.items():
        found = [(count, figures.spread("growth_seconds", cases.activities(count), key)) for count in counts]
        points = [(float(count), spread.median) for count, spread in found if spread]
        if len(points) > 1:
            series.append(Line(label, key, points))
    return (
        lines("Time for so many activities", series, across="activities", up="seconds", log_up=True) if series else ""
    )
