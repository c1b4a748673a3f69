"""Figures as SVG pictures that read well on a light and on a dark page. Pure.

Bars and lines with labels are all that is needed: plotting libraries weigh more than the app.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bench.markdown import number

_WIDTH, _MARGIN, _LABELS, _VALUES = 760, 16, 190, 150
_BAR, _GAP, _HEAD = 18, 6, 30
_HEIGHT, _LEFT, _BOTTOM = 320, 70, 50
_HIGHEST_SHARE = 1.1

# Told apart by lightness as well as by hue; a bar's second part is the same colour, paler.
_STYLE = """<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 12px; fill: #59636e }
.axis { stroke: #d1d9e0; fill: none }
.app, .package { fill: #0969da; stroke: #0969da }
.app_once { fill: #1b7c83; stroke: #1b7c83 }
.batch { fill: #8250df; stroke: #8250df }
.plain { fill: #bc4c00; stroke: #bc4c00 }
.floor { fill: #818b98; stroke: #818b98 }
.second { fill-opacity: 0.35 }
.line { fill: none; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 } .axis { stroke: #3d444d }
  .app, .package { fill: #4493f8; stroke: #4493f8 } .app_once { fill: #39c5cf; stroke: #39c5cf }
  .batch { fill: #ab7df8; stroke: #ab7df8 }
  .plain { fill: #f0883e; stroke: #f0883e } .floor { fill: #9198a1; stroke: #9198a1 }
  .line { fill: none }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its colour (a candidate's key), the lengths of its parts, and what stands at its end."""

    label: str
    colour: str
    parts: Sequence[float]
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its label, its colour (a candidate's key), and its points."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]


def bars(title: str, groups: Mapping[str, Sequence[Bar]], *, note: str = "") -> str:
    """Return a picture of horizontal bars in groups; all have the same scale."""
    longest = max((sum(bar.parts) for group in groups.values() for bar in group), default=0) or 1
    scale = (_WIDTH - 2 * _MARGIN - _LABELS - _VALUES) / longest
    y = _HEAD + (18 if note else 0)
    drawn = [_text(_MARGIN, 20, title, "title")] + ([_text(_MARGIN, 40, note, "small")] if note else [])
    for name, group in groups.items():
        y += 22
        drawn.append(_text(_MARGIN, y - 6, name, "small"))
        for bar in group:
            drawn.append(_text(_MARGIN, y + 13, bar.label))
            x: float = _MARGIN + _LABELS
            for number_of_part, part in enumerate(bar.parts):
                second = " second" if number_of_part else ""
                drawn.append(
                    f'<rect class="{bar.colour}{second}" stroke-width="0" x="{x:.1f}" y="{y}"'
                    f' width="{max(part * scale, 1):.1f}" height="{_BAR}"/>'
                )
                x += part * scale
            drawn.append(_text(x + 6, y + 13, bar.text))
            y += _BAR + _GAP
    return _svg(title, y + _MARGIN, drawn)


def lines(title: str, series: Sequence[Line], *, across: str, up: str, log_up: bool = False) -> str:
    """Return a picture of lines over a logarithmic axis; ``across`` and ``up`` say what the axes are."""
    points = [point for line in series for point in line.points]
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    left, right = math.log10(xs[0]), math.log10(xs[-1])
    low, high = (min(ys), max(ys)) if log_up else (0.0, max(ys) * _HIGHEST_SHARE)
    if log_up:
        low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
    end = _WIDTH - _VALUES - _MARGIN
    floor, ceiling = _HEIGHT - _BOTTOM, _HEAD + 30

    def at(x: float, y: float) -> tuple[float, float]:
        share_x = (math.log10(x) - left) / ((right - left) or 1)
        share_y = ((math.log10(y) if log_up else y) - low) / ((high - low) or 1)
        return _LEFT + share_x * (end - _LEFT), floor - share_y * (floor - ceiling)

    drawn = [_text(_MARGIN, 20, title, "title"), _text(_MARGIN, 42, up, "small")]
    drawn.append(f'<path class="axis" d="M{_LEFT} {ceiling}V{floor}H{end}"/>')
    drawn += [_text(at(x, ys[0])[0], floor + 18, f"{x:,.0f}", "small", anchor="middle") for x in xs]
    drawn.append(_text((_LEFT + end) / 2, floor + 38, across, "small", anchor="middle"))
    ticks = (
        [10.0**power for power in range(int(low), int(high) + 1)] if log_up else [high * part / 4 for part in range(5)]
    )
    for tick in ticks:
        y = at(xs[0], tick)[1]
        drawn.append(f'<path class="axis" d="M{_LEFT} {y:.1f}H{end}"/>')
        drawn.append(_text(_LEFT - 8, y + 4, f"{tick:,g}" if log_up else number(tick), "small", anchor="end"))
    taken: list[float] = []
    # From the highest end down, so that a label that has to make way stays in its order.
    for line in sorted(series, key=lambda one: one.points[-1][1], reverse=True):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in line.points))
        drawn.append(f'<path class="{line.colour} line" d="M{path}"/>')
        drawn += [
            f'<circle class="{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
            for x, y in (at(*point) for point in line.points)
        ]
        y = at(*line.points[-1])[1] + 4
        while any(abs(y - other) < 15 for other in taken):  # noqa: PLR2004 (a line of text)
            y += 3
        taken.append(y)
        drawn.append(f'<circle class="{line.colour}" cx="{end + 13:.1f}" cy="{y - 4:.1f}" r="4"/>')
        drawn.append(_text(end + 22, y, line.label))
    return _svg(title, _HEIGHT, drawn)


def _text(x: float, y: float, said: str, kind: str = "", *, anchor: str = "start") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text{look} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _svg(title: str, height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img">\n'
        f"<title>{escape(title)}</title>\n{_STYLE}\n" + "\n".join(drawn) + "\n</svg>\n"
    )
