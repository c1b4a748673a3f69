"""Kusto's own language service judges each query as Azure gets it: what stands before it, put together by Bicep."""

import json
import re
import subprocess
from functools import cache
from typing import Any

import pytest

from local.stack.storage import find_node
from tests.infra import bicep

FOLDER = bicep.ROOT / "tests" / "infra" / "kusto"
MODULES = bicep.INFRA / "modules"
ALERTS, WORKBOOK = "infra/modules/alerts.bicep", "infra/modules/workbook.bicep"
INSTALLED = (FOLDER / "node_modules" / "@kusto").exists()

pytestmark = pytest.mark.skipif(not INSTALLED, reason="The language service is not installed: make test sets it up")


def composed(file: bicep.File, value: bicep.Value) -> str:
    """Return the text that Bicep makes of a query: files and variables, one after another."""
    text = value.text if isinstance(value, bicep.Expression) else str(value)
    if loaded := re.fullmatch(r"loadTextContent\('([^']+)'\)", text):
        return (MODULES / loaded[1]).read_text(encoding="utf-8")
    if text in file.variables:
        return composed(file, file.variables[text])
    assert text.startswith("'"), text
    parts = re.split(r"\$\{([^}]+)\}", text[1:-1].replace("\\n", "\n"))
    return "".join(composed(file, bicep.Expression(part)) if place % 2 else part for place, part in enumerate(parts))


def alerts() -> dict[str, str]:
    file = bicep.files()[ALERTS]
    rules = file.variables["rules"]
    assert isinstance(rules, list)
    return {str(rule["name"]): composed(file, rule["query"]) for rule in rules if isinstance(rule, dict)}


def items() -> dict[str, str]:
    file = bicep.files()[WORKBOOK]
    queries = file.variables["queries"]
    assert isinstance(queries, dict)
    return {name: composed(file, query) for name, query in queries.items()}


@cache
def judged() -> dict[str, dict[str, Any]]:
    return judge({**alerts(), **items()})


def judge(queries: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return by name what the language service says of queries, and the columns that they end with."""
    tables = (FOLDER / "tables.kql").read_text(encoding="utf-8")
    asked = json.dumps({name: f"{tables}\n{query}" for name, query in queries.items()})
    command = [find_node(), str(FOLDER / "judge.js")]
    done = subprocess.run(command, input=asked, check=False, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    answered: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return answered


@pytest.mark.parametrize("name", [*alerts(), *items()])
def test_nothing_is_wrong_with_a_query(name: str) -> None:
    assert judged()[name]["said"] == []
    assert judged()[name]["columns"]


@pytest.mark.parametrize("name", alerts())
def test_a_rule_gets_the_columns_that_it_counts_by(name: str) -> None:
    """The moment of a row says which window it is in; what is counted has to be a number."""
    columns = judged()[name]["columns"]
    assert columns["TimeGenerated"] == "datetime"
    assert columns["Occurrences"] in {"int", "long"}
    rules = bicep.files()[ALERTS].variables["rules"]
    assert isinstance(rules, list)
    [rule] = [one for one in rules if isinstance(one, dict) and one["name"] == name]
    split_by = {str(one["name"]) for one in bicep.walk(rule["dimensions"]) if isinstance(one, dict)}
    assert split_by == {column for column, kind in columns.items() if kind == "string"}


# What is right in a query, and what somebody could have written instead.
MISTAKES = [
    ("where IsFailed", "where IsFaild"),  # A column that an earlier step makes.
    ("| where Event == 'jobFailed'", "| wher Event == 'jobFailed'"),
    ("Occurrences = ItemCount", "Occurrences = ItemCont"),
    ("(events\n", "(evnts\n"),
    ("startswith 'create_from_')", "startswith 'create_from_'"),
]


def test_a_mistake_is_found() -> None:
    query = alerts()["server-errors"]
    assert [right for right, _ in MISTAKES if right not in query] == []
    broken = judge({wrong: query.replace(right, wrong) for right, wrong in MISTAKES})
    assert [wrong for wrong, found in broken.items() if not found["said"]] == []
