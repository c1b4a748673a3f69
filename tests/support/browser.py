"""A real Chromium without a window, driven through the DevTools protocol: what a test needs of it, and no more.

    with running_browser(program, folder) as browser, browser.tab() as tab:
        tab.open(url)
        tab.until("document.title === 'Ready'")

The protocol runs over the browser's standard input and output, so the browser needs no port and ends with this process,
however that ends. https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.02
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser reads commands from descriptor 3 and writes to 4; what it prints goes to the log.
_OVER_STANDARD_STREAMS = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2'
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # It needs rights that a container does not give, and only pages of this project are opened.
    "--disable-dev-shm-usage",  # Containers have little of it.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--renderer-process-limit=1",  # A new tab then costs 0.1 s instead of 0.5 s.
    "--no-first-run",
    "--password-store=basic",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

type Json = dict[str, Any]


class BrowserError(Exception):
    """The browser refused a command or ended."""


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine."""
    return next((path for name in _PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """A running browser; ``events`` holds what it reported by itself, in order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._received = b""
        self._last_id = 0
        self.events: list[Json] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> Json:
        """Send a command and return its result."""
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self._in, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            for message in self._messages(deadline - time.monotonic()):
                if message.get("id") != self._last_id:
                    self.events.append(message)
                    continue
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']['message']}")
                result: Json = message["result"]
                return result
        raise BrowserError(f"{method}: no answer within {LIMIT_SECONDS:g} s")

    def listen(self) -> None:
        """Wait a moment for events."""
        self.events += self._messages(_POLL_SECONDS)

    @contextmanager
    def tab(self, *, width: int = 1000, height: int = 800) -> Iterator["Tab"]:
        """Open a tab, and close it again."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events.clear()
        try:
            yield Tab(self, session, width=width, height=height)
        finally:
            self.call("Target.closeTarget", targetId=target)

    def _messages(self, timeout_seconds: float) -> list[Json]:
        if not select.select([self._out], [], [], max(0.0, timeout_seconds))[0]:
            return []
        some = os.read(self._out, 1 << 20)
        if not some:
            raise BrowserError("the browser has ended")
        *complete, self._received = (self._received + some).split(b"\0")
        return [json.loads(message) for message in complete]


class Tab:
    """One tab of the browser."""

    def __init__(self, browser: Browser, session: str, *, width: int, height: int) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Network", "Log", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method: str, **parameters: Any) -> Json:
        """Send a command to this tab and return its result."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        """Go to an address and wait until the document is there."""
        self.call("Page.navigate", url=url)
        self.until(f"document.URL === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression (or its promise) is in this page, as JSON; also if scripts are off."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise BrowserError(f"{expression}: {said['exceptionDetails']}")
        return said["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            try:
                if self.evaluate(expression):
                    return
            except BrowserError:  # A page that is just going away answers nothing.
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {LIMIT_SECONDS:g} s: {expression}")
            self._browser.listen()

    def before_each_page(self, script: str) -> None:
        """Run a script in every page of this tab before its own; its policy does not concern it."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def resize(self, width: int, height: int) -> None:
        """Give the page so many CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, medium: str = "", **features: str) -> None:
        """Show the page as on paper (``print``), or for a reader's preferences (``prefers_color_scheme="dark"``)."""
        chosen = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=medium, features=chosen)

    def requested(self) -> list[str]:
        """Return every address that was asked for since the tab was opened."""
        return [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Return what stands in the console: errors, warnings, violations of the policy, uncaught exceptions."""
        self._browser.listen()
        entries = [event["params"]["entry"] for event in self._events("Log.entryAdded")]
        said = [entry["text"] for entry in entries if entry["level"] in {"warning", "error"}]
        said += [str(event["params"]["exceptionDetails"]) for event in self._events("Runtime.exceptionThrown")]
        return said + [str(event["params"]["args"]) for event in self._events("Runtime.consoleAPICalled")]

    def screenshot(self, path: Path) -> None:
        """Save the page as it is shown, in full length, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _events(self, method: str) -> list[Json]:
        return [
            event
            for event in self._browser.events
            if event.get("method") == method and event.get("sessionId") == self._session
        ]


@contextmanager
def running_browser(program: str, folder: Path) -> Iterator[Browser]:
    """Run a browser for the length of a ``with`` block; its profile and its log go into a folder."""
    command = ["/bin/sh", "-c", _OVER_STANDARD_STREAMS, program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}"]
    with (
        (folder / "browser.log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={**os.environ, "HOME": str(folder)}
        ) as process,
    ):
        browser = Browser(process)
        try:
            browser.call("Browser.getVersion")
        except (BrowserError, OSError) as error:
            process.kill()
            printed = (folder / "browser.log").read_text(encoding="utf-8", errors="replace")
            raise BrowserError(f"{program} does not start: {printed}") from error
        try:
            yield browser
        finally:
            assert process.stdin is not None
            process.stdin.close()  # The browser takes that for its end.
            try:
                process.wait(LIMIT_SECONDS / 3)
            except subprocess.TimeoutExpired:
                process.kill()
