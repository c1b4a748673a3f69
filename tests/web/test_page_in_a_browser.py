"""The page of a batch in a real browser: what only a browser can tell."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from activities.batches.results import Progress
from activities.execution.result import Result
from activities.web.page import render
from tests.support.batch_pages import ALL_SUCCEEDED, COMPLETED, FAILED, NOW, RUNNING, STARTED, WAITING, failure
from tests.support.browser import Browser, BrowserError, Tab, find_browser, running_browser
from tests.support.page_site import serving

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="No Chromium on this machine (Debian's package: chromium).")

LATER = replace(RUNNING, succeeded=185)
# The page's clock stands still; `tick` runs what is due next and returns when that is done.
CLOCK = """
window.waits = [];
{
  let due = null;
  window.setTimeout = (callback, wait) => { waits.push(wait); due = callback; return 1; };
  window.clearTimeout = () => { due = null; };
  window.tick = async () => {
    const callback = due;
    due = null;
    await callback?.();
    return callback !== null;
  };
}
"""
# The least contrast between any text that is shown and what is painted behind it, as WCAG 2.2 defines it.
LEAST_CONTRAST = """
(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => parts(color).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return parts(color)[3] === 0 ? behind(element.parentElement) : color;
  };
  const contrasts = [];
  for (const element of document.body.querySelectorAll("*")) {
    const writes = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!writes || ["SCRIPT", "PROGRESS"].includes(element.nodeName)) continue;
    const [dark, light] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => a - b);
    contrasts.push((light + 0.05) / (dark + 0.05));
  }
  return contrasts.length > 10 ? Math.min(...contrasts) : 0;
})()
"""
COUNTS = "[...document.querySelectorAll('dd')].map((count) => parseInt(count.textContent)).join(' ')"
STALE = "document.getElementById('stale').textContent"


class Site:
    """Serves the page as the app does, of a batch that changes; on ``answer`` depends how it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.accepted: list[str] = []
        self.progress, self.failed = RUNNING, FAILED
        self.answer = "page"

    def show(self, progress: Progress, failed: list[Result] = FAILED) -> None:
        """Let the batch be at another stage."""
        self.progress, self.failed = progress, failed[: progress.failed]

    def body(self) -> bytes:
        """Return the page of the batch as it is."""
        return render.render(self.progress, self.failed, url=self.url, now=NOW)


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.accepted.append(self.headers["Accept"])
            if site.answer == "nothing":
                self.close_connection = True
                return
            body = b"<title>Sign in</title>" if site.answer == "another page" else site.body()
            self.send_response(500 if site.answer == "error" else 200)
            for name, value in render.headers().items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    with serving("/api/batches/7be1f0a4", Site, handler_of) as site:
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM
    with running_browser(PROGRAM, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A tab in which time passes only when a test says so."""
    with browser.tab() as tab:
        tab.before_each_page(CLOCK)
        yield tab


@pytest.fixture
def timed_tab(browser: Browser) -> Iterator[Tab]:
    """A tab in which time passes."""
    with browser.tab() as tab:
        yield tab


@contextmanager
def nothing_reloaded(tab: Tab) -> Iterator[None]:
    """Check that the document stays the same one."""
    tab.evaluate("window.stillHere = true")
    yield
    assert tab.evaluate("window.stillHere") is True


class TestRefreshing:
    def test_it_refreshes_itself_without_reloading(self, timed_tab: Tab, site: Site) -> None:
        timed_tab.open(site.url)
        assert timed_tab.evaluate(COUNTS) == "200 180 12 8"
        assert timed_tab.evaluate("document.title") == "96 % \u2013 Safety training, autumn term"
        with nothing_reloaded(timed_tab):
            site.show(COMPLETED)
            timed_tab.until(f"{COUNTS} === '200 188 12 0'")
        assert timed_tab.evaluate("document.title") == "12 failed \u2013 Safety training, autumn term"
        assert site.accepted[1:] == ["text/html"]
        assert set(timed_tab.requested()) == {site.url}
        assert timed_tab.complaints() == []

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (STARTED, RUNNING),
            (RUNNING, WAITING),
            (WAITING, RUNNING),
            (RUNNING, COMPLETED),
            (STARTED, ALL_SUCCEEDED),
            (replace(RUNNING, failed=3), replace(RUNNING, failed=9)),
        ],
    )
    def test_a_refreshed_page_is_what_a_reload_would_show(
        self, tab: Tab, site: Site, before: Progress, after: Progress
    ) -> None:
        """Except for the order of the reasons, which only a reload changes, and for what the reader opened."""
        normal = """(main) => {
          for (const details of main.querySelectorAll("details")) details.open = false;
          const reasons = [...main.querySelectorAll(".reason")].sort((a, b) => a.dataset.key < b.dataset.key ? -1 : 1);
          reasons.forEach((reason) => reason.remove());
          main.append(...reasons);
          const texts = document.createNodeIterator(main, NodeFilter.SHOW_TEXT);
          for (let text = texts.nextNode(); text; text = texts.nextNode()) if (!text.data.trim()) text.remove();
          return main;
        }"""
        site.show(before)
        tab.open(site.url)
        site.show(after)
        tab.evaluate("tick()")
        refreshed = tab.evaluate("document.querySelector('main').outerHTML")
        tab.open(site.url + "?reloaded")
        parsed = f"new DOMParser().parseFromString({json.dumps(refreshed)}, 'text/html').querySelector('main')"
        assert tab.evaluate(f"({normal})({parsed}).isEqualNode(({normal})(document.querySelector('main')))")
        tab.evaluate("document.querySelector('dd').textContent = 'other'")
        assert not tab.evaluate(f"({normal})({parsed}).isEqualNode(({normal})(document.querySelector('main')))")

    def test_focus_opened_rows_selection_and_scroll_position_survive(self, tab: Tab, site: Site) -> None:
        site.show(replace(RUNNING, failed=9))
        tab.resize(600, 400)
        tab.open(site.url)
        tab.evaluate("""
            window.summary = document.querySelectorAll("summary")[0];
            window.closed = document.querySelectorAll("details")[1];
            summary.parentElement.open = true;
            closed.open = false;
            summary.focus();
            getSelection().selectAllChildren(document.querySelector("tbody td"));
            scrollTo(0, 500);
        """)
        state = """({
            focused: document.activeElement === summary,
            open: summary.parentElement.open,
            closed: !closed.open,
            selected: getSelection().toString(),
            top: scrollY,
        })"""
        before = tab.evaluate(state)
        site.show(RUNNING)
        rows = "document.querySelectorAll('tbody tr').length"
        assert tab.evaluate(rows) == 9
        assert tab.evaluate("tick()")
        assert tab.evaluate(rows) == 12
        assert tab.evaluate(state) == before
        assert before == {"focused": True, "open": True, "closed": True, "selected": "safety-2026-1004", "top": 500}

    def test_a_selection_stays_when_an_earlier_row_fails_later(self, tab: Tab, site: Site) -> None:
        """Chunks are worked off side by side: rows do not come in in their order."""
        site.show(replace(RUNNING, failed=9), FAILED[3:])
        tab.open(site.url)
        tab.evaluate("getSelection().selectAllChildren(document.querySelector('tbody td'))")
        assert tab.evaluate("getSelection().toString()") == "safety-2026-1042"
        site.show(RUNNING)
        tab.evaluate("tick()")
        assert tab.evaluate("document.querySelector('tbody td').textContent") == "safety-2026-1004"
        assert tab.evaluate("getSelection().toString()") == "safety-2026-1042"

    def test_moments_are_shown_in_the_readers_own_time(self, tab: Tab, site: Site) -> None:
        tab.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        tab.open(site.url)
        for _ in range(2):
            assert tab.evaluate("document.querySelector('time').textContent") == "5 October 2026 at 15:41 GMT+9"
            tab.evaluate("tick()")

    def test_a_reason_that_grows_does_not_jump_over_what_the_reader_reads(self, tab: Tab, site: Site) -> None:
        some = [failure(0, "throttled", "Busy."), failure(1, "throttled", "Busy."), failure(2, "graphFault", "Failed.")]
        site.show(replace(RUNNING, failed=3), some)
        tab.open(site.url)
        titles = "[...document.querySelectorAll('.reason code')].map((code) => code.textContent).join()"
        assert tab.evaluate(titles) == "throttled,graphFault"
        site.show(replace(RUNNING, failed=6), some + [failure(index, "graphFault", "Failed.") for index in (3, 4, 5)])
        tab.evaluate("tick()")
        assert tab.evaluate(titles) == "throttled,graphFault"
        tab.open(site.url + "?reloaded")
        assert tab.evaluate(titles) == "graphFault,throttled"

    def test_it_asks_more_and_more_slowly(self, tab: Tab, site: Site) -> None:
        tab.open(site.url)
        for _ in range(12):
            tab.evaluate("tick()")
        waits = tab.evaluate("waits")
        assert waits[0] == 2000
        assert waits == sorted(waits)
        assert waits[-1] == 15000

    def test_it_stops_when_the_batch_is_completed(self, tab: Tab, site: Site) -> None:
        tab.open(site.url)
        site.show(COMPLETED)
        assert tab.evaluate("tick()")
        assert not tab.evaluate("tick()")
        tab.open(site.url + "?reloaded")
        assert tab.evaluate("waits") == []

    @pytest.mark.parametrize("answer", ["error", "nothing", "another page"])
    def test_it_survives_errors_and_says_that_it_is_not_up_to_date(self, tab: Tab, site: Site, answer: str) -> None:
        tab.open(site.url)
        site.answer = answer
        site.show(LATER)
        with nothing_reloaded(tab):
            assert tab.evaluate("tick()")
            assert tab.evaluate("tick()")
            assert tab.evaluate(STALE).startswith("Not up to date")
            assert tab.evaluate(COUNTS) == "200 180 12 8"
            site.answer = "page"
            assert tab.evaluate("tick()")
        assert tab.evaluate(STALE) == ""
        assert tab.evaluate(COUNTS) == "200 185 12 3"

    def test_it_pauses_while_nobody_sees_it(self, tab: Tab, site: Site) -> None:
        tab.open(site.url)
        turn = """(() => {
            Object.defineProperty(document, "hidden", { value: %s, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        })()"""
        tab.evaluate(
            "(() => { const ask = fetch; window.asked = 0; window.fetch = (...how) => (asked++, ask(...how)); })()"
        )
        tab.evaluate(turn % "true")
        assert not tab.evaluate("tick()")
        assert tab.evaluate("asked") == 0
        site.show(LATER)
        tab.evaluate(turn % "false")
        tab.until(f"{COUNTS} === '200 185 12 3'")
        tab.until("waits.length === 2")
        assert tab.evaluate("waits.at(-1)") == 2000, "somebody looks at it again"
        tab.evaluate(f"(() => {{ const asked = tick(); {turn % 'true'}; return asked; }})()")
        assert not tab.evaluate("tick()"), "it went out of sight while it asked"

    def test_a_screen_reader_hears_of_a_stage_and_not_of_each_percent(self, tab: Tab, site: Site) -> None:
        site.show(STARTED)
        tab.open(site.url)
        tab.evaluate("""
            window.heard = [];
            new MutationObserver(() => heard.push(document.querySelector("[role=status]").textContent))
                .observe(document.querySelector("header"), { characterData: true, childList: true, subtree: true });
        """)
        for succeeded in range(5, 200, 5):
            site.show(replace(STARTED, succeeded=succeeded, changed_at=NOW))
            tab.evaluate("tick()")
        site.show(ALL_SUCCEEDED)
        tab.evaluate("tick()")
        assert tab.evaluate("heard") == [
            "In progress, more than a quarter is done",
            "In progress, more than half is done",
            "In progress, more than three quarters are done",
            "Completed, all succeeded",
        ]


class TestWithoutJavaScript:
    def test_it_shows_the_counts_and_reloads_itself(self, timed_tab: Tab, site: Site) -> None:
        timed_tab.call("Emulation.setScriptExecutionDisabled", value=True)
        timed_tab.open(site.url)
        assert timed_tab.evaluate(COUNTS) == "200 180 12 8"
        site.show(LATER)
        timed_tab.until(f"{COUNTS} === '200 185 12 3'")
        assert timed_tab.complaints() == []


class TestSafety:
    EVIL = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\'"&'

    def test_what_a_caller_wrote_does_nothing(self, tab: Tab, site: Site) -> None:
        evil = [replace(failure(index, self.EVIL, self.EVIL, self.EVIL), external_id=self.EVIL) for index in range(3)]
        batch = replace(RUNNING.batch, name=self.EVIL)
        site.show(replace(RUNNING, batch=batch, failed=2), evil)
        tab.open(site.url)
        site.show(replace(RUNNING, batch=batch, failed=3), evil)
        tab.evaluate("tick()")
        assert tab.evaluate("document.querySelector('h1').textContent") == self.EVIL
        assert tab.evaluate("document.querySelector('tbody tr:last-child td').textContent") == self.EVIL
        assert tab.evaluate("document.querySelectorAll('img, main script').length") == 0
        assert tab.evaluate("window.hacked") is None
        assert tab.complaints() == []

    @pytest.mark.parametrize(
        "attack",
        [
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 1\">')",
            "document.body.append(Object.assign(document.createElement('script'), { text: 'window.hacked = 1' }))",
            "document.body.append(Object.assign(document.createElement('style'), { textContent: 'h1 { top: 0 }' }))",
            "void fetch('https://example.com').catch(() => 0)",
        ],
    )
    def test_what_is_not_the_pages_own_is_refused_by_its_policy(self, tab: Tab, site: Site, attack: str) -> None:
        tab.open(site.url)
        tab.evaluate("addEventListener('securitypolicyviolation', () => { window.refused = true; })")
        tab.evaluate(attack)
        tab.until("window.refused")
        assert tab.evaluate("window.hacked") is None
        assert tab.complaints() != []


class TestReading:
    def test_every_text_stands_out_in_both_schemes(self, tab: Tab, site: Site) -> None:
        """WCAG 2.2, 1.4.3: a contrast of 4.5 at least; this checks all the texts of all stages."""
        grounds = set()
        for scheme in ("light", "dark"):
            tab.emulate(prefers_color_scheme=scheme)
            for progress in (WAITING, COMPLETED, ALL_SUCCEEDED):
                site.show(progress)
                tab.open(f"{site.url}?{progress.succeeded}")
                assert tab.evaluate(LEAST_CONTRAST) >= 4.5
            grounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert grounds == {"rgb(255, 255, 255)", "rgb(20, 24, 28)"}

    def test_the_keyboard_reaches_everything_that_can_be_used_and_one_sees_where_it_is(
        self, tab: Tab, site: Site
    ) -> None:
        tab.open(site.url)
        reached = []
        for _ in range(4):
            tab.press("Tab", 9)
            reached.append(
                tab.evaluate("""(() => {
                    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                    return `${document.activeElement.nodeName} ${outlineStyle} ${outlineWidth}`;
                })()""")
            )
        assert reached == ["A solid 3px", *["SUMMARY solid 3px"] * 3]
        assert tab.evaluate("document.querySelectorAll('a, summary, button, input, [tabindex]').length") == 4
        assert not tab.evaluate("document.querySelectorAll('details')[0].open === document.activeElement.open")

    def test_assistive_technology_gets_names_and_roles(self, tab: Tab, site: Site) -> None:
        tab.open(site.url)
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        named = {
            (node["role"]["value"], node["name"]["value"]) for node in nodes if not node["ignored"] and "name" in node
        }
        assert {
            ("progressbar", "Progress"),
            ("heading", "Safety training, autumn term"),
            ("heading", "Progress"),
            ("heading", "12 failed so far"),
            ("heading", "The learner has no licence: 7 rows"),
            ("region", "The learner has no licence: 7 rows"),
            ("link", "Download what failed as CSV"),
            ("columnheader", "Row"),
            ("rowheader", "11"),
        } <= named
        assert {"main", "status", "contentinfo"} <= {node["role"]["value"] for node in nodes if not node["ignored"]}

    def test_it_fits_a_narrow_screen(self, tab: Tab, site: Site) -> None:
        """WCAG 2.2, 1.4.10: 320 CSS pixels without scrolling sideways, however long the ids and names are."""
        long = "a" * 300
        rows = [replace(failure(index, "throttled", long * 2, long), external_id=long) for index in (99998, 99999)]
        site.show(replace(WAITING, batch=replace(WAITING.batch, name=long), failed=2), rows)
        tab.resize(320, 600)
        tab.open(site.url)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("[...document.querySelectorAll('td')].every((cell) => cell.clientWidth > 40)")

    def test_on_paper_the_closed_rows_are_there_too(self, tab: Tab, site: Site) -> None:
        tab.open(site.url)
        shown = "document.querySelector('details:not([open]) td').checkVisibility({ contentVisibilityAuto: true })"
        assert not tab.evaluate(shown)
        tab.emulate("print", prefers_color_scheme="dark")
        tab.until(shown)
        assert tab.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"


def test_a_refused_command_and_a_condition_that_never_holds_are_told(
    timed_tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the tests above could not fail."""
    with pytest.raises(BrowserError, match=r"Page\.fly"):
        timed_tab.call("Page.fly")
    timed_tab.evaluate("console.error('so')")
    assert len(timed_tab.complaints()) == 1
    monkeypatch.setattr("tests.support.browser.LIMIT_SECONDS", 0.2)
    with pytest.raises(AssertionError, match="1 > 2"):
        timed_tab.until("1 > 2")
