"""What is measured: function apps, each a folder of its own, and what one run of them shares.

All run in the same local host, against the same emulators; each has a queue of its own.
"""

import json
import os
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.environment import app_environment, as_application, storage_connection_string, storage_options
from local.lifecycle import ROOT, free_ports, url_of
from local.stack.certificates import write_certificate
from local.stack.processes import Child, started

HERE = Path(__file__).parent
ARCHIVE = ROOT / "dist" / "app.zip"
EXAMPLE: Mapping[str, Any] = json.loads(
    (ROOT / "tests" / "samples" / "assignment.request.json").read_text(encoding="utf-8")
)
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function app under load; ``with_external_id``: its requests can be repeated, which costs this app storage."""

    key: str
    title: str
    directory: Path
    with_external_id: bool

    @property
    def queue(self) -> str:
        """The queue that its host reads."""
        return f"bench-{self.key.partition('_')[0]}"


APP = Candidate("app", "this app", ROOT, with_external_id=False)
APP_ONCE = Candidate("app_once", "this app, exactly once", ROOT, with_external_id=True)
PLAIN = Candidate("plain", "plain SDK function", HERE / "plain_sdk", with_external_id=True)
FLOOR = Candidate("floor", "floor: no SDK, no checks", HERE / "floor", with_external_id=True)
# In Graph it acts as an application: a token of its identity, and with it one of Entra's, before the first create.
APPLICATION = Candidate("application", "this app, acting as an application", ROOT, with_external_id=False)
PACKAGE = Candidate("package", "this app from its package", Path("package"), with_external_id=False)
TITLES = {one.key: one.title for one in (APP, APP_ONCE, APPLICATION, PLAIN, FLOOR, PACKAGE)}


@contextmanager
def unpacked() -> Iterator[Candidate | None]:
    """Unpack what ``make package`` made, as the platform does, and yield it as a candidate; None if there is none."""
    if not ARCHIVE.exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="package-") as folder, zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
        yield replace(PACKAGE, directory=Path(folder))


@dataclass(frozen=True, slots=True)
class Stage:
    """The emulators of one run; what they and the hosts log goes to files in ``logs``.

    ``as_application`` are the settings with which an app acts as an application.
    """

    graph: Child
    storage: Child
    ports: tuple[int, int, int]
    logs: Path
    as_application: Mapping[str, str]

    @contextmanager
    def host(self, candidate: Candidate, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Child]:
        """Run a candidate's host; it has bytecode unless ``env`` says otherwise."""
        environment = {
            **app_environment(self.graph.url, storage_ports=self.ports),
            "ACTIVITY_QUEUE": candidate.queue,
            "PYTHONDONTWRITEBYTECODE": "",
            **(env or {}),
        }
        log = self.logs / f"{candidate.key}.log"
        arguments = ("--port", "0", "--app", str(candidate.directory), *options)
        with started("host", *arguments, env=environment, log=log, timeout_seconds=PATIENCE_SECONDS) as host:
            yield host

    def forget(self) -> None:
        """Let Graph forget what it has: its memory should not grow from measurement to measurement."""
        for resource in ("activities", "requests"):
            self._ask("DELETE", resource)

    def stored(self) -> int:
        """Return how many activities Graph has."""
        return len(self._ask("GET", "activities")["activities"])

    def connection_string(self) -> str:
        """Return that of the storage account."""
        return storage_connection_string(*self.ports)

    def _ask(self, method: str, resource: str) -> Any:
        request = urllib.request.Request(f"{self.graph.url}/_emulator/{resource}", method=method)  # noqa: S310 (loopback)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 (loopback)
            return json.load(answer)


@contextmanager
def stage(*, latency_seconds: float) -> Iterator[Stage]:
    """Run the emulators; every answer of Graph takes ``latency_seconds`` at least."""
    blob, queue, table, login = free_ports([0, 0, 0, 0])
    ports = (blob, queue, table)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        certificate, key = write_certificate(Path(folder))
        options = ("--port", "0", "--latency-seconds", str(latency_seconds))
        https = ("--https", str(certificate), str(key), "--https-port", str(login))
        with (
            started("storage", *storage_options(ports), log=Path(os.devnull)) as storage,
            started("graph", *options, *https, log=Path(folder, "graph.log")) as graph,
        ):
            settings = as_application(url_of(login, scheme="https"), certificate)
            yield Stage(graph, storage, ports, Path(folder), settings)
