"""Dates as flows send them: what is kept digit by digit, what an offset-less text means, what is refused."""

import contextlib
import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.contract import dates, values
from activities.contract.dates import InvalidDateError, date_time_offset, date_time_time_zone, find_zone, moment_of

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
ZONES = st.sampled_from([UTC, BERLIN, KOLKATA, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Kiritimati")])


@pytest.mark.parametrize(
    "text",
    [
        "2021-05-11T22:57:17+00:00",
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00.1234567Z",
        "2026-11-22T10:00:00.1234567+01:00",
        "2026-11-22T10:00:00.123456789012-09:30",
        "2026-11-22T10:00:00.0000000-14:00",
        "1950-01-01T00:00:00+01:00",
        "2100-12-31T23:59:59Z",
    ],
)
def test_a_moment_with_an_offset_is_kept_digit_by_digit(text: str) -> None:
    assert date_time_offset(text, zone=BERLIN) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22 10:00:00 +01:00", "2026-11-22T10:00:00+01:00"),
        ("2026-11-22t10:00:00z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00+0130", "2026-11-22T10:00:00+01:30"),
        ("2026-11-22T10:00:00-05", "2026-11-22T10:00:00-05:00"),
        ("2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00 gmt", "2026-11-22T10:00:00Z"),
        ("2026-11-22 8:30Z", "2026-11-22T08:30:00Z"),
        ("  2026-11-22T10:00:00Z\n", "2026-11-22T10:00:00Z"),
    ],
)
def test_another_spelling_of_iso_8601_becomes_the_one_that_graph_documents(text: str, expected: str) -> None:
    assert date_time_offset(text, zone=UTC) == expected


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-22T10:00:00", UTC, "2026-11-22T10:00:00+00:00"),
        ("2026-11-22T10:00:00", BERLIN, "2026-11-22T10:00:00+01:00"),
        ("2026-07-22T10:00:00", BERLIN, "2026-07-22T10:00:00+02:00"),
        ("2026-07-22T10:00:00.1234567", BERLIN, "2026-07-22T10:00:00.1234567+02:00"),
        ("2026-07-22T10:00:00", KOLKATA, "2026-07-22T10:00:00+05:30"),
        ("2026-07-22T10:00:00", ZoneInfo("America/St_Johns"), "2026-07-22T10:00:00-02:30"),
        # Where the clocks go back, the first of the two; where they go forward, as if they had not yet.
        ("2026-10-25T02:30:00", BERLIN, "2026-10-25T02:30:00+02:00"),
        ("2026-03-29T02:30:00", BERLIN, "2026-03-29T02:30:00+01:00"),
        # Liberia's time was 44 min 30 s behind until 1972, and OData's offsets have no seconds.
        ("1960-01-01T00:00:00", ZoneInfo("Africa/Monrovia"), "1960-01-01T00:00:00-00:44"),
    ],
)
def test_a_moment_without_an_offset_is_meant_in_the_zone_with_its_daylight_saving(
    text: str, zone: tzinfo, expected: str
) -> None:
    assert date_time_offset(text, zone=zone) == expected


def test_a_date_alone_is_the_start_of_that_day_in_the_zone() -> None:
    assert date_time_offset("2026-07-22", zone=BERLIN) == "2026-07-22T00:00:00+02:00"


def test_a_date_alone_is_due_at_the_end_of_that_day_in_the_zone() -> None:
    assert date_time_time_zone("2026-07-22", zone_name=None, zone=UTC) == {
        "dateTime": "2026-07-22T23:59:59",
        "timeZone": "UTC",
    }
    assert date_time_time_zone("2026-07-22", zone_name=None, zone=BERLIN)["dateTime"] == "2026-07-22T21:59:59"
    assert date_time_time_zone("2026-07-22", zone_name="Europe/Berlin", zone=UTC)["dateTime"] == "2026-07-22T23:59:59"


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-22T10:00:00.0000000Z", BERLIN, "2026-11-22T10:00:00.0000000"),
        ("2026-11-22T10:00:00.1234567+01:00", UTC, "2026-11-22T09:00:00.1234567"),
        ("2026-11-22T23:30:00-05:00", UTC, "2026-11-23T04:30:00"),
        ("2026-11-22T10:00:00.1234567", BERLIN, "2026-11-22T09:00:00.1234567"),
        ("2026-11-22T10:00:00.1234567", UTC, "2026-11-22T10:00:00.1234567"),
        ("2026-07-22T10:00:00", BERLIN, "2026-07-22T08:00:00"),
    ],
)
def test_a_due_date_without_a_zone_is_told_in_utc_with_every_digit_of_its_fraction(
    text: str, zone: tzinfo, expected: str
) -> None:
    assert date_time_time_zone(text, zone_name=None, zone=zone) == {"dateTime": expected, "timeZone": "UTC"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("UTC", "UTC"),
        ("Etc/UTC", "Etc/UTC"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "W. Europe Standard Time"),
        (" europe/berlin ", "Europe/Berlin"),
        ("w. europe standard time", "W. Europe Standard Time"),
        ("utc", "UTC"),
    ],
)
def test_a_named_zone_is_kept_in_its_own_spelling(sent: str, kept: str) -> None:
    assert date_time_time_zone("2026-11-22T10:00:00.1234567", zone_name=sent, zone=KOLKATA) == {
        "dateTime": "2026-11-22T10:00:00.1234567",
        "timeZone": kept,
    }


@pytest.mark.parametrize(
    ("name", "offset_hours"),
    [("Europe/Berlin", 1), ("W. Europe Standard Time", 1), ("Pacific Standard Time", -8), ("Z", 0), ("Etc/UTC", 0)],
)
def test_iana_and_windows_names_are_zones(name: str, offset_hours: int) -> None:
    zone = find_zone(name)
    assert zone is not None
    offset = datetime(2026, 11, 22, tzinfo=zone).utcoffset()
    assert offset is not None
    assert offset.total_seconds() == offset_hours * 3600


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "right/UTC", "posix/UTC", "posix/localtime"])
def test_what_only_some_machines_have_is_no_zone(name: str) -> None:
    assert find_zone(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "Europe",
        "../../etc/passwd",
        "/etc/localtime",
        "tzdata.zi",
        "zones",
        "a\0b",
        "\ud800",
        "x" * 9999,
    ],
)
def test_an_unknown_name_is_no_zone_and_no_file_of_the_machine(name: str) -> None:
    assert find_zone(name) is None
    with pytest.raises(InvalidDateError, match="has an unknown timeZone: use a name such as"):
        date_time_time_zone("2026-11-22", zone_name=name, zone=UTC)


@given(st.text())
def test_looking_for_a_zone_never_raises(name: str) -> None:
    assert (find_zone(name) is None) == (dates.find_zone_name(name) is None)


@pytest.mark.parametrize(
    ("text", "zone_name", "local"),
    [
        ("2026-11-22T10:00:00+01:00", "Europe/Berlin", "2026-11-22T10:00:00"),
        ("2026-11-22T10:00:00Z", "UTC", "2026-11-22T10:00:00"),
        ("2026-10-25T02:30:00+02:00", "Europe/Berlin", "2026-10-25T02:30:00"),
    ],
)
def test_an_offset_that_agrees_with_the_zone_is_no_contradiction(text: str, zone_name: str, local: str) -> None:
    assert date_time_time_zone(text, zone_name=zone_name, zone=UTC) == {"dateTime": local, "timeZone": zone_name}


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00Z", "2026-07-22T10:00:00+01:00", "1950-01-01T00:00:00Z"])
def test_an_offset_that_contradicts_the_zone_is_refused(text: str) -> None:
    with pytest.raises(InvalidDateError, match="contradicts its timeZone: correct one of the two"):
        date_time_time_zone(text, zone_name="Europe/Berlin", zone=UTC)


@pytest.mark.parametrize(
    "text", ["03/04/2026", "3.4.2026", "22.11.2026 10:00", "2026/11/22", "11/22/2026 10:00:00 AM", "1/2/26"]
)
def test_a_date_that_can_be_read_in_two_ways_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidDateError, match=r"day or month first.*formatDateTime"):
        date_time_offset(text, zone=UTC)


@pytest.mark.parametrize("value", ["44039", "44039.63951", " 45000 ", 44039, 44039.63951])
def test_an_excel_day_number_is_refused_with_the_option_to_set(value: object) -> None:
    for parse in (values.date_time_offset, values.due_date_time):
        with pytest.raises(InvalidDateError, match='"DateTime Format" to "ISO 8601"'):
            parse(value, zone=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "Nov 22, 2026",
        "20261122",
        "2026-W47-7",
        "2026-11",
        "22-11-2026",
        "2026-11-22T",
        "2026-11-22T10",
        "2026-11-22T10:00:00+1",
        "2026-11-22T10:00:00 CET",
        "\u0662026-11-22",
        "2026-11-22T10:00:00.Z",
        "\0",
        "1",
    ],
)
def test_what_is_not_iso_8601_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidDateError, match="is not a date in ISO 8601: write it as 2026-11-22"):
        date_time_offset(text, zone=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-00-10",
        "0000-01-01",
        "2026-11-22T24:00:00Z",
        "2026-11-22T25:00:00",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:60Z",
    ],
)
def test_a_day_or_time_that_does_not_exist_is_refused(text: str) -> None:
    for refused in (lambda: date_time_offset(text, zone=UTC), lambda: values.due_date_time(text, zone=BERLIN)):
        with pytest.raises(InvalidDateError, match="is not a date of the calendar or a time of the day"):
            refused()


@pytest.mark.parametrize("offset", ["+14:01", "-15:00", "+99:99", "+01:60"])
def test_an_offset_that_does_not_exist_is_refused(offset: str) -> None:
    with pytest.raises(InvalidDateError, match="from -14:00 to"):
        date_time_offset(f"2026-11-22T10:00:00{offset}", zone=UTC)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1926-12-18", "a year of two digits in the wrong century"),
        ("2569-12-18T10:00:00+07:00", "the Buddhist calendar, 543 years ahead"),
        ("1448-06-20", "the Islamic or the Persian calendar"),
        ("1405-09-27", "the Islamic or the Persian calendar"),
        ("5787-04-08", "the Hebrew calendar"),
        ("0115-12-18", "Taiwan's calendar"),
        ("0026-12-18", "less than four digits"),
        ("1970-01-21T09:13:22Z", "seconds were read as milliseconds"),
        ("1969-12-31T23:00:00", "where computers begin to count"),
        ("1899-12-30T08:30:00", "is in the year 1899, which cannot be meant"),
        ("2300-01-01", "is in the year 2300, which cannot be meant"),
        ("9999-12-30T23:00:00Z", "is in the year 9999, which cannot be meant"),
    ],
)
def test_a_year_that_nobody_can_mean_is_refused_with_its_cause(text: str, cause: str) -> None:
    for refused in (lambda: date_time_offset(text, zone=UTC), lambda: values.due_date_time(text, zone=BERLIN)):
        with pytest.raises(InvalidDateError, match=re.escape(cause)):
            refused()


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00.0000000Z",
        "0000-00-00 00:00:00",
        "1899-12-30",
        "1900-01-00",
        "1900-01-01T00:00:00",
        "1970-01-01T01:00:00+01:00",
        "1969-12-31T19:00:00-05:00",
        "1/1/0001 12:00:00 AM",
        "01.01.0001 00:00:00",
        "1/0/1900",
        "30.12.1899",
        "9999-12-31T23:59:59.9999999Z",
        "12/31/9999",
        "31.12.9999 23:59:59",
    ],
)
def test_a_programs_first_and_last_day_mean_no_date(text: str) -> None:
    assert dates.means_no_date(text)
    assert dates.means_no_date(f"\ufeff {text}\u200b")


@pytest.mark.parametrize(
    "text",
    ["2026-01-01", "1970-01-01T08:30:00Z", "1899-12-30T08:30:00", "2026-12-31", "1.1.2026", "0001-01-02", "x", ""],
)
def test_another_day_does_not(text: str) -> None:
    assert not dates.means_no_date(text)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 12, 31)), ZONES)  # noqa: DTZ001 (local times)
def test_a_local_time_gets_the_offset_of_its_zone_and_loses_nothing(local: datetime, zone: tzinfo) -> None:
    told = date_time_offset(local.isoformat(), zone=zone)
    assert told.startswith(local.isoformat())
    offset = re.fullmatch(r"[+-]\d{2}:\d{2}", told[len(local.isoformat()) :])
    assert offset
    if local.year > 1971:
        assert datetime.fromisoformat(told).utcoffset() == local.replace(tzinfo=zone).utcoffset()


@given(st.datetimes(min_value=datetime(1973, 1, 3), max_value=datetime(2100, 12, 29)), ZONES)  # noqa: DTZ001 (local times)
def test_a_moment_and_a_due_date_of_the_same_text_mean_the_same_moment(local: datetime, zone: tzinfo) -> None:
    due = date_time_time_zone(local.isoformat(), zone_name=None, zone=zone)
    assert moment_of(due) == moment_of(date_time_offset(local.isoformat(), zone=zone))


@given(
    st.text()
    | st.from_regex(r"(19|20)\d\d-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,12})?)?([+-]\d\d:?\d\d|Z)?)?", fullmatch=True)
)
def test_any_text_is_a_date_or_refused_in_words(text: str) -> None:
    for zone_name in (None, "Europe/Berlin"):
        with contextlib.suppress(InvalidDateError):
            moment = date_time_offset(text, zone=BERLIN)
            assert datetime.fromisoformat(moment).tzinfo is not None
            assert date_time_time_zone(text, zone_name=zone_name, zone=BERLIN).keys() == {"dateTime", "timeZone"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00.0000000+01:00"),
        ({"dateTime": "2026-11-22T10:00:00.0000000", "timeZone": "UTC"}, "2026-11-22T10:00:00Z"),
        ({"dateTime": "2026-11-22T11:00:00", "timeZone": "W. Europe Standard Time"}, "2026-11-22T10:00:00Z"),
    ],
)
def test_the_same_moment_is_recognised_in_another_form(one: object, other: object) -> None:
    assert moment_of(one) is not None
    assert moment_of(one) == moment_of(other)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "",
        "x",
        "2026-11-22T10:00:00",
        {},
        {"dateTime": "2026-11-22"},
        {"dateTime": 1, "timeZone": "UTC"},
        {"dateTime": "x", "timeZone": "UTC"},
        {"dateTime": "2026-11-22", "timeZone": "Mars"},
        "0001-01-01T00:00:00+01:00",
        {"dateTime": "9999-12-31T23:59:59", "timeZone": "America/New_York"},
    ],
)
def test_a_moment_that_cannot_be_told_is_none(value: object) -> None:
    assert moment_of(value) is None
