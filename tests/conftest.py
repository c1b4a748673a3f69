"""What holds for every test, and the one storage emulator that those share which need it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from local.lifecycle import ROOT, free_ports
from local.stack.processes import started
from package.build import build
from tests.end_to_end.hosts import AppUnderTest

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
        "--messages",
        type=int,
        default=1000,
        metavar="N",
        help="how many messages tell the states of a tenth as many activities, through kills and faults",
    )
    parser.addoption(
        "--examples",
        type=int,
        default=60,
        metavar="N",
        help="how many requests are made up from the API's document (5000 before a release)",
    )
    parser.addoption(
        "--app",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="the app that the end-to-end tests run, such as dist/app, which `make package` writes",
    )
    parser.addoption(
        "--write-reached", action="store_true", help="write package/msgraph_modules.txt instead of comparing with it"
    )


def pytest_configure(config: pytest.Config) -> None:
    AppUnderTest.folder = config.getoption("app").resolve()


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


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Build the deployed package once for all processes: `app.zip`, and `app` with the same files.

    Source: https://pytest-xdist.readthedocs.io/en/stable/how-to.html#making-session-scoped-fixtures-execute-only-once
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "package"
    with FileLock(f"{folder}.lock"):
        if not (folder / "app.zip").exists():  # The last file that is written.
            build(folder)
    return folder
