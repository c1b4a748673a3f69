"""Warm throughput, single and in batches, beside the plain SDK function: in turns, on the same emulators."""

import argparse
import asyncio
import contextlib
import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.load import batch_activities_per_second, creates_per_second
from local.environment import app_environment, storage_options
from local.lifecycle import free_ports
from local.processes import started

HERE = Path(__file__).parent
EXAMPLE = json.loads((HERE.parent / "tests" / "samples" / "assignment.request.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function app under load, and whether its requests can be repeated (which costs the product storage calls)."""

    name: str
    directory: Path
    with_external_id: bool


KEYLESS = Candidate("this app", HERE.parent, with_external_id=False)
EXACTLY_ONCE = Candidate("this app, exactly once", HERE.parent, with_external_id=True)
PLAIN_SDK = Candidate("plain SDK function", HERE / "plain_sdk", with_external_id=True)
CANDIDATES = (KEYLESS, EXACTLY_ONCE, PLAIN_SDK)

type Figures = Mapping[Candidate, list[float]]

# What a call to Graph takes at least, in the comparison of batches: there, the network is what a loop waits for.
GRAPH_LATENCY_SECONDS = 0.05
BATCH_ACTIVITIES = 1000


async def measure(hosts: Mapping[Path, str], *, callers: int, rounds: int, seconds: float) -> Figures:
    """Return the creates per second of each candidate, round by round."""
    figures: dict[Candidate, list[float]] = {candidate: [] for candidate in CANDIDATES}
    for _ in range(rounds):
        for candidate in CANDIDATES:
            url = f"{hosts[candidate.directory]}/api/assignments"
            with_id = candidate.with_external_id
            figures[candidate].append(
                await creates_per_second(url, EXAMPLE, with_external_id=with_id, callers=callers, seconds=seconds)
            )
    return figures


async def measure_batches(hosts: Mapping[Path, str], *, rounds: int, seconds: float) -> str:
    """Compare the activities per second of a batch with those of the plain SDK function, one caller and 32."""
    batch: list[float] = []
    plain: dict[int, list[float]] = {1: [], 32: []}
    for _ in range(rounds):
        url = f"{hosts[EXACTLY_ONCE.directory]}/api/batches"
        batch.append(await batch_activities_per_second(url, EXAMPLE, activities=BATCH_ACTIVITIES))
        url = f"{hosts[PLAIN_SDK.directory]}/api/assignments"
        for callers, figures in plain.items():
            figures.append(
                await creates_per_second(url, EXAMPLE, with_external_id=True, callers=callers, seconds=seconds)
            )
    lines = [f"A batch of {BATCH_ACTIVITIES:,}, Graph answering after {GRAPH_LATENCY_SECONDS * 1000:.0f} ms"]
    for callers, figures in plain.items():
        ratios = [ours / theirs for ours, theirs in zip(batch, figures, strict=True)]
        spread = f"round by round {min(ratios):.1f} to {max(ratios):.1f}"
        lines.append(f"  batch / {PLAIN_SDK.name} with {callers} callers = {statistics.median(ratios):.1f} ({spread})")
    lines.append(
        f"  {'batch':24} {statistics.median(batch):7.0f} activities/s (of {min(batch):.0f} to {max(batch):.0f})"
    )
    lines += [
        f"  {f'{PLAIN_SDK.name}, {callers}':24} {statistics.median(each):7.0f} creates/s"
        for callers, each in plain.items()
    ]
    return "\n".join(lines)


def report(callers: int, figures: Figures) -> str:
    """Say the ratio first: figures drift from machine to machine, ratios of one run hardly."""
    lines = [f"{callers} caller{'s' if callers > 1 else ''}"]
    for ours in (KEYLESS, EXACTLY_ONCE):
        ratios = [mine / plain for mine, plain in zip(figures[ours], figures[PLAIN_SDK], strict=True)]
        spread = f"round by round {min(ratios):.1f} to {max(ratios):.1f}"
        lines.append(f"  {ours.name} / {PLAIN_SDK.name} = {statistics.median(ratios):.1f} ({spread})")
    lines += [
        f"  {candidate.name:24} {statistics.median(each):7.0f} creates/s (of {min(each):.0f} to {max(each):.0f})"
        for candidate, each in figures.items()
    ]
    return "\n".join(lines)


@contextlib.contextmanager
def running(*, latency_seconds: float) -> Iterator[Mapping[Path, str]]:
    """Run the emulators and a host for each candidate; yield the hosts' addresses."""
    with contextlib.ExitStack() as stack:
        blob, queue, table = free_ports([0, 0, 0])
        ports = (blob, queue, table)
        stack.enter_context(started("storage", *storage_options(ports)))
        graph = stack.enter_context(started("graph", "--port", "0", "--latency-seconds", str(latency_seconds)))
        environment = app_environment(graph.url, storage_ports=ports)
        yield {
            directory: stack.enter_context(started("host", "--port", "0", "--app", str(directory), env=environment)).url
            for directory in {candidate.directory for candidate in CANDIDATES}
        }


def main() -> None:
    """Start the emulators and both hosts, warm them up, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32], metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each candidate in each round")
    parser.add_argument("--only", choices=("single", "batch"), help="one of the two comparisons")
    options = parser.parse_args()
    if options.only != "batch":
        with running(latency_seconds=0) as hosts:
            asyncio.run(measure(hosts, callers=1, rounds=1, seconds=1.0))
            for callers in options.callers:
                figures = asyncio.run(measure(hosts, callers=callers, rounds=options.rounds, seconds=options.seconds))
                print(report(callers, figures), flush=True)
    if options.only != "single":
        with running(latency_seconds=GRAPH_LATENCY_SECONDS) as hosts:
            asyncio.run(measure_batches(hosts, rounds=1, seconds=1.0))
            print(asyncio.run(measure_batches(hosts, rounds=options.rounds, seconds=options.seconds)), flush=True)


if __name__ == "__main__":
    main()
