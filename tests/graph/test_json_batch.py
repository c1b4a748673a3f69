"""JSON batching as bytes: every request is in there as it was given, and any answer at all can be read."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.graph import batching
from activities.graph.batching import LARGEST_BATCH, Part
from activities.graph.sdk import Answer
from tests.support.strategies import json_values

COUNT = 3
texts = st.text(st.characters(codec="utf-8"))
parts = st.builds(
    Part,
    st.sampled_from(["GET", "POST"]),
    texts.map("/{}".format),
    st.dictionaries(texts, texts, max_size=3),
    st.just(b"") | json_values.map(lambda value: json.dumps(value).encode()),
)
statuses = st.integers(200, 599) | st.sampled_from([0, -1, True, 10**30, 2.5, "200", None])
# Ids of ours, ids that look like ours, and anything.
ids: st.SearchStrategy[Any] = st.sampled_from(
    ["0", "1", "2", "00", "3", "-1", " 1", "1.0", "\N{ARABIC-INDIC DIGIT ONE}", "", 0, 1, None, []]
)
responses = st.fixed_dictionaries(
    {"id": ids | json_values, "status": statuses | json_values}, optional={"headers": json_values, "body": json_values}
)
batches = st.fixed_dictionaries({"responses": st.lists(responses, max_size=6) | json_values}) | json_values


def answer(*said: Any) -> bytes:
    return json.dumps({"responses": said}).encode()


def of(place: Any, status: Any = 201, **more: Any) -> dict[str, Any]:
    return {"id": place, "status": status, **more}


def statuses_in(body: bytes) -> list[int | None]:
    return [one.status if one else None for one in batching.decode(body, count=COUNT)]


@given(st.lists(parts, max_size=LARGEST_BATCH))
def test_every_part_can_be_read_from_the_batch(sent: list[Part]) -> None:
    items = json.loads(batching.encode(sent))["requests"]
    assert [item["id"] for item in items] == [str(place) for place in range(len(sent))]
    for item, part in zip(items, sent, strict=True):
        assert (item["method"], item["url"], item["headers"]) == (part.method, part.path, part.headers)
        assert ("body" in item) is bool(part.content)
        # Compared as texts: NaN is not equal to itself.
        assert not part.content or json.dumps(item["body"]) == json.dumps(json.loads(part.content))


@given(st.lists(parts, min_size=1, max_size=3))
def test_a_parts_content_is_in_the_batch_to_the_byte(sent: list[Part]) -> None:
    batch = batching.encode(sent)
    assert all(part.content in batch for part in sent)


@given(st.binary(max_size=300) | batches.map(lambda batch: json.dumps(batch).encode()))
@example(b'{"responses":[{"id":"0","status":200,"body":"\\ud800"}]}')
@example(b'{"responses":[{"id":"0","status":200,"headers":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}]}")
@example(b'{"responses":[{"id":"0","status":200,"body":' + b"[" * 9990 + b"]" * 9990 + b"}]}")
@example(b'{"responses":' + b"[" * 100_000)
@example(b'{"responses":[{"id":"0","status":1' + b"0" * 5000 + b"}]}")
def test_any_bytes_are_an_answer_for_every_request(body: bytes) -> None:
    answers = batching.decode(body, count=COUNT)
    assert len(answers) == COUNT
    for one in answers:
        if one is not None:
            assert isinstance(one.status, int)
            assert isinstance(one.body, bytes)
            assert all(name == name.lower() and isinstance(value, str) for name, value in one.headers.items())


@given(st.permutations([of(str(place), 200 + place) for place in range(LARGEST_BATCH)]))
def test_answers_come_in_the_order_of_the_requests(said: list[dict[str, Any]]) -> None:
    answers = batching.decode(answer(*said), count=LARGEST_BATCH)
    assert [one and one.status for one in answers] == list(range(200, 200 + LARGEST_BATCH))


def test_what_nothing_is_said_about_has_no_answer() -> None:
    assert statuses_in(answer(of("1"))) == [None, 201, None]


@pytest.mark.parametrize(
    "foreign", ["3", "-1", "00", " 1", "1.0", "\N{ARABIC-INDIC DIGIT ONE}", "x", "", 1, None, ["1"]]
)
def test_an_id_that_is_not_ours_is_ignored(foreign: Any) -> None:
    assert statuses_in(answer(of(foreign), of("0", 202))) == [202, None, None]


@pytest.mark.parametrize("other", [of("1", 400), of("1", 201), of("1", 201, body={"id": "other"})])
def test_of_two_answers_to_one_request_none_is_believed(other: dict[str, Any]) -> None:
    """The activity is looked up then, as after an answer that got lost."""
    for said in [(of("1"), of("0"), other), (other, of("0"), of("1"))]:
        assert statuses_in(answer(*said)) == [201, None, None]


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ({"id": "a", "n": [1.5, None, "\N{GRADUATION CAP}"]}, None),
        ("PGh0bWw+", b"PGh0bWw+"),
        ('{"error":{}}', b'{"error":{}}'),
        ("Ü\ud800", b"\xc3\x9c?"),
        (None, b""),
    ],
)
def test_a_body_is_its_json_or_the_text_that_stands_for_something_else(body: Any, content: bytes | None) -> None:
    (one,) = batching.decode(answer(of("0", body=body)), count=1)
    assert one is not None
    assert (one.body == content) if content is not None else (json.loads(one.body) == body)


def test_header_names_are_in_lower_case_and_numbers_are_texts() -> None:
    headers = {"Retry-After": 7, "REQUEST-ID": "r", "odd": {}, "empty": None}
    assert batching.decode(answer(of("0", headers=headers)), count=1) == [
        Answer(201, {"retry-after": "7", "request-id": "r"}, b"", in_batch=True)
    ]


def test_only_what_says_that_nothing_was_looked_at_refuses_a_whole() -> None:
    refusals = {status for status in range(100, 600) if batching.refuses_whole(status)}
    assert refusals == {*range(400, 500), 501} - {401, 408, 424, 429}


@pytest.mark.parametrize(
    ("status", "code", "of_whole", "of_request"),
    [
        (400, "notSupported", True, False),
        (405, "methodNotAllowed", True, False),
        (501, "notImplemented", True, False),
        (404, "ResourceNotFound", True, False),
        (400, "BatchNotSupported", True, True),
        (403, "unsupportedInBatch", True, True),
        (400, "badRequest", False, False),
        (400, "InvalidBatchPayload", False, False),
        (404, "notFound", False, False),
        (429, "notSupported", False, False),
        (500, "BatchNotSupported", False, False),
        (201, "BatchNotSupported", False, False),
    ],
)
def test_only_graphs_code_says_that_it_takes_no_batches_and_it_says_so_of_the_whole_or_by_name(
    status: int, code: str, *, of_whole: bool, of_request: bool
) -> None:
    body = json.dumps({"error": {"code": code, "message": "This resource is not supported in a batch."}}).encode()
    assert batching.says_no_batches(Answer(status, {}, body)) is of_whole
    assert batching.says_no_batches(Answer(status, {}, body, in_batch=True)) is of_request
