"""Queue messages: every way to write one gives the same records, and what the app writes it reads again."""

import base64
import codecs
import json
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.contract.validation import parse_activity
from activities.errors import ErrorCode, PermanentError
from activities.queueing.messages import Delivery, Failure, decode
from activities.queueing.put_back import Record, encode
from tests.support.failed_records import incompressible
from tests.support.queue_fakes import KEY
from tests.support.records import DEFAULTS, OTHER_PROVIDER, PROVIDER, sample
from tests.support.strategies import bodies, json_values

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
INSERTED = NOW - timedelta(minutes=1)
PATIENCE = timedelta(hours=24)
COURSE = sample("self-initiated.request")
# The host lets top-level properties of a body overwrite these, whatever their case.
METADATA = {
    "id",
    "dequeuecount",
    "popreceipt",
    "insertiontime",
    "expirationtime",
    "nextvisibletime",
    "queuetrigger",
}

finite_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),  # Lone surrogates, too: JSON can say them.
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes(timezones=st.just(UTC))
records = st.builds(
    Record, finite_json, st.text(), moments, moments, st.integers(0, 10**6), replays=st.integers(0, 10**6)
)


def delivery(body: bytes, message_id: str = "message-1", inserted_at: datetime | None = INSERTED) -> Delivery:
    return Delivery(body, message_id, inserted_at)


def read(body: bytes) -> list[Record]:
    return decode(delivery(body), now=NOW, patience=PATIENCE, key=KEY)


def contents(value: object) -> list[Any]:
    return [record.content for record in read(json.dumps(value).encode())]


def refused(body: bytes) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(body)
    return caught.value


def record_of(content: object = None, **changes: Any) -> Record:
    return replace(Record(content, "message-1:0", INSERTED, INSERTED + PATIENCE), **changes)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "text after a byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "text in white space": lambda text: f"\r\n\t {text} \n".encode(),
    "JSON text": lambda text: json.dumps(text).encode(),
    "JSON text after a byte order mark": lambda text: json.dumps(f"\ufeff{text}").encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 in white space": lambda text: b" \r\n" + base64.b64encode(text.encode()) + b"\n",
    "base64 in lines": lambda text: base64.encodebytes(text.encode()),
    "base64 after a byte order mark": lambda text: codecs.BOM_UTF8 + base64.b64encode(text.encode()),
    "base64 of a byte order mark and text": lambda text: base64.b64encode(codecs.BOM_UTF8 + text.encode()),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16")),
    "base64 of JSON text": lambda text: base64.b64encode(json.dumps(text).encode()),
}


@pytest.mark.parametrize("encoded", ENCODINGS.values(), ids=ENCODINGS.keys())
@settings(max_examples=25)
@given(contents=st.lists(finite_json, min_size=1, max_size=3))
@example(contents=[COURSE])
def test_however_a_body_is_encoded_it_holds_the_same_records(
    encoded: Callable[[str], bytes], contents: list[Any]
) -> None:
    assert [record.content for record in read(encoded(json.dumps(contents)))] == contents


class TestForms:
    def test_one_activity_is_one_record(self) -> None:
        assert contents(COURSE) == [COURSE]

    def test_every_item_of_a_list_is_a_record_of_its_own(self) -> None:
        assert contents([COURSE, 5, {}, None]) == [COURSE, 5, {}, None]

    def test_an_envelope_holds_a_list_or_one_activity(self) -> None:
        assert contents({"activities": [COURSE, {}]}) == [COURSE, {}]
        assert contents({"activities": COURSE}) == [COURSE]

    def test_a_record_without_a_provider_takes_the_envelopes(self) -> None:
        given_none = [{}, {"registrationId": None}, {"registrationId": " "}]
        inherited = contents({"activities": given_none, "registrationId": PROVIDER})
        assert inherited == [{"registrationId": PROVIDER}] * 3

    @pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
    def test_a_records_own_provider_wins(self, name: str) -> None:
        own = {name: OTHER_PROVIDER}
        assert contents({"activities": [own], "registrationId": PROVIDER}) == [own]

    @pytest.mark.parametrize("registration_id", [5, ["a"], "no GUID"])
    def test_a_wrong_provider_of_the_envelope_refuses_all_of_it(self, registration_id: object) -> None:
        error = refused(json.dumps({"activities": [{}], "registrationId": registration_id}).encode())
        assert [(one.code, one.target) for one in error.problems] == [("invalid", "registrationId")]

    def test_a_message_has_no_name(self) -> None:
        """A batch has: it stands in its report. Here nobody would ever read it, and nothing is dropped."""
        error = refused(json.dumps({"activities": [COURSE], "name": "Autumn"}).encode())
        assert error.message == '"name" is not known: beside "activities" there can be "registrationId", "operation".'

    def test_what_is_no_object_is_handed_on_for_validation_to_say_so(self) -> None:
        assert contents({"activities": ["text"], "registrationId": PROVIDER}) == ["text"]

    @pytest.mark.parametrize("value", [[], {"activities": []}, {"activities": [], "registrationId": PROVIDER}])
    def test_a_message_that_asks_for_nothing_is_refused(self, value: object) -> None:
        error = refused(json.dumps(value).encode())
        assert error.code is ErrorCode.INVALID_REQUEST
        assert "empty" in error.message

    def test_a_property_that_nobody_knows_beside_the_activities_is_named(self) -> None:
        error = refused(json.dumps({"activities": [COURSE], "registrationID": PROVIDER}).encode())
        assert (error.code, error.target) == (ErrorCode.INVALID_REQUEST, "registrationID")

    @pytest.mark.parametrize("body", [b"", b" ", b"hello", b"test", b"\xff\xfe\x00", b"{", b'""', b"[1e999]", b"[NaN]"])
    def test_what_is_not_json_is_said_to_be_none(self, body: bytes) -> None:
        assert refused(body).code is ErrorCode.INVALID_JSON

    def test_a_nesting_that_could_not_be_written_again_is_refused(self) -> None:
        """Python reads a little deeper than it writes; a failure that cannot be written down would be lost."""
        for levels in (200, 5_000, 9_995, 20_000):
            assert refused(b"[" * levels + b"]" * levels).code is ErrorCode.INVALID_JSON

    @given(bodies | bodies.map(base64.b64encode))
    def test_any_bytes_are_records_or_one_kind_of_error(self, body: bytes) -> None:
        try:
            found = read(body)
        except PermanentError as error:
            assert error.code in {ErrorCode.INVALID_JSON, ErrorCode.INVALID_REQUEST}  # noqa: PT017 (or no error)
        else:
            assert found
            for record in found:
                json.dumps(record.content, allow_nan=False)


class TestIdentity:
    def test_a_records_origin_is_the_message_and_the_place_in_it(self) -> None:
        assert [record.origin for record in read(b"[{}, {}]")] == ["message-1:0", "message-1:1"]

    def test_a_record_is_tried_until_its_patience_ends_counted_from_when_it_was_sent(self) -> None:
        (record,) = read(b"[{}]")
        assert (record.first_seen, record.deadline, record.attempts) == (INSERTED, INSERTED + PATIENCE, 0)

    @pytest.mark.parametrize("hidden", ["", "  "])
    def test_a_blank_id_in_the_body_does_not_make_all_messages_the_same(self, hidden: str) -> None:
        """The host lets it hide the message's own id, and validation drops a blank one."""
        parse_activity({**COURSE, "id": hidden}, kind=None, defaults=DEFAULTS)
        times = [INSERTED, INSERTED + timedelta(seconds=1)]
        sent = [
            delivery(body, hidden, time)
            for body in (b'{"id":"","status":1}', b'{"id":"","status":2}')
            for time in times
        ]
        origins = {decode(one, now=NOW, patience=PATIENCE)[0].origin for one in sent}
        assert len(origins) == 4
        assert origins == {decode(one, now=NOW, patience=PATIENCE)[0].origin for one in sent}  # Delivered again.

    @pytest.mark.parametrize("body", [b"[{}]", b"no JSON"])
    @pytest.mark.parametrize("said", ["2026-04-30", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59Z"])
    def test_a_time_that_the_body_made_up_breaks_nothing(self, body: bytes, said: str) -> None:
        """The host lets a property "insertionTime" hide the message's own, and one without offset has none here."""
        sent = delivery(body, inserted_at=datetime.fromisoformat(said))
        failure = Failure.of_message(sent, PermanentError(ErrorCode.INVALID_JSON, "wrong"), now=NOW)
        assert failure.first_seen <= NOW
        if body == b"[{}]":
            (record,) = decode(sent, now=NOW, patience=PATIENCE, key=KEY)
            assert record.first_seen <= NOW
            assert decode(delivery(encode(record, key=KEY).encode()), now=NOW, patience=PATIENCE, key=KEY) == [record]


class TestPuttingBack:
    @given(records)
    def test_a_record_that_is_put_back_is_the_same_when_it_comes_again(self, record: Record) -> None:
        sent = delivery(encode(record, key=KEY).encode(), message_id="another", inserted_at=NOW)
        assert decode(sent, now=NOW, patience=PATIENCE, key=KEY) == [record]

    def test_an_attempt_is_counted_and_nothing_else_changes(self) -> None:
        record = record_of(COURSE, attempts=3)
        assert record.tried() == replace(record, attempts=4)

    @pytest.mark.parametrize("text", ["a" * 1_000_000, "\u00e9" * 100_000, incompressible(60_000)])
    def test_a_record_beyond_a_message_is_compressed_not_cut(self, text: str) -> None:
        message = encode(record_of({"notes": text}), key=KEY)
        assert len(message.encode()) <= LARGEST_MESSAGE_BYTES
        assert read(message.encode()) == [record_of({"notes": text})]

    @pytest.mark.parametrize("text", [incompressible(70_000), "a" * 1_100_000])
    def test_a_record_that_not_even_so_fits_is_refused(self, text: str) -> None:
        with pytest.raises(PermanentError) as caught:
            encode(record_of({"notes": text}), key=KEY)
        assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE

    @pytest.mark.parametrize("content", [COURSE, {"notes": "a" * 100_000}])
    def test_no_property_of_a_message_hides_what_the_host_knows_of_it(self, content: object) -> None:
        assert not METADATA & {name.casefold() for name in json.loads(encode(record_of(content), key=KEY))}


class TestForgery:
    """The queue is open to others: an envelope that the app did not write is an invalid message, never a crash."""

    ENVELOPE = json.loads(encode(record_of(COURSE), key=KEY))

    @given(json_values, st.dictionaries(st.sampled_from(["activity", "compressedActivity"]), json_values))
    def test_anything_may_stand_under_deferred(self, said: object, beside: dict[str, object]) -> None:
        body = json.dumps({"deferred": said, **beside}).encode()
        assert refused(body).code in {ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_JSON}

    @given(st.sampled_from(sorted(ENVELOPE["deferred"])), json_values)
    @example("attempts", float("inf"))
    @example("attempts", 10**300)
    @example("attempts", "9" * 5000)
    @example("deadline", "2026-05-01T12:00:00")
    @example("deadline", "10000-01-01T00:00:00Z")
    @example("deadline", "0001-01-01T00:00:00+14:00")
    def test_one_odd_property_is_an_invalid_message_or_a_record_that_can_be_put_back(
        self, name: str, value: object
    ) -> None:
        body = json.dumps({**self.ENVELOPE, "deferred": {**self.ENVELOPE["deferred"], name: value}}).encode()
        try:
            (record,) = read(body)
        except PermanentError as error:
            assert error.code in {ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_JSON}  # noqa: PT017 (or no error)
        else:
            assert record.first_seen.tzinfo is not None
            assert record.deadline.tzinfo is not None
            assert read(encode(record, key=KEY).encode()) == [record]

    @pytest.mark.parametrize(
        "content",
        [b"", b"[1e999]", b"[NaN]", b"[" * 9_995 + b"]" * 9_995, b"\xff", b"[1] 2"],
        ids=["nothing", "infinity", "not a number", "deep", "no text", "more"],
    )
    def test_compressed_content_is_checked_like_any_other(self, content: bytes) -> None:
        said = {**self.ENVELOPE, "compressedActivity": base64.b64encode(zlib.compress(content)).decode()}
        assert refused(json.dumps(said).encode()).code in {ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_JSON}

    def test_compressed_content_that_is_cut_off_is_refused(self) -> None:
        compressed = zlib.compress(json.dumps(COURSE).encode())[:-1]
        said = {**self.ENVELOPE, "compressedActivity": base64.b64encode(compressed).decode()}
        assert refused(json.dumps(said).encode()).code is ErrorCode.INVALID_REQUEST

    def test_a_message_that_unfolds_into_gigabytes_is_not_unfolded(self) -> None:
        bomb = zlib.compress(b"[" + b"0," * 20_000_000 + b"0]", level=9)
        body = json.dumps({**self.ENVELOPE, "compressedActivity": base64.b64encode(bomb).decode()}).encode()
        assert len(body) < 2 * LARGEST_MESSAGE_BYTES
        tracemalloc.start()
        try:
            assert refused(body).code is ErrorCode.INVALID_REQUEST
            assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
        finally:
            tracemalloc.stop()
