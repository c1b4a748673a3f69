"""What holds for every test, and the one storage emulator that those share which need it."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from local.lifecycle import free_ports
from local.processes import started

# How long an example takes says something about the machine, not about the code.
# Sixty examples, because every run draws others.
settings.register_profile("anywhere", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--activities",
        type=int,
        default=1000,
        metavar="N",
        help="how many activities the batch has that goes through kills and throttling (up to 10000)",
    )
    parser.addoption(
        "--examples",
        type=int,
        default=60,
        metavar="N",
        help="how many requests are made up from the API's document (5000 before a release)",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many processes as cores: most end-to-end tests wait for something."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and mostly waits, so that no process has that left at the end."""
    items.sort(key=lambda item: ("chaos" not in item.path.name, "end_to_end" not in item.path.parts))


@pytest.fixture(scope="session")
def storage_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, int]]:
    """Run Azurite, in memory, and give its blob, queue and table ports."""
    blob, queue, table = free_ports([0, 0, 0])
    log = tmp_path_factory.mktemp("storage") / "azurite.log"
    options = ("--blob-port", str(blob), "--queue-port", str(queue), "--table-port", str(table))
    with started("storage", *options, log=log):
        yield blob, queue, table
