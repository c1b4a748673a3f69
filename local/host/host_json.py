"""What an app's host.json asks of the host: where HTTP routes begin and how queues are read.

It only reads and checks; defaults and limits are the real host's.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lifecycle import StartError

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,7})?))?")
_WEEK_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues` of host.json, the same for every queue of the app."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout_seconds: int
    max_polling_interval_seconds: float
    is_base64: bool


@dataclass(frozen=True, slots=True)
class HostJson:
    """The parts of host.json that this host heeds."""

    route_prefix: str
    queues: QueueOptions


def read_host_json(app: Path) -> HostJson:
    """Return what the host.json of an app says.

    Raises:
        StartError: there is none, it is not JSON, or a setting has a value that the real host refuses.
    """
    path = app / "host.json"
    try:
        extensions = json.loads(path.read_text(encoding="utf-8")).get("extensions", {})
        return HostJson(
            route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
            queues=_queue_options(extensions.get("queues", {}).get),
        )
    except FileNotFoundError as error:
        raise StartError(f"There is no function app in {app}: host.json is missing.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise StartError(f"{path} is not a host.json that can be read: {error}.") from error


def _queue_options(get: Callable[[str, Any], Any]) -> QueueOptions:
    batch_size = _number("batchSize", get("batchSize", 16), lowest=1, highest=32)
    threshold = get("newBatchThreshold", batch_size // 2 * (os.process_cpu_count() or 1))
    encoding = str(get("messageEncoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise ValueError(f"extensions.queues.messageEncoding is base64 or none, not {encoding!r}")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=_number("newBatchThreshold", threshold, lowest=0, highest=1000),
        max_dequeue_count=_number("maxDequeueCount", get("maxDequeueCount", 5), lowest=1, highest=100),
        visibility_timeout_seconds=int(
            _seconds("visibilityTimeout", get("visibilityTimeout", "00:00:00"), lowest=0, highest=_WEEK_SECONDS)
        ),
        max_polling_interval_seconds=_seconds(
            "maxPollingInterval", get("maxPollingInterval", "00:01:00"), lowest=0.1, highest=_WEEK_SECONDS
        ),
        is_base64=encoding == "base64",
    )


def _number(name: str, value: Any, *, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ValueError(f"extensions.queues.{name} is a number from {lowest} to {highest}, not {value!r}")
    return value


def _seconds(name: str, value: Any, *, lowest: float, highest: float) -> float:
    """Return the seconds of a .NET time span such as `00:00:30`."""
    match = _TIME_SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"extensions.queues.{name} has the form hh:mm:ss, not {value!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not lowest <= total <= highest:
        raise ValueError(f"extensions.queues.{name} is from {lowest:g} to {highest:g} seconds, not {value!r}")
    return total
