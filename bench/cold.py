"""Cold start: from the start of the process to the first 201, in its parts, with what was imported on the way.

Three ways: with valid bytecode; without bytecode of whatever the app brings along (the platform's own worker has its
own always, so here the host has, too); and from the package that ``make package`` writes.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import load
from bench.candidates import APP, APPLICATION, EXAMPLE, FLOOR, PLAIN, Candidate, Stage, stage, unpacked
from bench.cases import PACKAGED, VALID, WITHOUT
from bench.figures import Figures, Row, in_turn
from bench.usage import cpu_seconds, resident_megabytes

# What the host imports by itself, and nothing else.
_EMPTY_APP = """
import azure.functions as func

app = func.FunctionApp()


@app.route("nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()
"""


def measure(figures: Figures, *, rounds: int) -> None:
    """Add the figures of so many rounds, after one that is not counted: it fills the caches of the disk."""
    with unpacked() as package, stage(latency_seconds=0) as scene, _bytecode_of_the_host(scene) as bytecode:
        without = {"PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": "1"}
        starts: list[tuple[str, Candidate, Mapping[str, str]]] = [
            (case, candidate, environment)
            for case, environment in ((VALID, {}), (WITHOUT, without))
            for candidate in (APP, PLAIN, FLOOR)
        ]
        starts.append((VALID, APPLICATION, scene.as_application))
        if package:
            # Only what it brings along counts: on the platform it is mounted for reading.
            starts.append((PACKAGED, package, {"PYTHONDONTWRITEBYTECODE": "1"}))
        for case, candidate, environment in starts:
            _start(Figures().row(case, candidate.key), scene, candidate, environment)
        for number in range(rounds):
            for case, candidate, environment in in_turn(starts, number):
                _start(figures.row(case, candidate.key), scene, candidate, environment)


def _start(row: Row, scene: Stage, candidate: Candidate, environment: Mapping[str, str]) -> None:
    modules = scene.logs / "modules.json"
    begun = time.perf_counter()
    with scene.host(candidate, "--loaded-modules", str(modules), env=environment) as host:
        ready = time.perf_counter()
        url = f"{host.url}/api/assignments"
        asyncio.run(load.create(url, EXAMPLE, with_external_id=candidate.with_external_id, callers=1, requests=1))
        created = time.perf_counter()
        spent, resident = cpu_seconds([host.pid]), resident_megabytes(host.pid)
    row.add("ready_seconds", ready - begun)
    row.add("first_create_seconds", created - ready)
    row.add("cold_seconds", created - begun)
    row.add("cold_cpu_seconds", spent)
    row.add("cold_megabytes", resident)
    row.add("modules", len(json.loads(modules.read_text(encoding="utf-8"))))
    modules.unlink()


@contextmanager
def _bytecode_of_the_host(scene: Stage) -> Iterator[Path]:
    """Yield a folder with the bytecode of the host and the standard library, but none of an app's own."""
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder, tempfile.TemporaryDirectory(prefix="empty-") as app:
        Path(app, "function_app.py").write_text(_EMPTY_APP, encoding="utf-8")
        shutil.copy(FLOOR.directory / "host.json", app)
        empty = Candidate("empty", "nothing", Path(app), with_external_id=False)
        with scene.host(empty, env={"PYTHONPYCACHEPREFIX": folder}):
            pass
        yield Path(folder)
