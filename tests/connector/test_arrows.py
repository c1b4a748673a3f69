"""The connector is written from the product and never used by it."""

import ast
import sys
from pathlib import Path

import pytest

from connector import publisher
from tests.test_architecture import LONGEST_MODULE_LINES, PRODUCT, imports_under, uses

FOLDER = publisher.ROOT / "connector"
CONNECTOR = imports_under("connector")


def test_the_product_does_not_know_its_connector() -> None:
    assert [name for name, names in PRODUCT.items() if any(uses(one, "connector") for one in names)] == []


@pytest.mark.parametrize("module", CONNECTOR)
def test_the_connector_knows_the_product_and_the_standard_library(module: str) -> None:
    known = sys.stdlib_module_names | {"activities", "connector"}
    known |= {"azure", "function_app"} if module == "connector.served_routes" else set()
    assert {name for name in CONNECTOR[module] if name.split(".")[0] not in known} == set()


def test_the_rules_know_no_more_than_the_files_that_they_read() -> None:
    others = {name for name in CONNECTOR["connector.rules"] if name.split(".")[0] not in sys.stdlib_module_names}
    assert others == {"connector.publisher"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.py")), ids=lambda path: path.name)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    if "node_modules" not in path.parts:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LONGEST_MODULE_LINES
        assert ast.get_docstring(ast.parse(text))
