"""What flows may send, for property tests: valid records in every lenient form, and bodies of any kind."""

import json
from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

from activities.contract import values
from activities.contract.models import Assignment, CourseActivity, Json, SelfInitiatedCourse
from tests.support.records import KINDS, PROVIDER

BLANKS = st.sampled_from(["", " ", "\n\t"])


def _cased(words: list[str]) -> st.SearchStrategy[str]:
    spellings = [spelling for word in words for spelling in (word, word.upper(), f" {word.title()} ")]
    return st.sampled_from(spellings)


_guids = st.uuids().map(str) | st.uuids().map(lambda one: f" {str(one).upper()} ")


def can_be_meant(text: str) -> bool:
    """Tell whether a text says something, and could be somebody's id."""
    try:
        return values.meant(text) != ""
    except values.InvalidValueError:
        return False


# Ids and notes; a note may hold what no id may, but nothing is lost by not drawing it.
_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(can_be_meant)
_whole_numbers = st.integers(-(10**20), 10**20)
# 1 is refused for a course that is completed.
_percentages = (st.just(0) | st.integers(2, 100)).flatmap(
    lambda one: st.sampled_from([one, float(one), str(one), f" {one}.0 "])
)
_offsets = st.sampled_from(["", "Z", "+00:00", "+02:00", "-0930", "+14"])
_local_times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 12, 31)).map(lambda moment: moment.isoformat())  # noqa: DTZ001 (local times)
_dates = st.dates(date(1971, 1, 1), date(2100, 12, 31)).map(str)
_moments = _dates.flatmap(lambda day: _offsets.map(lambda offset: f"{day}T10:20:30.1234567{offset}"))
_zones = st.sampled_from(["UTC", "Europe/Berlin", "america/new_york", "W. Europe Standard Time"])
_due_dates = (
    _dates
    | _moments
    | st.fixed_dictionaries({"dateTime": _local_times | _dates}, optional={"timeZone": _zones | st.none()})
)
_notes = (
    _texts
    | _whole_numbers
    | st.fixed_dictionaries({"content": _texts}, optional={"contentType": _cased(["text", "html"])})
)

_SHARED_OPTIONAL = {
    "completionPercentage": _percentages,
    "completedDateTime": _moments | _dates,
    "externalCourseActivityId": _texts | _whole_numbers,
    "learningProviderId": st.sampled_from([PROVIDER, PROVIDER.upper()]),
    "registrationId": st.sampled_from([PROVIDER, f" {PROVIDER}"]),
}
_OPTIONAL: dict[type[CourseActivity], dict[str, st.SearchStrategy[Any]]] = {
    Assignment: {
        **_SHARED_OPTIONAL,
        "assignedDateTime": _moments | _dates,
        "assignerUserId": _guids,
        "dueDateTime": _due_dates,
        "notes": _notes,
    },
    SelfInitiatedCourse: {**_SHARED_OPTIONAL, "startedDateTime": _moments | _dates},
}


@st.composite
def valid_records(draw: st.DrawFn, kind: type[CourseActivity]) -> Json:
    """Draw a record that is valid for a kind: every property in any form, optional ones also blank or missing."""
    required: dict[str, st.SearchStrategy[Any]] = {
        "@odata.type": st.just(kind.odata_type) | st.just(kind.odata_type.removeprefix("#").upper()),
        "learnerUserId": _guids,
        "learningContentId": _texts | _whole_numbers,
        "status": _cased(["notStarted", "inProgress", "completed"]) | st.just("in progress"),
    }
    if kind is Assignment:
        required["assignmentType"] = _cased(["required", "recommended"])
    blank = st.none() | BLANKS
    optional = {name: drawable | blank for name, drawable in _OPTIONAL[kind].items()}
    drawn: Json = draw(st.fixed_dictionaries(required, optional=optional))
    if "externalCourseActivityId" in drawn and draw(st.booleans()):
        drawn["externalcourseActivityId"] = drawn.pop("externalCourseActivityId")
    return drawn


kinds_and_records = st.one_of(*(st.tuples(st.just(kind), valid_records(kind)) for kind in KINDS))

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def _records_with_one_odd_value(draw: st.DrawFn) -> Json:
    _, drawn = draw(kinds_and_records)
    name = draw(st.sampled_from([*_OPTIONAL[Assignment], "startedDateTime", *drawn]) | st.text(max_size=30))
    return {**drawn, name: draw(json_values)}


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """Draw a valid body in which one stretch of bytes is missing, doubled or something else."""
    _, drawn = draw(kinds_and_records)
    body = json.dumps(drawn, ensure_ascii=draw(st.booleans())).encode()
    begin = draw(st.integers(0, len(body)))
    end = draw(st.integers(begin, min(len(body), begin + 40)))
    return body[:begin] + draw(st.binary(max_size=8) | st.just(body[begin:end] * 2)) + body[end:]


def _encoded(value: object) -> st.SearchStrategy[bytes]:
    text = json.dumps(value)
    return st.sampled_from(
        [text.encode(), text.encode("utf-16"), json.dumps(text).encode(), b"\xef\xbb\xbf" + text.encode()]
    )


bodies = st.binary(max_size=200) | _damaged() | (_records_with_one_odd_value() | json_values).flatmap(_encoded)
