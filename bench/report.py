"""What is printed, and what is written: results.json, the pictures, and the tables between the document's marks."""

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Mapping
from typing import Any

from bench.figures import Figures
from bench.markdown import sections
from bench.pictures import pictures
from local.lifecycle import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"
RESULTS = FOLDER / "results.json"
_PACKAGES = ("azure-functions-runtime", "azure-functions", "azure-identity", "msgraph-sdk", "aiohttp", "httpx")


def text(figures: Figures) -> str:
    """Return all tables, the ratios first."""
    return "\n\n".join(sections(figures).values())


def write(figures: Figures) -> None:
    """Write what was measured; what was not stays as the last run that did left it."""
    FOLDER.mkdir(exist_ok=True)
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"] if RESULTS.exists() else []
    everything = Figures.from_json(known)
    everything.values.update(figures.values)
    facts = machine()
    said = {"machine": facts, "figures": everything.to_json()}
    RESULTS.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    for name, picture in pictures(everything).items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
    document = DOCUMENT.read_text(encoding="utf-8")
    parts = {**sections(everything), "machine": _sentence(facts)}
    DOCUMENT.write_text(filled(document, parts), encoding="utf-8")


def filled(document: str, parts: Mapping[str, str]) -> str:
    """Return a document whose parts stand between their marks, ``<!-- bench: NAME -->`` and ``<!-- /bench -->``."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- bench: {name} -->\n{parts[name]}\n<!-- /bench -->" if name in parts else match[0]

    return re.sub(r"<!-- bench: (\w+) -->\n.*?<!-- /bench -->", part, document, flags=re.DOTALL)


def machine() -> dict[str, Any]:
    """Return what matters of the machine, and nothing that identifies it."""
    return {
        "cores": os.process_cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _sentence(facts: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"{facts['cores']} cores, {facts['system']} on {facts['architecture']}, Python {facts['python']}; {packages}."
    )
