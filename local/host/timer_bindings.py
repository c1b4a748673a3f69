"""When a timer trigger fires, from its binding and the app's settings, without a clock.

A schedule is an NCRONTAB expression of six fields, seconds first, or of five, in UTC; `%NAME%` stands for a setting.
What cannot be resolved ends the start. Intervals (`00:05:00`) are refused: plans that scale do not support them.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from local.host.app_settings import fill_in
from local.host.worker_library import Function
from local.lifecycle import StartError

_SHORTEST_MONITORED = timedelta(minutes=1)
_POINT = r"(?:\d+|[A-Za-z]{3})"
_TERM = rf"(?:\*|{_POINT}(?:-{_POINT})?)(?:/\d+)?"
# cronsim knows more than NCRONTAB, such as L for the last day of a month: what works here has to work in Azure.
_NCRONTAB = re.compile(rf"{_TERM}(?:,{_TERM})*(?:\s+{_TERM}(?:,{_TERM})*){{4,5}}")


@dataclass(frozen=True, slots=True)
class TimerBinding:
    """A function with the schedule that triggers it."""

    function: Function
    schedule: str
    run_on_startup: bool
    use_monitor: bool

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment of the schedule after another one, which is in UTC."""
        return next(_moments(self.schedule, moment))

    def is_monitored(self, now: datetime) -> bool:
        """Say whether the function gets the schedule's status: if it asks for it, and runs once a minute at most."""
        first = self.next_after(now)
        return self.use_monitor and self.next_after(first) - first >= _SHORTEST_MONITORED


def bind_timer(function: Function, environ: Mapping[str, str], now: datetime) -> TimerBinding:
    """Return the binding of a function with a timer trigger.

    Raises:
        StartError: a setting that it names is missing, or its schedule is none or has no moment after `now`.
    """
    trigger = function.trigger
    template = str(trigger.get("schedule", ""))
    use = f"The function {function.name} runs on the schedule {template}"
    schedule = fill_in(template, environ, use=use).strip()
    if not _NCRONTAB.fullmatch(schedule):
        raise StartError(f"{use}, but {schedule!r} is no NCRONTAB expression.")
    try:
        next(_moments(schedule, now))
    except CronSimError as error:
        raise StartError(f"{use}, but {schedule!r} is no NCRONTAB expression: {error}.") from error
    except StopIteration:
        raise StartError(f"{use}, but {schedule!r} never comes.") from None
    return TimerBinding(
        function=function,
        schedule=schedule,
        run_on_startup=trigger.get("runOnStartup") is True,
        use_monitor=trigger.get("useMonitor") is not False,
    )


def _moments(schedule: str, after: datetime) -> CronSim:
    moments = CronSim(schedule, after)
    moments.day_and = True  # NCRONTAB wants the day of the month and the day of the week, cron is content with either.
    return moments
