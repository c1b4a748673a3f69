"""The command line of `python -m local`.

It only reads arguments and says what went wrong; each command lives in a module that is imported when it is used,
because a host or a demo should not pay for the others.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from local.environment import BLOB_PORT, QUEUE_PORT, TABLE_PORT
from local.host.loaded_modules import prefer_packages_of
from local.lifecycle import ROOT, StartError
from local.stack.processes import ChildError

MODULES = {
    "up": "local.stack.up",
    "host": "local.host.functions_host",
    "graph": "local.emulators.emulator_server",
    "storage": "local.stack.storage",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 when it cannot start, 1 when something it runs failed."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            return importlib.import_module("local.stack.demo").main() or 0
        if options.command == "host":
            prefer_packages_of(Path(options.app))
        code: int = importlib.import_module(MODULES[options.command]).run(options)
    except StartError as problem:
        print(problem, file=sys.stderr)
        return 2
    except ChildError as failure:
        print(failure, file=sys.stderr)
        return failure.exit_code
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="What stands in for Azure on a laptop.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    server = argparse.ArgumentParser(add_help=False)
    server.add_argument("--lifeline", action="store_true", help="also stop when standard input closes")

    app = argparse.ArgumentParser(add_help=False)
    app.add_argument("--app", default=str(ROOT), metavar="DIR", help="the function app (default: this repository)")
    app.add_argument("--function-key", metavar="KEY", help="what callers must show (default: nobody is asked)")

    storage = argparse.ArgumentParser(add_help=False)
    for name, port in (("blob", BLOB_PORT), ("queue", QUEUE_PORT), ("table", TABLE_PORT)):
        storage.add_argument(f"--{name}-port", type=int, default=port, metavar="N", help=f"(default: {port})")

    up = commands.add_parser("up", parents=[server, app, storage], help="everything, until Ctrl-C")
    up.add_argument("--host-port", type=int, default=7071, metavar="N", help="(default: 7071)")
    up.add_argument("--graph-port", type=int, default=8085, metavar="N", help="(default: 8085)")

    host = commands.add_parser("host", parents=[server, app], help="only the Functions host")
    host.add_argument("--port", type=int, required=True, metavar="N", help="0: any free port")
    lock_help = "for how long a received queue message is locked (default: 600, as in Azure)"
    host.add_argument("--queue-lock-seconds", type=_lock_seconds, default=600, metavar="S", help=lock_help)
    loaded_help = "write there which modules were loaded, as JSON, when asked to stop"
    host.add_argument("--loaded-modules", type=Path, metavar="FILE", help=loaded_help)

    graph = commands.add_parser("graph", parents=[server], help="only the Graph and identity emulators")
    graph.add_argument("--port", type=int, required=True, metavar="N", help="0: any free port")
    graph.add_argument("--latency-seconds", type=float, default=0, metavar="S", help="how long Graph takes to answer")

    https_help = "also https, over which applications get their tokens"
    graph.add_argument("--https", type=Path, nargs=2, metavar=("CERTIFICATE", "KEY"), help=https_help)
    graph.add_argument("--https-port", type=int, default=0, metavar="N", help="(default: any free port)")

    azurite = commands.add_parser("storage", parents=[server, storage], help="only storage (Azurite)")
    azurite.add_argument("--location", metavar="DIR", help="keep the data there (default: in memory)")
    https_help = "https with a new certificate.pem in that directory, and tokens of an identity (default: http, a key)"
    azurite.add_argument("--https", type=Path, metavar="DIR", help=https_help)

    commands.add_parser("demo", help="the main job, start to end, then exit")
    return parser


def _lock_seconds(text: str) -> int:
    # https://learn.microsoft.com/rest/api/storageservices/get-messages, whose unit is a whole second.
    seconds = int(text)
    if not 1 <= seconds <= 7 * 24 * 3600:
        raise argparse.ArgumentTypeError("a lock lasts from 1 second to 7 days")
    return seconds
