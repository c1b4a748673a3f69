"""The look and the behaviour of the page of a batch, and the policy that allows exactly these two texts and no other.

Both are constants and hold nothing of a batch: what a caller wrote can reach neither.
"""

from base64 import b64encode
from hashlib import sha256

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f4f6f8; --line: #d3d9df; --text: #1b2127; --muted: #525c66;
  --accent: #0b5cad; --on-accent: #ffffff; --good: #14692f; --bad: #a31919; --wait: #7a4a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181c; --raised: #1e242a; --line: #3a434c; --text: #e6eaee; --muted: #a5b0ba;
    --accent: #76b4f2; --on-accent: #0c1722; --good: #7fd096; --bad: #ff9c94; --wait: #f0bd6a;
  }
}
*, ::before, ::after { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, footer { max-width: 58rem; margin: 0 auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
main { padding-top: clamp(1.5rem, 5vw, 3rem); }
h1, h2, h3, p, dl, dd { margin: 0; }
p { text-wrap: pretty; }
h1 { font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.2; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; }
h3 { font-size: 1.0625rem; line-height: 1.35; }
code { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.875em; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
.quiet { color: var(--muted); font-size: 0.9375rem; }
.state {
  display: flex; gap: 0.6rem; align-items: baseline; margin-top: 0.75rem; font-size: 1.125rem; font-weight: 600;
}
.state::before { content: ""; flex: none; width: 0.7em; height: 0.7em; border-radius: 50%; background: currentColor; }
.running { color: var(--accent); }
.waiting { color: var(--wait); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.progress { margin-top: 1.25rem; }
progress {
  display: block; width: 100%; height: 0.75rem; border: 0; border-radius: 0.375rem; overflow: hidden;
  appearance: none; background: var(--line); print-color-adjust: exact;
}
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: currentColor; border-radius: 0.375rem; }
progress::-moz-progress-bar { background: currentColor; border-radius: 0.375rem; }
progress.bad { color: var(--accent); }
.pace { display: flex; flex-wrap: wrap; gap: 0.125rem 1.5rem; justify-content: space-between; margin-top: 0.5rem; }
.pace strong { white-space: nowrap; }
.pause { margin-top: 0.5rem; }
.counts { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.75rem; margin: 1.25rem 0 0.75rem; }
.counts div { padding: 0.75rem 1rem; border-radius: 0.5rem; background: var(--raised); }
.counts dt { font-size: 0.9375rem; color: var(--muted); }
.counts dd { font-size: 1.75rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.counts small { display: block; font-size: 0.8125rem; font-weight: 400; line-height: 1.4; color: var(--muted); }
.failed { margin-top: 2.25rem; }
.download { margin: 0.875rem 0 0; max-width: 44rem; }
.button {
  display: inline-block; margin-bottom: 0.5rem; padding: 0.5rem 1rem; border-radius: 0.375rem;
  background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none;
}
.button:hover { text-decoration: underline; text-underline-offset: 0.2em; }
.reason { margin-top: 1.25rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: 0.5rem; }
.reason header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; justify-content: space-between; }
.reason header code { color: var(--muted); }
.reason p { margin-top: 0.375rem; max-width: 46rem; }
details { margin-top: 0.625rem; }
summary { width: fit-content; padding: 0.125rem 0.25rem 0.125rem 0; color: var(--accent); cursor: pointer; }
summary:hover { text-decoration: underline; text-underline-offset: 0.2em; }
table { width: 100%; margin-top: 0.5rem; border-collapse: collapse; font-size: 0.9375rem; }
th, td { padding: 0.375rem 1rem 0.375rem 0; border-top: 1px solid var(--line); text-align: start; vertical-align: top; }
thead th { border-top: 0; color: var(--muted); font-size: 0.875rem; font-weight: 600; overflow-wrap: normal; }
tbody th { font-weight: 400; }
th:first-child { width: 4.5rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
footer { margin-top: 2.5rem; padding-bottom: 2.5rem; }
#stale { position: sticky; bottom: 0; margin: 0; background: var(--ground); }
#stale:not(:empty) { padding: 0.5rem 0; border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  .counts { grid-template-columns: repeat(2, 1fr); }
  .reason { padding: 0.75rem 0.875rem; }
  main, footer { padding-right: 1rem; padding-left: 1rem; }
  table { font-size: 0.875rem; }
  th, td { padding-right: 0.5rem; }
  th:first-child { width: 1%; }
}
@media (prefers-reduced-motion: no-preference) {
  progress::-webkit-progress-value { transition: inline-size 0.4s ease-out; }
  progress::-moz-progress-bar { transition: width 0.4s ease-out; }
}
@media (forced-colors: active) {
  progress { appearance: auto; }
  .button, .counts div { border: 1px solid; }
  .state::before { forced-color-adjust: none; }
}
@media print {
  :root {
    color-scheme: light;
    --ground: #ffffff; --raised: #ffffff; --line: #999999; --text: #000000; --muted: #333333;
    --accent: #0b5cad; --good: #14692f; --bad: #a31919; --wait: #7a4a00;
  }
  body { font-size: 10.5pt; }
  main, footer { max-width: none; padding: 0; }
  .counts div { padding: 0; }
  .download, footer { display: none; }
  .reason { padding: 0.75rem 0 0; border-width: 1px 0 0; border-radius: 0; }
  .reason header, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; color: inherit; }
}
"""

# Fetches this very page again and takes over what has changed. Elements stay the same objects, so focus, scroll
# position, selection and opened rows stay as they are; nothing that is already there moves, so that nothing jumps
# under the reader's eyes: only a reload sorts the reasons again.
SCRIPT = """
"use strict";
(() => {
  const FIRST_MS = 2000, LAST_MS = 15000, GROWTH = 1.3, LIMIT_MS = 30000;
  const page = document.querySelector("main"), stale = document.getElementById("stale");
  const running = () => page.dataset.status === "running";
  let pause = FIRST_MS, timer = 0, asking = false;

  // Moments stand in the page in UTC; the reader's own clock says more.
  const localise = (root) => {
    const format = new Intl.DateTimeFormat("en-GB", {
      day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
    for (const time of root.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));
  };

  const named = (parent) => {
    const seen = {}, names = new Map();
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE && !node.data.trim()) continue;
      const key = node.dataset?.key;
      const place = key ?? (seen[node.nodeName] = (seen[node.nodeName] ?? 0) + 1);
      names.set(`${node.nodeName} ${key === undefined ? "" : "key "}${place}`, node);
    }
    return names;
  };

  const update = (mine, fresh) => {
    if (mine.nodeType !== Node.ELEMENT_NODE) {
      if (mine.data !== fresh.data) mine.data = fresh.data;
      return;
    }
    const opened = mine.nodeName === "DETAILS" ? "open" : "";
    for (const { name } of [...mine.attributes]) {
      if (name !== opened && !fresh.hasAttribute(name)) mine.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== opened && mine.getAttribute(name) !== value) mine.setAttribute(name, value);
    }
    const known = named(mine);
    let last = null;
    for (const [name, node] of named(fresh)) {
      const same = known.get(name);
      if (same) update(same, node);
      else mine.insertBefore(node, last ? last.nextSibling : mine.firstChild);
      known.delete(name);
      last = same ?? node;
    }
    for (const gone of known.values()) gone.remove();
  };

  const refresh = async () => {
    if (asking || !running()) return;
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.href, {
        headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS),
      });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const content = fresh.querySelector("main[data-status]");
      if (!answer.ok || !content) throw new Error(answer.status);
      localise(content);
      update(page, content);
      document.title = fresh.title;
      stale.textContent = "";
    } catch {
      stale.textContent = "Not up to date: the app did not answer. This page keeps trying by itself.";
    }
    asking = false;
    schedule();
  };

  const schedule = () => {
    clearTimeout(timer);
    if (document.hidden || !running()) return;
    timer = setTimeout(refresh, pause);
    pause = Math.min(pause * GROWTH, LAST_MS);
  };

  document.addEventListener("visibilitychange", () => {
    pause = FIRST_MS;
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  localise(page);
  schedule();
})();
"""


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(STYLE)}",
        f"script-src {_source(SCRIPT)}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
