"""Whatever bytes Graph or a gateway before it sends: they are read as an entity, or mean exactly one error."""

import json
import math
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.errors import PermanentError, TransientError
from activities.graph import translation
from activities.graph.sdk import Answer
from activities.web import answers, http

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)

names = st.sampled_from(["error", "code", "message", "details", "target", "innerError", "id", "value"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(leaves, lambda some: st.lists(some) | st.dictionaries(names | st.text(), some), max_leaves=8)
bodies = (
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.tuples(
        st.text(max_size=5), st.integers(0, 10**12), st.sampled_from(["second", "minutes", "hour", "years"])
    ).map(lambda said: f"{said[0]}retry after {said[1]} {said[2]}".encode())
)
# Pieces of dates, so that the date parser's corners are met.
pieces = st.sampled_from(
    [*"0123456789:,-+ .", "Sun", "Nov", "GMT", "22", "2026", "99999999", "+9999", "-0000", "AM", "("]
)
delays = st.text() | st.lists(pieces, max_size=14).map("".join) | st.floats().map(str) | st.integers().map(str)


@given(
    status=st.integers(0, 999) | st.sampled_from(list(HTTPStatus)).map(int),
    headers=st.dictionaries(st.text(), st.text(), max_size=2),
    retry_after=st.none() | delays,
    body=bodies,
)
@example(status=403, headers={}, retry_after=None, body=b"[" * 100_000)
@example(status=400, headers={}, retry_after=None, body=b'{"error":{"message":"\\ud800"}}')
@example(status=429, headers={}, retry_after="Fri, 31 Dec 9999 23:59:59 -2359", body=b"9" * 5000)
def test_every_answer_means_exactly_one_error_that_can_be_told(
    status: int, headers: dict[str, str], retry_after: str | None, body: bytes
) -> None:
    said = headers if retry_after is None else {**headers, "retry-after": retry_after}
    error = translation.translate(status, said, body, now=NOW)
    assert isinstance(error, PermanentError | TransientError)
    assert error.message
    response = answers.encode_error(error, http.Request())
    if isinstance(error, TransientError):
        assert math.isfinite(error.retry_after_seconds)
        assert error.retry_after_seconds >= 0
        assert int(response.headers["Retry-After"]) >= 1
        assert response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        # A flow would repeat a 5xx for an hour, and 401 and 403 would blame the caller's own key.
        assert HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR
        assert response.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


@given(status=st.integers(0, 999), body=bodies)
@example(status=201, body=b"[" * 100_000)
@example(status=201, body=b'{"id":' + b"9" * 5000 + b"}")
def test_reading_an_entity_never_fails(status: int, body: bytes) -> None:
    entity = Answer(status, {}, body).entity
    assert entity is None or isinstance(entity["id"], str)


class TestEntity:
    def test_a_success_with_an_id_is_an_entity(self) -> None:
        assert Answer(201, {}, b'{"id":"a:b"}').entity == {"id": "a:b"}

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"id"', b"{}", b'{"id":7}', b'{"id":null}', b"<html>"])
    def test_a_success_without_an_id_is_none(self, body: bytes) -> None:
        assert Answer(201, {}, body).entity is None

    @pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 404, 500])
    def test_no_other_status_is_a_success(self, status: int) -> None:
        assert Answer(status, {}, b'{"id":"a:b"}').entity is None
