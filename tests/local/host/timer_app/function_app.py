"""A function app with timers only, which log what they see."""

import asyncio
import json
import logging

import azure.functions as func

app = func.FunctionApp()
logger = logging.getLogger("timers")


@app.timer_trigger(arg_name="timer", schedule="%EACH_SECOND%")
async def tick(timer: func.TimerRequest) -> None:
    """Log each time."""
    _log("tick", timer)


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def failing(timer: func.TimerRequest) -> None:
    """Fail each time, in a thread."""
    _log("failing", timer)
    raise RuntimeError("this is in the log only")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
async def slow(timer: func.TimerRequest) -> None:
    """Take longer than until the next moment."""
    _log("begin", timer)
    await asyncio.sleep(1.2)
    _log("end", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 3 1 1 *", run_on_startup=True)
async def yearly(timer: func.TimerRequest) -> None:
    """Log at the start, and each year."""
    _log("yearly", timer)


@app.timer_trigger(arg_name="timer", schedule="0 4 1 1 *", run_on_startup=True, use_monitor=False)
async def unmonitored(timer: func.TimerRequest) -> None:
    """Log at the start, and each year."""
    _log("unmonitored", timer)


def _log(name: str, timer: func.TimerRequest) -> None:
    seen = timer.to_dict()  # type: ignore[no-untyped-call] # azure-functions has no types here.
    logger.info("%s %s", name, json.dumps(seen))
