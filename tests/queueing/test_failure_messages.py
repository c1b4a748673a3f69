"""What is said of a failure: always under the same name, readable, complete, and never beyond a message."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.errors import ErrorCode, PermanentError, Problem
from activities.queueing.messages import Delivery, Failure, encode_failure
from activities.queueing.put_back import Record, fits
from activities.web.failures import Selection, parse_selection
from tests.support.records import sample
from tests.support.strategies import json_values

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SENT = NOW - timedelta(hours=1)
COURSE = sample("self-initiated.request")
PROBLEMS = [Problem("required", "a is required.", "a"), Problem("invalid", "b must be a text.", "b")]
ERROR = PermanentError(ErrorCode.INVALID_REQUEST, "2 problems.", problems=PROBLEMS)
RECORD = Record(COURSE, "message-1:0", SENT, SENT + timedelta(hours=24), attempts=2)


def of_record(content: Any, error: PermanentError = ERROR) -> Failure:
    return Failure.of_record(replace(RECORD, content=content), error, now=NOW)


def of_message(body: bytes, message_id: str = "message-1") -> Failure:
    return Failure.of_message(Delivery(body, message_id, SENT), ERROR, now=NOW)


class TestNames:
    def test_a_message_that_is_delivered_again_fails_under_the_same_name(self) -> None:
        later = NOW + timedelta(minutes=5)
        again = replace(RECORD, content=json.loads(json.dumps(COURSE)), attempts=7)
        assert Failure.of_record(RECORD, ERROR, now=NOW).id == Failure.of_record(again, ERROR, now=later).id
        body = Delivery(b"no JSON", "message-1", SENT)
        assert Failure.of_message(body, ERROR, now=NOW).id == Failure.of_message(body, ERROR, now=later).id

    def test_a_record_that_fails_again_after_a_replay_has_a_new_name(self) -> None:
        assert RECORD.failure_id != replace(RECORD, replays=1).failure_id

    def test_records_in_another_place_or_with_other_content_have_other_names(self) -> None:
        others = [replace(RECORD, origin="message-1:1"), replace(RECORD, content={**COURSE, "notes": "other"})]
        assert len({record.failure_id for record in [RECORD, *others]}) == 3

    @given(json_values, json_values)
    def test_only_the_same_content_gives_the_same_name(self, one: object, other: object) -> None:
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert (of_record(one).id == of_record(other).id) is same

    @given(st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=10), st.text(max_size=10))
    def test_undecodable_messages_have_names_of_their_own(self, one: bytes, other: bytes, a: str, b: str) -> None:
        if a.strip() and b.strip() and ":" not in a + b:
            same = (a.strip(), one) == (b.strip(), other)
            assert (of_message(one, a).id == of_message(other, b).id) is same


class TestWords:
    def test_a_failure_says_what_when_why_and_how_often(self) -> None:
        assert of_record(COURSE).to_json() == {
            "id": RECORD.failure_id,
            "code": "invalidRequest",
            "message": "2 problems.",
            "details": [
                {"code": "required", "message": "a is required.", "target": "a"},
                {"code": "invalid", "message": "b must be a text.", "target": "b"},
            ],
            "attempts": 2,
            "firstSeenAt": "2026-05-01T11:00:00+00:00",
            "failedAt": "2026-05-01T12:00:00+00:00",
            "activity": COURSE,
        }

    @given(st.binary())
    def test_a_body_that_could_not_be_decoded_is_told_byte_for_byte(self, body: bytes) -> None:
        said = of_message(body).to_json()
        assert base64.b64decode(said["bodyBase64"]) == body
        assert (said["activity"], said["attempts"], said["firstSeenAt"]) == ({}, 1, "2026-05-01T11:00:00+00:00")

    @pytest.mark.parametrize(
        ("body", "shown"),
        [
            (b"test", "test"),  # Base64 by accident.
            (b"Hello", "Hello"),
            (b"\xef\xbb\xbf{'a': 1}", "{'a': 1}"),
            (base64.b64encode(b'{"a": }'), '{"a": }'),
            (b"x" * 5000, "x" * 1000),
            (b"\xff\xfe\xfd", ""),
        ],
    )
    def test_a_body_that_is_text_is_told_as_text_too(self, body: bytes, shown: str) -> None:
        assert of_message(body).to_json()["bodyText"] == shown


class TestTheMessage:
    @given(json_values | st.binary())
    def test_what_fits_is_told_completely(self, content: object) -> None:
        failure = of_message(content) if isinstance(content, bytes) else of_record(content)
        said = json.dumps(failure.to_json())
        assert len(said) <= LARGEST_MESSAGE_BYTES
        assert json.dumps(json.loads(encode_failure(failure))) == said

    @pytest.mark.parametrize(
        "failure",
        [
            of_record({"notes": "a" * LARGEST_MESSAGE_BYTES}),
            of_record({"notes": "\U0001f600" * 6_000}),
            of_record({"notes": "<>" * 20_000}),
            of_message(b"a" * 50_000),
            of_record({}, PermanentError(ErrorCode.REJECTED_BY_GRAPH, "\U0001f600" * 50_000)),
            of_record({}, PermanentError(ErrorCode.INVALID_REQUEST, "many", problems=PROBLEMS * 1000)),
        ],
        ids=["content", "content that JSON escapes", "content that XML escapes", "body", "message", "problems"],
    )
    def test_what_does_not_fit_says_where_it_is(self, failure: Failure) -> None:
        message = encode_failure(failure)
        assert fits(message)
        said = json.loads(message)
        complete = failure.to_json()
        assert said.pop("activityAt") == "/api/failures"
        assert complete["message"].startswith(said.pop("message"))
        assert said == {name: complete[name] for name in ("id", "code", "attempts", "firstSeenAt", "failedAt")}

    @pytest.mark.parametrize("room", range(-2, 3))
    def test_the_limit_is_the_queues(self, room: int) -> None:
        empty = len(json.dumps(of_record({"notes": ""}).to_json()))
        message = encode_failure(of_record({"notes": "a" * (LARGEST_MESSAGE_BYTES - empty - room)}))
        assert len(message) <= LARGEST_MESSAGE_BYTES
        assert ("activity" in json.loads(message)) is (room >= 0)


class TestSelection:
    @pytest.mark.parametrize(
        ("body", "selection"),
        [
            ({}, Selection()),
            ({"code": " throttled "}, Selection(code="throttled")),
            ({"ids": ["a", "b"]}, Selection(ids=("a", "b"))),
        ],
    )
    def test_a_replay_is_about_all_one_code_or_single_ones(self, body: object, selection: Selection) -> None:
        assert parse_selection(body) == selection

    @pytest.mark.parametrize(
        "body",
        [
            *(None, [], "all", 5, {"all": True}),
            *({"code": ""}, {"code": " "}, {"code": 5}, {"code": None}, {"Code": "throttled"}),
            *({"ids": []}, {"ids": "a"}, {"ids": [5]}, {"ids": ["a"], "code": "b"}),
        ],
    )
    def test_what_might_mean_anything_replays_nothing(self, body: object) -> None:
        with pytest.raises(PermanentError) as caught:
            parse_selection(body)
        assert caught.value.code is ErrorCode.INVALID_REQUEST
