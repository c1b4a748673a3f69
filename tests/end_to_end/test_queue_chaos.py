"""Everything goes wrong at once, and still each activity is created exactly once, and each refusal is told.

Locks and leases are short by settings; the app and the host are the same as everywhere.
"""

import base64
import itertools
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from local.stack.processes import Child
from tests.end_to_end.queue_stack import (
    OTHER_PROVIDER,
    PROVIDER,
    QueueStack,
    assert_created_once,
    assignment,
    base64_of,
    queue_stack,
    wait_until,
)
from tests.end_to_end.stack import Json

LOCK_SECONDS = 3
LEASE_SECONDS = "6"  # As long as storage may be busy with a claim.
ENTITIES_A_SECOND = 150
UNLICENSED = "5ec2e700-1ea4-4e12-8000-000000000000"
FOREIGN_CONTENT = "content-of-the-other"
SOON = {"Retry-After": "1"}
FAULTS: list[Json] = [
    {"status": 503, "headers": SOON, "times": 2},
    {"name": "gateway-timeout-executed", "times": 2},
    {"name": "disconnect-executed", "times": 2},
    {"name": "internal-error", "headers": SOON},
    {"name": "gateway-timeout"},
    {"name": "disconnect"},
    {"name": "bad-gateway-html", "headers": SOON},
]
THROTTLING: list[Json] = [
    {"status": 429, "body": {"code": "tooManyRequests", "message": "Retry after 0.05 minutes"}},
    {"status": 429, "headers": {"Retry-After": "2.5"}, "registrationId": OTHER_PROVIDER},
]
BLIND: Json = {"operation": "find", "status": 503, "headers": SOON}
# What goes wrong before each kill. Early, because it makes messages wait for half a minute, while the others go on: an
# activity cannot be looked up, for a fault or for throttling.
ROUNDS_OF_ONE = [[*THROTTLING, *FAULTS], [*THROTTLING, *FAULTS, BLIND], FAULTS, FAULTS, FAULTS]
ROUNDS_OF_TWO = [[*FAULTS, BLIND], THROTTLING, FAULTS, THROTTLING, FAULTS]
# Graph has done its work, and the host is killed before it hears of that. Slower than the lease, which is renewed.
SLOW: Json = {"delaySeconds": 7, "times": 6}
HIT = {201, 429, 500, 502, 503, 504, None}


@dataclass
class Load:
    """The messages of a run, and what has to become of each record."""

    texts: list[str] = field(default_factory=list)
    valid: list[Json] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """The code for each record that is refused, by its content."""
    unreadable: dict[bytes, str] = field(default_factory=dict)
    """The code for each message that cannot be read."""


def load(count: int) -> Load:
    """Make messages as flows, connectors and jobs send them; every tenth is wrong in one way or another."""
    random, made = Random(count), Load()  # noqa: S311 - The same order in every run.
    forms = itertools.cycle([_raw, _base64, _raw, _array, _raw, _text_in_text, _envelope])
    wrongs = itertools.cycle([_without_status, _misspelled, _unlicensed, _foreign, _array_with_one_wrong, _no_json])
    for number in range(count):
        wrong = number % 10 == 9
        (next(wrongs) if wrong else next(forms))(made, number)
    random.shuffle(made.texts)
    return made


def _valid(made: Load, number: int) -> Json:
    external_id = {} if number % 3 == 0 else {"externalCourseActivityId": f"xid-{number}-{len(made.valid)}"}
    provider = PROVIDER if number % 2 else OTHER_PROVIDER
    activity = assignment(**external_id)
    made.valid.append(activity)
    return {**activity, "registrationId": provider}


def _raw(made: Load, number: int) -> None:
    made.texts.append(json.dumps(_valid(made, number)))


def _base64(made: Load, number: int) -> None:
    made.texts.append(base64_of(json.dumps(_valid(made, number))))


def _text_in_text(made: Load, number: int) -> None:
    made.texts.append(json.dumps(json.dumps(_valid(made, number))))


def _array(made: Load, number: int) -> None:
    made.texts.append(json.dumps([_valid(made, number), _valid(made, number)]))


def _envelope(made: Load, number: int) -> None:
    activities = [_valid(made, number), _valid(made, number)]
    made.texts.append(
        json.dumps({"activities": [{**one, "registrationId": ""} for one in activities]} | {"registrationId": PROVIDER})
    )


def _refused(made: Load, code: str, **properties: object) -> Json:
    activity = assignment(registrationId=PROVIDER, **properties)
    made.refused[activity["learningContentId"]] = code
    return activity


def _without_status(made: Load, _: int) -> None:
    made.texts.append(json.dumps(_refused(made, "invalidRequest", status="")))


def _misspelled(made: Load, _: int) -> None:
    made.texts.append(base64_of(json.dumps(_refused(made, "invalidRequest", statuss="notStarted"))))


def _unlicensed(made: Load, _: int) -> None:
    made.texts.append(json.dumps(_refused(made, "learnerNotLicensed", learnerUserId=UNLICENSED)))


def _foreign(made: Load, number: int) -> None:
    content = f"{FOREIGN_CONTENT}-{number}"
    made.texts.append(json.dumps(_refused(made, "contentNotOwnedByProvider", learningContentId=content)))


def _array_with_one_wrong(made: Load, number: int) -> None:
    wrong = _refused(made, "invalidRequest", completionPercentage=101)
    made.texts.append(json.dumps([_valid(made, number), wrong, _valid(made, number)]))


def _no_json(made: Load, number: int) -> None:
    text = f'{{"learnerUserId": "{UNLICENSED}", "number": {number}'
    made.texts.append(text)
    made.unreadable[text.encode()] = "invalidJson"


def send(stack: QueueStack, texts: list[str]) -> None:
    """Put messages into the queue, several at a time."""
    with stack.queue() as queue, ThreadPoolExecutor(4) as senders:
        list(senders.map(queue.send_message, texts))


def start(stack: QueueStack, running: ExitStack) -> Child:
    """Run one more host, whose locks and leases are short."""
    return running.enter_context(stack.host(lock_seconds=LOCK_SECONDS, CLAIM_LEASE_SECONDS=LEASE_SECONDS))


def kill(host: Child) -> None:
    """End a host at once."""
    host.send_signal(signal.SIGKILL)
    assert host.wait(10) == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("hosts", "messages", "rounds"),
    [(1, 1000, ROUNDS_OF_ONE), (2, 300, ROUNDS_OF_TWO)],
    ids=["one host", "two hosts"],
)
def test_each_activity_is_created_exactly_once_whatever_breaks(
    tmp_path: Path, hosts: int, messages: int, rounds: list[list[Json]]
) -> None:
    """Every fault of Graph and storage, killed hosts, a bad message in ten: nothing is lost, doubled or unexplained."""
    sent = load(messages)
    with queue_stack(tmp_path) as stack, ExitStack() as running:
        stack.storage.begin_bad_day(entities_a_second=ENTITIES_A_SECOND)
        stack.change_tenant(
            unlicensedLearners=[UNLICENSED],
            contents={content: OTHER_PROVIDER for content in sent.refused if content.startswith(FOREIGN_CONTENT)},
        )
        # Each round has messages of its own: however fast the hosts are, its faults meet something.
        *parts, rest = [sent.texts[number :: len(rounds) + 1] for number in range(len(rounds) + 1)]
        alive = [start(stack, running) for _ in range(hosts)]
        for killed, faults in enumerate(rounds):
            stack.arm(*faults, SLOW)
            send(stack, parts[killed])
            # A fault of a look-up may be armed for longer: nothing is looked up at the moment.
            wait_until(lambda: not any("delaySeconds" in one for one in stack.armed()), stack.tail)
            kill(alive[killed % hosts])
            alive[killed % hosts] = start(stack, running)
        send(stack, rest)
        stack.wait_until_empty()
        assert_created_once(stack, sent.valid)
        _assert_explained(stack, sent)
        assert stack.count("-poison") == 0
        stack.storage.assert_met()
        assert {call["status"] for call in stack.calls()} >= HIT
    stack.assert_discreet(UNLICENSED, FOREIGN_CONTENT)


def _assert_explained(stack: QueueStack, sent: Load) -> None:
    """Check that each refusal is on the failed queue and in the list, with its reason and what was sent."""
    expected = {**sent.refused, **{str(body): code for body, code in sent.unreadable.items()}}
    for failures in (stack.failed_messages(), stack.failures()):
        codes = {_name(failure): failure["code"] for failure in failures}
        assert codes == expected
        assert all(failure["message"] for failure in failures)
        # A kill between telling and remembering may tell a failure twice, under one id.
        assert len({failure["id"] for failure in failures}) == len(expected)


def _name(failure: Json) -> str:
    if failure["activity"]:
        return str(failure["activity"]["learningContentId"])
    return str(base64.b64decode(failure["bodyBase64"]))
