"""Running servers and fresh emulators for the tests of what stands in for Azure."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.environment import storage_connection_string
from local.stack.processes import Child, started
from tests.local.emulators.calls import Graph
from tests.local.host.queue_calls import SAMPLE_APP


@pytest.fixture
def graph() -> Graph:
    """An emulator without a socket, as at its start."""
    return Graph()


@pytest.fixture(scope="session")
def graph_process() -> Iterator[Child]:
    """`python -m local graph`, for all tests."""
    with started("graph", "--port", "0") as child:
        yield child


@pytest.fixture
def graph_server(graph_process: Child) -> Iterator[httpx.Client]:
    """A client of the running emulator, which is as at its start."""
    with httpx.Client(base_url=graph_process.url) as client:
        for resource in ("tenant", "faults", "activities", "people", "contents", "requests"):
            client.delete(f"/_emulator/{resource}")
        yield client


@pytest.fixture(scope="session")
def host_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the running host wrote."""
    return tmp_path_factory.mktemp("host") / "log"


@pytest.fixture(scope="session")
def host_process(host_log: Path) -> Iterator[Child]:
    """`python -m local host` with the sample app, for all tests."""
    with started("host", "--port", "0", "--app", str(SAMPLE_APP), log=host_log) as child:
        yield child


@pytest.fixture
def host(host_process: Child) -> Iterator[httpx.Client]:
    """A client of the running host."""
    with httpx.Client(base_url=host_process.url) as client:
        yield client


@pytest.fixture(scope="session")
def storage(storage_ports: tuple[int, int, int]) -> str:
    """The connection string of the Azurite that all tests share."""
    return storage_connection_string(*storage_ports)
