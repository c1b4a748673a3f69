"""`python -m package`: build the package, and say what it is and how it gets to Azure."""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from package.build import ROOT, Package, build
from package.errors import PackageError

_REPORT = """\
{archive}: {megabytes:.1f} MB, {files:,} files, {unpacked:.1f} MB unpacked.
Of msgraph's {all_modules:,} modules it holds {modules}: those that the end-to-end tests reach, and what these import.
Left out besides: {left_out}.

To deploy it as it is (not with the Azure CLI's config-zip, which builds Python again):
  azd deploy api --from-package {archive}   (azd 1.23.5 or newer)
To run the end-to-end tests on it:
  make test ARGS="--app {app} tests/end_to_end"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and report; 2 when a person has to change something first."""
    parser = argparse.ArgumentParser(prog="python -m package", description="Build the package that is deployed.")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", metavar="DIR", help="(default: dist)")
    parser.add_argument("--twice", action="store_true", help="build once more elsewhere, and compare every byte")
    options = parser.parse_args(arguments)
    try:
        built = build(options.into)
        if options.twice:
            _build_again(built.archive)
    except PackageError as problem:
        print(problem, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError:
        return 2  # The compiler has said which file, and why.
    print(report(built), end="")
    return 0


def _build_again(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if build(Path(folder) / "another place").archive.read_bytes() != archive.read_bytes():
            raise PackageError("Built once more in another folder, the package has other bytes.")
    print("Built twice, in two places: the same bytes.")


def report(built: Package) -> str:
    """Say how large a package is, what it lacks, and how it is deployed."""
    with zipfile.ZipFile(built.archive) as archive:
        entries = archive.infolist()
    modules, all_modules = built.msgraph_modules
    return _REPORT.format(
        archive=_shown(built.archive),
        app=_shown(built.app),
        megabytes=built.archive.stat().st_size / 1e6,
        files=len(entries),
        unpacked=sum(entry.file_size for entry in entries) / 1e6,
        modules=modules,
        all_modules=all_modules,
        left_out=", ".join(f"{what} ({count:,})" for what, count in sorted(built.left_out.items())),
    )


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
