"""Other people's validators find nothing to complain about."""

import importlib
import json
import subprocess
from pathlib import Path

import openapi_spec_validator
import pytest

from connector.__main__ import FOLDER, OPENAPI, SWAGGER
from local.lifecycle import StartError
from local.stack.storage import find_node

SPECTRAL = FOLDER / "lint" / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
RULES = FOLDER / "lint" / "spectral.json"
DOCUMENTS = pytest.mark.parametrize("path", [OPENAPI, SWAGGER], ids=["the API", "the connector"])


@DOCUMENTS
def test_openapi_spec_validator_finds_nothing(path: Path) -> None:
    openapi_spec_validator.validate(json.loads(path.read_bytes()))


# It still asks jsonschema for a class that is going away.
@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")
def test_swagger_spec_validator_finds_nothing() -> None:
    validator20 = importlib.import_module("swagger_spec_validator.validator20")
    validator20.validate_spec(json.loads(SWAGGER.read_bytes()))


@DOCUMENTS
def test_spectral_finds_nothing(path: Path) -> None:
    assert spectral_on(path) == []


def test_spectral_finds_what_is_wrong(tmp_path: Path) -> None:
    """Otherwise it might look at nothing."""
    document = json.loads(OPENAPI.read_bytes())
    del document["info"]["contact"]
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert spectral_on(path) == ["info-contact"]


def spectral_on(path: Path) -> list[str]:
    """Return the codes of whatever Spectral finds, hints included."""
    if not SPECTRAL.exists():
        pytest.skip("Spectral is not installed: make test sets it up")
    try:
        node = find_node()
    except StartError as error:
        pytest.skip(str(error))
    command = [node, str(SPECTRAL), "lint", "--ruleset", str(RULES), "--fail-severity", "hint", "--format", "json"]
    done = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True, timeout=120)
    # Behind the list there can be a sentence.
    found, _ = json.JSONDecoder().raw_decode(done.stdout)
    assert done.returncode == (1 if found else 0), done.stderr
    return [one["code"] for one in found]
