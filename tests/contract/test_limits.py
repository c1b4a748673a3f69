"""How much a caller may send: refused in words that name the limit, before anything is made of it."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given

from activities.contract import json_text, values
from activities.contract.envelope import open_envelope
from activities.contract.limits import (
    LARGEST_ACTIVITY_BYTES,
    LARGEST_BATCH,
    LARGEST_BATCH_BYTES,
    LONGEST_BATCH_NAME,
    LONGEST_NOTES,
    LONGEST_TEXT,
    MOST_VALUES,
)
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ErrorCode, PermanentError
from tests.support.records import KINDS, parse, problems_of, record
from tests.support.strategies import json_values

NOTES_FRAME = {"contentType": "text", "content": "x"}
DUE_FRAME = {"dateTime": "2026-07-22", "timeZone": "UTC"}


def count_values(value: Any) -> int:
    """Return how many objects and lists there are, and items of them beyond the first of each."""
    if not isinstance(value, dict | list):
        return 0
    items = list(value.values()) if isinstance(value, dict) else value
    return 1 + max(0, len(items) - 1) + sum(map(count_values, items))


def said_of(name: str, value: object, kind: type[CourseActivity]) -> str:
    """Return what a maker is told about one property."""
    (message,) = [one.message for one in problems_of(record(kind, **{name: value}), kind) if one.target == name]
    return message


class TestTexts:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_text_has_a_limit_that_its_refusal_names(self, kind: type[CourseActivity]) -> None:
        for field in kind.model_fields.values():
            name = field.alias or ""
            longest = LONGEST_NOTES if name == "notes" else LONGEST_TEXT
            assert (
                said_of(name, "x" * (longest + 1), kind)
                == f"{name} may have up to {longest:,} characters, but has {longest + 1:,}: shorten it."
            )

    @pytest.mark.parametrize(
        ("name", "frame", "part", "longest"),
        [
            ("notes", NOTES_FRAME, "content", LONGEST_NOTES),
            ("notes", NOTES_FRAME, "contentType", LONGEST_TEXT),
            ("dueDateTime", DUE_FRAME, "dateTime", LONGEST_TEXT),
            ("dueDateTime", DUE_FRAME, "timeZone", LONGEST_TEXT),
        ],
    )
    def test_every_part_of_a_frame_has_one_too(self, name: str, frame: Any, part: str, longest: int) -> None:
        """A time zone of a megabyte was compared with six hundred names."""
        said = said_of(name, {**frame, part: "x" * (longest + 1)}, Assignment)
        assert said.startswith(f"{name} has a {part} that may have up to {longest:,} characters")

    @pytest.mark.parametrize("notes", ["x" * LONGEST_NOTES, {"content": "\U0001f600" * LONGEST_NOTES}])
    def test_notes_may_be_as_long_as_the_limit(self, notes: object) -> None:
        parsed = parse({**record(Assignment), "notes": notes}, Assignment).activity
        assert isinstance(parsed, Assignment)
        assert parsed.notes is not None
        assert len(parsed.notes["content"]) == LONGEST_NOTES

    def test_other_texts_may_be_as_long_as_theirs(self) -> None:
        long = "x" * LONGEST_TEXT
        parsed = parse({**record(SelfInitiatedCourse), "externalCourseActivityId": long}, SelfInitiatedCourse)
        assert parsed.activity.external_course_activity_id == long

    def test_a_number_for_a_text_has_the_same_limit(self) -> None:
        with pytest.raises(values.InvalidValueError, match="up to 500 characters"):
            values.text(10**LONGEST_TEXT)

    def test_the_name_of_a_batch_has_a_limit_of_its_own(self) -> None:
        assert open_envelope({"activities": [{}], "name": "x" * LONGEST_BATCH_NAME}).name
        with pytest.raises(PermanentError, match="name may have up to 200 characters, but has 201: shorten it"):
            open_envelope({"activities": [{}], "name": "x" * (LONGEST_BATCH_NAME + 1)})


class TestValues:
    @pytest.mark.parametrize("unit", [b"[", b"[],", b"{},", b'{"a":[1]},', b"1,", b'"",', b'{"a":'])
    def test_a_body_of_nothing_but_values_is_refused_before_one_of_them_is_made(self, unit: bytes) -> None:
        """16 MiB of brackets took six seconds and 700 MB before their 413."""
        body = b"[" + unit * (LARGEST_BATCH_BYTES // len(unit) - 1)
        tracemalloc.start()
        try:
            with pytest.raises(PermanentError) as caught:
                json_text.decode(body, largest_bytes=LARGEST_BATCH_BYTES)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE
        assert f"{MOST_VALUES:,} values" in caught.value.message
        assert peak < 2 * len(body), "the text, and no values"

    def test_a_json_text_that_holds_json_is_no_way_around_it(self) -> None:
        body = json.dumps("[" + "[]," * MOST_VALUES).encode()
        with pytest.raises(PermanentError, match="400,000 values"):
            json_text.decode(body, largest_bytes=LARGEST_BATCH_BYTES)

    def test_the_largest_batch_with_every_property_is_no_such_body(self) -> None:
        full: dict[str, object] = {one.alias or "": "1,000" for kind in KINDS for one in kind.model_fields.values()}
        full |= {"dueDateTime": DUE_FRAME, "notes": NOTES_FRAME}
        assert not json_text.has_more_values(json.dumps([full] * LARGEST_BATCH), than=MOST_VALUES)

    def test_what_stands_in_a_text_does_not_count(self) -> None:
        """Notes may be of commas and braces, and quotes in them are escaped."""
        note = json.dumps('{[,"\\' * (LARGEST_ACTIVITY_BYTES // 8))
        assert not json_text.has_more_values(f"[{note}, {note}]", than=2)
        assert json_text.has_more_values(f"[{note}, {note}]", than=1)

    @given(json_values)
    def test_values_are_counted_exactly(self, value: Any) -> None:
        count, text = count_values(value), json.dumps(value)
        assert not json_text.has_more_values(text, than=count)
        assert not count or json_text.has_more_values(text, than=count - 1)
