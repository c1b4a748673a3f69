"""Children: start one, wait for its ready line with a limit, stop it.

For `python -m local up`, the demo, the benchmarks and the tests:

    with started("graph", "--port", "0") as graph:
        requests.get(f"{graph.url}/_emulator/activities")

A child is stopped by closing its standard input (`--lifeline`), so it also ends when this process is killed.
"""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.lifecycle import READY, ROOT

TAIL_LINES = 20


class ChildError(Exception):
    """A child ended, or said nothing, before it was ready; the message ends with what it logged last."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Program:
    """What to run as a child; `url_in` returns its address from the line of output that says it is ready.

    What a `quiet` program prints on standard output is only shown when it fails.
    """

    name: str
    command: Sequence[str]
    url_in: Callable[[str], str | None]
    quiet: bool = False


class Child:
    """A child process; `url` is where it serves once it is ready, `pid` its process id."""

    def __init__(
        self,
        program: Program,
        *,
        env: Mapping[str, str] | None,
        log: Path | None,
        on_exit: Callable[[str, int], None] | None,
    ) -> None:
        self.name = program.name
        self.url = ""
        self._log = log
        self._url_in = program.url_in
        self._recent: deque[str] | None = deque(maxlen=TAIL_LINES) if program.quiet else None
        self._on_exit = on_exit
        self._ready_or_ended = threading.Event()
        self._output = log.open("ab", buffering=0) if log else None
        self._process = subprocess.Popen(
            program.command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            # Ctrl-C reaches the whole group of a terminal: only the parent is to act on it, and ends its children.
            process_group=None if sys.platform == "win32" else 0,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"output of {self.name}", daemon=True)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """What the child ended with, as a shell counts it (128 + signal); None while it runs."""
        code = self._process.poll()
        return None if code is None else _as_shell(code)

    def wait_until_ready(self, timeout_seconds: float) -> None:
        """Wait for the child's ready line.

        Raises:
            ChildError: it ended, or did not say so in time.
        """
        if not self._ready_or_ended.wait(timeout_seconds):
            raise ChildError(f"{self.name} was not ready within {timeout_seconds:g} s.{self._tail()}", 1)
        if not self.url:
            code = self.wait(timeout_seconds)
            raise ChildError(f"{self.name} ended with exit code {code} before it was ready.{self._tail()}", code)

    def wait(self, timeout_seconds: float) -> int:
        """Wait for the child's end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return _as_shell(self._process.wait(timeout_seconds))

    def send_signal(self, signal: int) -> None:
        """Send the child a signal, for tests of how it ends."""
        self._process.send_signal(signal)

    def stop(self, timeout_seconds: float = 10) -> int:
        """End the child, by force after `timeout_seconds`, and return its exit code."""
        assert self._process.stdin is not None  # noqa: S101 - Tells mypy what stdin=PIPE means.
        self._process.stdin.close()
        try:
            return self.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self.wait(timeout_seconds)
        finally:
            self._reader.join(timeout_seconds)
            if self._output:
                self._output.close()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - Tells mypy what stdout=PIPE means.
        with self._process.stdout as lines:
            for line in lines:
                text = line.decode(errors="replace")
                url = None if self.url else self._url_in(text)
                if url:
                    self.url = url
                    self._ready_or_ended.set()
                elif self._recent is not None:
                    self._recent.append(text.rstrip())
                elif self._output:
                    self._output.write(line)
                else:
                    sys.stderr.write(text)
        code = self._process.wait()
        self._ready_or_ended.set()
        if self._on_exit:
            self._on_exit(self.name, _as_shell(code))

    def _tail(self) -> str:
        lines = list(self._recent or ())
        if self._log:
            lines += self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return "".join(f"\n    {line}" for line in lines)


def _as_shell(code: int) -> int:
    return code if code >= 0 else 128 - code


@contextmanager
def running(
    program: Program,
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout_seconds: float = 30,
    on_exit: Callable[[str, int], None] | None = None,
) -> Iterator[Child]:
    """Run any program as a child for the length of a `with` block; parameters and errors as for `started`."""
    child = Child(program, env=env, log=log, on_exit=on_exit)
    try:
        child.wait_until_ready(timeout_seconds)
        yield child
    finally:
        child.stop()


@contextmanager
def started(
    command: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout_seconds: float = 30,
    on_exit: Callable[[str, int], None] | None = None,
) -> Iterator[Child]:
    """Run `python -m local COMMAND ARGUMENTS` as a child for the length of a `with` block.

    Args:
        command: `host`, `graph`, `storage` or `up`.
        arguments: its options; `--lifeline` is added.
        env: variables added to this process's own.
        log: the file to which everything the child writes is appended; without it, this process's standard error.
        timeout_seconds: how long it may take until it is ready.
        on_exit: called in a thread with the command and its exit code whenever the child ends, also when stopped.

    Raises:
        ChildError: it ended, or did not say that it was ready in time.
    """
    program = Program(
        name=command,
        command=[sys.executable, "-m", "local", command, "--lifeline", *arguments],
        url_in=lambda line: line.removeprefix(READY).strip() if line.startswith(READY) else None,
    )
    with running(program, env=env, log=log, timeout_seconds=timeout_seconds, on_exit=on_exit) as child:
        yield child
