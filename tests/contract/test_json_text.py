"""Bytes in: what is JSON to this app, what a maker is told about anything else, and that nothing else can happen."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract import json_text
from activities.contract.activity import ActivityRequest
from activities.contract.limits import LARGEST_ACTIVITY_BYTES
from activities.contract.models import CourseActivity, Json
from activities.contract.validation import parse_activity
from activities.errors import ErrorCode, PermanentError
from activities.web import answers, http
from tests.support.error_shape import assert_error
from tests.support.records import DEFAULTS, KINDS
from tests.support.strategies import bodies, kinds_and_records

type Encode = Callable[[Any], str]

VALUE = {"notes": "Prüfung 🎓", "completionPercentage": 20}
TEXT = json.dumps(VALUE, ensure_ascii=False)


def refusal(body: bytes) -> PermanentError:
    """Return what is said about a body that should be refused."""
    with pytest.raises(PermanentError) as caught:
        json_text.decode(body)
    return caught.value


def request_or_refusal(body: bytes, kind: type[CourseActivity] | None) -> ActivityRequest | PermanentError:
    """Return what comes of a body; whatever else is raised is a bug."""
    try:
        return parse_activity(json_text.decode(body), kind=kind, defaults=DEFAULTS)
    except PermanentError as error:
        return error


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        f" \r\n{TEXT}\n".encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        json.dumps(VALUE).encode("ascii"),
        json.dumps(TEXT).encode(),
        json.dumps(f"  {TEXT}\n").encode(),
        json.dumps(f"\ufeff{TEXT}").encode(),
    ],
)
def test_json_is_read_in_every_encoding_and_also_out_of_a_json_text(body: bytes) -> None:
    assert json_text.decode(body) == VALUE


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"\xef\xbb\xbf", b'""', b'" "', "\ufeff".encode("utf-16")])
def test_an_empty_body_is_refused_with_what_to_put_into_it(body: bytes) -> None:
    error = refusal(body)
    assert error.code is ErrorCode.INVALID_JSON
    assert error.message.startswith("The body is empty. Put the activity's properties into the body as JSON")


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b'{"a": 1', 1, 8),
        (b'{"a": 1,\n "b": x}', 2, 7),
        (b'{"notes": "He said "no""}', 1, 21),
        (b'{"notes": "two\nlines"}', 1, 15),
        (b'{"notes": "no end', 1, 11),
        (b"{'a': 1}", 1, 2),
        (b'{"a": 1,}', 1, 8),
        (b"{}{}", 1, 3),
        (b"<a/>", 1, 1),
        (b"a=b&c=d", 1, 1),
        (b'"{\\"a\\": }"', 1, 7),
    ],
)
def test_what_is_not_json_is_refused_with_line_column_and_the_way_out(body: bytes, line: int, column: int) -> None:
    error = refusal(body)
    assert error.code is ErrorCode.INVALID_JSON
    assert error.message.startswith(f"The body is not valid JSON at line {line}, column {column}: ")
    assert error.message.endswith("have to be escaped: build the body with Compose.")
    assert " at." not in error.message, "Python's words end with a preposition"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": NaN}', "NaN is no number that JSON knows"),
        (b'{"a": -Infinity}', "-Infinity is no number that JSON knows"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "a number with too many digits"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'"' + b"[" * 200_000 + b'"', "nested too deeply"),
        (b'{"a": "\xe4"}', "not text in UTF-8 from byte 8 on"),
        (b"\xff\xfe{\x00\x00", "not text"),
    ],
)
def test_what_no_json_reader_would_agree_on_is_refused(body: bytes, message: str) -> None:
    error = refusal(body)
    assert error.code is ErrorCode.INVALID_JSON
    assert message in error.message


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b'{"a": 1, "b": 2, "b": 2}', "b"),
        (b'{"a": {"c": 1, "c": 2}}', "c"),
        (b'{"a\\nb": 1, "a\\nb": 2}', "a?b"),
    ],
)
def test_a_property_that_is_given_twice_is_refused_because_one_of_them_would_be_dropped(
    body: bytes, target: str
) -> None:
    error = refusal(body)
    assert (error.code, error.target) == (ErrorCode.INVALID_JSON, target)
    assert f'"{target}" twice: send it once' in error.message


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert json_text.decode(b"{}".ljust(LARGEST_ACTIVITY_BYTES)) == {}
    error = refusal(b" " * (LARGEST_ACTIVITY_BYTES + 1))
    assert error.code is ErrorCode.REQUEST_TOO_LARGE
    assert "1,048,577 bytes" in error.message


@given(
    kinds_and_records,
    st.sampled_from([json.dumps, partial(json.dumps, ensure_ascii=False)]),
    st.sampled_from([str, json.dumps]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_every_record_arrives_as_it_was_sent(
    drawn: tuple[type[CourseActivity], Json], to_json: Encode, wrap: Encode, encoding: str
) -> None:
    assert json_text.decode(wrap(to_json(drawn[1])).encode(encoding)) == drawn[1]


@given(bodies, st.sampled_from([None, *KINDS]))
def test_any_bytes_are_a_request_or_one_refusal_with_a_4xx(body: bytes, kind: type[CourseActivity] | None) -> None:
    match request_or_refusal(body, kind):
        case ActivityRequest() as request:
            assert json.dumps(request.activity.to_graph(), allow_nan=False, ensure_ascii=False).encode()
        case PermanentError() as error:
            assert_error(answers.encode_error(error, http.Request(body)), 400, error.code)
            assert error.message.isprintable(), "it stands on one line of a flow's run history"
