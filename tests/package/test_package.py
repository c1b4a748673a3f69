"""The zip file that is deployed: its size, its contents, and that nothing in it tells of this machine."""

import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path, PurePosixPath

import pytest

from local.lifecycle import ROOT
from package.__main__ import report
from package.build import MOUNTED_AT, PACKAGES, Package
from package.reached import reached_modules

BYTES_AT_MOST = 15 * 1024 * 1024
FILES_AT_MOST = 2_500


@pytest.fixture(scope="module")
def archive(package_folder: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(package_folder / "app.zip") as opened:
        yield opened


@pytest.fixture(scope="module")
def packaged(archive: zipfile.ZipFile) -> list[PurePosixPath]:
    """What is packaged of the requirements."""
    paths = [PurePosixPath(name) for name in archive.namelist()]
    return [path.relative_to(PACKAGES) for path in paths if path.is_relative_to(PACKAGES)]


def test_the_package_is_small(package_folder: Path, archive: zipfile.ZipFile) -> None:
    assert (package_folder / "app.zip").stat().st_size <= BYTES_AT_MOST
    assert len(archive.namelist()) <= FILES_AT_MOST


def test_nothing_in_the_archive_tells_when_or_by_whom_it_was_built(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    assert archive.namelist() == sorted(archive.namelist())
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {(entry.create_system, entry.external_attr >> 16) for entry in entries} == {(3, 0o100644)}


def test_the_archive_and_the_folder_are_the_same(package_folder: Path, archive: zipfile.ZipFile) -> None:
    app = package_folder / "app"
    files = {path.relative_to(app).as_posix() for path in app.rglob("*") if path.is_file()}
    assert files == set(archive.namelist())


def test_of_this_repository_only_the_app_is_in_it(archive: zipfile.ZipFile) -> None:
    """No test, document, secret or local setting: `.funcignore` is respected, which test_repository holds complete."""
    names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        ".python_packages",
        "__pycache__",
        "activities",
        "function_app.py",
        "host.json",
        "requirements.txt",
    }
    lines = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    own = [PurePosixPath(name) for name in names if not name.startswith(".python_packages/")]
    sources = [path for path in own if "__pycache__" not in path.parts]
    assert [path for path in sources for part in path.parts if any(fnmatch(part, one) for one in patterns)] == []
    for path in sources:
        assert archive.read(str(path)) == (ROOT / path).read_bytes()


def test_every_pinned_requirement_is_in_it_and_no_other(packaged: list[PurePosixPath]) -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", lines, re.MULTILINE)
    folders = {path.parts[0] for path in packaged if path.parts[0].endswith(".dist-info")}
    assert folders == {f"{name.replace('-', '_').replace('.', '_')}-{version}.dist-info" for name, version in pins}


def test_every_requirement_keeps_its_name_version_and_licence(packaged: list[PurePosixPath]) -> None:
    folders = {path.parts[0] for path in packaged if path.parts[0].endswith(".dist-info")}
    assert folders == {path.parts[0] for path in packaged if path.name == "METADATA"}
    assert PurePosixPath("cryptography") / "hazmat" / "bindings" / "_rust.abi3.so" in packaged


def test_the_worker_library_is_in_it_where_the_platform_looks_first(packaged: list[PurePosixPath]) -> None:
    """The app's packages come before the worker's own, and a package that is missing there is the platform's version.

    Source: https://github.com/Azure/azure-functions-python-worker/blob/dev/workers/proxy_worker/utils/dependency.py
    """
    assert PurePosixPath("azure_functions_runtime", "__init__.pyc") in packaged
    assert PurePosixPath("azurefunctions", "extensions", "base", "__init__.pyc") in packaged


def test_nothing_that_never_runs_is_in_it(packaged: list[PurePosixPath]) -> None:
    unwanted = {".pyi", ".pyx", ".pxd", ".c", ".h"}
    assert [path for path in packaged if path.suffix in unwanted or path.name in {"RECORD", "INSTALLER"}] == []
    assert [path for path in packaged if "tests" in path.parts or path.parts[0] == "bin"] == []


def test_every_native_module_is_for_azures_linux_and_has_no_symbols(package_folder: Path) -> None:
    libraries = sorted((package_folder / "app" / PACKAGES).rglob("*.so"))
    assert len(libraries) > 10
    assert list((package_folder / "app").rglob("*.pyd")) == list((package_folder / "app").rglob("*.dylib")) == []
    for library in libraries:
        assert re.search(r"\.(cpython-313-x86_64-linux-gnu|abi3)\.so$", library.name)
        content = library.read_bytes()
        machine, section_headers = struct.unpack_from("<H", content, 0x12), struct.unpack_from("<Q", content, 0x28)
        assert (content[:4], machine, section_headers) == (b"\x7fELF", (62,), (0,))


def test_everything_has_bytecode_that_is_never_compared_with_its_source(package_folder: Path) -> None:
    """Its second field is 1: a hash, not checked. Source: https://peps.python.org/pep-0552/#specification."""
    app = package_folder / "app"
    for path in app.rglob("*.pyc"):
        header = path.read_bytes()[:16]
        assert header[:8] == MAGIC_NUMBER + (1).to_bytes(4, "little"), path
    own = [path for path in app.rglob("*.py") if ".python_packages" not in path.parts]
    assert own
    for source in own:
        bytecode = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        assert bytecode.read_bytes()[8:16] == source_hash(source.read_bytes())
    # Of packages there is only bytecode, where Python looks for it when there is no source.
    assert list((app / PACKAGES).rglob("*.py")) == []
    assert [path for path in (app / PACKAGES).rglob("*.pyc") if path.parent.name == "__pycache__"] == []


def test_bytecode_names_the_folder_of_azure_and_none_of_this_machine(package_folder: Path) -> None:
    app = package_folder / "app"
    foreign = [path for path in app.rglob("*.pyc") if str(package_folder).encode() in path.read_bytes()]
    assert foreign == []
    expected = str(MOUNTED_AT / PACKAGES / "aiohttp" / "client.py").encode()
    assert expected in (app / PACKAGES / "aiohttp" / "client.pyc").read_bytes()


def test_of_msgraph_only_what_is_reached_is_in_it_and_what_that_imports(packaged: list[PurePosixPath]) -> None:
    msgraph = {path for path in packaged if path.parts[0] == "msgraph"}
    modules = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in msgraph}
    folders = {".".join(path.parts) for file in msgraph for path in file.parents}
    assert reached_modules() <= modules | folders
    assert len(modules - reached_modules()) <= 10
    assert {path.suffix for path in msgraph} == {".pyc"}


def test_the_report_says_how_large_it_is_what_it_lacks_and_how_it_is_deployed(package_folder: Path) -> None:
    text = report(Package(package_folder / "app.zip", package_folder / "app", Counter({"types": 3}), (15, 16_741)))
    for said in ("MB", "files", "16,741", "types (3)", "azd deploy api --from-package"):
        assert said in text
