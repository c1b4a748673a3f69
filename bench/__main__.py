"""Measure this app beside the plain SDK function and the floor, in turns, in one run on the same emulators."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench import batch_rate, bodies, cold, growth, memory, queueing, report, warm
from bench.figures import Figures

LATENCY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly to measure."""

    rounds: int
    cold_rounds: int
    memory_rounds: int
    seconds: float
    messages: int
    batch: int
    callers: Sequence[int]
    latencies: Sequence[float]
    creates: Sequence[int]


FULL = Plan(5, 9, 2, 2.0, 400, 2000, (1, 8, 32), (0.0, LATENCY_SECONDS), (1, 1000, 10_000))
QUICK = Plan(1, 1, 1, 0.5, 100, 400, (1, 32), (0.0,), (1, 200))
"""For a first look, in less than two minutes."""


def measurements(plan: Plan, rounds: int | None) -> Mapping[str, Callable[[Figures], None]]:
    """Return what can be measured, by name."""
    usual = rounds or plan.rounds
    return {
        "cold": lambda figures: cold.measure(figures, rounds=rounds or plan.cold_rounds),
        "warm": lambda figures: warm.measure(
            figures, callers=plan.callers, latencies=plan.latencies, rounds=usual, seconds=plan.seconds
        ),
        "queue": lambda figures: queueing.measure(
            figures, latencies=plan.latencies, rounds=usual, messages=plan.messages
        ),
        "batch": lambda figures: batch_rate.measure(
            figures, latencies=plan.latencies, rounds=usual, activities=plan.batch, seconds=plan.seconds
        ),
        "bodies": lambda figures: bodies.measure(figures, rounds=rounds or plan.memory_rounds),
        "memory": lambda figures: memory.measure(figures, rounds=rounds or plan.memory_rounds, creates=plan.creates),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the document if asked to."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("a first look is not worth writing down: leave out --quick or --write")
    figures = Figures()
    if options.growth:
        growth.measure(figures, largest=options.growth)
    else:
        chosen = measurements(QUICK if options.quick else FULL, options.rounds)
        for name, measure in chosen.items():
            if options.only and name not in options.only:
                continue
            begun = time.monotonic()
            measure(figures)
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(report.text(figures))
    if options.write:
        report.write(figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look, in less than two minutes")
    parser.add_argument(
        "--only",
        type=_names,
        metavar="NAMES",
        help=f"some of these, with commas: {', '.join(measurements(FULL, None))}",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="of each measurement")
    parser.add_argument(
        "--growth", type=int, nargs="?", const=100_000, metavar="N", help="instead: 1, 100, … N activities (100000)"
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and docs/performance/")
    return parser


def _names(text: str) -> set[str]:
    names = set(text.split(","))
    if unknown := names - set(measurements(FULL, None)):
        raise argparse.ArgumentTypeError(f"nothing is called {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
