"""A queue trigger leads to one queue of one account, or the host says which setting is missing."""

import pytest

from local.host.queue_bindings import QueueBinding, bind_queue
from local.host.worker_library import Function
from local.lifecycle import StartError

CONNECTION = {"AzureWebJobsStorage": "connection"}


def bound(queue: str, environ: dict[str, str], connection: str = "AzureWebJobsStorage") -> QueueBinding:
    trigger = {"type": "queueTrigger", "name": "message", "queueName": queue, "connection": connection}
    return bind_queue(Function(id="1", name="work", bindings=(trigger,)), environ)


@pytest.mark.parametrize(
    ("template", "queue"),
    [
        ("plain", "plain"),
        ("%NAME%", "set"),
        ("a-%NAME%-b", "a-set-b"),
        ("%NAME%-batches", "set-batches"),
        ("%NAME%%NAME%", "setset"),
        ("Upper", "upper"),
    ],
)
def test_settings_in_the_name_are_replaced_and_capitals_lowered(template: str, queue: str) -> None:
    assert bound(template, {**CONNECTION, "NAME": "Set"}).queue == queue


@pytest.mark.parametrize("environ", [CONNECTION, {**CONNECTION, "QUEUE": ""}])
def test_a_setting_that_is_missing_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(StartError, match="work listens to the queue %QUEUE%, but QUEUE is not set"):
        bound("%QUEUE%", environ)


@pytest.mark.parametrize("name", ["", "ab", "a_b", "-abc", "abc-", "a--b", "%", "a" * 64])
def test_a_name_that_no_queue_can_have_is_refused(name: str) -> None:
    with pytest.raises(StartError, match="no possible name"):
        bound(name, CONNECTION)


def test_the_connection_is_the_setting_with_exactly_that_name() -> None:
    assert bound("any", {**CONNECTION, "Other": "other"}, "Other").connection.connection_string == "other"
    assert bound("any", CONNECTION, "").connection.connection_string == "connection"
    with pytest.raises(StartError, match="set Other to a connection string"):
        bound("any", CONNECTION, "Other")


@pytest.mark.parametrize(
    ("queue", "poison"),
    [
        ("work", "work-poison"),
        ("work-poison", None),
        ("a" * 56, f"{'a' * 56}-poison"),
        ("a" * 57, None),
    ],
)
def test_the_poison_queue_is_named_after_the_queue_where_that_is_possible(queue: str, poison: str | None) -> None:
    assert bound(queue, CONNECTION).poison_queue == poison
