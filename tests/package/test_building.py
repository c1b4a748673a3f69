"""The steps of building, each by itself: what may be in, what stays out, and that nothing depends on this machine."""

import importlib.util
import os
import shutil
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest

from local.lifecycle import ROOT
from package.__main__ import main
from package.app_files import EXPECTED, deployed_files
from package.archive import write_zip
from package.build import PACKAGES, add_bytecode
from package.bytecode import compiled
from package.native import without_symbols
from package.omissions import omission_of
from package.package_error import PackageError
from package.wheels import foreign_wheels

SOURCE = '''
"""Of the module."""
import sys
def only_said():
    """Of a function that does nothing else."""
class Told:
    """Of a class."""
    async def method(self, value):
        """Of a method."""
        assert value, "checked"
        return sys._getframe().f_lineno
if True:
    def inside():
        """Of a function below a condition."""
        return "kept"
'''


# What people keep in a clone, and what comes to lie there.
BESIDE = (
    "activities/__pycache__/models.pyc",
    ".env",
    ".env.production",
    ".venv/pyvenv.cfg",
    "venv/pyvenv.cfg",
    "docs/a.md",
    "dist/app.zip",
    "app.zip",
    *(f"learners.{kind}" for kind in ("csv", "ods", "xls", "xlsm", "xlsx")),
    *(f"azure.{kind}" for kind in ("key", "p12", "pem", "pfx")),
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder that looks like this repository."""
    for name in EXPECTED - {"activities"}:
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "activities").mkdir()
    (tmp_path / "activities" / "models.py").write_text("", encoding="utf-8")
    shutil.copyfile(ROOT / ".funcignore", tmp_path / ".funcignore")
    return tmp_path


def loaded(bytecode: bytes, path: Path) -> ModuleType:
    path.write_bytes(bytecode)
    spec = importlib.util.spec_from_file_location("told", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_funcignore_names_is_not_deployed(app: Path) -> None:
    for name in ("local.settings.json", "tests/test_a.py", *BESIDE):
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text("secret", encoding="utf-8")
    assert {path.as_posix() for path in deployed_files(app)} == EXPECTED - {"activities"} | {"activities/models.py"}


PAGE_FILES = ("batch.html", "page.css", "page.html", "page.js", "tenant_check.html", "tenant_check.js")


def test_of_what_is_no_code_only_what_the_app_serves_is_deployed() -> None:
    served = {
        path.as_posix() for path in deployed_files(ROOT) if path.parts[0] == "activities" and path.suffix != ".py"
    }
    page = {f"activities/web/page/{name}" for name in PAGE_FILES}
    assert served == {"activities/web/openapi.json", *page}


@pytest.mark.parametrize("name", ["notes.txt", "keys/storage.txt"])
def test_what_nobody_named_stops_the_build_because_it_may_be_a_secret(app: Path, name: str) -> None:
    (app / name).parent.mkdir(exist_ok=True)
    (app / name).write_text("secret", encoding="utf-8")
    with pytest.raises(PackageError, match=rf"{Path(name).parts[0]} would be deployed .*\.funcignore"):
        deployed_files(app)


def test_a_problem_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 99))
    with pytest.raises(AttributeError):  # A plain tuple, so that nothing is built by mistake.
        main(["--into", str(tmp_path)])
    monkeypatch.undo()
    monkeypatch.setattr("package.wheels.PYTHON_VERSION", "3.99")
    assert main(["--into", str(tmp_path / "dist")]) == 2
    assert "Only Python 3.99" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("pydantic/py.typed", "types"),
        ("aiohttp/_cparser.pxd", "sources of native modules"),
        ("certifi/tests/test_certify.py", "tests of packages"),
        ("yarl-1.dist-info/RECORD", "an installer's notes"),
        (".lock", "an installer's notes"),
        ("bin/httpx", "commands"),
    ],
)
def test_what_never_runs_is_left_out_for_a_reason(path: str, what: str) -> None:
    omission = omission_of(Path(path))
    assert omission is not None
    assert (omission.what, bool(omission.reason)) == (what, True)


@pytest.mark.parametrize(
    "path",
    [
        "yarl-1.dist-info/METADATA",
        "yarl-1.dist-info/licenses/LICENSE",
        "opentelemetry_api-1.dist-info/entry_points.txt",
        "certifi/cacert.pem",
        "tzdata/zoneinfo/Europe/Berlin",
        "werkzeug/test.py",
        "some/package/bin/module.py",
    ],
)
def test_what_may_be_read_stays(path: str) -> None:
    assert omission_of(Path(path)) is None


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp313-cp313-manylinux_2_17_x86_64", True),
        ("cp39-abi3-manylinux_2_28_x86_64", True),
        ("cp312-cp312-manylinux_2_17_x86_64", False),
        ("cp313-cp313-musllinux_1_2_x86_64", False),
        ("cp313-cp313-manylinux_2_17_aarch64", False),
        ("cp313-cp313t-manylinux_2_17_x86_64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
        ("cp313-cp313-win_amd64", False),
    ],
)
def test_a_wheel_for_another_machine_is_told(tmp_path: Path, tag: str, *, fits: bool) -> None:
    (tmp_path / "some-1.dist-info").mkdir()
    (tmp_path / "some-1.dist-info" / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n", encoding="utf-8")
    assert foreign_wheels(tmp_path) == ([] if fits else [f"some-1.dist-info: {tag}"])


def test_docstrings_of_functions_go_and_nothing_else(tmp_path: Path) -> None:
    whole, short = (
        loaded(compiled(SOURCE.encode(), "told.py", docstrings=docstrings), tmp_path / f"told{docstrings}.pyc")
        for docstrings in (True, False)
    )
    assert (whole.only_said.__doc__, whole.Told.method.__doc__) != (None, None)
    assert (short.only_said.__doc__, short.Told.method.__doc__, short.inside.__doc__) == (None, None, None)
    assert (short.__doc__, short.Told.__doc__, short.inside()) == ("Of the module.", "Of a class.", "kept")
    with pytest.raises(AssertionError, match="checked"):
        short.Told().method(0).send(None)
    for module in (whole, short):
        with pytest.raises(StopIteration) as returned:
            module.Told().method(1).send(None)
        assert returned.value.value == SOURCE.splitlines().index("        return sys._getframe().f_lineno") + 1


def test_bytecode_is_the_same_in_another_folder_and_at_another_time(package_folder: Path, tmp_path: Path) -> None:
    """Compiled once more, from this environment's copies; `make package ARGS=--twice` does so with everything."""
    spec = importlib.util.find_spec("kiota_abstractions")
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, tmp_path / PACKAGES / "kiota_abstractions")
    shutil.copyfile(ROOT / "function_app.py", tmp_path / "function_app.py")
    for bytecode in tmp_path.rglob("*.pyc"):
        bytecode.unlink()
    add_bytecode(tmp_path)
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.pyc")}
    assert len(again) > 40
    assert again == {path: (package_folder / "app" / path).read_bytes() for path in again}


def test_an_archive_depends_on_its_contents_alone(tmp_path: Path) -> None:
    archives: list[bytes] = []
    for number, names in enumerate((["b.txt", "a/c.txt"], ["a/c.txt", "b.txt"])):
        folder = tmp_path / f"folder {number}"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name, encoding="utf-8")
            (folder / name).chmod(0o600 + number)
            os.utime(folder / name, (number, number))
        write_zip(folder, tmp_path / f"{number}.zip")
        archives.append((tmp_path / f"{number}.zip").read_bytes())
    assert archives[0] == archives[1]


def test_a_native_module_loses_what_no_segment_holds() -> None:
    """A header, one program header, code, then symbols that belong to no segment, and section headers."""
    header = bytearray(b"\x7fELF\x02\x01".ljust(0x40, b"\0"))
    struct.pack_into("<QQ", header, 0x20, 0x40, 0x100)
    struct.pack_into("<HHHHH", header, 0x36, 0x38, 1, 0x40, 9, 8)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0x80, 0, 0, 4, 4, 1)
    library = bytes(header + segment).ljust(0x80, b"?") + b"code" + b"symbols"
    stripped = without_symbols(library)
    assert stripped == stripped[:0x78].ljust(0x80, b"\0") + b"code"
    assert struct.unpack_from("<Q", stripped, 0x28) == (0,)
    assert struct.unpack_from("<HHHHH", stripped, 0x36) == (0x38, 1, 0, 0, 0)
    with pytest.raises(ValueError, match="ELF"):
        without_symbols(b"MZ")
