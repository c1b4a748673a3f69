"""The comparison is fair, and what the app is compared with works."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load
from bench.candidates import APP, EXAMPLE, FLOOR, PLAIN, Candidate
from local.environment import app_environment
from local.lifecycle import free_ports
from local.stack.processes import Child, started


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    log = tmp_path_factory.mktemp("graph") / "graph.log"
    with started("graph", "--port", "0", log=log) as graph:
        yield graph


@pytest.mark.parametrize("candidate", [PLAIN, FLOOR], ids=lambda candidate: candidate.key)
def test_the_others_create_activities(candidate: Candidate, graph: Child, tmp_path: Path) -> None:
    """The load raises on any answer but 201."""
    blob, queue, table = free_ports([0, 0, 0])  # No storage: what answers HTTP does not need it.
    environment = {**app_environment(graph.url, storage_ports=(blob, queue, table)), "ACTIVITY_QUEUE": candidate.queue}
    arguments = ("--port", "0", "--app", str(candidate.directory))
    with started("host", *arguments, env=environment, log=tmp_path / "host.log") as host:
        url = f"{host.url}/api/assignments"
        answered = asyncio.run(load.create(url, EXAMPLE, with_external_id=True, callers=2, requests=5))
        assert len(answered.latencies) == 5
        with pytest.raises(RuntimeError, match="404"):
            asyncio.run(load.create(f"{host.url}/nowhere", EXAMPLE, with_external_id=True, callers=1, requests=1))


@pytest.mark.parametrize("candidate", [PLAIN, FLOOR], ids=lambda candidate: candidate.key)
def test_the_others_read_their_queues_as_the_app_does(candidate: Candidate) -> None:
    settings = [json.loads((one.directory / "host.json").read_text(encoding="utf-8")) for one in (candidate, APP)]
    assert settings[0] == settings[1]
