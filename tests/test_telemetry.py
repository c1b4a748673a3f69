"""Log lines: the ids of one invocation and no other, and never what a caller or a library wrote."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from activities import telemetry

SECRET = "anna@contoso.com"
TALKATIVE = ("httpx", "azure.identity", "azure.core.pipeline.policies.http_logging_policy")
IDS = {
    "x-ms-client-request-id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "x-ms-client-tracking-id": "08584-tracking.1",
    "x-ms-workflow-run-id": "08584:CU_1",
}


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="activities")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return an event's fields."""
    fields: dict[str, Any] = json.loads(record.getMessage().partition(" ")[2])
    return fields


def traceback_of(record: logging.LogRecord) -> list[str]:
    """Return the lines of a failure's traceback."""
    lines: list[str] = fields_of(record)["traceback"].splitlines()
    return lines


def test_an_event_is_a_constant_name_and_its_fields_as_json(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("graphAnswered", status=201, graphRequestId="r-1")
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == 'graphAnswered {"status": 201, "graphRequestId": "r-1"}'


def test_every_event_of_an_invocation_has_its_ids_and_no_later_one_has_them(caplog: pytest.LogCaptureFixture) -> None:
    with telemetry.invocation("i-1", IDS):
        telemetry.event("inside", outcome="created")
        telemetry.failure("failed", ValueError())
    telemetry.event("outside")
    inside, failed, outside = map(fields_of, caplog.records)
    expected = {
        "invocationId": "i-1",
        "clientRequestId": IDS["x-ms-client-request-id"],
        "clientTrackingId": IDS["x-ms-client-tracking-id"],
        "workflowRunId": IDS["x-ms-workflow-run-id"],
    }
    assert inside == {**expected, "outcome": "created"}
    assert failed == {**expected, "traceback": "builtins.ValueError\n"}
    assert outside == {}


async def test_invocations_at_the_same_time_keep_their_own_ids(caplog: pytest.LogCaptureFixture) -> None:
    both_are_inside = asyncio.Barrier(2)

    async def invoke(name: str) -> None:
        with telemetry.invocation(name, {}):
            await both_are_inside.wait()
            telemetry.event("inside", expected=name)

    await asyncio.gather(invoke("i-1"), invoke("i-2"))
    assert {fields["invocationId"] for fields in map(fields_of, caplog.records)} == {"i-1", "i-2"}
    assert all(fields["invocationId"] == fields["expected"] for fields in map(fields_of, caplog.records))


def test_an_exception_ends_an_invocation_too(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError), telemetry.invocation("i-1", IDS):
        stumble()
    telemetry.event("outside")
    assert fields_of(caplog.records[0]) == {}


@pytest.mark.parametrize("header", IDS)
@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a\nrefused {}", "a\r\nb", SECRET, '"}', "Prüfung", "a" * 81, "id\n", "\u0661"]
)
def test_a_callers_id_is_logged_only_if_it_looks_like_one(
    caplog: pytest.LogCaptureFixture, header: str, value: str
) -> None:
    with telemetry.invocation("i-1", {header: value}):
        telemetry.event("inside")
    assert fields_of(caplog.records[0]) == {"invocationId": "i-1"}


def stumble() -> None:
    """Fail as a library does: with what it stumbled over in the text."""
    try:
        int(SECRET)
    except ValueError as error:
        message = f"cannot read {SECRET}"
        raise KeyError(message) from error


def clean_up() -> None:
    """Fail while another failure is handled."""
    try:
        stumble()
    finally:
        raise OSError(SECRET)


def test_a_failure_logs_the_frames_of_its_whole_chain_and_no_exceptions_text(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match=SECRET) as caught:
        clean_up()
    telemetry.failure("internalError", caught.value, attempt=1)
    [record] = caplog.records
    message, lines = record.getMessage(), traceback_of(record)
    assert record.levelno == logging.ERROR
    assert record.exc_info is None, "with it a handler would print the text"
    assert message.startswith('internalError {"attempt": 1, "traceback": "builtins.OSError')
    assert [line for line in lines if line.startswith("builtins.")] == [
        "builtins.OSError",
        "builtins.KeyError",
        "builtins.ValueError",
    ]
    assert all(f"in {function.__name__}" in message for function in (clean_up, stumble))
    assert SECRET not in message


def test_a_failure_is_one_line_and_as_short_as_the_platform_keeps_it(caplog: pytest.LogCaptureFixture) -> None:
    """Further lines would be rows of their own, of no invocation; half of a message's JSON cannot be read."""

    def dive(depth: int) -> None:
        if depth == 0:
            stumble()
        rise(depth - 1)

    def rise(depth: int) -> None:
        dive(depth)

    with pytest.raises(KeyError) as caught:
        dive(200)
    telemetry.failure("internalError", caught.value)
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    assert traceback_of(record)[0] == "builtins.KeyError"
    assert len(record.getMessage()) < 32_768


def test_what_is_held_is_said_with_the_ids_of_each_invocation_that_waits(caplog: pytest.LogCaptureFixture) -> None:
    with telemetry.invocation("creator", {}), telemetry.held() as events:
        telemetry.event("shared", status=500)
        telemetry.failure("broken", ValueError())
    assert caplog.records == []
    for name in ("i-1", "i-2"):
        with telemetry.invocation(name, {}):
            telemetry.say(events)
    said = [(record.levelno, record.getMessage().partition(" ")[0], fields_of(record)) for record in caplog.records]
    assert [(level, name, fields["invocationId"]) for level, name, fields in said] == [
        (logging.INFO, "shared", "i-1"),
        (logging.ERROR, "broken", "i-1"),
        (logging.INFO, "shared", "i-2"),
        (logging.ERROR, "broken", "i-2"),
    ]
    assert all(fields["status"] == 500 for _, name, fields in said if name == "shared")


def test_what_is_said_while_something_is_held_is_held_too(caplog: pytest.LogCaptureFixture) -> None:
    with telemetry.held() as outer:
        with telemetry.held() as inner:
            telemetry.event("inside")
        assert outer == []
        telemetry.say(inner)
    assert [one.name for one in outer] == ["inside"]
    assert caplog.records == []


def test_a_suppressed_context_and_a_circle_of_causes_end_the_chain(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError()
    error.__context__ = KeyError()
    error.__suppress_context__ = True
    telemetry.failure("suppressed", error)
    error.__cause__ = cause = OSError()
    cause.__cause__ = error
    telemetry.failure("circle", error)
    suppressed, circle = map(traceback_of, caplog.records)
    assert suppressed == ["builtins.ValueError"]
    assert circle == ["builtins.ValueError", "builtins.OSError"]


@pytest.fixture
def _levels_are_restored() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in TALKATIVE}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("_levels_are_restored")
def test_libraries_that_log_urls_and_token_requests_are_quiet_below_errors() -> None:
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    telemetry.quieten_libraries()
    for name in (*TALKATIVE, "azure.identity.aio._internal.decorators"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.ERROR


def test_an_admin_finds_the_lines_of_a_batch_by_the_digest_that_the_documents_compute() -> None:
    """An id with which somebody can open something is not written down; its digest cannot be turned back."""
    batch_id = "0b7c3b1e5d0f4a2c9e6d8f7a1b2c3d4e"
    assert telemetry.digest(batch_id) == hashlib.sha256(batch_id.encode()).hexdigest()[:16]
    guide = (Path(__file__).parent.parent / "docs" / "for-admins-look-after.md").read_text(encoding="utf-8")
    assert f"substring(hash_sha256('{batch_id}'), 0, 16)" in guide
