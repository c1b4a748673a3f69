"""The arrows of the design, read from the imports: who may know whom, and who owns which library."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_MODULE_LINES = 250
MOST_ENTRIES = 14  # At the top of activities/: whoever opens it sees all of it.

# The rooms from the top floor down: each may know those below it, and itself.
FLOORS = (
    "web",
    "app",
    "health",
    "batches",
    "queueing",
    "storage",
    "graph",
    "identity",
    "execution",
    "settings",
    "contract",
    "telemetry",
    "errors",
)
# Doors beside each other, and use cases that are handed what they need: below, but not theirs to know.
UNKNOWN_TO = {"batches": {"graph", "identity"}, "queueing": {"graph", "identity"}, "storage": {"graph", "identity"}}
# The rooms of local/, each with those that it may know; what all of them stand on lies beside them.
LOCAL_ROOMS: dict[str, set[str]] = {"host": set(), "emulators": set(), "stack": {"host", "emulators"}}
LOCAL_GROUND = {"environment", "lifecycle", "serving"}
# Foreign libraries and the machine's own doors, each with the only rooms of the product that may use it.
OWNERS = {
    "aiohttp": {"graph"},
    # What Microsoft's storage and identity libraries share: their errors, credentials and conditions.
    "azure.core": {"graph", "identity", "storage"},
    "azure.data.tables": {"storage"},
    "azure.functions": {"function_app"},
    "azure.identity": {"identity"},
    "azure.storage.queue": {"storage"},
    "kiota_abstractions": {"graph"},
    "msgraph": {"graph"},
    "python_calamine": {"batches"},
    "os": {"app", "web"},  # For os.environ, and nothing else.
    "tzlocal": {"contract"},
    "xlsxwriter": {"batches"},
    "yarl": {"graph"},  # aiohttp's addresses.
}
# The contract's own library.
ANYWHERE = {"pydantic", "pydantic_core"}
# Names that two modules share, because they are the same thing in two rooms.
PAIRS = {
    "failures": "what was set aside, and its routes",
    "ledger": "what is asked of it, and how it is kept",
    "worker": "works one message off: of the activity queue, of the queue of batches",
}
# Decisions: plain functions over plain data.
PURE = {
    "batches.columns",
    "batches.csv_text",
    "batches.failed_rows",
    "batches.files.cells",
    "batches.files.choices",
    "batches.files.compound",
    "batches.files.exports",
    "batches.files.file_table",
    "batches.files.fractions",
    "batches.files.headings",
    "batches.files.file_kinds",
    "batches.files.layouts",
    "batches.files.moments",
    "batches.files.rows",
    "batches.files.texts",
    "batches.files.words",
    "batches.requests",
    "batches.results",
    "batches.task",
    "contract.actors",
    "contract.advice",
    "contract.calendars",
    "contract.charsets",
    "contract.dates",
    "contract.envelope",
    "contract.json_text",
    "contract.kinds",
    "contract.learner",
    "contract.limits",
    "contract.forms",
    "contract.changes",
    "contract.instructions",
    "contract.made_by_machines",
    "contract.models",
    "contract.activity",
    "contract.problems",
    "contract.providers",
    "contract.setting_values",
    "contract.validation",
    "contract.values",
    "contract.wrappings",
    "errors",
    "execution.decisions",
    "execution.directory",
    "execution.gateway",
    "execution.ledger",
    "execution.sameness",
    "execution.unwanted",
    "execution.tenant.assumptions",
    "execution.tenant.findings",
    "execution.tenant.subject",
    "execution.tenant.trial_bodies",
    "execution.tenant.wording",
    "graph.delays",
    "execution.unresolved",
    "graph.contents",
    "graph.people",
    "graph.permissions",
    "graph.questions",
    "graph.translation",
    "queueing.messages",
    "queueing.put_back",
    "settings",
    "storage.table_bytes",
    "web.answers",
    "web.batch_answers",
    "web.callers",
    "web.http",
    "web.repeating",
    "web.page.page_failures",
    "web.page.render",
    "web.page.spoken",
    "web.page.tenant_page",
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
PROGRAMS = ("activities", "bench", "connector", "local", "package")
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
LOCAL = imports_under("local")
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
        for module, names in LOCAL.items()
    }
    assert {module: names for module, names in known.items() if names} == {}


@pytest.mark.parametrize("module", LOCAL)
def test_the_local_host_and_the_emulators_do_not_know_each_other(module: str) -> None:
    """Only ``stack`` knows both, as the product and Graph meet nowhere but on a socket."""
    room = module.split(".")[1]
    if room in {"__main__", "commands"}:
        return
    known = {name.split(".")[1] for name in LOCAL[module] if uses(name, "local")}
    assert known - {room} - LOCAL_GROUND - LOCAL_ROOMS.get(room, set()) == set()


def test_the_local_stand_ins_import_in_no_circle() -> None:
    known = {
        module: {other for name in names for other in (name, name.rpartition(".")[0]) if other in LOCAL}
        for module, names in LOCAL.items()
    }
    TopologicalSorter(known).prepare()


def test_whoever_opens_the_local_stand_ins_sees_their_rooms() -> None:
    tops = {module.split(".")[1] for module in LOCAL}
    assert tops == {*LOCAL_ROOMS, *LOCAL_GROUND, "commands", "__main__", "__init__"}


def room_of(module: str) -> str:
    return module.removeprefix("activities.").split(".")[0]


def test_the_triggers_know_only_the_top_floor_and_the_words_that_they_bind() -> None:
    words = {"contract.models", "queueing.messages"}
    known = modules_of_activities(PRODUCT["function_app"])
    assert {module for module in known if room_of(module) != "web"} == words


@pytest.mark.parametrize("module", ACTIVITIES)
def test_the_arrows_point_down(module: str) -> None:
    room = room_of(module)
    if room == "__init__":
        assert ACTIVITIES[module] == set()
        return
    below = set(FLOORS[FLOORS.index(room) :]) - UNKNOWN_TO.get(room, set())
    assert {room_of(known) for known in modules_of_activities(ACTIVITIES[module])} - below == set()


def test_the_imports_make_no_circle() -> None:
    """Also those inside functions: what is imported later is known all the same."""
    graph = {name.removeprefix("activities."): modules_of_activities(names) for name, names in ACTIVITIES.items()}
    TopologicalSorter(graph).prepare()  # Raises CycleError with the cycle.


def test_only_the_module_that_opens_graph_knows_its_door() -> None:
    knowing = [name for name, names in PRODUCT.items() if "graph.client" in modules_of_activities(names)]
    assert knowing == ["activities.graph.opening"]


def test_whoever_opens_the_product_sees_all_of_it() -> None:
    entries = [
        path for path in (ROOT / "activities").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    assert len(entries) <= MOST_ENTRIES
    assert {path.stem for path in entries} == {*FLOORS, "__init__"}


def test_no_two_modules_have_one_name_but_for_stated_pairs() -> None:
    names = Counter(path.stem for folder in PROGRAMS for path in (ROOT / folder).rglob("*.py"))
    assert {name for name, count in names.items() if count > 1} - {"__init__", "__main__", "function_app"} == set(PAIRS)


def test_only_the_sdk_is_put_into_a_costume() -> None:
    """Elsewhere a module is what its file says: nothing is made up when it is asked for, nothing swapped for it."""
    for path in (ROOT / "activities").rglob("*.py"):
        lazy = {"__getattr__", "sys.modules", "import_module"} & set(
            re.findall(r"[\w.]+", path.read_text(encoding="utf-8"))
        )
        assert not lazy or path.name == "sdk.py"


@pytest.mark.parametrize("module", PRODUCT)
def test_every_foreign_library_has_its_owners(module: str) -> None:
    foreign = {
        name
        for name in PRODUCT[module]
        if name.split(".")[0] not in sys.stdlib_module_names | ANYWHERE | {"activities"} or uses(name, "os")
    }
    room = room_of(module)
    owned = {name for name in foreign if any(uses(name, package) and room in OWNERS[package] for package in OWNERS)}
    assert foreign - owned == set()


@pytest.mark.parametrize("package", OWNERS)
def test_every_owner_uses_its_library(package: str) -> None:
    """Otherwise the table above has grown old."""
    users = {room_of(module) for module, names in PRODUCT.items() if any(uses(name, package) for name in names)}
    assert users == OWNERS[package]


@pytest.mark.parametrize("module", ["app", "web.runtime"])
def test_the_environment_is_all_that_is_read_of_the_machine(module: str) -> None:
    """The table above gives ``os`` to two rooms: for the settings, and for how the host lets callers in."""
    nodes = ast.walk(ast.parse((ROOT / "activities" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")))
    used = [node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"]
    assert set(used) == {"environ"}
    assert "os" in ACTIVITIES[f"activities.{module}"]


@pytest.mark.parametrize("module", sorted(PURE))
def test_decisions_reach_nothing_outside(module: str) -> None:
    imported = ACTIVITIES[f"activities.{module}"]
    assert [name for name in imported if any(uses(name, package) for package in IMPURE)] == []
    others = modules_of_activities(imported)
    assert not others & {"graph.client", "web.runtime", "telemetry"}


@pytest.mark.parametrize(
    "path",
    [
        *(
            path
            for folder in ("activities", "bench", "local", "package")
            for path in sorted((ROOT / folder).rglob("*.py"))
        ),
        *sorted((ROOT / "connector").glob("*.py")),
    ],
    ids=lambda path: path.name,
)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES


def test_no_name_says_nothing() -> None:
    """What a module or class is for stands in its name; these words say only that it was not thought about."""
    empty = [
        f"{path.name}: {name}"
        for folder in ("activities", "bench", "local", "package", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if ".venv" not in path.parts  # paconn's, which the tests run.
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
