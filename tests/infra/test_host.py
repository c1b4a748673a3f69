"""host.json against what is known of the Functions host, and against what the infrastructure says of it."""

import json
import re
from typing import Any

import pytest

from tests.infra import bicep

# Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
MOST_AT_ONCE = 32
SHORTEST_PAUSE_SECONDS = 30
# Extension 5.3.8 is the first that does not drop what it finds in a poison queue; only a current bundle has it.
BUNDLE = ("Microsoft.Azure.Functions.ExtensionBundle", "[4.*, 5.0.0)")
LONGEST_FUNCTION_SECONDS = 600


def seconds(span: str) -> int:
    found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)", span)
    assert found, span
    hours, minutes, rest = map(int, found.groups())
    return hours * 3600 + minutes * 60 + rest


def problems(host: dict[str, Any]) -> list[str]:
    queues = host["extensions"]["queues"]
    rules = {
        # The app reads raw and base64 JSON. With "base64" the host would move every raw message to the poison queue
        # before the app sees it, and raw is what most SDKs and flows send.
        "messageEncoding": queues.get("messageEncoding") == "none",
        # The host's default is zero: all deliveries of a message that crashes the app would be gone within seconds.
        "visibilityTimeout": seconds(queues.get("visibilityTimeout", "00:00:00")) >= SHORTEST_PAUSE_SECONDS,
        "batchSize": 1 <= queues.get("batchSize", 16) <= MOST_AT_ONCE,
        # Its default follows the number of processors, which would make what runs in parallel a matter of chance.
        "newBatchThreshold": "newBatchThreshold" in queues,
        # Past it the host moves the message to the poison queue: once would lose what a restart interrupted.
        "maxDequeueCount": queues.get("maxDequeueCount", 5) > 1,
        # Requests and exceptions are counted, and a single line can be an alert, which sampling may leave out.
        # Source: https://learn.microsoft.com/azure/azure-functions/functions-host-json#applicationinsightssamplingsettings
        "excludedTypes": {"Request", "Exception", "Trace"} <= unsampled(host),
        "routePrefix": host["extensions"]["http"]["routePrefix"] == "api",
        "extensionBundle": (host["extensionBundle"]["id"], host["extensionBundle"]["version"]) == BUNDLE,
        "functionTimeout": seconds(host.get("functionTimeout", "00:30:00")) <= LONGEST_FUNCTION_SECONDS,
        # With OpenTelemetry the queue's invocations are not shown, and the settings for sampling are ignored.
        "telemetryMode": "telemetryMode" not in host,
    }
    return [name for name, kept in rules.items() if not kept]


def unsampled(host: dict[str, Any]) -> set[str]:
    settings = host["logging"]["applicationInsights"]["samplingSettings"]
    return set(settings.get("excludedTypes", "").split(";"))


def said_at_once(comments: list[str]) -> tuple[int, int, int]:
    """Return batchSize, newBatchThreshold and their sum as the comments of the infrastructure say them."""
    text = re.sub(r"\s*//\s*", " ", " ".join(comments))
    found = re.search(r"every (\d+) waiting messages.*?batchSize (\d+) \+ newBatchThreshold (\d+)", text)
    assert found, "No comment says how many messages an instance handles at a time."
    together, batch_size, threshold = map(int, found.groups())
    return batch_size, threshold, together


@pytest.fixture
def host() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((bicep.ROOT / "host.json").read_text(encoding="utf-8"))
    return read


def test_host_json_keeps_the_rules(host: dict[str, Any]) -> None:
    assert problems(host) == []


def test_the_infrastructure_says_how_many_messages_an_instance_handles(host: dict[str, Any]) -> None:
    queues = host["extensions"]["queues"]
    together = queues["batchSize"] + queues["newBatchThreshold"]
    file = bicep.files()["infra/modules/function-app.bicep"]
    assert said_at_once(file.comments) == (queues["batchSize"], queues["newBatchThreshold"], together)
    assert f"maximumInstanceCount \N{MULTIPLICATION SIGN} {together}" in re.sub(r"\s*//\s*", " ", file.text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("messageEncoding", "base64"),
        ("visibilityTimeout", "00:00:29"),
        ("batchSize", 33),
        ("maxDequeueCount", 1),
    ],
)
def test_a_broken_rule_is_found(host: dict[str, Any], name: str, value: object) -> None:
    host["extensions"]["queues"][name] = value
    assert problems(host) == [name]


@pytest.mark.parametrize("name", ["messageEncoding", "visibilityTimeout", "newBatchThreshold"])
def test_a_default_of_the_host_is_found(host: dict[str, Any], name: str) -> None:
    del host["extensions"]["queues"][name]
    assert problems(host) == [name]


@pytest.mark.parametrize("types", ["Request;Exception", "Request, Exception, Trace", ""])
def test_sampled_lines_are_found(host: dict[str, Any], types: str) -> None:
    host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"] = types
    assert problems(host) == ["excludedTypes"]


def test_another_bundle_is_found(host: dict[str, Any]) -> None:
    host["extensionBundle"]["version"] = "[3.*, 4.0.0)"
    assert problems(host) == ["extensionBundle"]


def test_another_number_in_a_comment_is_found() -> None:
    assert said_at_once(["// one for every 9 waiting messages: batchSize 8 +", "// newBatchThreshold 1"]) == (8, 1, 9)
