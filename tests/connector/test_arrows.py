"""The connector is written from the product and never used by it."""

import ast
import sys
from pathlib import Path

import pytest

from connector import about
from tests.test_architecture import LONGEST_MODULE_LINES, PRODUCT, imports_under, uses

FOLDER = about.ROOT / "connector"
CONNECTOR = imports_under("connector")
RULES = {name: names for name, names in CONNECTOR.items() if name.startswith("connector.rules")}


def test_the_product_does_not_know_its_connector() -> None:
    assert [name for name, names in PRODUCT.items() if any(uses(one, "connector") for one in names)] == []


@pytest.mark.parametrize("module", CONNECTOR)
def test_the_connector_knows_the_product_and_the_standard_library(module: str) -> None:
    known = sys.stdlib_module_names | {"activities", "connector"}
    known |= {"azure", "function_app"} if module == "connector.routes" else set()
    assert {name for name in CONNECTOR[module] if name.split(".")[0] not in known} == set()


@pytest.mark.parametrize("module", RULES)
def test_the_rules_know_no_more_than_the_files_that_they_read(module: str) -> None:
    others = {name for name in RULES[module] if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in others if not uses(name, "connector.rules")} == set()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.py")), ids=lambda path: path.name)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    if "node_modules" not in path.parts:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LONGEST_MODULE_LINES
        assert ast.get_docstring(ast.parse(text))
