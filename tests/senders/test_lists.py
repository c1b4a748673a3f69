"""What the lists of words and characters promise, for every text of them and around any value."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.batches.requests import parse as parse_batch
from activities.contract import calendars, charsets, made_by_machines, values, wrappings
from activities.contract.models import Assignment, Json
from activities.errors import PermanentError
from tests.support.records import LEARNER, problems_of, record
from tests.support.records import parse as parse_record
from tests.support.strategies import kinds_and_records
from tests.support.ways_in import sheet_of

LARGEST_MODULE_BYTES = 10_000  # Each is on the way of the first request of a process.
# A null in a row of headings is half of a character in UTF-16.
around = st.text(st.sampled_from(made_by_machines.INVISIBLE.replace("\0", "") + " \t\n\u3000"), max_size=4)
machine_texts = st.sampled_from(sorted(made_by_machines.NOTHING | made_by_machines.ERRORS)) | st.builds(
    "{}{}{}E{}{:02}".format,
    st.integers(1, 9),
    st.sampled_from(".,"),
    st.integers(0, 10**15),
    st.sampled_from("+-"),
    st.integers(0, 99),
)
spelled = st.sampled_from([str, str.upper, str.title, str.casefold])
VALUES = {
    "learnerUserId": LEARNER,
    "learningContentId": "C-1",
    "status": "inProgress",
    "completionPercentage": "20",
    "completedDateTime": "2026-12-18T10:00:00Z",
    "externalCourseActivityId": "S 1",
    "learningProviderId": "01e8f81b-3060-4dec-acf0-0389665a0a38",
    "assignmentType": "required",
    "assignerUserId": LEARNER,
    "dueDateTime": "2026-12-18",
    "type": "assignment",
}


def entity(body: Json) -> Json:
    return parse_record(body, kind=None).activity.to_graph()


@pytest.mark.parametrize("name", VALUES)
@given(before=around, after=around)
def test_a_value_surrounded_by_what_cannot_be_seen_means_what_it_means_without(
    name: str, before: str, after: str
) -> None:
    body = record(Assignment, **VALUES)
    surrounded = {**body, name: f"{before}{VALUES[name]}{after}"}
    assert entity(surrounded) == entity(body)
    sheet = parse_batch(sheet_of(surrounded), media_type="text/csv", query={})
    assert entity(sheet.records[0].content) == entity(body)


@given(name=st.sampled_from(sorted(VALUES)), before=around, after=around)
def test_a_heading_surrounded_by_what_cannot_be_seen_is_the_heading(name: str, before: str, after: str) -> None:
    sheet = sheet_of({f"{before}{key}{after}" if key == name else key: value for key, value in VALUES.items()})
    assert parse_batch(sheet, media_type="text/csv", query={}).records[0].content.keys() == {
        "@odata.type" if key == "type" else key for key in VALUES
    }


@given(text=machine_texts, spell=spelled, before=around, after=around)
def test_no_text_of_the_lists_is_ever_an_id_or_a_date(text: str, spell: object, before: str, after: str) -> None:
    said = f"{before}{text}{after}" if spell is str else f"{before}{spell(text)}{after}"  # type: ignore[operator]
    for name in ("externalCourseActivityId", "learningContentId", "completedDateTime", "dueDateTime", "learnerUserId"):
        assert problems_of(record(Assignment, **{name: said}))[0].target == name


@given(text=machine_texts, own=st.sampled_from(["-42", " of the above", "x", "_1"]))
def test_the_same_letters_in_somebodys_own_words_are_taken(text: str, own: str) -> None:
    assert (
        entity(record(Assignment, type="assignment", learningContentId=text + own))["learningContentId"] == text + own
    )


@given(
    year=st.integers(0, 9999),
    month=st.integers(1, 12),
    day=st.integers(1, 28),
    time=st.sampled_from(["", "T10:00:00Z"]),
)
def test_no_day_out_of_its_time_reaches_graph(year: int, month: int, day: int, time: str) -> None:
    said = f"{year:04}-{month:02}-{day:02}{time}"
    for name in ("completedDateTime", "dueDateTime"):
        try:
            told = entity(record(Assignment, type="assignment", **{name: said})).get(name)
        except PermanentError:
            assert not calendars.FIRST_YEAR < year <= calendars.LAST_YEAR or year in {1969, 1970}
        else:
            assert told is None or calendars.FIRST_YEAR <= year <= calendars.LAST_YEAR


@given(drawn=kinds_and_records, name=st.sampled_from(["Value", "value"]))
def test_what_a_sharepoint_column_wraps_means_what_it_means_without(drawn: tuple[type, Json], name: str) -> None:
    _, sent = drawn
    assert entity({key: {"Id": 1, name: value} for key, value in sent.items()}) == entity(sent)


@given(st.text())
def test_any_text_is_meant_or_refused_in_words(text: str) -> None:
    try:
        said = values.meant(text)
    except values.InvalidValueError as error:
        assert str(error).isprintable()  # noqa: PT017 (or no error)
    else:
        assert said == made_by_machines.trimmed(said)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_opened_or_left_or_refused(body: bytes) -> None:
    try:
        file = wrappings.out_of_file(body)
    except PermanentError as error:
        assert error.message.isprintable()  # noqa: PT017 (or no error)
    else:
        assert file is None or len(file.body) < len(body)


def test_no_character_is_in_two_lists_and_none_can_be_seen() -> None:
    assert len(set(made_by_machines.INVISIBLE)) == len(made_by_machines.INVISIBLE)
    assert not [
        one
        for one in made_by_machines.INVISIBLE
        if one.isprintable() and one not in "\u115f\u1160\u17b4\u17b5\u034f\u3164\uffa0"
    ]


def test_every_word_is_found_in_the_form_in_which_it_is_compared() -> None:
    for word in itertools.chain(made_by_machines.NOTHING, made_by_machines.ERRORS):
        assert word == made_by_machines.trimmed(word).casefold()


@pytest.mark.parametrize("module", [calendars, charsets, made_by_machines, wrappings])
def test_what_every_first_request_loads_stays_small_and_says_where_it_is_from(module: object) -> None:
    path = Path(str(getattr(module, "__file__", "")))
    assert path.stat().st_size <= LARGEST_MODULE_BYTES
    assert re.search("https://", path.read_text(encoding="utf-8"))
