"""Batches as the page of a batch is given them: one of every stage, realistic enough to be shown.

``python -m tests.support.batch_pages docs/batch-page.png`` takes the picture of the running one for the documents,
with the fonts of the machine (Debian's fonts-liberation); ``pngquant --ext .png --force 64`` makes it small.
"""

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.batches.results import Batch, Origin, Progress
from activities.contract.activity import Outcome
from activities.execution.result import Result
from activities.graph.translation import translate
from activities.web.page import render
from tests.support.browser import find_browser, running_browser

URL = "https://contoso-learning.azurewebsites.net/api/batches/7be1f0a4c25d4b8e9a36d10c58f2e7b9"
SENT = datetime(2026, 10, 5, 6, 41, 12, tzinfo=UTC)
NOW = SENT + timedelta(seconds=185)
BATCH = Batch("7be1f0a4c25d4b8e9a36d10c58f2e7b9", 200, SENT, name="Safety training, autumn term", origin=Origin(";"))
LONG_PAUSE = timedelta(minutes=3)

NOT_LICENSED = translate(403, {}, b'{"error":{"code":"Forbidden","message":"License is not valid"}}', now=NOW)
NOT_OWNED = translate(403, {}, b'{"error":{"code":"Forbidden","message":"provider of learning content"}}', now=NOW)


def failure(index: int, code: str, message: str, target: str = "") -> Result:
    """Return the result of a record that failed, with an external id like a learning system's."""
    return Result(index, Outcome.FAILED, "", f"safety-2026-{1000 + index}", code, message, target)


FAILED = [
    *(failure(index, NOT_LICENSED.code, NOT_LICENSED.message) for index in (4, 17, 42, 63, 88, 121, 150)),
    *(
        failure(
            index,
            "invalidRequest",
            'dueDateTime "3/4/2026" could be a day in March or in April: write it as 2026-04-03.',
            "dueDateTime",
        )
        for index in (9, 31, 97)
    ),
    *(failure(index, NOT_OWNED.code, NOT_OWNED.message) for index in (55, 56)),
]
FAILED.sort(key=lambda result: result.index)

STARTED = Progress(BATCH)
RUNNING = Progress(BATCH, succeeded=180, failed=12, changed_at=NOW - timedelta(seconds=2))
WAITING = replace(RUNNING, waiting_until=NOW + LONG_PAUSE)
COMPLETED = replace(RUNNING, succeeded=188, changed_at=NOW)
ALL_SUCCEEDED = replace(RUNNING, succeeded=200, failed=0, changed_at=NOW)


def take_picture(path: Path) -> None:
    """Save the page of the running batch as a browser shows it."""
    program = find_browser()
    assert program, "No Chromium on this machine."
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder, "page.html")
        document.write_bytes(render.render(RUNNING, FAILED, url=URL, now=NOW))
        with running_browser(program, Path(folder)) as browser, browser.tab(width=1000) as tab:
            tab.emulate(prefers_color_scheme="light")
            tab.open(document.as_uri())
            tab.screenshot(path)


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]))
