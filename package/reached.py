"""Which modules of msgraph are packaged: those that run, and what they import.

`msgraph_modules.txt` holds what a host had loaded after it created both kinds, looked an activity up, sent a batch and
met errors. `make reached` writes it (tests/end_to_end/test_reached_modules.py); every end-to-end host is held against
it. Added to that are the imports that these modules make at their top level, in case one of them depends on the
platform or on the settings. Imports inside functions are not followed: of these 18 modules they lead to 1,300 others in
one step and to 3,000 in two, because each model names its neighbours there, and each step ends at imports that lead
further. `left_out` says clearly what is missing should one of them ever be reached.
"""

import ast
from collections.abc import Iterable
from pathlib import Path

from package.package_error import PackageError

PACKAGE = "msgraph"
LIST = Path(__file__).parent / "msgraph_modules.txt"


def reached_modules() -> set[str]:
    """Return the modules of the written list."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def write_reached_modules(modules: Iterable[str]) -> None:
    """Write the list, one module a line."""
    header = "# Written by `make reached`; see reached.py. Not to be changed by hand."
    LIST.write_text("\n".join([header, *sorted(modules), ""]), encoding="utf-8", newline="\n")


def of_msgraph(modules: Iterable[str]) -> set[str]:
    """Return which of these modules are msgraph's."""
    return {name for name in modules if name.split(".")[0] == PACKAGE}


def packaged_files(site_packages: Path) -> set[Path]:
    """Return the sources of msgraph that are packaged, relative to the folder of packages.

    Raises:
        PackageError: this version of msgraph lacks one of the modules that are reached.
    """
    found: dict[str, Path | None] = {}
    waiting = reached_modules()
    while waiting:
        module = waiting.pop()
        if not _exists(site_packages, module):
            raise PackageError(f"The installed msgraph has no {module}: write {LIST.name} again with `make reached`.")
        found[module] = source = _source(site_packages, module)
        parent = module.rpartition(".")[0]
        wanted = {parent} if parent else set()
        if source:
            wanted |= {name for name in _imports(module, source) if _exists(site_packages, name)}
        waiting |= wanted - found.keys()
    return {source.relative_to(site_packages) for source in found.values() if source}


def _exists(site_packages: Path, module: str) -> bool:
    folder = site_packages.joinpath(*module.split("."))
    return folder.is_dir() or folder.with_suffix(".py").is_file()


def _source(site_packages: Path, module: str) -> Path | None:
    """Return a module's file; None for a folder without one, a namespace package."""
    folder = site_packages.joinpath(*module.split("."))
    candidates = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _imports(module: str, source: Path) -> set[str]:
    """Return what of msgraph a module imports at its top level; of `from a import b` both a and a.b, if it is one."""
    package = module.split(".") if source.name == "__init__.py" else module.split(".")[:-1]
    names: set[str] = set()
    for statement in _top_level(ast.parse(source.read_bytes())):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            base = package[: len(package) - statement.level + 1] if statement.level else []
            origin = ".".join([*base, *([statement.module] if statement.module else [])])
            names |= {origin, *(f"{origin}.{alias.name}" for alias in statement.names)}
    return of_msgraph(names)


def _top_level(node: ast.AST) -> Iterable[ast.stmt]:
    """Give the statements that run while a module is imported; not those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.orelse:
                yield from _top_level(statement)
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from _top_level(child)
