"""The forms in which flows send one value: what each is turned into, and what a maker is told about the others."""

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract import values
from activities.contract.activity import id_without_learner
from activities.contract.values import InvalidValueError
from tests.support.records import LEARNER, PROVIDER


@pytest.mark.parametrize("value", [None, "", " ", "\t\r\n", "\u00a0"])
def test_null_and_empty_text_are_blank(value: object) -> None:
    assert values.is_blank(value)


@pytest.mark.parametrize("value", [0, 0.0, False, [], {}, "0", "null"])
def test_nothing_else_is_blank(value: object) -> None:
    assert not values.is_blank(value)


@pytest.mark.parametrize(
    ("graph_id", "expected"),
    [
        (f"{LEARNER}:{PROVIDER}", PROVIDER),
        (f"{LEARNER.upper()}:7", "7"),
        (f"{LEARNER}_{PROVIDER}", PROVIDER),
        (f"anna@contoso.com:{PROVIDER}", PROVIDER),
        (f"{LEARNER}:", ""),
        (PROVIDER, PROVIDER),
        ("opaque", "opaque"),
        ("", ""),
    ],
)
def test_an_id_of_graph_is_told_without_the_learners_that_it_begins_with(graph_id: str, expected: str) -> None:
    assert id_without_learner(graph_id) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("course 1", "course 1"),
        ("  course 1\n", "course 1"),
        ("Prüfung 🎓", "Prüfung 🎓"),
        (42, "42"),
        (-7, "-7"),
        (42.0, "42"),
        (12345678901234567890, "12345678901234567890"),
    ],
)
def test_a_text_may_be_a_whole_number_and_loses_surrounding_space(value: object, expected: str) -> None:
    assert values.text(value) == expected


@pytest.mark.parametrize("value", [True, 1.5, [], ["a"], {}, {"a": "b"}, float("inf"), float("nan")])
def test_nothing_else_is_a_text(value: object) -> None:
    with pytest.raises(InvalidValueError, match="must be a text"):
        values.text(value)


def test_a_number_whose_last_digit_is_not_exact_is_no_text_because_another_id_might_come_of_it() -> None:
    assert values.text(float(2**53 - 1)) == "9007199254740991"
    with pytest.raises(InvalidValueError):
        values.text(float(2**53))


@pytest.mark.parametrize("parse", [values.text, values.notes])
@pytest.mark.parametrize("half", ["\ud83d", "cut off \ude00"])
def test_half_a_character_is_refused_in_words(parse: Any, half: str) -> None:
    with pytest.raises(InvalidValueError, match="half a character"):
        parse(half)


@pytest.mark.parametrize(
    "value", [20, 20.0, "20", " 20 ", "20.0", "20.", "+20", "020", "20%", "20 %", "\u200b20\xa0%\ufeff"]
)
def test_a_percentage_may_be_a_float_or_a_text_as_flows_send_it(value: object) -> None:
    assert values.whole_percentage(value) == 20


@pytest.mark.parametrize("value", [0, 100, "0", "100", "100.0", -0.0])
def test_the_bounds_of_a_percentage_belong_to_it(value: object) -> None:
    assert values.whole_percentage(value) in {0, 100}


@pytest.mark.parametrize(
    "value",
    [
        -1,
        101,
        20.5,
        "20.5",
        "20%%",
        "twenty",
        "1e1",
        "٢٠",
        True,
        False,
        [],
        {},
        [20],
        10**30,
        "9" * 5000,
        float("nan"),
        float("inf"),
    ],
)
def test_any_other_percentage_is_refused_with_the_range(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"must be a whole number from 0 to 100$"):
        values.whole_percentage(value)


@pytest.mark.parametrize("value", [0.2, "0.2", "0,25", ".5", " 0.75 "])
def test_a_part_of_one_is_told_what_a_column_of_percentages_holds(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"0\.2 for 20 %, so multiply it by 100$"):
        values.whole_percentage(value)


@given(st.integers(0, 100))
def test_every_form_of_a_percentage_means_the_same(number: int) -> None:
    assert {values.whole_percentage(form) for form in (number, float(number), str(number), f"{number}.0")} == {number}


@pytest.mark.parametrize(
    "value", ["inProgress", "InProgress", "INPROGRESS", "In progress", " in progress ", "in_progress", "in-progress"]
)
def test_a_choice_may_differ_in_case_spaces_and_hyphens(value: str) -> None:
    assert values.choice(value, ("notStarted", "inProgress")) == "inProgress"


@pytest.mark.parametrize("value", ["done", "in progress!", "", "0", 1, True, None, [], ["inProgress"], {}])
def test_any_other_choice_is_refused_with_the_names_that_can_be_chosen(value: object) -> None:
    with pytest.raises(InvalidValueError, match="must be notStarted, inProgress or completed"):
        values.choice(value, ("notStarted", "inProgress", "completed"))


def test_two_choices_are_named_without_a_comma() -> None:
    with pytest.raises(InvalidValueError, match="must be required or recommended"):
        values.choice("optional", ("required", "recommended"))


@pytest.mark.parametrize("parse", [values.guid, values.person])
@pytest.mark.parametrize("value", [LEARNER, LEARNER.upper(), f" {LEARNER}\n"])
def test_an_id_keeps_its_spelling_and_loses_surrounding_space(parse: Any, value: str) -> None:
    assert parse(value) == value.strip()


@pytest.mark.parametrize("parse", [values.guid, values.person])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        f"{{{LEARNER}}}",
        LEARNER.replace("-", ""),
        f"{LEARNER}/x",
        f"{LEARNER[:-1]}٢",
        7,
        True,
        None,
        [],
        {},
        [LEARNER],
    ],
)
def test_an_id_in_another_form_is_refused_with_an_example(parse: Any, value: object) -> None:
    """A registration ID goes into a URL, and so nothing but a GUID may pass."""
    with pytest.raises(InvalidValueError, match=rf"such as ({LEARNER}|{PROVIDER})"):
        parse(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Claims": "i:0#.f|membership|anna", "DisplayName": "Anna", "Email": ""}, "is an object without an address"),
        ("Anna", "is neither a GUID nor an address"),
        (12, "is neither a GUID nor an address"),
    ],
)
def test_who_names_a_person_by_something_else_is_told_what_to_send(value: object, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"^{reason}; it must be the user's e-mail address") as caught:
        values.person(value)
    assert "anna" not in str(caught.value).casefold(), "a message may be logged and must not name a person"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("read it", {"contentType": "text", "content": "read it"}),
        ("  read\r\nit  ", {"contentType": "text", "content": "  read\r\nit  "}),
        ("<b>not HTML</b>", {"contentType": "text", "content": "<b>not HTML</b>"}),
        (42, {"contentType": "text", "content": "42"}),
        ({"content": "read it"}, {"contentType": "text", "content": "read it"}),
        ({"content": 42, "contentType": ""}, {"contentType": "text", "content": "42"}),
        ({"contentType": "HTML", "content": " <b>it</b>"}, {"contentType": "html", "content": " <b>it</b>"}),
    ],
)
def test_notes_may_be_a_text_or_an_item_body_and_their_text_is_untouched(value: object, expected: Any) -> None:
    assert values.notes(value) == expected


@pytest.mark.parametrize("content", [None, "", "  "])
def test_an_item_body_without_a_text_means_no_note(content: object) -> None:
    """A flow that fills the documented form from an empty column sends this."""
    assert values.notes({"contentType": "text", "content": content}) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.5, "must be a text"),
        (["read it"], "must be a text"),
        (True, "must be a text"),
        ({"content": ["read it"]}, "must be a text"),
        ({"content": "x", "contentType": "rtf"}, "has a contentType that must be text or html"),
        ({"Content": "x"}, 'has the unknown part "Content"; it has only contentType and content'),
        ({"content": "x", "a\nb": 1}, r'has the unknown part "a\?b"'),
    ],
)
def test_any_other_notes_are_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        values.notes(value)


@pytest.mark.parametrize("moment", [None, "", " "])
def test_a_due_date_without_a_date_means_none(moment: object) -> None:
    """A flow that fills the documented form from an empty column sends this."""
    assert values.due_date_time({"dateTime": moment, "timeZone": "UTC"}, zone=UTC) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "must be a date such as"),
        ([], "must be a date such as"),
        ({"dateTime": [], "timeZone": "UTC"}, "must be a date such as"),
        ({"dateTime": "2026-11-22", "timeZone": 1}, "must be a date such as"),
        ({"dateTime": "2026-11-22", "timezone": "UTC"}, 'unknown part "timezone"; it has only dateTime and timeZone'),
    ],
)
def test_a_due_date_of_another_form_is_refused_with_both_forms(value: object, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        values.due_date_time(value, zone=UTC)


@pytest.mark.parametrize("value", [True, [], {}, {"dateTime": "2026-11-22", "timeZone": "UTC"}])
def test_a_moment_of_another_form_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(InvalidValueError, match="must be a date written as a text, for example 2026-11-22T10:00:00Z"):
        values.date_time_offset(value, zone=UTC)


@given(st.text())
def test_a_name_in_a_message_is_short_printable_and_on_one_line(name: str) -> None:
    shown = values.shown(name)
    assert shown.isprintable()
    assert len(shown) <= 41
    if name.isprintable() and len(name) <= 40:
        assert shown == name
