"""Warm throughput of the product beside the plain SDK function, in turns, through the same host and emulators."""

import argparse
import asyncio
import contextlib
import json
import statistics
from pathlib import Path

from bench.load import creates_per_second
from local.environment import app_environment
from local.processes import started

HERE = Path(__file__).parent
EXAMPLE = json.loads((HERE.parent / "tests" / "samples" / "assignment.request.json").read_text(encoding="utf-8"))
PRODUCT, PLAIN_SDK = "this app", "plain SDK function"
APPS = {PRODUCT: HERE.parent, PLAIN_SDK: HERE / "plain_sdk"}


async def measure(urls: dict[str, str], *, callers: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the creates per second of each app, round by round."""
    figures: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            figures[name].append(await creates_per_second(url, EXAMPLE, callers=callers, seconds=seconds))
    return figures


def report(callers: int, figures: dict[str, list[float]]) -> str:
    """Say the ratio first: figures drift from machine to machine, ratios of one run hardly."""
    ratios = [ours / plain for ours, plain in zip(figures[PRODUCT], figures[PLAIN_SDK], strict=True)]
    title = f"{callers} caller{'s' if callers > 1 else ''}"
    spread = f"round by round {min(ratios):.1f} to {max(ratios):.1f}"
    rows = [f"{title}: {PRODUCT} / {PLAIN_SDK} = {statistics.median(ratios):.1f} ({spread})"]
    rows += [
        f"  {name:20} {statistics.median(each):7.0f} creates/s (of {min(each):.0f} to {max(each):.0f})"
        for name, each in figures.items()
    ]
    return "\n".join(rows)


def main() -> None:
    """Start the emulators and both hosts, warm them up, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32], metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each app in each round")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        graph = stack.enter_context(started("graph", "--port", "0"))
        environment = app_environment(graph.url)
        urls = {}
        for name, directory in APPS.items():
            host = stack.enter_context(started("host", "--port", "0", "--app", str(directory), env=environment))
            urls[name] = f"{host.url}/api/assignments"
        asyncio.run(measure(urls, callers=1, rounds=1, seconds=1.0))
        for callers in options.callers:
            figures = asyncio.run(measure(urls, callers=callers, rounds=options.rounds, seconds=options.seconds))
            print(report(callers, figures), flush=True)


if __name__ == "__main__":
    main()
