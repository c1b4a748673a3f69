"""What real senders put into one property, and what it comes to: a new case is one line.

``taken`` says what Graph is sent, ``absent`` that there is nothing, ``refused`` the cause and the advice that may be
given. In a sheet a cell can mean something else: ``in_sheet``.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.support.records import LEARNER


@dataclass(frozen=True)
class Refused:
    """What the refusal says: why, and what to do where it comes from."""

    cause: str
    advice: str


@dataclass(frozen=True)
class Absent:
    """Graph is sent nothing."""


@dataclass(frozen=True)
class Case:
    """What is sent as one property, and what becomes of it."""

    name: str
    sent: Any
    end: Any
    in_sheet: Any = None
    status: str = "notStarted"

    def __str__(self) -> str:
        return f"{self.name}={self.sent!a}"


CONTENT, EXTERNAL, LEARNER_ID = "learningContentId", "externalCourseActivityId", "learnerUserId"
DONE, DUE, ASSIGNED, STARTED = "completedDateTime", "dueDateTime", "assignedDateTime", "startedDateTime"
PERCENT, KIND, STATUS, NOTES, HOW = "completionPercentage", "type", "status", "notes", "assignmentType"

ABSENT = Absent()
ROUNDED = Refused("has rounded", "take it from its source again, as text")
NOTHING = Refused("tool says that there is no value", "put the value in where it comes from")
ERROR = Refused("the error of a formula in a spreadsheet", "correct the formula in its cell")
NARROW = Refused("a column is too narrow", "make the column wider")
UNFILLED = Refused("writes in place of a value", "correct it where it comes from")
MISSING = Refused("is required", "")
NO_ADDRESS = Refused("is an object without an address", "it must be the user's e-mail address")
NO_PERSON = Refused("is neither a GUID nor an address", "it must be the user's e-mail address")
NO_TEXT = Refused("must be a text", "")
OF_ONE = Refused("a column of percentages holds 1 for 100 %", "multiply it by 100")
FRACTION = Refused("a column of percentages holds 0.2 for 20 %", "multiply it by 100")
WRONG_CENTURY = Refused("a year of two digits in the wrong century", "write all four digits where it comes from")
BUDDHIST = Refused("the Buddhist calendar", "convert it to the Gregorian one")
ISLAMIC = Refused("the Islamic or the Persian calendar", "convert it to the Gregorian one")
HEBREW = Refused("the Hebrew calendar", "convert it to the Gregorian one")
SHORT_YEAR = Refused("a year of less than four digits", "Write all four")
FAR = Refused("which cannot be meant", "correct the year where it comes from")
UNIX = Refused("where computers begin to count", "Correct it where it comes from")
SERIAL = Refused("looks like an Excel day number", "formatDateTime(…, 'yyyy-MM-dd')")
AMBIGUOUS = Refused("more than one way", "write it as 2026-11-22")


def taken(name: str, sent: Any, end: Any = None, **more: Any) -> Case:
    return Case(name, sent, sent if end is None else end, **more)


def absent(name: str, sent: Any, **more: Any) -> Case:
    return Case(name, sent, ABSENT, **more)


def refused(name: str, sent: Any, why: Refused, **more: Any) -> Case:
    return Case(name, sent, why, **more)


def hidden(name: str, sent: str, character: str, before: str) -> Case:
    return Case(
        name, sent, Refused(f'holds {character}, which cannot be seen, after "{before}"', "write it without it")
    )


def note(text: str) -> dict[str, str]:
    return {"contentType": "text", "content": text}


def due(moment: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": moment, "timeZone": zone}


ROUNDED_NUMBERS = [
    *(refused(EXTERNAL, said, ROUNDED) for said in ["9.91214E+15", "9,91214E+15", "1E+15", "-4.5E+12", "9.91214e+15"]),
    *(refused(CONTENT, said, ROUNDED) for said in ["1.23457E+11", "1.2E-05", "1.0E10", "9.912140000000001E15"]),
    *(
        taken(EXTERNAL, said)
        for said in ["1E5", "12E3", "2.1E5", "E+15", "1.5", "9912140000000000", "A1E+15", "3E+5x", "3E-12"]
    ),
    taken(EXTERNAL, 42.0, "42"),
    taken(CONTENT, 7, "7"),
]
WORDS_FOR_NOTHING = [
    *(
        refused(EXTERNAL, said, NOTHING, in_sheet=ABSENT)
        for said in ["NULL", "null", "None", "N/A", "NaN", "undefined"]
    ),
    *(
        refused(EXTERNAL, said, NOTHING, in_sheet=ABSENT)
        for said in ["(null)", "<NA>", "\\N", "nil", "DBNull", "[null]"]
    ),
    *(refused(CONTENT, said, NOTHING, in_sheet=MISSING) for said in ["NULL", " null ", "(blank)", "NA"]),
    *(refused(LEARNER_ID, said, NOTHING, in_sheet=MISSING) for said in ["NULL", "None"]),
    *(refused(STATUS, said, NOTHING, in_sheet=MISSING) for said in ["NULL", "undefined"]),
    *(refused(DONE, said, NOTHING, in_sheet=ABSENT) for said in ["NULL", "NaT"]),
    *(refused(PERCENT, said, NOTHING, in_sheet=ABSENT) for said in ["NaN", "null"]),
    refused(DUE, "null", NOTHING, in_sheet=ABSENT),
    refused(DUE, {"dateTime": "null", "timeZone": "UTC"}, NOTHING),
    *(absent(NOTES, said) for said in ["NULL", "None", "n/a", "undefined", " null\n", "\u200bnull"]),
    absent(NOTES, {"contentType": "text", "content": "NULL"}),
    *(taken(EXTERNAL, said) for said in ["NULL-42", "nullable", "none-of-these", "N/A-1", "Nan-7", "-", "nothing"]),
    *(taken(NOTES, said, note(said)) for said in ["None of the above", "NULL is a word", "not n/a", "Nothing to add"]),
]
ERRORS_OF_SPREADSHEETS = [
    *(refused(CONTENT, said, ERROR) for said in ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"]),
    *(
        refused(CONTENT, said, ERROR)
        for said in ["#SPILL!", "#GETTING_DATA", "#ERROR!", "Err:502", "Err:522", " #N/A "]
    ),
    *(
        refused(EXTERNAL, said, ERROR)
        for said in ["#NV", "#BEZUG!", "#WERT!", "#ÜBERLAUF!", "#VALEUR!", "#NOM?", "#N/D"]
    ),
    *(
        refused(EXTERNAL, said, ERROR)
        for said in ["#¡REF!", "#¿NOMBRE?", "#RIF!", "#VERW!", "#ADR!", "#ODKAZ!", "#HIV!"]
    ),
    *(refused(NOTES, said, ERROR) for said in ["#N/A", "#ССЫЛКА!", "#Н/Д", "#DEĞER!", "#SAKNAS!", "#PUUTTUU!", "#I/T"]),  # noqa: RUF001 (Russian)
    refused(NOTES, {"content": "#REF!"}, ERROR),
    refused(DUE, "#N/A", ERROR),
    refused(STATUS, "#N/A", ERROR),
    refused(KIND, "#REF!", ERROR),
    refused(PERCENT, "#DIV/0!", ERROR),
    refused(LEARNER_ID, "#N/A", ERROR),
    *(refused(name, "########", NARROW) for name in [DUE, EXTERNAL, NOTES]),
    *(taken(CONTENT, said) for said in ["#NAME", "#1", "#N/A-7", "C#", "#", "##", "Err:5021"]),
    *(taken(NOTES, said, note(said)) for said in ["#N/A is what it said", "#WOW!", "#"]),
]
UNFILLED_PLACES = [
    *(refused(CONTENT, said, UNFILLED) for said in ["[object Object]", "System.Object[]", "@{items('x')?['ID']}"]),
    *(refused(EXTERNAL, said, UNFILLED) for said in ["{{id}}", "${row.id}", "System.Data.DataRow"]),
    *(refused(NOTES, said, UNFILLED) for said in ["[object Object]", "{{note}}"]),
    *(taken(NOTES, said, note(said)) for said in ["Hello {{name}}, please", "{see below}", "System. Out."]),
]
DATES_THAT_MEAN_NONE = [
    *(absent(DONE, said) for said in ["0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000"]),
    *(absent(DONE, said) for said in ["0000-00-00 00:00:00", "1899-12-30T00:00:00Z", "1900-01-00", "1900-01-01"]),
    *(absent(DUE, said) for said in ["9999-12-31", "9999-12-31T23:59:59.9999999Z", "12/31/9999", "31.12.9999"]),
    *(absent(ASSIGNED, said) for said in ["1970-01-01T00:00:00Z", "1/1/0001 12:00:00 AM", "00.01.1900", "1/0/1900"]),
    absent(DUE, {"dateTime": "0001-01-01T00:00:00", "timeZone": "UTC"}),
    absent(STARTED, "1753-01-01 00:00:00"),
]
DATES_THAT_NOBODY_MEANS = [
    *(refused(DONE, said, BUDDHIST) for said in ["2562-01-31", "2569-12-18T10:00:00+07:00"]),
    *(refused(DUE, said, ISLAMIC) for said in ["1448-06-20", "1405-09-27"]),
    refused(DUE, "5787-04-08", HEBREW),
    *(refused(DUE, said, WRONG_CENTURY) for said in ["1926-12-18", "1930-06-30T17:00:00Z"]),
    *(refused(DUE, said, SHORT_YEAR) for said in ["0026-12-18", "0115-12-18"]),
    *(refused(DUE, said, FAR) for said in ["2206-12-18", "9999-12-30T23:00:00Z", "1899-12-30T08:30:00"]),
    *(refused(DONE, said, UNIX) for said in ["1970-01-21T09:13:22Z", "1969-12-31T23:00:00"]),
    *(refused(DONE, said, SERIAL) for said in ["46374", "46374.70833"]),
    refused(DUE, "18/12/2026", AMBIGUOUS),
    taken(DONE, "2026-12-18T10:00:00+07:00"),  # A tenant in Thailand, with Gregorian dates.
    taken(DONE, "1987-06-01T00:00:00Z"),
    taken(DUE, "2099-12-31", due("2099-12-31T23:59:59")),
    taken(DUE, "2026-12-18", due("2026-12-18T23:59:59")),
    taken(DONE, "2026-12-18 8:30 UTC", "2026-12-18T08:30:00Z"),
    taken(DONE, "2026-12-18T08:30:00 UTC", "2026-12-18T08:30:00Z"),
    taken(
        DUE, {"dateTime": "2026-12-18 8:30", "timeZone": "Europe/Berlin"}, due("2026-12-18T08:30:00", "Europe/Berlin")
    ),
]
PERCENTAGES = [
    *(refused(PERCENT, said, OF_ONE, status="completed") for said in [1, 1.0, "1", "1.0", "1%"]),
    *(refused(PERCENT, said, FRACTION) for said in [0.2, "0.25", "0,5", ".75"]),
    *(taken(PERCENT, said, 1, status="inProgress") for said in [1, "1"]),
    *(taken(PERCENT, said, 20) for said in ["20%", "20 %", "20\u00a0%", "20.0"]),
    taken(PERCENT, "100%", 100, status="completed"),
]
NOT_TO_BE_SEEN = [
    *(
        taken(EXTERNAL, f"{mark}S-1{mark}", "S-1")
        for mark in ["\u200b", "\ufeff", "\u200e", "\u00a0", "\u00ad", "\u2060"]
    ),
    *(
        taken(CONTENT, said, "C-1")
        for said in ["C-1\u200b", "\u202aC-1\u202c", "\u2068C-1\u2069", "C-1\x1a", " \ufeff C-1"]
    ),
    *(taken(LEARNER_ID, said, LEARNER) for said in [f"\ufeff{LEARNER}", f"{LEARNER}\u200b\u00a0"]),
    *(taken(HOW, said, "required") for said in ["\u200brequired", "Required\ufeff", "\u00a0required\u200f"]),
    *(taken(STATUS, said, "inProgress") for said in ["In\u00a0progress", "\u200bin progress\u200b"]),
    *(taken(KIND, said, ABSENT) for said in ["\u200bassignment", "Assignment\ufeff"]),
    taken(DONE, "\u200e2026-12-18T10:00:00Z\u200e", "2026-12-18T10:00:00Z"),
    taken(PERCENT, "\u200b20\u200b", 20),
    taken(DUE, "\ufeff2026-12-18", due("2026-12-18T23:59:59")),
    absent(EXTERNAL, "\u200b"),
    absent(DONE, "\u00a0\ufeff"),
    hidden(KIND, "assi\u200bgnment", "U+200B", "assi"),
    hidden(HOW, "re\u00adquired", "U+00AD", "re"),
    hidden(EXTERNAL, "S\u200b-1", "U+200B", "S"),
    hidden(EXTERNAL, "S 1\u00a02", "U+00A0", "S 1"),
    hidden(CONTENT, "C\ufeff-1", "U+FEFF", "C"),
    hidden(CONTENT, "C-\u202e1", "U+202E", "C-"),
    hidden(DONE, "2026-12\u200e-18", "U+200E", "2026-12"),
    hidden(PERCENT, "2\u200b0", "U+200B", "2"),
    refused(
        LEARNER_ID, f"{LEARNER[:5]}\u200b{LEARNER[5:]}", Refused("U+200B, which cannot be seen, behind", "without it")
    ),
    *(taken(NOTES, said, note(said)) for said in ["a\u200bb", "\u2068x\u2069", "\U0001f468\u200d\U0001f469", " x "]),
    *(
        taken(CONTENT, said)
        for said in ["\u0645\u06cc\u200c\u062e\u0648", "\U0001f468\u200d\U0001f469", "\u2764\ufe0f"]
    ),
]
SPREADSHEET_FORMULAS = [
    taken(EXTERNAL, '="00123"', "00123"),
    taken(CONTENT, '="a ""b"""', 'a "b"'),
    taken(LEARNER_ID, f'="{LEARNER}"', LEARNER),
    taken(EXTERNAL, "=A1", in_sheet="=A1"),
    taken(NOTES, '="00123"', note('="00123"'), in_sheet=note("00123")),
]
SHAREPOINT = [
    taken(
        HOW,
        {"@odata.type": "#Microsoft.Azure.Connectors.SharePoint.SPListExpandedReference", "Id": 0, "Value": "Required"},
        "required",
    ),
    taken(HOW, {"Id": 0, "Value": "Recommended"}, "recommended"),
    taken(STATUS, {"Id": 1, "Value": "In progress"}, "inProgress"),
    taken(KIND, {"Id": 1, "Value": "Assignment"}, ABSENT),
    taken(CONTENT, {"Id": 12, "Value": "C-1"}, "C-1"),
    taken(CONTENT, [{"Id": 12, "Value": "C-1"}], "C-1"),
    taken(CONTENT, {"Url": "https://contoso.com/c1", "Description": "C 1"}, "https://contoso.com/c1"),
    taken(NOTES, {"Id": 1, "Value": "Read it"}, note("Read it")),
    taken(PERCENT, {"Id": 1, "Value": 20.0}, 20),
    taken(DUE, {"Id": 1, "Value": "2026-12-18"}, due("2026-12-18T23:59:59")),
    absent(NOTES, {"Id": None, "Value": None}),
    absent(EXTERNAL, {"Id": None, "Value": None}),
    refused(CONTENT, [{"Id": 1, "Value": "a"}, {"Id": 2, "Value": "b"}], NO_TEXT),
    refused(CONTENT, {"DisplayName": "Anna", "Email": "anna@contoso.com", "Claims": "i:0#.f|membership|a"}, NO_TEXT),
    taken(LEARNER_ID, {"Claims": "i:0#.f|membership|a", "DisplayName": "Anna", "Email": "anna@contoso.com"}, LEARNER),
    taken(LEARNER_ID, {"Id": 7, "Value": "anna@contoso.com"}, LEARNER),
    taken(LEARNER_ID, "i:0#.f|membership|anna@contoso.com", LEARNER),
    taken(LEARNER_ID, "\u200bAnna@Contoso.com\u00a0", LEARNER),
    refused(LEARNER_ID, {"Claims": "i:0#.f|membership|a", "DisplayName": "Anna", "Email": ""}, NO_ADDRESS),
    refused(LEARNER_ID, "Anna", NO_PERSON),
    taken(LEARNER_ID, {"Id": 7, "Value": LEARNER}, LEARNER),
]
CASES = [
    *(ROUNDED_NUMBERS + WORDS_FOR_NOTHING + ERRORS_OF_SPREADSHEETS + UNFILLED_PLACES + DATES_THAT_MEAN_NONE),
    *(DATES_THAT_NOBODY_MEANS + PERCENTAGES + NOT_TO_BE_SEEN + SPREADSHEET_FORMULAS + SHAREPOINT),
]
IN_SHEETS = [replace(one, end=one.in_sheet or one.end) for one in CASES if isinstance(one.sent, str)]
