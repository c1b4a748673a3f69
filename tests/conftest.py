"""What holds for every test, and the one storage emulator that those share which need it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from local.lifecycle import free_ports
from local.processes import started

# How long an example takes says something about the machine, not about the code.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--activities",
        type=int,
        default=2000,
        metavar="N",
        help="how many activities the batch has that goes through kills and throttling (up to 10000)",
    )


@pytest.fixture(scope="session")
def storage_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, int]]:
    """Run Azurite, in memory, and give its blob, queue and table ports."""
    blob, queue, table = free_ports([0, 0, 0])
    log = tmp_path_factory.mktemp("storage") / "azurite.log"
    options = ("--blob-port", str(blob), "--queue-port", str(queue), "--table-port", str(table))
    with started("storage", *options, log=log):
        yield blob, queue, table
