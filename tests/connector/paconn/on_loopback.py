"""Microsoft's paconn as it is, with all that it sends going to a stand-in on this machine; run by its own Python.

Usage: ``python on_loopback.py PORT ARGUMENTS…``. What it would ask a person is read line by line from the input.
"""

import importlib
import io
import sys
from typing import Any
from urllib.parse import urlsplit


class Terminal(io.TextIOWrapper):
    """An input that says that a person sits there: knack's prompting.py:28 asks nobody else."""

    def isatty(self) -> bool:
        return True


def main(port: str, *arguments: str) -> None:
    """Run paconn with these arguments."""
    # Its own requests, adal's and those of azure-storage-blob 2.1 all leave by this one method.
    adapter: Any = importlib.import_module("requests.adapters").HTTPAdapter
    send = adapter.send

    def send_here(self: Any, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(scheme="http", netloc=f"127.0.0.1:{port}").geturl()
        return send(self, request, **{**options, "proxies": {}})

    adapter.send = send_here
    sys.stdin = Terminal(sys.stdin.buffer, encoding="utf-8")
    sys.argv = ["paconn", *arguments]
    importlib.import_module("paconn.__main__").main()


if __name__ == "__main__":
    main(*sys.argv[1:])
