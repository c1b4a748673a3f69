"""What a function gets of a queue message, body and trigger metadata, is what the real host sends."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.storage.queue import QueueMessage
from hypothesis import given
from hypothesis import strategies as st

from local.host.protos import TypedData
from local.host.queue_messages import NotTextError, UndecodableBodyError, decode_body, to_input, to_trigger_metadata

OWN = {"QueueTrigger", "DequeueCount", "ExpirationTime", "Id", "InsertionTime", "NextVisibleTime", "PopReceipt"}


def received(**changes: Any) -> QueueMessage:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    message = QueueMessage(id="id-1", pop_receipt="receipt", dequeue_count=2, inserted_on=moment)
    message.expires_on = moment.replace(day=8)
    message.next_visible_on = moment.replace(minute=10)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def metadata_of(body: object) -> dict[str, TypedData]:
    text = body if isinstance(body, str) else json.dumps(body)
    return to_trigger_metadata(received(), TypedData(string=text))


def test_the_metadata_have_the_names_and_kinds_of_the_wire() -> None:
    assert metadata_of("text") == {
        "QueueTrigger": TypedData(string="text"),
        "DequeueCount": TypedData(json="2"),
        "ExpirationTime": TypedData(json='"2026-03-08T12:00:00+00:00"'),
        "Id": TypedData(string="id-1"),
        "InsertionTime": TypedData(json='"2026-03-01T12:00:00+00:00"'),
        "NextVisibleTime": TypedData(json='"2026-03-01T12:10:00+00:00"'),
        "PopReceipt": TypedData(string="receipt"),
    }


def test_a_message_that_never_expires_has_the_last_moment() -> None:
    metadata = to_trigger_metadata(received(expires_on=None), TypedData(string=""))

    assert metadata["ExpirationTime"].json == '"9999-12-31T23:59:59.999999+00:00"'


def test_top_level_properties_overwrite_whatever_their_case_and_others_are_added() -> None:
    metadata = metadata_of({"id": "mine", "POPRECEIPT": "r", "learner": "x", "Learner": "y"})

    assert metadata.keys() == OWN | {"learner"}
    assert [metadata[name].string for name in ("Id", "PopReceipt", "learner")] == ["mine", "r", "y"]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("text", TypedData(string="text")),
        ("", TypedData(string="")),
        (28, TypedData(string="28")),
        (28.0, TypedData(string="28")),
        (0.5, TypedData(string="0.5")),
        (True, TypedData(string="True")),
        ({"a": ["é", 1]}, TypedData(json='{"a":["é",1]}')),
        ("2026-03-01T12:00:00Z", TypedData(string="03/01/2026 12:00:00")),
        ("2026-03-01T12:00:00.5+02:00", TypedData(string="03/01/2026 10:00:00")),
        ("2026-03-01T12:00:00", TypedData(string="03/01/2026 12:00:00")),
        ("2026-13-01T12:00:00", TypedData(string="2026-13-01T12:00:00")),
        ("2026-03-01", TypedData(string="2026-03-01")),
    ],
)
def test_a_value_is_sent_as_dotnet_casts_it_to_a_string(value: object, sent: TypedData) -> None:
    assert metadata_of({"name": value})["name"] == sent


@pytest.mark.parametrize(
    "body", ['{"id": null}', '{"id": ["x"]}', '["id"]', '"id"', '{"id": "x"', '{"id":' + "[" * 10_000, "", "{}"]
)
def test_nothing_is_overwritten_by_nulls_arrays_and_what_is_no_object(body: str) -> None:
    metadata = metadata_of(body)

    assert metadata.keys() == OWN
    assert metadata["Id"].string == "id-1"


def test_of_bytes_nothing_is_looked_into() -> None:
    metadata = to_trigger_metadata(received(), TypedData(bytes=b'{"id": "mine"}'))

    assert metadata.keys() == OWN - {"QueueTrigger"}
    assert metadata["Id"].string == "id-1"


@given(st.text())
def test_any_text_gives_metadata(body: str) -> None:
    assert metadata_of(body).keys() >= OWN


@pytest.mark.parametrize(("text", "body"), [("", b""), ("eA==", b"x"), (" eA\r\n==\t", b"x"), ("/+8=", b"\xff\xef")])
def test_base64_is_decoded_white_space_aside(text: str, body: bytes) -> None:
    assert decode_body(text, is_base64=True) == body


@pytest.mark.parametrize("text", ["x", "eA", "eA=", "e-_=", "eA==eA==", "{}", "é"])
def test_what_is_not_strictly_base64_is_undecodable(text: str) -> None:
    with pytest.raises(UndecodableBodyError):
        decode_body(text, is_base64=True)


def test_without_base64_the_text_is_the_body() -> None:
    assert decode_body("eA==é", is_base64=False) == "eA==é".encode()


@pytest.mark.parametrize("data_type", ["binary", "BINARY", 2])
def test_a_binary_function_gets_bytes(data_type: object) -> None:
    assert to_input(b"\xff", {"dataType": data_type}) == TypedData(bytes=b"\xff")


def test_any_other_function_gets_text_and_nothing_else() -> None:
    assert to_input("é".encode(), {"dataType": "STRING"}) == TypedData(string="é")
    with pytest.raises(NotTextError, match="not UTF-8"):
        to_input(b"\xff", {})
