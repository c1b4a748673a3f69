"""Other people's validators find nothing to complain about."""

import importlib
import json
from pathlib import Path

import openapi_spec_validator
import pytest

from connector.__main__ import OPENAPI, SIGN_IN
from connector.rules import SWAGGER

CONNECTORS = [pytest.param(folder / SWAGGER, id=folder.name) for folder in SIGN_IN]


@pytest.mark.parametrize("path", [pytest.param(OPENAPI, id="the API"), *CONNECTORS])
def test_openapi_spec_validator_finds_nothing(path: Path) -> None:
    openapi_spec_validator.validate(json.loads(path.read_bytes()))


# It still asks jsonschema for a class that is going away.
@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")
@pytest.mark.parametrize("path", CONNECTORS)
def test_swagger_spec_validator_finds_nothing(path: Path) -> None:
    validator20 = importlib.import_module("swagger_spec_validator.validator20")
    validator20.validate_spec(json.loads(path.read_bytes()))
