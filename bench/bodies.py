"""The worst that one request does to a process: how long nobody else is answered meanwhile, and its peak of memory.

Each body goes to a fresh process. Somebody else asks for the host's own page all the time, which needs the event loop
and nothing besides: what they wait at most is the pause.
"""

import http.client
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import uuid4

from xlsxwriter import Workbook

from activities.batches.files.packed import MOST_CELLS
from activities.contract.limits import (
    LARGEST_BATCH,
    LARGEST_BATCH_BYTES,
    LONGEST_NOTES,
    MOST_VALUES,
)
from bench.candidates import APP, EXAMPLE, PATIENCE_SECONDS, stage
from bench.figures import Figures
from bench.usage import resident_megabytes
from local.environment import BODY_LIMIT_BYTES
from local.stack.processes import Child

_LOOK_SECONDS, _POLL_SECONDS = 0.002, 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; ``body`` is made when it is sent, because all of them together are large.

    A batch that is ``followed`` is watched until its end, its report and its failed rows, in the form that is named,
    have been asked for.
    """

    path: str
    body: Callable[[], bytes]
    content_type: str = "application/json"
    method: str = "POST"
    followed: str = ""


def filled(unit: bytes, size: int = LARGEST_BATCH_BYTES) -> bytes:
    """Return a list of nothing but this, without an end."""
    return b"[" + unit * (size // len(unit) - 1)


def batch(count: int, notes: str, *, valid: bool = True) -> bytes:
    """Return a batch."""
    status = {} if valid else {"status": "maybe"}
    records = [{**EXAMPLE, **status, "notes": notes, "externalCourseActivityId": str(uuid4())} for _ in range(count)]
    return json.dumps({"activities": records}, ensure_ascii=False).encode()


def sheet(row: str, rows: int) -> bytes:
    """Return a sheet with so many rows."""
    head = "type,learnerUserId,learningContentId,status,assignmentType,notes\n"
    return (head + f"{row}\n" * rows).encode()


def workbook(status: str) -> bytes:
    """Return an Excel workbook with as many rows as a batch may have, each with its own date and note."""
    body = io.BytesIO()
    with Workbook(body, {"in_memory": True}) as opened:
        rows, day = opened.add_worksheet(), opened.add_format({"num_format": "dd.mm.yyyy"})
        rows.write_row(
            0, 0, ["Type", "Learner ID", "Learning Content ID", "Status", "Assignment Type", "Notes", "Due At"]
        )
        for number in range(1, LARGEST_BATCH + 1):
            ids = EXAMPLE["learnerUserId"], EXAMPLE["learningContentId"]
            rows.write_row(number, 0, ["assignment", *ids, status, "required", f"Please finish number {number}."])
            rows.write_datetime(number, 6, datetime(2026, 12, 1 + number % 28), day)  # noqa: DTZ001 (as cells are)
    return body.getvalue()


def full_workbook() -> bytes:
    """Return a workbook with as many cells as may be, which opens to almost as many bytes as may be."""
    columns = MOST_CELLS // LARGEST_BATCH
    head = "<c t='inlineStr'><is><t>status</t></is></c>"
    numbers = iter(range(10**6, 10**6 + MOST_CELLS))
    rows = ("".join(f"<c><v>{next(numbers)}</v></c>" for _ in range(columns)) for _ in range(LARGEST_BATCH - 1))
    part = f"<sheetData><row>{head}</row>{''.join(f'<row>{row}</row>' for row in rows)}</sheetData>"
    body = io.BytesIO()
    with Workbook(body, {"in_memory": True}) as opened:
        opened.add_worksheet()
    full = io.BytesIO()
    with zipfile.ZipFile(body) as small, zipfile.ZipFile(full, "w", zipfile.ZIP_DEFLATED) as large:
        for name in small.namelist():
            text = small.read(name)
            large.writestr(name, text.replace(b"<sheetData/>", part.encode()))
    return full.getvalue()


_ROW = f"assignment,{EXAMPLE['learnerUserId']},{EXAMPLE['learningContentId']},completed,required,"
_BATCHES, _ACTIVITIES, _FILES = "/api/batches", "/api/activities", "/api/batches/file"
_BYTES = "application/octet-stream"
# Characters of a note, so that 10,000 records are almost 16 MiB.
_FULL = (LARGEST_BATCH_BYTES - len(batch(LARGEST_BATCH, ""))) // LARGEST_BATCH - 8
_FULL_CELL = LARGEST_BATCH_BYTES // LARGEST_BATCH - len(_ROW) - 8
_WRONG = _ROW.replace("completed", "maybe")
# What is followed to its end comes first: what the others leave behind would be done in its time.
CASES = {
    "10,000 rows of Excel, all wrong, to their end": Sent(_FILES, lambda: workbook("maybe"), _BYTES, followed="xlsx"),
    "10,000 records, to their end": Sent(_BATCHES, lambda: batch(LARGEST_BATCH, "x" * _FULL), followed="csv"),
    "10,000 rows, all wrong, to their end": Sent(
        _BATCHES, lambda: sheet(_WRONG + "x" * (_FULL_CELL - 9), LARGEST_BATCH), "text/csv", followed="csv"
    ),
    "16 MiB of [": Sent(_BATCHES, lambda: filled(b"[")),
    "16 MiB of [],": Sent(_BATCHES, lambda: filled(b"[],")),
    "as many {} as there may be": Sent(_BATCHES, lambda: b"[" + b"{}," * (MOST_VALUES // 2 - 9) + b"{}]"),
    "16 MiB of text in one record": Sent(_BATCHES, lambda: batch(1, "x" * (LARGEST_BATCH_BYTES - 2000))),
    "1 MiB of {} as one activity": Sent(_ACTIVITIES, lambda: b"[" + b"{}," * (MOST_VALUES // 2 - 9) + b"{}]"),
    "20 notes of 588 kB": Sent(_BATCHES, lambda: batch(20, "x" * 588_000)),
    "20 notes of 20,000 emoji": Sent(_BATCHES, lambda: batch(20, "\U0001f600" * LONGEST_NOTES)),
    "500 records with long notes, all wrong": Sent(_BATCHES, lambda: batch(500, "<&>" * 6000, valid=False)),
    "10,000 records, 16 MiB": Sent(_BATCHES, lambda: batch(LARGEST_BATCH, "x" * _FULL)),
    "10,000 records, 16 MiB with emoji": Sent(_BATCHES, lambda: batch(LARGEST_BATCH, "x" * (_FULL - 4) + "\U0001f600")),
    "the same as a text that holds JSON": Sent(
        _BATCHES,
        lambda: json.dumps(
            batch(LARGEST_BATCH, "x" * (_FULL - 99) + "\U0001f600").decode(), ensure_ascii=False
        ).encode(),
    ),
    "10,000 rows of CSV, 16 MiB": Sent(_BATCHES, lambda: sheet(_ROW + "x" * _FULL_CELL, LARGEST_BATCH), "text/csv"),
    "10,000 rows of Excel": Sent(_FILES, lambda: workbook("completed"), _BYTES),
    "a workbook with as many cells as there may be": Sent(_FILES, full_workbook, _BYTES),
    "16 MiB of commas as CSV": Sent(_BATCHES, lambda: sheet("," * (LARGEST_BATCH_BYTES - 99), 1), "text/csv"),
    "16 MiB of line breaks in quotes": Sent(_BATCHES, lambda: sheet('"' + "\n" * 2**23, 1), "text/csv"),
    "64 MiB": Sent(_BATCHES, lambda: b" " * BODY_LIMIT_BYTES),
    "64 MiB with a GET": Sent("/api/health", lambda: b" " * BODY_LIMIT_BYTES, method="GET"),
}


def measure(figures: Figures, *, rounds: int) -> None:
    """Add the figures of every body in so many fresh processes."""
    for _ in range(rounds):
        with stage(latency_seconds=0) as scene:
            for name, sent in CASES.items():
                with scene.host(APP) as host:
                    _send(host, Sent(_BATCHES, lambda: batch(1, "x")))  # What only the first request costs.
                    with watched(host) as seen:
                        begun = time.perf_counter()
                        status = _send(host, sent)
                        seconds = time.perf_counter() - begun
                row = figures.row(name, APP.key)
                row.add("body_status", status)
                row.add("body_seconds", seconds)
                row.add("pause_milliseconds", seen.longest_pause_seconds * 1000)
                row.add("peak_megabytes", seen.peak_megabytes)


@dataclass(slots=True)
class Seen:
    """What somebody else sees of a process."""

    longest_pause_seconds: float = 0.0
    peak_megabytes: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def watched(host: Child) -> Iterator[Seen]:
    """Watch a process for the length of a ``with`` block."""
    seen = Seen()

    def ask() -> None:
        address = urlsplit(host.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_SECONDS)
        while not seen.over.is_set():
            begun = time.perf_counter()
            connection.request("GET", "/")
            connection.getresponse().read()
            seen.longest_pause_seconds = max(seen.longest_pause_seconds, time.perf_counter() - begun)
            seen.over.wait(_LOOK_SECONDS)
        connection.close()

    def look() -> None:
        while not seen.over.wait(_LOOK_SECONDS):
            seen.peak_megabytes = max(seen.peak_megabytes, resident_megabytes(host.pid))

    watching = [threading.Thread(target=one) for one in (ask, look)]
    for one in watching:
        one.start()
    try:
        yield seen
    finally:
        seen.over.set()
        for one in watching:
            one.join()


def _send(host: Child, sent: Sent) -> int:
    address, body = urlsplit(host.url), sent.body()
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_SECONDS * 5)
    connection.request(sent.method, sent.path, body, {"Content-Type": sent.content_type})
    answer = connection.getresponse()
    answer.read()
    report = urlsplit(answer.headers.get("Location", "")).path
    if sent.followed:
        late = time.monotonic() + PATIENCE_SECONDS * 5
        while (ended := _get(connection, report)) == HTTPStatus.ACCEPTED:
            if time.monotonic() > late:
                raise RuntimeError("A batch does not come to its end.")
            time.sleep(_POLL_SECONDS)
        if ended != HTTPStatus.OK or _get(connection, f"{report}?format={sent.followed}") != HTTPStatus.OK:
            raise RuntimeError("A batch that has ended has no report.")
    connection.close()
    return answer.status


def _get(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status
