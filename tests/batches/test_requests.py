"""``POST /api/batches`` with JSON: every form that callers send, and an envelope that is checked completely at once."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.batches.records import SentRecord
from activities.batches.requests import BatchRequest, parse
from activities.contract.limits import LARGEST_BATCH, LARGEST_BATCH_BYTES
from activities.errors import ErrorCode, PermanentError
from activities.web import answers, http
from tests.support.error_shape import assert_error
from tests.support.records import OTHER_PROVIDER, PROVIDER, sample
from tests.support.strategies import bodies, json_values

COURSE = sample("self-initiated.request")
ENVELOPE_NAMES = ["activities", "registrationId", "learningProviderId", "name"]
REFUSALS = {
    ErrorCode.INVALID_JSON: 400,
    ErrorCode.INVALID_FILE: 400,
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.REQUEST_TOO_LARGE: 413,
}
CONTENT_TYPES = [
    "",
    "application/json",
    "text/plain",
    "text/csv",
    "TEXT/CSV; charset=utf-8",
    "application/vnd.ms-excel",
]


def read(body: bytes, content_type: str = "application/json") -> BatchRequest:
    return parse(body, media_type=content_type, query={})


def read_json(value: object) -> BatchRequest:
    return read(json.dumps(value).encode())


def contents(value: object) -> list[Any]:
    return [record.content for record in read_json(value).records]


def refused(body: bytes, content_type: str = "application/json") -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(body, content_type)
    return caught.value


def problems_of(value: object) -> dict[str, tuple[str, str]]:
    """Return code and message of everything that is wrong with an envelope, by its property."""
    error = refused(json.dumps(value).encode())
    assert error.code is ErrorCode.INVALID_REQUEST
    assert all(problem.message in error.message for problem in error.problems)
    return {problem.target: (problem.code, problem.message) for problem in error.problems}


class TestForms:
    def test_every_item_is_a_record_with_its_place(self) -> None:
        request = read_json({"activities": [COURSE, {}], "name": " June courses "})
        assert request == BatchRequest((SentRecord(0, COURSE), SentRecord(1, {})), name="June courses")

    @pytest.mark.parametrize("value", [[COURSE], {"activities": COURSE}, COURSE, json.dumps([COURSE])])
    def test_a_bare_list_a_single_object_and_a_json_text_are_understood(self, value: object) -> None:
        assert contents(value) == [COURSE]

    @pytest.mark.parametrize("name", ["status", "@odata.type", "externalcourseActivityId", "startedDateTime", "notes"])
    def test_an_object_with_a_property_that_only_an_activity_has_is_one(self, name: str) -> None:
        assert contents({name: "", "stauts": "completed"}) == [{name: "", "stauts": "completed"}]

    def test_what_is_no_object_is_that_records_own_failure_later(self) -> None:
        anything: list[Any] = [None, 5, "text", [], [COURSE], True, {}]
        assert contents({"activities": anything, "registrationId": PROVIDER})[:-1] == anything[:-1]

    @pytest.mark.parametrize("name", [None, "", " ", "\n"])
    def test_a_blank_option_counts_as_absent(self, name: object) -> None:
        request = read_json({"activities": [{}], "name": name, "registrationId": name, "learningProviderId": name})
        assert request == BatchRequest((SentRecord(0, {}),))

    def test_a_number_can_be_a_name(self) -> None:
        assert read_json({"activities": [{}], "name": 2026}).name == "2026"


class TestProvider:
    @pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
    def test_records_that_name_none_take_the_envelopes(self, name: str) -> None:
        none = [{}, {"registrationId": None}, {"registrationId": " ", "learningProviderId": ""}]
        inherited = contents({"activities": none, name: f" {PROVIDER} "})
        assert [record["registrationId"] for record in inherited] == [PROVIDER] * 3

    @pytest.mark.parametrize("name", ["registrationId", "learningProviderId"])
    def test_a_records_own_provider_wins(self, name: str) -> None:
        own = {name: OTHER_PROVIDER}
        assert contents({"activities": [own], "registrationId": PROVIDER}) == [own]

    def test_both_names_may_stand_there_if_they_agree(self) -> None:
        both = {"registrationId": PROVIDER, "learningProviderId": PROVIDER.upper()}
        assert contents({"activities": [{}], **both}) == [{"registrationId": PROVIDER}]


class TestAddress:
    def test_a_list_takes_name_and_provider_from_the_address(self) -> None:
        query = {"NAME": "Autumn", "registrationid": PROVIDER}
        request = parse(b"[{}]", media_type="", query=query)
        assert (request.name, [one.content for one in request.records]) == ("Autumn", [{"registrationId": PROVIDER}])

    def test_what_the_envelope_says_goes_before_the_address(self) -> None:
        body = b'{"activities": [{}], "name": "Autumn"}'
        assert parse(body, media_type="", query={"name": "Spring"}).name == "Autumn"


class TestProblems:
    def test_everything_that_is_wrong_is_told_at_once(self) -> None:
        problems = problems_of(
            {"activities": "x", "nmae": "a", "registrationId": "b", "learningProviderId": 5, "name": "n" * 201}
        )
        assert {target: code for target, (code, _) in problems.items()} == {
            "nmae": "unknownProperty",
            "activities": "invalid",
            "name": "invalid",
            "registrationId": "invalid",
            "learningProviderId": "invalid",
        }

    @pytest.mark.parametrize("typo", ["activites", "Activities", "activity", "actvities"])
    def test_a_misspelt_list_is_told_with_the_right_spelling_and_nothing_else(self, typo: str) -> None:
        assert problems_of({typo: [COURSE]}) == {
            typo: ("unknownProperty", f'"{typo}" is not known: did you mean "activities"?')
        }

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("registrationID", "registrationId"), ("Name", "name"), ("providerId", "learningProviderId")],
    )
    def test_another_misspelt_property_is_told_with_the_right_spelling(self, name: str, meant: str) -> None:
        assert problems_of({"activities": [COURSE], name: "x"})[name][1].endswith(f'did you mean "{meant}"?')

    def test_a_property_that_resembles_nothing_is_told_with_what_there_can_be(self) -> None:
        (_, message) = problems_of({"activities": [COURSE], "x\ny": 1})["x?y"]
        assert message == '"x?y" is not known: beside "activities" there can be "name", "registrationId", "operation".'

    def test_of_very_many_unknown_properties_the_first_are_told_and_the_rest_counted(self) -> None:
        error = refused(json.dumps({"activities": [{}], **{f"x{number}": 0 for number in range(30)}}).encode())
        assert len(error.problems) == 21
        assert error.problems[-1].message == "10 more properties are not known."

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ([], "empty list"),
            (None, "is required"),
            ("  ", "is required"),
            ("[{}]", "put json(…) around it"),
            (5, "must be a list"),
            (False, "must be a list"),
        ],
    )
    def test_activities_that_are_none_are_refused_with_what_to_do(self, value: object, said: str) -> None:
        assert said in problems_of({"activities": value})["activities"][1]

    @pytest.mark.parametrize("value", [[], {}, {"name": "a"}, {"registrationId": PROVIDER}])
    def test_a_batch_of_nothing_is_refused(self, value: object) -> None:
        assert problems_of(value)["activities"][0] == "required"

    @pytest.mark.parametrize("value", [5, True, None])
    def test_what_is_neither_object_nor_list_is_refused(self, value: object) -> None:
        assert problems_of(value)[""][1] == 'The body must be {"activities": […]} or a list of activities.'

    def test_providers_that_differ_are_a_contradiction(self) -> None:
        two = {"registrationId": PROVIDER, "learningProviderId": OTHER_PROVIDER}
        assert problems_of({"activities": [{}], **two})["registrationId"][0] == "contradiction"

    @pytest.mark.parametrize("name", [["a"], {}, True, 1.5, "\ud800"])
    def test_a_name_that_is_no_text_is_refused(self, name: object) -> None:
        assert problems_of({"activities": [{}], "name": name}).keys() == {"name"}

    def test_a_name_may_have_200_characters(self) -> None:
        assert read_json({"activities": [{}], "name": "n" * 200}).name == "n" * 200
        (_, message) = problems_of({"activities": [{}], "name": "n" * 201})["name"]
        assert message == "name may have up to 200 characters, but has 201: shorten it."


class TestLimits:
    def test_a_batch_may_have_as_many_activities_as_the_limit_and_no_more(self) -> None:
        assert len(read_json([{}] * LARGEST_BATCH).records) == LARGEST_BATCH
        error = refused(json.dumps([{}] * (LARGEST_BATCH + 1)).encode())
        assert error.code is ErrorCode.REQUEST_TOO_LARGE
        assert error.message == (
            "The batch has 10,001 activities; up to 10,000 are accepted. Split it and send several batches."
        )

    @pytest.mark.parametrize("content_type", ["application/json", "text/csv"])
    def test_a_body_may_be_as_large_as_the_limit_and_no_larger(self, content_type: str) -> None:
        body = b"[{}]" if content_type == "application/json" else b"status\r\n1\r\n"
        assert read(body.ljust(LARGEST_BATCH_BYTES), content_type).records
        error = refused(body.ljust(LARGEST_BATCH_BYTES + 1), content_type)
        assert error.code is ErrorCode.REQUEST_TOO_LARGE
        assert "16,777,217 bytes" in error.message

    @pytest.mark.parametrize("body", [b"[1e999]", b'[{"a": [[-1e999]]}]', b"[" * 101 + b"]" * 101])
    def test_what_could_not_be_written_again_is_refused(self, body: bytes) -> None:
        assert refused(body).code is ErrorCode.INVALID_JSON


class TestNotJson:
    @pytest.mark.parametrize("body", [b"", b"  ", b'""', b"\xef\xbb\xbf"])
    def test_an_empty_body_is_told_what_to_put_into_it(self, body: bytes) -> None:
        assert refused(body).message.startswith('The body is empty. Put {"activities": […]} into the body as JSON')

    def test_a_csv_file_under_another_name_is_told_the_name(self) -> None:
        error = refused(b"learnerUserId;status\r\n1;2\r\n", "text/plain")
        assert error.code is ErrorCode.INVALID_JSON
        assert error.message.endswith("To send a CSV file, set the header Content-Type to text/csv.")

    def test_broken_json_is_not_taken_for_a_csv_file(self) -> None:
        assert "CSV" not in refused(b'\xef\xbb\xbf {"activities": [}').message

    @pytest.mark.parametrize("content_type", CONTENT_TYPES)
    def test_json_is_json_whatever_its_content_type_says(self, content_type: str) -> None:
        assert read(b'\xef\xbb\xbf {"activities": [{}]}', content_type) == BatchRequest((SentRecord(0, {}),))


envelopes = st.dictionaries(st.sampled_from(ENVELOPE_NAMES) | st.text(max_size=12), json_values, max_size=5).map(
    lambda value: json.dumps(value).encode()
)
sheets = st.lists(
    st.lists(st.sampled_from(["status", "type", "notes", "batchId", "index", '"', '""', "a\n", "'=1", "{}", "", " "])),
    max_size=6,
).map(lambda rows: "\r\n".join(";".join(row) for row in rows).encode())


@given(
    bodies | envelopes | sheets,
    st.sampled_from(CONTENT_TYPES) | st.text(),
    st.dictionaries(st.sampled_from(["name", "registrationId", "code"]), st.text()),
)
@example(b"\xff\xfe", "text/csv", {})
@example(b"\xff\xfes", "text/csv", {})
@example(b"\xff\xfe\x00\x00s\x00\x00\x00", "text/csv", {})
@example(b"s\x00t\x00", "text/csv", {})
@example(b'"', "text/csv", {})
@example(b'"status', "text/csv", {})
@example(b"PK\x03\x04", "application/vnd.ms-excel", {})
@example(b'status;notes\n1;{"a":1e999}', "text/csv", {})
@example(b"status;notes\n1;" + b'{"a":' * 10_000, "text/csv", {})
@example(b"notes\n{\x00\n", "text/csv", {})
def test_any_bytes_are_a_batch_or_one_refusal_with_a_4xx(body: bytes, content_type: str, query: dict[str, str]) -> None:
    try:
        request = parse(body, media_type=content_type, query=query)
    except PermanentError as error:
        assert_error(answers.encode_error(error, http.Request(body)), REFUSALS[error.code], error.code)
        assert error.message.isprintable(), "it stands on one line of a flow's run history"  # noqa: PT017 (or no error)
    else:
        indexes = [record.index for record in request.records]
        assert indexes
        assert indexes == sorted(set(indexes))
        assert json.dumps([record.content for record in request.records], allow_nan=False)
