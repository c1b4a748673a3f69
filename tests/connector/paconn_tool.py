"""Runs Microsoft's paconn, from an environment of its own, against the stand-in of its service."""

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connector.__main__ import FOLDER
from tests.connector.paconn_service import Service

OWN = Path(__file__).with_name("paconn")
ENVIRONMENT = OWN / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SECRET = "secret-of-the-registration"
FIRST_OF_A_LIST, YES = "1\n", "y\n"
"""What a person answers: which environment, and whether to write the settings with the connector's id."""


@dataclass
class Maker:
    """Somebody with a copy of the connector's folder, a home folder and a shell."""

    service: Service
    home: Path
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        if not (ENVIRONMENT / ".ready").exists():
            pytest.skip("paconn is not installed: make test sets it up")
        self.folder = self.home / "connector"
        shutil.copytree(FOLDER, self.folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))

    def paconn(self, *arguments: str, folder: str = "") -> subprocess.CompletedProcess[str]:
        """Run paconn in one of the connector's folders, and answer its questions with what comes first, and yes."""
        return self._run([*self._paconn, *arguments], self.folder / folder)

    def shell(self, block: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a block of a page as it is printed, in the folder that holds the connector's; pip has nothing to do."""
        bash = shutil.which("bash")
        if bash is None or os.name == "nt":
            pytest.skip("the page's commands are written for a Unix shell")
        functions = f'pip() {{ :; }}; paconn() {{ {shlex.join(self._paconn)} "$@"; }}; set -eu\n'
        return self._run([bash, "-c", functions + block], self.home, **variables)

    @property
    def _paconn(self) -> list[str]:
        return [str(PYTHON), "-W", "ignore", str(OWN / "on_loopback.py"), str(self.service.port)]

    def _run(self, command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "HOME": str(self.home), "USERPROFILE": str(self.home), **variables},
            input=FIRST_OF_A_LIST + YES,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )


def printed_blocks(page: str) -> list[str]:
    """Return the fenced blocks of a page in which paconn is run, in order."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in blocks if "paconn " in block]
