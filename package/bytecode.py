"""Bytecode that is valid whatever becomes of the files' times, and the same on every build.

Run as a program of its own, isolated, because what else an interpreter has loaded can change how it writes constants:
it reads lines of `source<TAB>bytecode<TAB>name` from standard input. It imports nothing of this repository.

The app mounts read-only, and Python writes nothing back: bytecode tied to a time that the mount does not keep would be
thrown away and compiled again at every cold start. Unchecked-hash bytecode is never compared with its source.
Source: https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
"""

import ast
import gc
import marshal
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

# Hash-based, and not checked against the source: https://peps.python.org/pep-0552/#specification
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
_WITHOUT_DOCSTRINGS = "--without-docstrings"


def compile_all(files: Iterable[tuple[Path, Path, str]], *, docstrings: bool) -> None:
    """Compile sources, each given with where its bytecode goes and the file name for tracebacks.

    Without `docstrings`, those of functions are left out: nothing reads them, and they are an eighth of the bytes.
    Those of classes and modules stay, because pydantic, attrs and requests read them; so do assertions.

    Raises:
        subprocess.CalledProcessError: a source cannot be compiled; standard error says which.
    """
    lines = "".join(f"{source}\t{bytecode}\t{name}\n" for source, bytecode, name in files)
    # What the sources of others would be warned for is not this project's to repair.
    command = [sys.executable, "-I", "-S", "-W", "ignore", __file__]
    command += [] if docstrings else [_WITHOUT_DOCSTRINGS]
    subprocess.run(command, input=lines.encode(), check=True)


def main() -> None:
    """Compile what standard input names."""
    docstrings = _WITHOUT_DOCSTRINGS not in sys.argv
    gc.disable()  # Syntax trees are large and hold no circles: looking for some takes a third of the time.
    for line in sys.stdin.buffer.read().decode().splitlines():
        source, bytecode, name = line.split("\t")
        content = Path(source).read_bytes()
        path = Path(bytecode)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(compiled(content, name, docstrings=docstrings))


def compiled(source: bytes, name: str, *, docstrings: bool) -> bytes:
    """Return the content of the .pyc file for a source.

    Raises:
        SyntaxError: it cannot be compiled.
    """
    tree = ast.parse(source, name)
    if not docstrings:
        _drop_docstrings_of_functions(tree)
    code = compile(tree, name, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)


def _drop_docstrings_of_functions(tree: ast.Module) -> None:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        # Only into what can hold statements: most nodes are expressions.
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, name, None)
            waiting += children if isinstance(children, list) else []
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            docstring = node.body[0]
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), docstring)]


if __name__ == "__main__":
    main()
