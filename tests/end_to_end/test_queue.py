"""The queue trigger end to end: real Azurite, the real worker library, the real SDKs, one host."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.errors import PermanentError
from activities.execution.patience import PATIENCE
from activities.queueing.messages import Delivery, decode
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
from tests.end_to_end.stack import Json, example
from tests.support.strategies import bodies, json_values

KINDS = ("assignment", "self-initiated")
FOREIGN = "content-of-another"
# What storage accepts (its messages are XML) and gives back as it was: XML makes one line end of another.
CARRIED = re.compile("[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
METADATA = ("id", "popReceipt", "queueTrigger", "dequeueCount", "insertionTime", "expirationTime", "nextVisibleTime")
NUMBERS = count()


@st.composite
def _records(draw: st.DrawFn) -> str:
    """Draw a message with an activity, in some form, perhaps with a property that the host takes for its own."""
    record: Json = assignment(learningContentId=f"content-{next(NUMBERS)}")
    for name in draw(st.lists(st.sampled_from(METADATA), max_size=1)):
        record[draw(st.sampled_from([name, name.upper(), name.title()]))] = draw(json_values | st.just(""))
    text = json.dumps(record)
    forms = [text, f"[{text}, {text}]", f'{{"activities": {text}}}', json.dumps(text), base64_of(text)]
    return draw(st.sampled_from(forms))


MESSAGES = st.one_of(
    _records(),
    _records(),
    json_values.map(json.dumps),
    st.text().filter(CARRIED.fullmatch),
    bodies.map(lambda body: body.decode(errors="replace")).filter(CARRIED.fullmatch),
    bodies.map(lambda body: base64.b64encode(body).decode()),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueStack]:
    with queue_stack(tmp_path_factory.mktemp("queue")) as stack, stack.host():
        yield stack
    stack.assert_discreet(FOREIGN)


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    running.reset()
    return running


@pytest.mark.parametrize("encode", [str, base64_of], ids=["raw", "base64"])
@pytest.mark.parametrize("name", KINDS)
def test_the_documented_request_reaches_graph_through_the_queue(stack: QueueStack, name: str, encode: Any) -> None:
    request = example(f"{name}.request", externalCourseActivityId=str(uuid4()))
    stack.send(encode(json.dumps(request)))
    stack.wait_until_empty()
    assert stack.created() == [request]
    assert stack.count("-failed") == stack.count("-poison") == 0


def test_a_record_without_external_id_gets_one_that_its_message_gives(stack: QueueStack) -> None:
    activities = [assignment() for _ in range(3)]
    stack.send(json.dumps(activities[0]), json.dumps(activities[1:]))
    stack.wait_until_empty()
    assert_created_once(stack, activities)
    assert len({UUID(one["externalCourseActivityId"]) for one in stack.created()}) == 3


def test_the_same_record_in_two_messages_is_one_activity(stack: QueueStack) -> None:
    activity = assignment(externalCourseActivityId=str(uuid4()))
    stack.send(json.dumps(activity), base64_of(json.dumps([activity])))
    stack.wait_until_empty()
    assert_created_once(stack, [activity])
    assert stack.count("-failed") == 0


def test_one_bad_record_of_a_list_does_not_stop_the_others(stack: QueueStack) -> None:
    good, bad = [assignment(), assignment()], assignment(statuss="x", completionPercentage=101)
    stack.send(json.dumps([good[0], bad, good[1]]))
    stack.wait_until_empty()
    assert_created_once(stack, good)
    [told] = stack.failed_messages()
    assert told["activity"] == bad
    assert told["code"] == "invalidRequest"
    assert {detail["target"] for detail in told["details"]} == {"statuss", "completionPercentage"}
    assert stack.failures() == [told]


@pytest.mark.parametrize("text", ['{"learnerUserId": ', "hello", "[]", '{"activities": []}', '{"deferred": {}}'])
def test_a_message_that_cannot_be_read_is_told_with_all_that_is_known(stack: QueueStack, text: str) -> None:
    sent_at = datetime.now(UTC)
    stack.send(text)
    stack.wait_until_empty()
    [told] = stack.failed_messages()
    assert told["code"] in {"invalidJson", "invalidRequest"}
    assert told["message"]
    assert told["attempts"] == 1
    assert base64.b64decode(told["bodyBase64"]).decode() == text
    moments = [datetime.fromisoformat(told[name]) for name in ("firstSeenAt", "failedAt")]
    # Storage tells its times in whole seconds.
    assert sent_at - timedelta(seconds=2) <= moments[0] <= moments[1] + timedelta(seconds=1)
    assert stack.failures() == [told]
    assert stack.calls() == []


def test_a_failure_is_replayed_after_its_cause_is_repaired(stack: QueueStack) -> None:
    stack.change_tenant(contents={FOREIGN: OTHER_PROVIDER})
    activity = assignment(learningContentId=FOREIGN, externalCourseActivityId=str(uuid4()), learningProviderId=PROVIDER)
    other = {"status": "nothing to create"}
    stack.send(json.dumps(activity), json.dumps(other))
    stack.wait_until_empty()
    assert stack.created() == []
    assert {one["code"] for one in stack.failures()} == {"contentNotOwnedByProvider", "invalidRequest"}
    stack.change_tenant(contents={FOREIGN: PROVIDER})
    assert stack.replay({"code": "contentNotOwnedByProvider"}) == {"replayedCount": 1, "moreToReplay": False}
    stack.wait_until_empty()
    assert_created_once(stack, [activity])
    assert [one["activity"] for one in stack.failures()] == [other]
    assert [one["activity"] for one in stack.failed_messages()] == [other]


def test_a_failure_that_is_replayed_too_early_fails_again_under_another_id(stack: QueueStack) -> None:
    stack.send(json.dumps(assignment(status="")))
    stack.wait_until_empty()
    [first] = stack.failures()
    assert stack.replay({"ids": [first["id"]]})["replayedCount"] == 1
    wait_until(lambda: stack.count() == 0 and stack.failures(), stack.tail)
    [again] = stack.failures()
    assert again["id"] != first["id"]
    assert again["code"] == first["code"]
    assert again["firstSeenAt"] == first["firstSeenAt"]


def test_a_body_with_an_empty_id_is_a_message_of_its_own(stack: QueueStack) -> None:
    """The host lets a body's property "id" hide the message's own id."""
    activity = {name: value for name, value in assignment().items() if name != "externalCourseActivityId"}
    stack.send(*[json.dumps({**activity, "id": ""})] * 2)
    stack.wait_until_empty()
    assert stack.failures() == []
    assert len(stack.created()) == 2


@given(texts=st.lists(MESSAGES, min_size=50, max_size=50, unique=True))
@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_whatever_a_message_holds_is_created_or_told(stack: QueueStack, texts: list[str]) -> None:
    """Nothing that a queue can hold is lost, stops the app, or ends on the poison queue, whose reason nobody knows."""
    stack.reset()
    stack.send(*texts)
    stack.wait_until_empty()
    assert stack.count("-poison") == 0
    failures, answered = stack.failures(), [event["outcome"] for event in stack.events("activityAnswered")]
    assert len(failures) + len(answered) == sum(_records_in(text) for text in texts), stack.tail()
    # What Hypothesis drew twice, with an external id, was there already.
    assert len(stack.created()) == answered.count("created")
    assert stack.count("-failed") == len(failures)
    assert all(failure["code"] in {"invalidJson", "invalidRequest"} and failure["message"] for failure in failures)
    unreadable = {base64.b64decode(failure["bodyBase64"]).decode() for failure in failures if "bodyBase64" in failure}
    assert unreadable <= set(texts)


def _records_in(text: str) -> int:
    delivery = Delivery(text.encode(), "message", None)
    try:
        return len(decode(delivery, now=datetime.now(UTC), patience=PATIENCE))
    except PermanentError:
        return 1


@pytest.mark.parametrize("name", METADATA)
def test_a_property_that_is_called_like_the_queues_metadata_is_told(stack: QueueStack, name: str) -> None:
    """The host would let it hide the metadata, and the worker could not read it, if the message went there as text."""
    stack.send(json.dumps(assignment(**{name: "many"})))
    stack.wait_until_empty()
    assert [failure["code"] for failure in stack.failures()] == ["invalidRequest"]
    assert stack.count("-poison") == 0
