"""The pinned requirements as wheels for the machine that runs them in Azure, fetched on any machine.

The requirements stand in requirements.txt; where they come from is this machine's business (uv's settings).
"""

import re
import subprocess
import sys
from pathlib import Path

from package.package_error import PackageError

PYTHON_VERSION = "3.13"
# Flex Consumption runs on x86-64 alone, on a Linux with a newer C library than this one.
# Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan
PLATFORM = "x86_64-manylinux_2_28"
_PORTABLE = re.compile(r"py3-none-any|py2\.py3-none-any")
_NATIVE = re.compile(r"(cp313-cp313|cp3\d+-abi3)-.*manylinux.*x86_64")
_TAG = re.compile(r"^Tag: (.+)$", re.MULTILINE)


def install(requirements: Path, into: Path) -> None:
    """Install pinned requirements into an empty folder.

    Raises:
        PackageError: with what uv says, when a wheel cannot be fetched, is not the pinned one, or does not exist for
            the platform.
    """
    # fmt: off
    command = [
        sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary", ":all:", "--python-platform", PLATFORM, "--python-version", PYTHON_VERSION,
        "--target", str(into), "--requirements", str(requirements),
    ]
    # fmt: on
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PackageError(f"The requirements cannot be fetched for {PLATFORM}.\n{done.stderr.strip()}")


def foreign_wheels(site_packages: Path) -> list[str]:
    """Return those installed packages that cannot run in Azure, by what their wheels say of themselves."""
    foreign: list[str] = []
    for wheel in sorted(site_packages.glob("*.dist-info/WHEEL")):
        tags = _TAG.findall(wheel.read_text(encoding="utf-8"))
        if not any(_PORTABLE.fullmatch(tag) or _NATIVE.fullmatch(tag) for tag in tags):
            foreign.append(f"{wheel.parent.name}: {', '.join(tags)}")
    return foreign


def count_modules(site_packages: Path, distribution: str) -> int:
    """Return how many modules an installed package has, by its own list: faster than looking for 16,000 of them."""
    [record] = site_packages.glob(f"{distribution}-*.dist-info/RECORD")
    return sum(".py," in line for line in record.read_text(encoding="utf-8").splitlines())
