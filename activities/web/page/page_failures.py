"""The part of a batch's page that tells what failed, why, and what to do about it. Pure.

Every text of a caller or of Graph passes ``escape``.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from string import Template

from activities.batches.results import Progress
from activities.contract.advice import advice_on
from activities.execution.result import Result
from activities.web.page.wording import counted

DOWNLOAD_QUERY = "?failedOnly=true&format=csv"
# Few enough to be shown without a click.
_ROWS_SHOWN_AT_ONCE = 5
# In a spreadsheet the first record stands below the headings, and rows count from 1.
_FIRST_SPREADSHEET_ROW = 2

_FAILURES = Template(
    """<section class="failed" data-key="failed" aria-labelledby="failed">
<h2 id="failed">$heading</h2>
<div class="download" data-key="download">
<p><a class="button" href="$href">Download what failed as CSV</a></p>
<p class="quiet">Correct the rows in the file and send it again. Everybody who has the address of this page can read
the file, so the ids of learners and assigners and the notes are left out of it: leave those cells empty, and the app
fills them in again when the file is sent.</p>
</div>
$more$reasons</section>
"""
)
_REASON = Template(
    """<section class="reason" data-key="$key" aria-labelledby="$key">
<header><h3 id="$key">$title: $count</h3> <code>$code</code></header>
$message<p class="advice" data-key="advice"><b>$actor:</b> $advice</p>
<details$open>
<summary>$summary</summary>
<table>
<thead><tr>$headings</tr></thead>
<tbody>
$rows
</tbody>
</table>
</details>
</section>
"""
)


@dataclass(frozen=True, slots=True)
class _Reason:
    """Records that failed for the same reason; without a message, each of them has one of its own."""

    code: str
    message: str
    results: Sequence[Result]

    @property
    def key(self) -> str:
        """What the page recognises the reason by when it refreshes itself."""
        return "reason-" + sha256(f"{self.code}\n{self.message}".encode(errors="replace")).hexdigest()[:16]


def render_failures(progress: Progress, failed: Sequence[Result], *, url: str) -> str:
    """Return the section about the failed records; parameters as for the whole page."""
    more = ""
    if progress.failed > len(failed):
        more = (
            f'<p data-key="more">The first {len(failed):,} of {progress.failed:,} are shown here; '
            "the download has all of them.</p>\n"
        )
    return _FAILURES.substitute(
        heading=f"{progress.failed:,} failed" if progress.completed else f"{progress.failed:,} failed so far",
        href=escape(url + DOWNLOAD_QUERY),
        more=more,
        reasons="".join(_reason(reason, csv=bool(progress.batch.delimiter)) for reason in _reasons(failed)),
    )


def _reasons(failed: Sequence[Result]) -> list[_Reason]:
    """Return the results by code and message, the most frequent reason first.

    Some messages name a value of their record: messages that came once share one reason for each code, or a thousand
    failures would be a thousand reasons.
    """
    by_message: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in failed:
        by_message[result.error_code, result.error_message].append(result)
    single: defaultdict[str, list[Result]] = defaultdict(list)
    for results in by_message.values():
        if len(results) == 1:
            single[results[0].error_code] += results
    reasons = [
        _Reason(code, message, results)
        for (code, message), results in by_message.items()
        if len(results) > 1 or len(single[code]) == 1
    ]
    reasons += [_Reason(code, "", results) for code, results in single.items() if len(results) > 1]
    return sorted(reasons, key=lambda reason: (-len(reason.results), reason.results[0].index))


def _reason(reason: _Reason, *, csv: bool) -> str:
    advice = advice_on(reason.code)
    with_target = any(result.error_target for result in reason.results)
    with_message = not reason.message and any(result.error_message for result in reason.results)
    headings = ["Row" if csv else "Index", "External id", *["Field"] * with_target, *["Message"] * with_message]
    rows = []
    for result in reason.results:
        place = result.index + _FIRST_SPREADSHEET_ROW if csv else result.index
        cells = [result.external_id, *[result.error_target] * with_target, *[result.error_message] * with_message]
        shown = "".join(f'<td dir="auto">{escape(cell) or "&ndash;"}</td>' for cell in cells)
        rows.append(f'<tr data-key="{result.index}"><th scope="row">{place}</th>{shown}</tr>')
    noun = "row" if csv else "record"
    count = counted(len(reason.results), noun)
    return _REASON.substitute(
        key=reason.key,
        title=advice.title,
        count=count,
        code=escape(reason.code),
        message=f'<p dir="auto" data-key="message">{escape(reason.message)}</p>\n' if reason.message else "",
        actor=advice.actor,
        advice=advice.text,
        open=" open" if len(reason.results) <= _ROWS_SHOWN_AT_ONCE else "",
        summary=f"The {noun}" if len(reason.results) == 1 else f"The {count}",
        headings="".join(f'<th scope="col">{heading}</th>' for heading in headings),
        rows="\n".join(rows),
    )
