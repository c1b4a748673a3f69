"""The page of a batch in a browser: how far it is, what failed, why, and what to do. No clock.

Every text of a caller or of Graph passes ``escape``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape

from activities.batches.results import COMPLETED, RUNNING, SUCCESSES, Progress
from activities.contract.activity import Outcome
from activities.execution.result import Result
from activities.web.page import frame
from activities.web.page.page_failures import render_failures
from activities.web.page.spoken import about, exactly, moment, rate

# A chunk takes seconds: after so long without a result, an estimate would be made up.
_SILENCE = timedelta(minutes=2)
_DASH = "\N{EN DASH}"
_QUARTERS = ("", ", more than a quarter is done", ", more than half is done", ", more than three quarters are done")
# What an outcome is called where its own word says too little.
_WORDS = {Outcome.SUPERSEDED: "superseded by something newer"}

_PARTS, _SCRIPT = "batch.html", "page.js"


def headers() -> Mapping[str, str]:
    """Return the headers that the page needs."""
    return frame.headers(_SCRIPT)


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
    parts = frame.templates(_PARTS)
    body = parts["batch"].substitute(
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
        successes=_successes(progress),
        failed_shown=f"{progress.failed:,}",
        left_shown=f"{_left(progress):,}",
        succeeded_look=' class="good"' if progress.succeeded else "",
        failed_look=' class="bad"' if progress.failed else "",
        pace=_pace(progress, now),
        pause=_pause(progress, now),
        created_at=batch.created_at.isoformat(timespec="seconds"),
        created_at_shown=moment(batch.created_at),
        failures=render_failures(progress, failed, url=url) if progress.failed else "",
        script=frame.text_of(_SCRIPT),
    )
    title = f"{ending} {_DASH} {name}" if progress.completed else f"{percent} % {_DASH} {name}"
    return frame.document(title, body, head="" if progress.completed else parts["reload"].substitute())


def render_unknown() -> bytes:
    """Return the page for a batch that does not exist, or not any more."""
    return frame.document("No such batch", frame.templates(_PARTS)["unknown"].substitute())


def _successes(progress: Progress) -> str:
    """Return how many were created, updated and so on, of what there is any."""
    counts = {outcome: progress.outcomes.get(outcome, 0) for outcome in SUCCESSES}
    return ", ".join(f"{count:,} {_WORDS.get(outcome, outcome)}" for outcome, count in counts.items() if count)


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
        words = (
            f"Microsoft Graph takes no more requests for {about(waiting)}. Then the app goes on by itself; "
            "there is nothing to do."
        )
    elif silence := _silence(progress, now):
        words = f"No result has come in for {about(silence)}. The app keeps trying; if this lasts, tell its admin."
    else:
        return ""
    return frame.templates(_PARTS)["pause"].substitute(words=words)
