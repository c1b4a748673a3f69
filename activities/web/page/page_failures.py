"""The part of a batch's page that tells what failed, why, and what to do about it.

Every text of a caller or of Graph passes ``escape``.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from activities.batches.results import Progress
from activities.contract.advice import advice_on
from activities.execution.result import Result
from activities.web.page import frame
from activities.web.page.spoken import counted

DOWNLOAD_QUERY = "?failedOnly=true&format="
# Few enough to be shown without a click.
_ROWS_SHOWN_AT_ONCE = 5
# In a spreadsheet the first record stands below the headings, and rows count from 1.
_FIRST_SPREADSHEET_ROW = 2
_PARTS = "batch.html"


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
    parts, more = frame.templates(_PARTS), ""
    origin = progress.batch.origin
    if progress.failed > len(failed):
        more = parts["more"].substitute(shown=f"{len(failed):,}", failed=f"{progress.failed:,}")
    return parts["failures"].substitute(
        heading=f"{progress.failed:,} failed" if progress.completed else f"{progress.failed:,} failed so far",
        href=escape(url + DOWNLOAD_QUERY + ("xlsx" if origin.workbook else "csv")),
        more=more,
        reasons="".join(_reason(reason, csv=bool(origin.delimiter)) for reason in _reasons(failed)),
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
    parts, advice = frame.templates(_PARTS), advice_on(reason.code)
    with_target = any(result.error_target for result in reason.results)
    with_message = not reason.message and any(result.error_message for result in reason.results)
    headings = ["Row" if csv else "Index", "External id", *["Field"] * with_target, *["Message"] * with_message]
    rows = []
    for result in reason.results:
        place = result.index + _FIRST_SPREADSHEET_ROW if csv else result.index
        cells = [result.external_id, *[result.error_target] * with_target, *[result.error_message] * with_message]
        shown = "".join(f'<td dir="auto">{escape(cell) or "&ndash;"}</td>' for cell in cells)
        rows.append(parts["row"].substitute(index=result.index, place=place, cells=shown))
    noun = "row" if csv else "record"
    count = counted(len(reason.results), noun)
    return parts["reason"].substitute(
        key=reason.key,
        title=advice.title,
        count=count,
        code=escape(reason.code),
        message=parts["message"].substitute(message=escape(reason.message)) if reason.message else "",
        actor=advice.actor,
        advice=advice.text,
        open=" open" if len(reason.results) <= _ROWS_SHOWN_AT_ONCE else "",
        summary=f"The {noun}" if len(reason.results) == 1 else f"The {count}",
        headings="".join(f'<th scope="col">{heading}</th>' for heading in headings),
        rows="".join(rows),
    )
