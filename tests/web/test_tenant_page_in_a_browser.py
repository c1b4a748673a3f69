"""The page of the tenant check in a real browser: it sends what stands in the form, waits, and shows what was found."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from activities.execution.tenant.assumptions import ASSUMPTIONS, Name
from activities.execution.tenant.checks import Running
from activities.execution.tenant.findings import Checked, Finding, in_order
from activities.web.page import tenant_page
from tests.support.browser import Browser, Tab, find_browser, running_browser
from tests.support.fakes import LEARNER_ID
from tests.support.page_site import serving

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="No Chromium on this machine (Debian's package: chromium).")

NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
RUNNING = Running("a", NOW, NOW, done=7).to_json()
WORDS = '400: "<img src=x onerror=alert(1)>"'
FOUND = {
    Name.TOKEN_ROLES: Finding(Name.TOKEN_ROLES, "It has all.", holds=True),
    Name.BATCH_ACCEPTED: Finding(Name.BATCH_ACCEPTED, WORDS, holds=False),
}
ENDED = Checked(NOW, in_order(FOUND, why_not="Not tried."), ["tenant-check-a-1"]).to_json()
# Time passes at once.
HASTE = "window.setTimeout = (callback) => { queueMicrotask(callback); return 1; };"
KEY = "secret-key"


@dataclass
class Site:
    """Serves the page as the app does; ``answers`` come in order, ``asked`` has what was sent."""

    url: str
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/api/tenant-check":
                self._send(200, tenant_page.render(asks_for_key=True), dict(tenant_page.headers()))
            else:
                self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = self.headers.get("x-functions-key", "")
            site.asked.append((self.command, self.path, key, json.loads(body) if body else None))
            status, content = site.answers.pop(0)
            sent = json.dumps(content).encode() if content is not None else b""
            self._send(status, sent, {"Content-Type": "application/json"})

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    with serving("/api/tenant-check", Site, handler_of) as site:
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM
    with running_browser(PROGRAM, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, site: Site) -> Iterator[Tab]:
    with browser.tab() as tab:
        tab.before_each_page(HASTE)
        tab.open(site.url)
        tab.evaluate(f"document.getElementById('key').value = '{KEY}'")
        yield tab


def fill(tab: Tab, **fields: str) -> None:
    for name, value in fields.items():
        tab.evaluate(f"document.getElementById('{name}').value = {json.dumps(value)}")


def state(tab: Tab) -> str:
    return str(tab.evaluate("document.getElementById('state').textContent"))


def test_a_check_is_sent_followed_and_shown(tab: Tab, site: Site) -> None:
    site.answers = [(202, RUNNING), (202, RUNNING), (200, ENDED)]
    fill(tab, learnerUserId=LEARNER_ID, learningContentId="course", assignerUserId=" ")
    tab.evaluate("document.querySelector('button[type=submit]').click()")
    tab.until("document.querySelectorAll('#findings li').length > 1")
    assert state(tab) == ENDED["summary"]
    body = {"learnerUserId": LEARNER_ID, "learningContentId": "course"}
    last = ("GET", "/api/tenant-check/last", KEY, None)
    assert site.asked == [("POST", "/api/tenant-check", KEY, body), last, last]
    shown = tab.evaluate("document.getElementById('findings').textContent")
    batches = ASSUMPTIONS[Name.BATCH_ACCEPTED]
    for words in (WORDS, batches.assumed, batches.consequence, batches.action, "tenant-check-a-1"):
        assert words in shown
    assert tab.evaluate("document.querySelectorAll('#findings li').length") == len(ASSUMPTIONS) + 1
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    assert json.loads(tab.evaluate("document.getElementById('json').textContent")) == ENDED
    assert tab.evaluate("document.querySelector('button').disabled") is False
    assert tab.complaints() == []


def test_how_far_it_is_can_be_seen_while_it_runs(tab: Tab, site: Site) -> None:
    tab.evaluate("window.setTimeout = () => 1")
    site.answers = [(202, RUNNING)]
    fill(tab, learnerUserId=LEARNER_ID, learningContentId="course")
    tab.evaluate("document.querySelector('button[type=submit]').click()")
    tab.until("!document.getElementById('progress').hidden")
    assert state(tab) == f"Running: 7 of {len(ASSUMPTIONS)} tried"
    assert tab.evaluate("document.getElementById('progress').value") == 7
    assert tab.evaluate("document.querySelector('button').disabled") is True


def test_the_last_result_can_be_shown_without_a_check(tab: Tab, site: Site) -> None:
    site.answers = [(200, ENDED)]
    tab.evaluate("document.getElementById('last').click()")
    tab.until("document.querySelectorAll('#findings li').length > 1")
    assert site.asked == [("GET", "/api/tenant-check/last", KEY, None)]


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (401, None, "The function key is missing or wrong."),
        (400, {"error": {"code": "invalidRequest", "message": "A course is required."}}, "A course is required."),
        (502, None, "The app answered with status 502."),
    ],
)
def test_what_goes_wrong_is_said(tab: Tab, site: Site, status: int, answer: Any, words: str) -> None:
    site.answers = [(status, answer)]
    tab.evaluate("document.getElementById('last').click()")
    tab.until(f"document.getElementById('state').textContent === {json.dumps(words)}")


def test_a_check_without_a_test_person_is_not_sent(tab: Tab, site: Site) -> None:
    tab.evaluate("document.querySelector('button[type=submit]').click()")
    assert tab.evaluate("document.getElementById('learnerUserId').matches(':invalid')") is True
    assert site.asked == []
