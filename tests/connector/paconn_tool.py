"""Runs Microsoft's paconn, from an environment of its own, against the stand-in of its service."""

import os
import re
import shlex
import shutil
import subprocess
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
        command = [str(PYTHON), "-W", "ignore", str(OWN / "on_loopback.py"), str(self.service.port), *arguments]
        return subprocess.run(
            command,
            cwd=self.folder / folder,
            env={**os.environ, "HOME": str(self.home), "USERPROFILE": str(self.home)},
            input=FIRST_OF_A_LIST + YES,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )


def printed_commands(page: str) -> list[list[str]]:
    """Return the commands with paconn in a page's fenced blocks, in order and as a shell would read them."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("paconn ")]
