"""The guide for integrators in its parts: what a reader saves, fills in and runs."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

from local.lifecycle import ROOT

GUIDE = (ROOT / "docs" / "for-integrators.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w-]+\.(?:json|py))`")
_PLACEHOLDER = re.compile(r"<[a-z][a-z -]+>")


def blocks(language: str) -> list[str]:
    """Return every block in a language, in the order of the guide."""
    return [textwrap.dedent(found[3]) for found in _BLOCK.finditer(GUIDE) if found[2] == language]


def files() -> dict[str, str]:
    """Return every file that the reader is told to save: the one that is named in the paragraph before its block."""
    said = {}
    for found in _BLOCK.finditer(GUIDE):
        before = GUIDE[: found.start()].rstrip().rpartition("\n\n")[2]
        names = _FILE.findall(before)
        if names and found[2] in {"json", "python"}:
            said[names[-1]] = found[3]
    return said


def messages() -> dict[str, Any]:
    """Return the messages that the reader sends."""
    return {name: json.loads(text) for name, text in files().items() if name.endswith(".json")}


def command(*words: str) -> str:
    """Return the only block of commands that has all these words."""
    (found,) = (block for block in blocks("sh") if all(word in block for word in words))
    return found


def filled(text: str, values: dict[str, str]) -> str:
    """Return a block with the reader's own values in the place of what stands for them."""
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    assert _PLACEHOLDER.findall(text) == [], "there is no value for these"
    return text


def save(folder: Path, *, ids: str) -> None:
    """Save every file of the guide; the external IDs of its messages begin with ``ids``."""
    for name, text in files().items():
        (folder / name).write_text(text.replace("lms-2026-", f"{ids}-"), encoding="utf-8")
