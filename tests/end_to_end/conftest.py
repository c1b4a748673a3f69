"""The product as it runs: the real worker library, azure-identity and msgraph-sdk, in processes of their own."""

from collections.abc import Iterator

import pytest

from local.environment import app_environment
from local.stack.processes import started
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Stack, assert_discreet


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[Stack]:
    """Run the stack once for all end-to-end tests, and read its log when they are done."""
    logs = tmp_path_factory.mktemp("logs")
    with started("graph", "--port", "0", log=logs / "graph.log") as graph:
        environment = app_environment(graph.url, storage_ports=storage_ports)
        with started_host(env=environment, log=logs / "host.log") as host:
            stack = Stack(host.url, graph.url, logs / "host.log")
            yield stack
    assert_discreet(stack)


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """Give a test the running stack with nothing stored and nothing wrong."""
    running_stack.reset()
    return running_stack
