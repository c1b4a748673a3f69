"""Where an app's modules come from, and which folder is the current one, as on the platform.

Source: https://github.com/Azure/azure-functions-python-worker/blob/dev/workers/proxy_worker/utils/dependency.py
"""

import json
from pathlib import Path

import httpx
import pytest

from local.host.loaded_modules import PACKAGES
from local.stack.processes import started

FUNCTION_APP = """
import json, os
import azure.functions as func
import colorsys, of_both, of_the_app, tzlocal

IMPORTED_IN = os.getcwd()
app = func.FunctionApp()

@app.route("seen", auth_level=func.AuthLevel.ANONYMOUS)
async def seen(req: func.HttpRequest) -> func.HttpResponse:
    import later
    modules = (colorsys, of_both, of_the_app, tzlocal, later)
    files = {module.__name__: module.__file__ for module in modules}
    return func.HttpResponse(json.dumps({"files": files, "imported in": IMPORTED_IN, "runs in": os.getcwd()}))
"""
OWN = ("colorsys", "of_both", "of_the_app", "tzlocal", "later")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an app whose modules are called like packages, like a part of the standard library, and like nothing."""
    folder = tmp_path_factory.mktemp("app").resolve()
    (folder / "host.json").write_text("{}")
    (folder / "function_app.py").write_text(FUNCTION_APP)
    packages = folder / PACKAGES
    packages.mkdir(parents=True)
    (packages / "of_both.py").touch()
    for name in OWN:
        (folder / f"{name}.py").touch()
    return folder


@pytest.fixture(scope="module")
def seen(app: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    log = tmp_path_factory.mktemp("log") / "host.log"
    with started("host", "--port", "0", "--app", str(app), log=log) as host:
        answer: dict[str, object] = json.loads(httpx.get(f"{host.url}/api/seen").text)
    return answer


def test_the_apps_packages_come_first_then_the_environments_and_its_own_modules_last(
    seen: dict[str, object], app: Path
) -> None:
    files = seen["files"]
    assert isinstance(files, dict)
    assert files["of_both"] == str(app / PACKAGES / "of_both.py")
    for name in ("tzlocal", "colorsys"):
        assert not files[name].startswith(str(app)), "a package or a part of the standard library hides it"
    for name in ("of_the_app", "later"):
        assert files[name] == str(app / f"{name}.py")


def test_the_apps_folder_becomes_the_current_one_only_after_it_is_imported(seen: dict[str, object], app: Path) -> None:
    """An app that reads its files by relative paths while it is imported fails here as it would there."""
    assert seen["imported in"] != str(app)
    assert seen["runs in"] == str(app)
