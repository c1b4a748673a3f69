"""The page of a batch in a browser: how far it is, what failed, why, and what to do. Pure: no I/O, no clock.

It works without JavaScript and loads nothing from anywhere. Every text of a caller or of Graph passes ``escape``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from string import Template

from activities.batches.results import COMPLETED, RUNNING, Progress
from activities.execution.result import Result
from activities.web.page.page_assets import POLICY, SCRIPT, STYLE
from activities.web.page.page_failures import render_failures
from activities.web.page.wording import about, exactly, moment, rate

# A chunk takes seconds: after so long without a result, an estimate would be made up.
_SILENCE = timedelta(minutes=2)
_DASH = "\N{EN DASH}"
_QUARTERS = ("", ", more than a quarter is done", ", more than half is done", ", more than three quarters are done")

_DOCUMENT = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
$refresh<style>$style</style>
</head>
<body>
$body
</body>
</html>
"""
)
_RELOAD_WITHOUT_SCRIPT = '<noscript><meta http-equiv="refresh" content="5"></noscript>\n'
_BATCH = Template(
    """<main data-status="$status">
<header>
<h1 dir="auto">$name</h1>
<p class="state $look" role="status">$state</p>
</header>
<section class="progress" aria-labelledby="progress">
<h2 class="unseen" id="progress">Progress</h2>
<progress class="$look" value="$done" max="$max" aria-labelledby="progress">$percent %</progress>
<p class="pace"><strong>$percent % &ndash; $done_shown of $total_shown done</strong> <span>$pace</span></p>
$pause<dl class="counts">
<div><dt>Total</dt><dd>$total_shown</dd></div>
<div><dt>Succeeded</dt><dd$succeeded_look>$succeeded_shown<small>created or already there</small></dd></div>
<div><dt>Failed</dt><dd$failed_look>$failed_shown</dd></div>
<div><dt>Still to do</dt><dd>$left_shown</dd></div>
</dl>
<p class="quiet">Sent on <time datetime="$created_at">$created_at_shown</time>.</p>
</section>
$failures</main>
<footer>
<p class="quiet">A flow or a program gets the same report as JSON from this address (header <code>Accept:
application/json</code>).</p>
<p class="quiet" id="stale" role="status"></p>
</footer>
<script>$script</script>"""
)
_UNKNOWN = """<main>
<h1>There is no such batch</h1>
<p class="pause">Check that the address is complete: it ends with the long id of the batch. If it is, the report has
been removed in the meantime; the activities that were created are not affected.</p>
</main>"""


def headers() -> Mapping[str, str]:
    """Return the headers that the page needs: its address is the permission to read it, so it tells nobody."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }


def render(progress: Progress, failed: Sequence[Result], *, url: str, now: datetime) -> bytes:
    """Return the page.

    Args:
        progress: How far the batch is; its counts decide, however many results are given.
        failed: Failed results to show, all or the first of them.
        url: Absolute address of the report, without a query.
        now: What a time to wait counts from.
    """
    batch, percent = progress.batch, progress.percent
    name = batch.name.strip() or "Batch"
    look, state = _state(progress, now)
    ending = f"{progress.failed:,} failed" if progress.failed else "All succeeded"
    body = _BATCH.substitute(
        status=COMPLETED if progress.completed else RUNNING,
        name=escape(name),
        look=look,
        state=state,
        done=min(progress.done, batch.total),
        max=max(batch.total, 1),
        percent=percent,
        done_shown=f"{progress.done:,}",
        total_shown=f"{batch.total:,}",
        succeeded_shown=f"{progress.succeeded:,}",
        failed_shown=f"{progress.failed:,}",
        left_shown=f"{_left(progress):,}",
        succeeded_look=' class="good"' if progress.succeeded else "",
        failed_look=' class="bad"' if progress.failed else "",
        pace=_pace(progress, now),
        pause=_pause(progress, now),
        created_at=batch.created_at.isoformat(timespec="seconds"),
        created_at_shown=moment(batch.created_at),
        failures=render_failures(progress, failed, url=url) if progress.failed else "",
        script=SCRIPT,
    )
    title = f"{ending} {_DASH} {name}" if progress.completed else f"{percent} % {_DASH} {name}"
    return _document(title, body, refresh="" if progress.completed else _RELOAD_WITHOUT_SCRIPT)


def render_unknown() -> bytes:
    """Return the page for a batch that does not exist, or not any more."""
    return _document("No such batch", _UNKNOWN)


def _document(title: str, body: str, *, refresh: str = "") -> bytes:
    text = _DOCUMENT.substitute(title=escape(title), body=body, refresh=refresh, style=STYLE)
    # JSON can hold half a character, which no text in UTF-8 can.
    return text.encode(errors="replace")


def _left(progress: Progress) -> int:
    return max(0, progress.batch.total - progress.done)


def _waiting(progress: Progress, now: datetime) -> timedelta:
    until = progress.waiting_until
    return timedelta(0) if progress.completed or until is None else max(timedelta(0), until - now)


def _state(progress: Progress, now: datetime) -> tuple[str, str]:
    """Return look and words of the one line that a screen reader announces: they change a few times in a batch."""
    if not progress.completed:
        if _waiting(progress, now):
            return "waiting", "Waiting for Microsoft Graph; it goes on by itself"
        return "running", f"In progress{_QUARTERS[progress.percent // 25]}"
    if not progress.failed:
        return "good", "Completed, all succeeded"
    return "bad", f"Completed, {progress.failed:,} failed"


def _silence(progress: Progress, now: datetime) -> timedelta:
    """Return for how long nothing came in, if that is too long to be said with an estimate."""
    silence = now - (progress.changed_at or progress.batch.created_at)
    return silence if silence > _SILENCE and not progress.completed else timedelta(0)


def _pace(progress: Progress, now: datetime) -> str:
    if progress.completed:
        return f"It took {exactly(progress.elapsed)}."
    waiting = _waiting(progress, now)
    took = progress.elapsed.total_seconds()
    if _silence(progress, now) and not waiting:
        return ""
    if not progress.done or took < 1:
        return "" if waiting else "The first results are on their way."
    left = timedelta(seconds=_left(progress) / progress.done * took) + waiting
    return f"{rate(progress.done / took * 60)} per minute, {about(left)} left."


def _pause(progress: Progress, now: datetime) -> str:
    """Return why nothing happens at the moment, if that is so."""
    if waiting := _waiting(progress, now):
        said = (
            f"Microsoft Graph takes no more requests for {about(waiting)}. Then the app goes on by itself; "
            "there is nothing to do."
        )
    elif silence := _silence(progress, now):
        said = f"No result has come in for {about(silence)}. The app keeps trying; if this lasts, tell its admin."
    else:
        return ""
    return f'<p class="pause" data-key="pause">{said}</p>\n'
