"""Repeated requests: what names one, for whom, for how long, and what the answer says, as the specification has it.

Source: https://docs.oasis-open.org/odata/repeatable-requests/v1.0/repeatable-requests-v1.0.html
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.app import App
from activities.contract.models import Defaults
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.health import Health
from activities.web import activities, http
from activities.web.repeating import FIRST_SENT, LONGEST_KEY, REPEATABLE, REQUEST_ID, RESULT, key_of, result
from activities.web.runtime import Runtime
from connector.served_routes import served
from tests.support.error_shape import assert_error
from tests.support.fakes import REGISTRATION_ID, FakeGraph, activity_request
from tests.support.stores import store_of

NOW = datetime(2026, 11, 22, 17, 2, tzinfo=UTC)
DAYS = timedelta(days=30)
TIME = "Sun, 22 Nov 2026 17:02:00 GMT"
# A request for which the specification promises an answer.
REPEATABLE_REQUEST = http.Request(
    headers={"repeatability-request-id": "run-1", "repeatability-first-sent": TIME}, function="create_activity"
)


def key(headers: Mapping[str, str]) -> str | None:
    return key_of(http.Request(headers=headers), now=NOW, remembered=DAYS)


def refusal(headers: Mapping[str, str], code: ErrorCode = ErrorCode.INVALID_REQUEST) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        key(headers)
    assert caught.value.code is code
    return caught.value


class TestTheKey:
    def test_it_is_what_the_caller_wrote(self) -> None:
        assert key({"repeatability-request-id": " run-1 "}) == key({"idempotency-key": "run-1"}) == "run-1"
        assert key({"repeatability-request-id": "run-1", "idempotency-key": "run-2"}) == "run-1"
        assert key({}) is None
        assert key({"idempotency-key": " "}) is None

    def test_no_two_clients_have_the_same_one(self) -> None:
        """With function keys nobody knows the client, and a key is what it always was."""
        request = http.Request(headers={"idempotency-key": "run-1"})
        keys = [key_of(replace(request, client_id=one), now=NOW, remembered=DAYS) for one in ("", "a", "arun-1")]
        assert keys[0] == "run-1"
        assert len(set(keys)) == len(keys)

    @pytest.mark.parametrize("name", [REQUEST_ID, "Idempotency-Key"])
    def test_it_may_be_so_long_and_no_longer(self, name: str) -> None:
        assert key({name.casefold(): "x" * LONGEST_KEY}) == "x" * LONGEST_KEY
        error = refusal({name.casefold(): "x" * (LONGEST_KEY + 1)})
        assert error.target == name
        assert name in error.message


class TestWhenItWasFirstSent:
    @pytest.mark.parametrize("age", [timedelta(0), DAYS, timedelta(days=-1)])
    def test_within_what_is_remembered_the_request_is_carried_out(self, age: timedelta) -> None:
        said = (NOW - age).strftime("%a, %d %b %Y %H:%M:%S GMT")
        assert key({"repeatability-request-id": "run-1", "repeatability-first-sent": said}) == "run-1"

    def test_before_that_nobody_knows_and_it_is_refused(self) -> None:
        said = (NOW - DAYS - timedelta(seconds=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        error = refusal(
            {"repeatability-request-id": "run-1", "repeatability-first-sent": said}, ErrorCode.FIRST_SENT_TOO_OLD
        )
        assert "Fri, 23 Oct 2026 17:02:00 GMT" in error.message

    @pytest.mark.parametrize(
        "said",
        [
            "2026-11-22T17:02:00Z",
            "Sun, 22 Nov 2026 17:02:00 +0000",
            "Sun, 22 Nov 2026 18:02:00 CET",
            "Mon, 22 Nov 2026 17:02:00 GMT",
            "Sunday, 22-Nov-26 17:02:00 GMT",
            "Sun Nov 22 17:02:00 2026",
            "sun, 22 nov 2026 17:02:00 gmt",
            "Sun, 2 Nov 2026 17:02:00 GMT",
            "Sun, 31 Nov 2026 17:02:00 GMT",
            "Sun, 22 Nov 2026 25:02:00 GMT",
            "now",
        ],
    )
    def test_it_has_the_one_form_that_the_specification_wants(self, said: str) -> None:
        assert refusal({"repeatability-request-id": "run-1", "repeatability-first-sent": said}).target == FIRST_SENT

    @given(st.text())
    def test_whatever_stands_there_is_a_time_or_refused(self, said: str) -> None:
        try:
            assert key({"repeatability-request-id": "run-1", "repeatability-first-sent": said}) == "run-1"
            refused = FIRST_SENT
        except PermanentError as error:
            refused = error.target
        assert refused == FIRST_SENT

    def test_it_says_nothing_without_the_name_of_the_request(self) -> None:
        assert refusal({"repeatability-first-sent": TIME}).target == REQUEST_ID
        assert refusal({"repeatability-first-sent": TIME, "idempotency-key": "run-1"}).target == REQUEST_ID


class TestTheResult:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (None, "accepted"),
            (PermanentError(ErrorCode.INVALID_JSON, "x"), "accepted"),
            (PermanentError(ErrorCode.INVALID_REQUEST, "x", target="status"), "accepted"),
            (TransientError(ErrorCode.OUTCOME_UNKNOWN, "x", retry_after_seconds=1), "accepted"),
            (PermanentError(ErrorCode.INVALID_REQUEST, "x", target=REQUEST_ID), "rejected"),
            (PermanentError(ErrorCode.INVALID_REQUEST, "x", target=FIRST_SENT), "rejected"),
            (PermanentError(ErrorCode.FIRST_SENT_TOO_OLD, "x"), "rejected"),
            (PermanentError(ErrorCode.ACTIVITY_EXISTS, "x"), "rejected"),
            (PermanentError(ErrorCode.UNAUTHENTICATED, "x"), None),
            (PermanentError(ErrorCode.NOT_ALLOWED, "x"), None),
            (ActivityError(ErrorCode.INTERNAL_ERROR, "x"), None),
        ],
    )
    def test_it_says_whether_the_name_was_taken(self, error: ActivityError | None, expected: str | None) -> None:
        assert result(REPEATABLE_REQUEST, error).get(RESULT) == expected

    def test_only_a_repeatable_request_has_one(self) -> None:
        assert result(replace(REPEATABLE_REQUEST, function="replay_failures")) == {}
        assert result(replace(REPEATABLE_REQUEST, headers={"repeatability-request-id": "run-1"})) == {}

    def test_every_route_that_writes_activities_keeps_the_promise(self) -> None:
        verbs = ("create_", "upsert_", "update_", "delete_activity")
        assert {name for name in served() if name.startswith(verbs)} == REPEATABLE


class TestAnswers:
    @pytest.fixture
    def runtime(self) -> Runtime:
        graph, store = FakeGraph(), store_of()
        return Runtime(lambda: App(Defaults(), graph, Health(graph, None), lambda: store))

    @pytest.fixture
    def request_(self) -> http.Request:
        return replace(REPEATABLE_REQUEST, headers=first_sent(datetime.now(UTC)), body=body("content-1"))

    async def test_the_same_request_is_accepted_both_times_and_carried_out_once(
        self, runtime: Runtime, request_: http.Request
    ) -> None:
        first, second = [await runtime.answer(request_, activities.create(None)) for _ in range(2)]
        assert (first.status, second.status) == (201, 200)
        assert first.headers[RESULT] == second.headers[RESULT] == "accepted"

    async def test_another_request_under_its_name_is_rejected(self, runtime: Runtime, request_: http.Request) -> None:
        await runtime.answer(request_, activities.create(None))
        other = await runtime.answer(replace(request_, body=body("content-2")), activities.create(None))
        assert_error(other, 409, "activityExists")
        assert other.headers[RESULT] == "rejected"

    async def test_one_of_long_ago_is_rejected_before_its_body_is_read(self, runtime: Runtime) -> None:
        old = first_sent(datetime.now(UTC) - timedelta(days=31))
        response = await runtime.answer(replace(REPEATABLE_REQUEST, headers=old, body=b"{"), activities.create(None))
        assert_error(response, 412, "firstSentTooOld")
        assert response.headers[RESULT] == "rejected"


def first_sent(moment: datetime) -> dict[str, str]:
    return {**REPEATABLE_REQUEST.headers, "repeatability-first-sent": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}


def body(content: str) -> bytes:
    wanted = activity_request(None, learningContentId=content).activity.to_graph()
    return json.dumps({**wanted, "registrationId": REGISTRATION_ID}).encode()
