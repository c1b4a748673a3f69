"""What Graph's answers mean. The replies under samples/graph-replies are written after the API page's error table.

Source: https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities#response
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.graph import delays, translation
from activities.web import answers, http

REPLIES = Path(__file__).parents[1] / "samples" / "graph-replies"
NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)

# Every reply file, and what it means.
MEANINGS = {
    "201-truncated": ErrorCode.GRAPH_FAULT,
    "400-fields": ErrorCode.REJECTED_BY_GRAPH,
    "400-fields-spelled-as-on-the-page": ErrorCode.REJECTED_BY_GRAPH,
    "400-odata": ErrorCode.REJECTED_BY_GRAPH,
    "400-provider-not-enabled": ErrorCode.PROVIDER_NOT_ENABLED,
    "400-provider-not-registered": ErrorCode.PROVIDER_NOT_REGISTERED,
    "401-token": ErrorCode.IDENTITY_UNAVAILABLE,
    "403-content": ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
    "403-content-as-code": ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
    "403-empty": ErrorCode.REJECTED_BY_GRAPH,
    "403-license": ErrorCode.LEARNER_NOT_LICENSED,
    "403-license-as-code": ErrorCode.LEARNER_NOT_LICENSED,
    "403-permission": ErrorCode.GRAPH_PERMISSION_MISSING,
    "403-permission-elsewhere-in-graph": ErrorCode.GRAPH_PERMISSION_MISSING,
    "403-service-plan": ErrorCode.SERVICE_PLAN_MISSING,
    "404-unknown": ErrorCode.REJECTED_BY_GRAPH,
    "409-exists": ErrorCode.ACTIVITY_EXISTS,
    "429-header-and-minutes": ErrorCode.THROTTLED,
    "429-minutes": ErrorCode.THROTTLED,
    "429-minutes-in-a-text": ErrorCode.THROTTLED,
    "500-documented": ErrorCode.GRAPH_FAULT,
    "502-html": ErrorCode.GRAPH_FAULT,
    "503-minutes": ErrorCode.GRAPH_UNAVAILABLE,
    "504-gateway": ErrorCode.OUTCOME_UNKNOWN,
}
# The sentences that tell one meaning from another: (status, Graph's code, Graph's message).
SENTENCES = {
    ErrorCode.SERVICE_PLAN_MISSING: (403, "Forbidden", "You don't have an adequate service plan for this request."),
    ErrorCode.PROVIDER_NOT_ENABLED: (400, "badRequest", "This provider isn't enabled for the given tenant."),
    ErrorCode.PROVIDER_NOT_REGISTERED: (
        400,
        "badRequest",
        (
            "There was an issue with your request. Make sure the registrationId you entered is valid or registered for "
            "your tenant."
        ),
    ),
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER: (
        403,
        "Forbidden",
        "The provider isn't valid to create course activity for the given learning content",
    ),
    ErrorCode.LEARNER_NOT_LICENSED: (403, "Forbidden", "The user license isn't valid to perform the operation"),
    ErrorCode.GRAPH_PERMISSION_MISSING: (
        403,
        "Forbidden",
        "Your account doesn't have access to this report or data. Contact your administrator to request access.",
    ),
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as on the page": lambda said: said,
    "curly apostrophe": lambda said: said.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
    "written out": lambda said: said.replace("n't", " not"),
    "upper case": str.upper,
}
SHAPES: dict[str, Callable[[str, str], Any]] = {
    "wrapped": lambda code, message: {"error": {"code": code, "message": message}},
    "bare": lambda code, message: {"code": code, "message": message},
    "columns swapped": lambda code, message: {"error": {"code": message, "message": code}},
    "message is a JSON text": lambda code, message: {
        "error": {"code": code, "message": json.dumps({"code": code, "message": message})}
    },
    "error is a text": lambda _, message: {"error": message},
    "with everything": lambda code, message: {
        "error": {"code": code, "message": message, "target": None, "details": None, "innerError": {"code": code}}
    },
}


def translated(status: int, body: Any = b"", **headers: str) -> ActivityError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return translation.translate(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, now=NOW
    )


def delay(status: int, body: Any = b"", **headers: str) -> float:
    error = translated(status, body, **headers)
    assert isinstance(error, TransientError)
    return error.retry_after_seconds


def reply(name: str) -> ActivityError:
    head, _, body = (REPLIES / f"{name}.http").read_bytes().partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return translation.translate(int(first.split()[1]), headers, body, now=NOW)


def detail(message: str) -> dict[str, str]:
    return {"code": "badRequest", "message": message}


def test_every_reply_file_has_a_meaning_here() -> None:
    assert {path.stem for path in REPLIES.iterdir()} == MEANINGS.keys()


@pytest.mark.parametrize("name", MEANINGS)
def test_a_reply_means(name: str) -> None:
    assert reply(name).code is MEANINGS[name]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("meaning", SENTENCES)
def test_the_sentence_decides_in_every_spelling_and_shape(meaning: ErrorCode, spelling: str, shape: str) -> None:
    status, code, message = SENTENCES[meaning]
    error = translated(status, SHAPES[shape](code, SPELLINGS[spelling](message)))
    assert error.code is meaning
    assert isinstance(error, PermanentError)


@pytest.mark.parametrize("meaning", SENTENCES)
def test_a_sentence_decides_only_with_its_own_status(meaning: ErrorCode) -> None:
    status, code, message = SENTENCES[meaning]
    other = {400: 403, 403: 400}[status]
    assert translated(other, {"error": {"code": code, "message": message}}).code is ErrorCode.REJECTED_BY_GRAPH


@pytest.mark.parametrize(
    "sentence",
    [
        "Input field {}shouldn't be empty",
        "Input field {} shouldn\N{RIGHT SINGLE QUOTATION MARK}t be empty",
        "Input field {} should not be empty",
        "Input field {} is required",
        "Input field {} is invalid",
        "Input field {}length exceeded than 50",
        "Input field {{{}}} length exceeded than 50.",
    ],
)
@pytest.mark.parametrize("name", ["learnerUserId", "externalcourseActivityId", "@odata.type", "isRequired"])
def test_a_refused_field_is_named_as_target_with_graphs_own_words(name: str, sentence: str) -> None:
    said = sentence.format(name)
    error = translated(400, {"error": {"code": "badRequest", "message": "badRequest", "details": [detail(said)]}})
    assert error.code is ErrorCode.REJECTED_BY_GRAPH
    assert [(one.code, one.message, one.target) for one in error.problems] == [("badRequest", said, name)]
    assert error.target == name
    assert said.rstrip(".") in error.message


@pytest.mark.parametrize("name", ["400-fields", "400-fields-spelled-as-on-the-page"])
def test_all_of_graphs_details_are_passed_on(name: str) -> None:
    error = reply(name)
    assert [problem.target for problem in error.problems] == ["learnerUserId", "status", "notes"]
    assert all(problem.message in error.message for problem in error.problems)
    assert error.target == ""  # Three fields: none of them is the one.
    assert answers.encode_error(error, http.Request()).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_details_of_an_unknown_form_do_no_harm() -> None:
    details = [None, 7, "text", {}, {"message": None}, {"message": {"value": "x"}}, detail("Input field x is required")]
    error = translated(400, {"error": {"code": "badRequest", "message": "m", "details": details}})
    assert [problem.message for problem in error.problems] == ["Input field x is required"]


def test_graphs_reason_is_quoted_when_it_has_no_meaning_of_its_own() -> None:
    assert "Cannot convert the literal 'yesterday'" in reply("400-odata").message


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("code", ["UnknownError", "unknownError", ""])
def test_where_graph_gives_no_reason_the_usual_ones_are_named_for_an_admin(status: int, code: str) -> None:
    message = translated(status, {"error": {"code": code, "message": ""}}).message
    assert "without a reason" in message
    assert "UnknownError" not in message
    for word in ("admin", "permission", "licence", "isCourseActivitySyncEnabled"):
        assert word in message


def test_where_graph_gives_a_reason_no_other_is_guessed() -> None:
    for error in ({"code": "UnknownError", "message": "Why."}, {"code": "odd", "message": ""}):
        assert "without a reason" not in translated(400, {"error": error}).message
    assert "without a reason" not in translated(404, {"error": {"code": "UnknownError", "message": ""}}).message


# Of earlier and later versions of the pages for creates, updates and deletions.
OTHER_WORDINGS = [
    (403, "forbidden", "You do not have a service plan adequate for this request.", ErrorCode.SERVICE_PLAN_MISSING),
    (403, "forbidden", "User License is not valid to perform the operation.", ErrorCode.LEARNER_NOT_LICENSED),
    (
        403,
        "forbidden",
        "The provider is not valid to create course activity for the given learning content.",
        ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
    ),
    (
        403,
        "forbidden",
        "Your account does not have access to this report or data. Please contact your global administrator.",
        ErrorCode.GRAPH_PERMISSION_MISSING,
    ),
    (400, "badRequest", "This provider is not enabled for the given tenant.", ErrorCode.PROVIDER_NOT_ENABLED),
    (400, "badRequest", "Required fields are missing", ErrorCode.REJECTED_BY_GRAPH),
    (400, "badRequest", "Input fields are invalid", ErrorCode.REJECTED_BY_GRAPH),
    (405, "methodNotAllowed", "This method isn't supported for this entity type.", ErrorCode.REJECTED_BY_GRAPH),
]


@pytest.mark.parametrize(("status", "code", "sentence", "meaning"), OTHER_WORDINGS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_wording_that_was_seen_means_the_same(
    status: int, code: str, sentence: str, meaning: ErrorCode, spelling: str
) -> None:
    assert translated(status, {"error": {"code": code, "message": SPELLINGS[spelling](sentence)}}).code is meaning


def test_graphs_reason_is_cut_and_on_one_line() -> None:
    message = translated(400, {"error": {"message": "line\r\n" * 5000}}).message
    assert len(message) < 1000
    assert message.isprintable()


@pytest.mark.parametrize("status", [400, 402, 404, 405, 406, 410, 411, 412, 413, 415, 422, 423, 431, 451, 499])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"error":{"code":"x","message":"no"}}', b'{"error":'])
def test_other_4xx_are_refusals_of_this_record(status: int, body: bytes) -> None:
    error = translated(status, body)
    assert error.code is ErrorCode.REJECTED_BY_GRAPH
    assert isinstance(error, PermanentError)
    assert str(status) in error.message


@pytest.mark.parametrize("status", [408, 504])
def test_no_answer_of_the_service_behind_leaves_the_outcome_open(status: int) -> None:
    error = translated(status)
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)


@pytest.mark.parametrize(
    "status", [100, 200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 500, 501, 502, 505, 599, 999]
)
def test_nonsense_and_faults_are_faults_that_may_have_executed(status: int) -> None:
    error = translated(status, b"<html>")
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_FAULT, True)


@pytest.mark.parametrize("status", [401, 429, 503, 509])
def test_what_graph_turned_away_was_not_executed(status: int) -> None:
    error = translated(status)
    assert isinstance(error, TransientError)
    assert not error.may_have_executed


@pytest.mark.parametrize("status", [429, 503])
class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("0", 0.0),
            ("7", 7.0),
            (" 7 ", 7.0),
            ("2.128", 2.128),
            ("86400", 86_400.0),
            ("0,120", 120.0),
            ("5, 10", 10.0),
            ("2.5,1", 2.5),
            ("Sun, 22 Nov 2026 10:01:30 GMT", 90.0),
            ("Sun, 22 Nov 2026 11:01:30 +0100", 90.0),
            ("Sunday, 22-Nov-26 10:01:30 GMT", 90.0),
            ("Sun, 22 Nov 2026 10:01:30", 90.0),
            ("Sun, 22 Nov 2026 10:01:30 -0000", 90.0),
            ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ],
    )
    def test_seconds_a_fraction_or_a_date(self, status: int, header: str, seconds: float) -> None:
        assert delay(status, retry_after=header) == seconds

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "soon",
            "-5",
            "NaN",
            "inf",
            "1e9",
            "0x10",
            "\N{ARABIC-INDIC DIGIT SEVEN}",
            "5, soon",
            ",",
            "99999999999999999999",
            "22 Nov",
            ";",
            "Sun, 22 Nov 2026 10:01:30 +9999999999999",
            "Sun, 22 Nov 99999999999999999999 10:01:30 GMT",
        ],
    )
    def test_garbage_counts_as_absent(self, status: int, header: str) -> None:
        assert delay(status, retry_after=header) == delays.DEFAULT_SECONDS

    @pytest.mark.parametrize(
        ("words", "seconds"),
        [
            ("Retry after 2 minutes", 120.0),
            ("Retry after 1 minute", 60.0),
            ("retry  after 0.5 minutes.", 30.0),
            ("Please RETRY AFTER 45 Seconds, thanks", 45.0),
            ("Retry after 2 hours", 7200.0),
        ],
    )
    @pytest.mark.parametrize("shape", SHAPES)
    def test_words_in_the_body_in_every_shape(self, status: int, shape: str, words: str, seconds: float) -> None:
        assert delay(status, SHAPES[shape]("tooManyRequests", words)) == seconds

    def test_words_in_a_body_that_is_no_json(self, status: int) -> None:
        assert delay(status, b"<p>Retry after 3 minutes</p>") == 180.0

    def test_words_in_a_nested_object(self, status: int) -> None:
        assert delay(status, {"error": {"message": {"message": "Retry after 3 minutes"}}}) == 180.0

    def test_words_win_over_a_header_of_garbage(self, status: int) -> None:
        assert delay(status, {"message": "Retry after 2 minutes"}, retry_after="soon") == 120.0

    def test_the_header_wins_over_the_words(self, status: int) -> None:
        assert delay(status, {"message": "Retry after 2 minutes"}, retry_after="7") == 7.0

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"error":{"message":"Retry after {noOfMinutes} minutes"}}'])
    def test_nothing_said_is_half_a_minute(self, status: int, body: bytes) -> None:
        assert delay(status, body) == 30.0

    def test_the_caller_reads_whole_seconds_rounded_up(self, status: int) -> None:
        error = translated(status, retry_after="2.128")
        assert "3 seconds" in error.message
        assert answers.encode_error(error, http.Request()).headers["Retry-After"] == "3"
