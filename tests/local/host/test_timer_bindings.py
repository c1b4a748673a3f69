"""A timer trigger leads to the moments that the real host would choose, or the host says what is wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from local.host.timer_bindings import TimerBinding, bind_timer
from local.host.worker_library import Function
from local.lifecycle import StartError

NOW = datetime(2026, 3, 1, 12, 30, 15, 500_000, tzinfo=UTC)  # A Sunday.


def bound(schedule: str, options: Mapping[str, object] | None = None) -> TimerBinding:
    trigger = {"type": "timerTrigger", "name": "timer", "schedule": schedule, **(options or {})}
    return bind_timer(Function(id="1", name="clean", bindings=(trigger,)), {"WHEN": "0 0 3 * * *"}, NOW)


@pytest.mark.parametrize(
    ("schedule", "following"),
    [
        ("* * * * * *", "2026-03-01T12:30:16"),
        ("*/20 * * * * *", "2026-03-01T12:30:20"),
        ("0 */5 * * * *", "2026-03-01T12:35:00"),
        ("0 0 9-17 * * *", "2026-03-01T13:00:00"),
        ("30 15,45 * * * *", "2026-03-01T12:45:30"),
        ("0 30 9 * * 1-5", "2026-03-02T09:30:00"),
        ("0 30 9 * Jan Mon", "2027-01-04T09:30:00"),
        ("0 0 3 31 Feb-Mar,Apr *", "2026-03-31T03:00:00"),
        ("*/5 * * * *", "2026-03-01T12:35:00"),
        ("  0   0 3 * * * ", "2026-03-02T03:00:00"),
    ],
)
def test_a_schedule_has_seconds_first_or_none(schedule: str, following: str) -> None:
    assert bound(schedule).next_after(NOW) == datetime.fromisoformat(f"{following}Z")


def test_day_of_month_and_day_of_week_have_to_fit_both() -> None:
    """As in NCRONTAB; a Unix cron would be content with either."""
    assert bound("0 0 3 1 * Mon").next_after(NOW) == datetime(2026, 6, 1, 3, tzinfo=UTC)


def test_a_schedule_may_be_a_setting() -> None:
    assert bound("%WHEN%").next_after(NOW) == datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("", "'' is no NCRONTAB expression"),
        ("%OTHER%", "OTHER is not set"),
        ("* * * *", "is no NCRONTAB expression"),
        ("* * * * * * *", "is no NCRONTAB expression"),
        ("60 * * * * *", "is no NCRONTAB expression: Bad second"),
        ("0 0 3 L * *", "is no NCRONTAB expression"),
        ("0 0 3 * * 1#2", "is no NCRONTAB expression"),
        ("00:05:00", "is no NCRONTAB expression"),
        ("0 0 3 30 Feb *", "is no NCRONTAB expression: Bad day-of-month"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_functions_name(schedule: str, sentence: str) -> None:
    with pytest.raises(StartError) as refusal:
        bound(schedule)

    assert str(refusal.value).startswith(f"The function clean runs on the schedule {schedule}, but ")
    assert sentence in str(refusal.value)


def test_a_schedule_that_never_comes_is_refused() -> None:
    with pytest.raises(StartError, match="'0 0 3 30 Feb Mon' never comes"):
        bound("0 0 3 30 Feb Mon")


@pytest.mark.parametrize(
    ("schedule", "options", "is_monitored"),
    [
        ("0 * * * * *", {}, True),
        ("0 * * * * *", {"useMonitor": True}, True),
        ("0 * * * * *", {"useMonitor": False}, False),
        ("*/30 * * * * *", {"useMonitor": True}, False),
    ],
)
def test_schedules_are_monitored_unless_they_are_too_fast_or_it_is_not_wanted(
    schedule: str, options: dict[str, bool], *, is_monitored: bool
) -> None:
    assert bound(schedule, options).is_monitored(NOW) is is_monitored


@pytest.mark.parametrize(
    ("options", "runs"), [({}, False), ({"runOnStartup": None}, False), ({"runOnStartup": True}, True)]
)
def test_only_who_asks_for_it_runs_at_the_start(options: dict[str, bool | None], *, runs: bool) -> None:
    assert bound("0 * * * * *", options).run_on_startup is runs
