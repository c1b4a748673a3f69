"""What of msgraph is packaged: what was reached, its packages, and what these import while they are imported."""

from pathlib import Path

import pytest

from package import reached
from package.package_error import PackageError

INIT = "from ._version import VERSION\nfrom .client import Client\n"
CLIENT = """
from __future__ import annotations
from typing import TYPE_CHECKING
from msgraph.generated import base
try:
    from .generated.models.entity import Entity
except ImportError:
    pass
if TYPE_CHECKING:
    from .generated.models.only_for_type_checkers import Nothing
def later():
    from .generated.models.inside_a_function import Nothing
"""


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "msgraph/__init__.py": INIT,
        "msgraph/_version.py": "VERSION = '1'\n",
        "msgraph/client.py": "\ufeff" + CLIENT,
        "msgraph/generated/base.py": "import os.path, msgraph.generated.models\n",
        "msgraph/generated/models/entity.py": "",
        "msgraph/generated/models/only_for_type_checkers.py": "",
        "msgraph/generated/models/inside_a_function.py": "",
        "msgraph/generated/deep/down/here.py": "from ...models import entity\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(reached, "LIST", tmp_path / "list.txt")
    return tmp_path


def packaged(site_packages: Path, *modules: str) -> set[str]:
    reached.write_reached_modules(modules)
    return {path.as_posix().removeprefix("msgraph/") for path in reached.packaged_files(site_packages)}


def test_a_module_brings_its_packages_and_what_they_import_at_their_top_level(site_packages: Path) -> None:
    everything = {"__init__.py", "_version.py", "client.py", "generated/base.py", "generated/models/entity.py"}
    assert packaged(site_packages, "msgraph") == everything
    assert packaged(site_packages, "msgraph.generated.deep.down.here") == {*everything, "generated/deep/down/here.py"}


def test_what_is_imported_inside_a_function_has_to_be_reached(site_packages: Path) -> None:
    module = "msgraph.generated.models.inside_a_function"
    assert "generated/models/inside_a_function.py" not in packaged(site_packages, "msgraph")
    assert "generated/models/inside_a_function.py" in packaged(site_packages, "msgraph", module)


def test_a_list_that_does_not_fit_msgraph_is_refused(site_packages: Path) -> None:
    with pytest.raises(PackageError, match=r"no msgraph\.generated\.gone: .* `make reached`"):
        packaged(site_packages, "msgraph", "msgraph.generated.gone")


def test_the_list_is_written_sorted_and_read_back(site_packages: Path) -> None:
    reached.write_reached_modules({"msgraph.b", "msgraph", "msgraph.a"})
    lines = (site_packages / "list.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["msgraph", "msgraph.a", "msgraph.b"]
    assert reached.reached_modules() == set(lines[1:])


def test_only_msgraphs_own_modules_count() -> None:
    assert reached.of_msgraph(["msgraph", "msgraph.a", "msgraph_core", "os"]) == {"msgraph", "msgraph.a"}
