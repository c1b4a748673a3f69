"""What of the requirements' wheels is left out, because nothing of it ever runs in Azure."""

from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Omission:
    """Files that look alike and are left out for one reason; the patterns are those of a .gitignore file."""

    what: str
    patterns: tuple[str, ...]
    reason: str


OMISSIONS = (
    Omission("types", ("*.pyi", "py.typed"), "only type checkers read them"),
    Omission(
        "sources of native modules",
        ("*.pyx", "*.pxd", "*.pxi", "*.c", "*.h"),
        "the wheels bring what was built from them",
    ),
    Omission("tests of packages", ("tests/",), "they prove the package, not the app"),
    Omission("other bytecode", ("__pycache__/", "*.pyc"), "it is written here, in a form that stays valid"),
    Omission(
        "an installer's notes",
        ("*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.dist-info/WHEEL", "/.lock"),
        "nothing is uninstalled or upgraded in place; versions, entry points and licences stay",
    ),
    Omission("names of top-level packages", ("*.dist-info/top_level.txt",), "only tools that list packages read them"),
    Omission(
        "what other programs import",
        ("/cffi/", "/pycparser/", "/pydantic/v1/", "/pydantic/mypy.py"),
        "cryptography needs the compiled half of cffi alone, and no model here is one of pydantic's first version",
    ),
    Omission("commands", ("/bin/",), "nobody has a shell there"),
)


_SPECS = [(omission, GitIgnoreSpec.from_lines(omission.patterns)) for omission in OMISSIONS]


def omission_of(path: Path) -> Omission | None:
    """Return why a file, relative to the folder of packages, is left out; None if it is kept."""
    name = path.as_posix()
    return next((omission for omission, spec in _SPECS if spec.match_file(name)), None)
