"""host.json is read with the real host's names, defaults and limits."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from local.host.host_json import QueueOptions, read_host_json
from local.lifecycle import StartError


def read(folder: Path, **queues: Any) -> QueueOptions:
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"queues": queues}}))
    return read_host_json(folder).queues


def test_without_settings_there_are_the_real_hosts_defaults(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')

    settings = read_host_json(tmp_path)

    assert settings.route_prefix == "api"
    assert settings.queues == QueueOptions(
        batch_size=16,
        new_batch_threshold=8 * (os.process_cpu_count() or 1),
        max_dequeue_count=5,
        visibility_timeout_seconds=0,
        max_polling_interval_seconds=60,
        is_base64=True,
    )


def test_every_setting_is_heeded(tmp_path: Path) -> None:
    assert read(
        tmp_path,
        batchSize=8,
        newBatchThreshold=4,
        maxDequeueCount=3,
        visibilityTimeout="1.02:03:04",
        maxPollingInterval="00:00:00.250",
        messageEncoding="None",
    ) == QueueOptions(8, 4, 3, 93784, 0.25, is_base64=False)


def test_the_threshold_follows_the_batch_size(tmp_path: Path) -> None:
    assert read(tmp_path, batchSize=1).new_batch_threshold == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batchSize", 0),
        ("batchSize", 33),
        ("batchSize", "8"),
        ("batchSize", True),
        ("newBatchThreshold", -1),
        ("maxDequeueCount", 0),
        ("visibilityTimeout", 30),
        ("visibilityTimeout", "soon"),
        ("visibilityTimeout", "7.00:00:01"),
        ("maxPollingInterval", "00:00:00.05"),
        ("messageEncoding", "utf8"),
    ],
)
def test_a_value_that_the_real_host_refuses_is_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(StartError, match=rf"host\.json that can be read: extensions\.queues\.{name} "):
        read(tmp_path, **{name: value})
