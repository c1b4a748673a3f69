"""Put the package together: the app's files, its packages beside them, bytecode for both.

The app's own modules keep their sources, so that its tracebacks show lines. Those of packages are bytecode alone: with
sources, too, there would be 3,700 files. A traceback names their file and line; the text is in the pinned version.
"""

import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path, PurePosixPath

from package import left_out, metadata, native, reached, wheels
from package.app_files import deployed_files
from package.archive import write_zip
from package.bytecode import compile_all
from package.omissions import omission_of
from package.package_error import PackageError

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = PurePosixPath(".python_packages/lib/site-packages")
"""https://learn.microsoft.com/azure/azure-functions/python-build-options#deployment-package-considerations"""
MOUNTED_AT = PurePosixPath("/home/site/wwwroot")
"""Where the app stands in Azure, and what tracebacks of packages begin with."""


@dataclass(frozen=True, slots=True)
class Package:
    """What was built: the zip file, the same as a folder, and what was left out of the packages, by reason."""

    archive: Path
    app: Path
    left_out: Counter[str]
    msgraph_modules: tuple[int, int]
    """How many of msgraph's modules are in, and of how many."""


def build(into: Path, *, root: Path = ROOT) -> Package:
    """Build `app.zip` and the folder `app` with the same files, in a folder of one's choice.

    Raises:
        PackageError: something has to be changed first.
        subprocess.CalledProcessError: a source cannot be compiled.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" != wheels.PYTHON_VERSION:
        raise PackageError(f"Only Python {wheels.PYTHON_VERSION} writes bytecode for Python {wheels.PYTHON_VERSION}.")
    own = deployed_files(root)
    into.mkdir(parents=True, exist_ok=True)
    app = into / "app"
    shutil.rmtree(app, ignore_errors=True)
    # Beside the result, so that uv can link its cache's files instead of copying them.
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=into) as folder:
        site_packages = Path(folder)
        wheels.install(root / "requirements.txt", site_packages)
        foreign = wheels.foreign_wheels(site_packages)
        if foreign:
            raise PackageError(f"These wheels do not run in Azure: {'; '.join(foreign)}.")
        counts, msgraph_modules = _add_packages(site_packages, app.joinpath(PACKAGES))
    for path in own:
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, app / path)
    add_bytecode(app)
    archive = into / "app.zip"
    write_zip(app, archive)
    return Package(archive, app, counts, msgraph_modules)


def _add_packages(site_packages: Path, target: Path) -> tuple[Counter[str], tuple[int, int]]:
    """Copy what is kept of the installed wheels, whose files belong to uv's cache and must not be written to."""
    counts: Counter[str] = Counter()
    kept = sorted(reached.packaged_files(site_packages))
    msgraph_modules = (len(kept), wheels.count_modules(site_packages, "msgraph_sdk"))
    for folder, folders, names in site_packages.walk():
        here = folder.relative_to(site_packages)
        if folder == site_packages:
            folders.remove(reached.PACKAGE)
        for name in names:
            omission = omission_of(here / name)
            if omission:
                counts[omission.what] += 1
            else:
                kept.append(here / name)
    for path in kept:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".so":
            (target / path).write_bytes(native.without_symbols((site_packages / path).read_bytes()))
        elif path.name == metadata.NAME:
            (target / path).write_bytes(metadata.without_description((site_packages / path).read_bytes()))
        else:
            shutil.copyfile(site_packages / path, target / path)
    _add_left_out(target / reached.PACKAGE / "generated")
    return counts, msgraph_modules


def _add_left_out(generated: Path) -> None:
    """Make the packaged msgraph say what was left out of it: its folder of generated modules has no code of its own.

    Raises:
        PackageError: it has some in this version of msgraph.
    """
    init = generated / "__init__.py"
    if init.exists():
        raise PackageError("msgraph/generated/__init__.py exists: find another place for package/left_out.py.")
    init.write_text(f"{Path(left_out.__file__).read_text(encoding='utf-8')}\n\ninstall()\n", encoding="utf-8")


def add_bytecode(app: Path) -> None:
    """Compile everything in the folder of an app, and take the sources of its packages away."""
    packages = app.joinpath(PACKAGES)
    sources = sorted(app.rglob("*.py"))
    theirs = [path for path in sources if path.is_relative_to(packages)]
    own = [path for path in sources if not path.is_relative_to(packages)]

    def named(path: Path) -> str:
        return str(MOUNTED_AT / path.relative_to(app).as_posix())

    compile_all(((path, path.with_suffix(".pyc"), named(path)) for path in theirs), docstrings=False)
    compile_all(((path, Path(cache_from_source(path, optimization="")), named(path)) for path in own), docstrings=True)
    for source in theirs:
        source.unlink()
