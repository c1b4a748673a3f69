"""The connector is written from the product; that the product never uses it is for the product's own arrows to say."""

import sys

import pytest

from tests.test_architecture import imports_under

CONNECTOR = imports_under("connector")


@pytest.mark.parametrize("module", CONNECTOR)
def test_the_connector_knows_the_product_and_the_standard_library(module: str) -> None:
    known = sys.stdlib_module_names | {"activities", "connector"}
    known |= {"azure", "function_app"} if module == "connector.served_routes" else set()
    assert {name for name in CONNECTOR[module] if name.split(".")[0] not in known} == set()


def test_the_rules_know_no_more_than_the_files_that_they_read() -> None:
    others = {name for name in CONNECTOR["connector.rules"] if name.split(".")[0] not in sys.stdlib_module_names}
    assert others == {"connector.publisher"}
