"""The unpacked package needs only itself and Python: not this environment, no writable folder, no file times."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from package.build import PACKAGES

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the package holds native modules for Azure"
)

# -I and -S leave nothing on the path but the standard library. The audit hook sees what Python compiles and writes.
# Source: https://docs.python.org/3/library/audit_events.html
PROGRAM = """
import sys

app, packages, modules = sys.argv[1], sys.argv[2], sys.argv[3].split()
compiled, written, problems = [], [], {}

def watch(event, arguments):
    if event == "compile" and str(arguments[1]).startswith((app, "/home/site")):
        compiled.append(arguments[1])
    if event == "open" and str(arguments[0]).startswith(app) and arguments[1] not in ("r", "rb", None):
        written.append(arguments[0])
    if event in ("os.mkdir", "os.rename", "os.remove") and str(arguments[0]).startswith(app):
        written.append(arguments[0])

sys.addaudithook(watch)
sys.path[:0] = [app, packages]
import function_app

count = len(function_app.app.get_functions())
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
import importlib, json
for name in modules:
    try:
        importlib.import_module(name)
    except ImportError as problem:
        problems[name] = [type(problem).__name__, str(problem)]
print(json.dumps({"functions": count, "files": files, "compiled": compiled, "written": written, "problems": problems}))
"""
LEFT_OUT = (
    "msgraph.generated.chats.chats_request_builder",
    "msgraph.generated.employee_experience.communities.communities_request_builder",
    "msgraph.generated.models.user",
)


@pytest.fixture(scope="module")
def seen(package_folder: Path) -> dict[str, Any]:
    """Import the app, then every native module and some that were left out; the sources have got other times."""
    app = package_folder / "app"
    for source in app.rglob("*.py"):
        os.utime(source, (1, 1))
    libraries = sorted((app / PACKAGES).rglob("*.so"))
    native = [".".join(path.relative_to(app / PACKAGES).parts).split(".cpython-")[0] for path in libraries]
    modules = " ".join([*(name.removesuffix(".abi3.so") for name in native), *LEFT_OUT])
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(app), str(app / PACKAGES), modules]
    done = subprocess.run(command, env={}, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_app_is_imported_from_the_package_alone(seen: dict[str, Any], package_folder: Path) -> None:
    files = {file for file in seen["files"].values() if file}
    standard_library = str(Path(os.__file__).parent)
    own = {file for file in files if file.startswith(str(package_folder / "app"))}
    assert [file for file in files - own if not file.startswith(standard_library) or "site-packages" in file] == []
    assert seen["functions"] > 10


def test_nothing_is_compiled_although_the_sources_times_have_changed(seen: dict[str, Any]) -> None:
    assert seen["compiled"] == []


def test_nothing_is_written_because_the_app_mounts_read_only(seen: dict[str, Any]) -> None:
    assert seen["written"] == []


def test_every_native_module_can_be_loaded(seen: dict[str, Any]) -> None:
    assert seen["problems"].keys() <= set(LEFT_OUT)


@pytest.mark.parametrize("module", LEFT_OUT)
def test_a_module_that_was_left_out_says_so(seen: dict[str, Any], module: str) -> None:
    kind, message = seen["problems"][module]
    assert kind == "ModuleNotFoundError"
    assert "was left out of the deployed package, because no end-to-end test reaches it" in message
    assert "make package" in message
    assert "remote build" in message
