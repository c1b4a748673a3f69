"""The arrows of the design, read from the imports: who may know whom, and who owns which library."""

import ast
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_MODULE_LINES = 300

# Foreign libraries and the machine's own doors, each with the only modules of the product that may use it.
OWNERS = {
    "aiohttp": {"transport"},
    # What Microsoft's storage and identity libraries share: their errors, credentials and conditions.
    "azure.core": {
        "adapter",
        "batches.store",
        "failures",
        "identity",
        "ledger",
        "queues",
        "table_connection",
        "tables",
    },
    "azure.data.tables": {"table_connection", "tables"},
    "azure.functions": {"function_app"},
    "azure.identity": {"identity"},
    "azure.storage.queue": {"queues"},
    "kiota_abstractions": {"adapter", "graph"},
    "msgraph": {"graph"},
    "os": {"runtime"},  # For os.environ, and nothing else.
    "tzlocal": {"dates"},
    "yarl": {"transport"},  # aiohttp's addresses.
}
# The contract's own library.
ANYWHERE = {"pydantic", "pydantic_core"}
# Decisions: plain functions over plain data.
PURE = {
    "batches.advice",
    "batches.answers",
    "batches.columns",
    "batches.delimited",
    "batches.page",
    "batches.page_assets",
    "batches.page_failures",
    "batches.report",
    "batches.requests",
    "batches.sheets",
    "batches.tasks",
    "batches.wording",
    "callers",
    "dates",
    "errors",
    "forms",
    "gateway",
    "json_batch",
    "messages",
    "models",
    "permissions",
    "settings",
    "transactions",
    "translation",
    "validation",
    "wire",
}
# The standard library's ways to the outside, and to the time.
IMPURE = {
    "asyncio",
    "concurrent",
    "http.client",
    "http.server",
    "io",
    "logging",
    "os",
    "pathlib",
    "select",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
}
EMPTY_NAMES = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|common|misc)(?:_|$)", re.IGNORECASE)


def imports_of(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere, also inside functions; ``from a import b`` is ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(level=0, module=str(module)):
                names |= {f"{module}.{alias.name}" for alias in node.names}
            case ast.ImportFrom():
                raise AssertionError(f"{path}: a relative import")
    return names


def imports_under(folder: str) -> dict[str, set[str]]:
    """Return every module's imports by the module's dotted name."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): imports_of(path) for path in paths}


ACTIVITIES = imports_under("activities")
PRODUCT = {**ACTIVITIES, "function_app": imports_of(ROOT / "function_app.py")}


def uses(imported: str, package: str) -> bool:
    return imported == package or imported.startswith(f"{package}.")


def modules_of_activities(imported: set[str]) -> set[str]:
    """Return which of the product's modules are meant; ``activities.graph.MicrosoftGraph`` means ``graph``."""
    return {
        module.removeprefix("activities.")
        for name in imported
        for module in (name, name.rpartition(".")[0])
        if module in ACTIVITIES and not module.endswith("__init__")
    }


@pytest.mark.parametrize("module", ACTIVITIES)
def test_the_product_knows_neither_its_triggers_nor_its_tests_nor_the_local_stand_ins(module: str) -> None:
    forbidden = ("function_app", "connector", "local", "package", "tests", "bench")
    assert [name for name in ACTIVITIES[module] if any(uses(name, other) for other in forbidden)] == []


def test_the_local_stand_ins_do_not_know_the_product() -> None:
    known = {
        module: [name for name in names if uses(name, "activities") or uses(name, "function_app")]
        for module, names in imports_under("local").items()
    }
    assert {module: names for module, names in known.items() if names} == {}


def test_the_triggers_know_only_the_edges_of_the_product() -> None:
    edges = {"runtime", "operations", "batches.operations", "wire", "messages", "models"}
    assert modules_of_activities(PRODUCT["function_app"]) <= edges


def test_the_imports_make_no_circle() -> None:
    graph = {name.removeprefix("activities."): modules_of_activities(names) for name, names in ACTIVITIES.items()}
    TopologicalSorter(graph).prepare()  # Raises CycleError with the cycle.


def test_only_the_composition_root_knows_the_door_to_graph() -> None:
    assert [name for name, names in PRODUCT.items() if "graph" in modules_of_activities(names)] == [
        "activities.runtime"
    ]


def test_nothing_but_the_triggers_and_their_operations_knows_the_composition_root() -> None:
    knowing = {name for name, names in PRODUCT.items() if "runtime" in modules_of_activities(names)}
    assert knowing == {"function_app", "activities.operations", "activities.batches.operations"}


def test_who_may_create_is_decided_without_knowing_where_it_is_remembered() -> None:
    storing = {"ledger", "tables", "transactions", "queues", "failures", "batches.store"}
    deciding = {"activities.creation", "activities.idempotency", "activities.bulk"}
    assert {module for name in deciding for module in modules_of_activities(ACTIVITIES[name])} & storing == set()


@pytest.mark.parametrize("module", PRODUCT)
def test_every_foreign_library_has_its_owners(module: str) -> None:
    foreign = {
        name
        for name in PRODUCT[module]
        if name.split(".")[0] not in sys.stdlib_module_names | ANYWHERE | {"activities"} or uses(name, "os")
    }
    owner = module.removeprefix("activities.")
    owned = {name for name in foreign if any(uses(name, package) and owner in OWNERS[package] for package in OWNERS)}
    assert foreign - owned == set()


@pytest.mark.parametrize("package", OWNERS)
def test_every_owner_uses_its_library(package: str) -> None:
    """Otherwise the table above has grown old."""
    users = {module for module, names in PRODUCT.items() if any(uses(name, package) for name in names)}
    assert {module.removeprefix("activities.") for module in users} == OWNERS[package]


def test_the_environment_is_read_in_one_place() -> None:
    """The table above gives ``os`` to the composition root, which hands the environment to the settings."""
    nodes = ast.walk(ast.parse((ROOT / "activities" / "runtime.py").read_text(encoding="utf-8")))
    used = [node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"]
    assert set(used) == {"environ"}
    assert "os" in ACTIVITIES["activities.runtime"]


@pytest.mark.parametrize("module", sorted(PURE))
def test_decisions_reach_nothing_outside(module: str) -> None:
    imported = ACTIVITIES[f"activities.{module}"]
    assert [name for name in imported if any(uses(name, package) for package in IMPURE)] == []
    others = modules_of_activities(imported)
    assert not others & {"graph", "runtime", "telemetry"}


@pytest.mark.parametrize("path", sorted((ROOT / "activities").rglob("*.py")), ids=lambda path: path.name)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES


def test_no_name_says_nothing() -> None:
    """What a module or class is for stands in its name; these words say only that it was not thought about."""
    empty = [
        f"{path.name}: {name}"
        for folder in ("activities", "bench", "local", "package", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for name in [path.stem.removeprefix("test_"), *defined_in(path)]
        if EMPTY_NAMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    ]
    assert empty == []


def defined_in(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    definitions = [node for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    # A test's name is a sentence, and a sentence may use any word.
    return [node.name for node in definitions if not node.name.startswith("test_")]


IMPORT_ALONE = """
import sys, threading

reached = []
watched = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "_thread.start_new_thread")
sys.addaudithook(lambda event, _: reached.append(event) if event in watched else None)
sys.path.insert(0, sys.argv[1])
import function_app

assert function_app.app.get_functions(), "no functions"
assert not reached, reached
assert threading.active_count() == 1, threading.enumerate()
"""


def test_importing_the_function_app_needs_no_environment_and_reaches_nothing() -> None:
    """The host imports it to list the functions, long before the first request and maybe without any setting."""
    bare = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, "-I", "-c", IMPORT_ALONE, str(ROOT)]
    done = subprocess.run(command, env=bare, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
