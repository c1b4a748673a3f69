"""How a local server starts, says that it serves, and is asked to end.

It serves nothing itself and imports nothing heavy, so that every command may use it.
"""

import errno
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository: where `python -m local` runs, and the function app that it serves unless told otherwise."""

LOOPBACK = "127.0.0.1"
READY = "ready "


class StartError(Exception):
    """Starting makes no sense until a person changes something; the message is one sentence for that person."""


def url_of(port: int, *, scheme: str = "http") -> str:
    """Return the base address of a local server, without a trailing slash."""
    return f"{scheme}://{LOOPBACK}:{port}"


def announce(url: str) -> None:
    """Print the one line that says a server answers at `url`."""
    print(f"{READY}{url}", flush=True)


def listen(port: int) -> socket.socket:
    """Listen on a loopback port, 0 for any free one.

    Raises:
        StartError: the port is taken or not allowed.
    """
    try:
        return socket.create_server((LOOPBACK, port), backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is already in use: stop the program that listens there, or choose another port."
        else:
            message = f"Port {port} cannot be used: {error.strerror}."
        raise StartError(message) from error


_TRIES = 50


def free_ports(wanted: Sequence[int]) -> list[int]:
    """Return the wanted ports after making sure that each is free; a 0 becomes a free one.

    For programs that open their own ports. Another program may take one in between: use `listen` wherever possible.

    Raises:
        StartError: a port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    try:
        for port in wanted:
            sockets.append(listen(port) if port else _listen_anywhere())  # noqa: PERF401 (those before are closed)
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def _listen_anywhere() -> socket.socket:
    """Listen on a port that no connection going out is given in between: systems take those from 32,768 on."""
    for port in secrets.SystemRandom().sample(range(20_000, 32_000), _TRIES):
        try:
            return listen(port)
        except StartError:
            continue
    return listen(0)


def call_on_stop(callback: Callable[[], None], *, lifeline: bool) -> None:
    """Call `callback` at SIGTERM and SIGINT and, with `lifeline`, when standard input closes.

    A parent that holds the other end of standard input ends its children that way even if it is killed outright.
    The callback runs in a signal handler or a thread: it may only do what is safe there.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: callback())
    if lifeline:
        threading.Thread(target=_call_at_end_of_input, args=(callback,), name="lifeline", daemon=True).start()


def _call_at_end_of_input(callback: Callable[[], None]) -> None:
    # os.read, because a thread inside sys.stdin's buffer would abort the interpreter's shutdown.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    callback()
