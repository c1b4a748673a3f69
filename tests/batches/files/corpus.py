"""Files as people and learning systems make them, each with the records that it means. All of it is made up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.support.workbooks import Formula, Percent, Rows, ods, xls, xlsx

type Record = Mapping[str, Any]

ASSIGNED, TAKEN = "#microsoft.graph.learningAssignment", "#microsoft.graph.learningSelfInitiatedCourse"
ANNA, BENOIT = "anna@contoso.com", "benoit@contoso.com"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file, what its sender says beside it, and what it means.

    Args:
        body: The file.
        records: What it means, of the rows that are sent.
        query: What is said beside it.
        remarks: Words that the report says about it.
        refused: By the index of a row, words of the reason why it is not sent.
    """

    body: bytes
    records: Sequence[Record]
    query: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


def csv(*lines: str, encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    """Return lines as a program saves them."""
    return "".join(line + end for line in lines).encode(encoding)


def assigned(learner: str = ANNA, course: str = "S-1", **more: str) -> Record:
    """Return an assignment as a sheet of the corpus means it."""
    said = {"@odata.type": ASSIGNED, "learnerUserId": learner, "learningContentExternalId": course}
    return {**said, "assignmentType": "required", "status": "notStarted", **more}


def taken(course: str = "S-1", **more: str) -> Record:
    """Return a course that somebody took; who it was, is among the rest."""
    return {"@odata.type": TAKEN, "learningContentExternalId": course, **more}


_PLAIN = "type,learnerUserId,learningContentExternalId,assignmentType,status"
_ROW = f"assignment,{ANNA},S-1,required,notStarted"
_TABLE: Rows = [_PLAIN.split(","), _ROW.split(",")]
_ALL_ROWS = {"type": "assignment", "assignmentType": "required", "status": "notStarted"}

CSV_FILES = {
    "property names": Sample(csv(_PLAIN, _ROW), [assigned()]),
    "property names in another case": Sample(csv(_PLAIN.upper(), _ROW), [assigned()]),
    "titles of the connector": Sample(
        csv("Type,Learner ID,Course ID,Assignment Type,Status,Due At", f"{_ROW},2026-12-18"),
        [assigned(dueDateTime="2026-12-18")],
    ),
    "Viva's own list, assignments": Sample(
        csv(
            "Learning object ID,Learner ID,External assignment ID,Due date,Completion status,Assignment date,Title",
            f"S-1,{ANNA},a-1,2026-12-18,not started,2026-11-22,Safety",
        ),
        [assigned(externalCourseActivityId="a-1", dueDateTime="2026-12-18", assignedDateTime="2026-11-22")],
        {"type": "assignment", "assignmentType": "required"},
        ['Columns that are not used: G "Title".'],
    ),
    "Viva's own list, completions": Sample(
        csv(
            "User ID,Learning object ID,Status,Completion date,Start date,Course completion ID",
            f"{ANNA},S-1,passed,2026-12-04,2026-12-01,c-1",
        ),
        [
            taken(
                learnerUserId=ANNA,
                status="completed",
                completedDateTime="2026-12-04",
                startedDateTime="2026-12-01",
                externalCourseActivityId="c-1",
            )
        ],
        {"type": "Course completion"},
    ),
    "German Excel": Sample(
        csv("E-Mail;Kurs-Nr.;Fällig;Fortschritt", f"{ANNA};S-1;18.12.2026;50,0", encoding="utf-8-sig"),
        [assigned(dueDateTime="2026-12-18", completionPercentage="50")],
        {
            **_ALL_ROWS,
            "dateFormat": "dd.MM.yyyy",
            "columns": "Kurs-Nr.=learningContentExternalId,Fällig=dueDateTime,Fortschritt=completionPercentage",
        },
    ),
    "French Excel, of Windows": Sample(
        csv("E-mail;Cours;Échéance", f"{BENOIT};S-é;18/12/2026", encoding="cp1252"),
        [assigned(BENOIT, "S-é", dueDateTime="2026-12-18")],
        {
            **_ALL_ROWS,
            "dateFormat": "dd/MM/yyyy",
            "columns": "Cours=learningContentExternalId;Échéance=dueDateTime",
        },
        ["Windows-1252"],
    ),
    "Polish Excel, Unicode text": Sample(
        csv("E-mail\tKod kursu\tTermin", f"{ANNA}\tŁ-1\t18.12.2026 17:00", encoding="utf-16"),
        [assigned(course="Ł-1", dueDateTime="2026-12-18T17:00:00+01:00")],
        {
            **_ALL_ROWS,
            "dateFormat": "d.M.yyyy HH:mm",
            "timeZone": "Europe/Warsaw",
            "columns": "Kod kursu=learningContentExternalId\nTermin=dueDateTime",
        },
    ),
    "American Excel": Sample(
        csv("Email,Course ID,Due date", f"{ANNA},S-1,12/18/2026 5:00 PM"),
        [assigned(dueDateTime="2026-12-18T17:00:00-05:00")],
        {**_ALL_ROWS, "dateFormat": "M/d/yyyy h:mm tt", "timeZone": "Eastern Standard Time"},
    ),
    "one course for all rows": Sample(
        csv("UPN", ANNA, BENOIT), [assigned(ANNA), assigned(BENOIT)], {**_ALL_ROWS, "learningContentExternalId": "S-1"}
    ),
    "what a row says goes before what all rows mean": Sample(
        csv("Email,Course ID,Status", f"{ANNA},S-2,completed", f"{BENOIT},,"),
        [assigned(ANNA, "S-2", status="completed"), assigned(BENOIT, "S-1")],
        {**_ALL_ROWS, "learningContentExternalId": "S-1"},
    ),
    "titles above the headings": Sample(csv("Our list", "", _PLAIN, _ROW), [assigned()]),
    "vertical lines": Sample(csv(_PLAIN.replace(",", "|"), _ROW.replace(",", "|")), [assigned()]),
    "semicolons and line feeds": Sample(csv(_PLAIN.replace(",", ";"), _ROW.replace(",", ";"), end="\n"), [assigned()]),
    "carriage returns": Sample(csv(_PLAIN, _ROW, end="\r"), [assigned()]),
    "tabs": Sample(csv(_PLAIN.replace(",", "\t"), _ROW.replace(",", "\t")), [assigned()]),
    "UTF-16 without a mark": Sample(csv(_PLAIN, _ROW, encoding="utf-16-le"), [assigned()]),
    "empty cells and rows at the end": Sample(csv(f"{_PLAIN},,", f"{_ROW},,", ",,,,,,", "", ",,"), [assigned()]),
    "a line break in quotes": Sample(
        csv(f"{_PLAIN},notes", f'{_ROW},"Two\nlines, and a comma"'), [assigned(notes="Two\nlines, and a comma")]
    ),
    "headings with what they mean": Sample(
        csv("Wer (learnerUserId),Kurs (learningContentExternalId),Was (type)", f"{ANNA},S-1,assignment"),
        [assigned()],
        {"assignmentType": "mandatory", "status": "not attempted"},
    ),
    "a column that is not to be used": Sample(
        csv(f"{_PLAIN},Department", f"{_ROW},Sales"), [assigned()], {"columns": "Department="}, ['F "Department"']
    ),
}

EXPORT_FILES = {
    "LinkedIn Learning": Sample(
        csv(
            "Name,Email,Unique User ID,Content Name,Content ID,Percent Completed,Started (PST/PDT),"
            "Last Viewed During Time Range (PST/PDT),Completed At (PST/PDT)",
            f"Anna,{ANNA},4711,Safety,urn:1,100%,2026-06-01 08:00,2026-06-02,2026-06-02 09:30",
            "Benoit,,4712,Safety,urn:1,33.5,2026-12-01 08:00,2026-12-02,",
        ),
        [
            taken(
                "urn:1",
                learnerUserId=ANNA,
                status="completed",
                completionPercentage="100",
                startedDateTime="2026-06-01T08:00:00-07:00",
                completedDateTime="2026-06-02T09:30:00-07:00",
            ),
            taken(
                "urn:1",
                learnerEmployeeId="4712",
                status="inProgress",
                completionPercentage="33",
                startedDateTime="2026-12-01T08:00:00-08:00",
            ),
        ],
        remarks=["an export of LinkedIn Learning", 'A "Name", D "Content Name", H "Last Viewed'],
    ),
    "LinkedIn Learning, American dates": Sample(
        csv(
            "Email,Content Name,Content ID,Percent Completed,Completed At (PST/PDT)",
            f"{ANNA},Safety,urn:1,100,6/2/2026 9:30 AM",
        ),
        [
            taken(
                "urn:1",
                learnerUserId=ANNA,
                status="completed",
                completionPercentage="100",
                completedDateTime="2026-06-02T09:30:00-07:00",
            )
        ],
        {"dateFormat": "M/d/yyyy h:mm tt"},
    ),
    "Cornerstone": Sample(
        csv(
            "User ID,User Email,Training Title,Training ID,Transcript Status,Transcript Assigned Date,"
            "Transcript Completed Date,Transcript Progress",
            f"4711,{ANNA},Safety,S-1,In Progress,2026-11-01,,45.5",
            "4712,,Safety,S-1,Registered,2026-11-01,,",
            f"4713,{BENOIT},Safety,S-1,Withdrawn,2026-11-01,,",
            f"4714,{BENOIT},Safety,S-1,No Show,2026-11-01,,",
            f"4715,{BENOIT},Safety,S-1,Past Due,2026-11-01,,0",
        ),
        [
            assigned(status="inProgress", assignedDateTime="2026-11-01", completionPercentage="45"),
            {
                **{name: value for name, value in assigned().items() if name != "learnerUserId"},
                "learnerEmployeeId": "4712",
                "assignedDateTime": "2026-11-01",
            },
            assigned(BENOIT, assignedDateTime="2026-11-01", completionPercentage="0"),
        ],
        {"assignmentType": "required"},
        ["an export of Cornerstone", 'C "Training Title"'],
        {2: "the learner has withdrawn", 3: "the learner did not come"},
    ),
    "Cornerstone with prefixes": Sample(
        csv(
            "User - User Email;Transcript - Transcript Status;Training - Training Title;Training - Training ID;"
            "Transcript - Transcript Completed Date;Transcript - Transcript Registration Date",
            f"{ANNA};Completed;Safety;S-1;04.12.2026;01.11.2026",
        ),
        [assigned(status="completed", completedDateTime="2026-12-04", assignedDateTime="2026-11-01")],
        {"assignmentType": "required", "dateFormat": "dd.MM.yyyy"},
    ),
    "SuccessFactors": Sample(
        csv(
            "STUD_ID|CPNT_TYP_ID|CPNT_ID|REV_DTE|CMPL_STAT_ID|COMPL_DTE|COMPL_DTE_TIMEZONE",
            "00042|COURSE|S-1|Jan-01-2026 00:00:00 UTC|Passed|Dec-04-2026 15:30:00|Europe/Berlin",
            "00043|COURSE|S-1|Jan-01-2026 00:00:00 UTC||Jun-04-2026 15:30:00 UTC|",
        ),
        [
            taken(learnerEmployeeId="00042", status="completed", completedDateTime="2026-12-04T15:30:00+01:00"),
            taken(learnerEmployeeId="00043", status="completed", completedDateTime="2026-06-04T15:30:00Z"),
        ],
        remarks=["an export of SuccessFactors", 'B "CPNT_TYP_ID", D "REV_DTE"'],
    ),
    "SuccessFactors, what is due": Sample(
        csv("STUD_ID|CPNT_ID|REQ_DTE|CMPL_STAT_ID", "00042|S-1|Dec-18-2026 23:59:00 UTC|Not attempted"),
        [
            {
                **{name: value for name, value in assigned().items() if name != "learnerUserId"},
                "learnerEmployeeId": "00042",
                "dueDateTime": "2026-12-18T23:59:00Z",
            }
        ],
        {"assignmentType": "required"},
    ),
    "Moodle": Sample(
        csv(
            "id,name,Email address,Quiz,Quiz - Completion date,Course complete",
            f'1,Anna,{ANNA},Completed,2026-12-01,"Friday, 4 December 2026, 3:30 PM"',
            f"2,Benoit,{BENOIT},Not completed,,",
        ),
        [
            taken(learnerUserId=ANNA, status="completed", completedDateTime="2026-12-04T15:30:00+01:00"),
            taken(learnerUserId=BENOIT, status="inProgress"),
        ],
        {"learningContentExternalId": "S-1", "timeZone": "Europe/Berlin"},
        ["an export of Moodle"],
    ),
    "Moodle, for Excel": Sample(
        csv(
            "id\tname\tEmail address\tQuiz\tQuiz - Completion date\tCourse complete",
            f"1\tAnna\t{ANNA}\tCompleted\t\tCompleted",
            encoding="utf-16",
        ),
        [taken(learnerUserId=ANNA, status="completed")],
        {"learningContentExternalId": "S-1"},
    ),
    "xAPI": Sample(
        csv(
            "actor.mbox,verb.id,object.id,result.completion,result.score.scaled,timestamp",
            f"mailto:{ANNA},http://adlnet.gov/expapi/verbs/completed,https://lms/S-1,true,0.9,2026-12-04T15:30:00Z",
        ),
        [taken("https://lms/S-1", learnerUserId=ANNA, status="completed", completedDateTime="2026-12-04T15:30:00Z")],
        remarks=["an export of xAPI"],
    ),
    "xAPI by account": Sample(
        csv(
            "actor.account.name,verb.id,object.id,timestamp",
            "4711,http://adlnet.gov/expapi/verbs/initialized,S-1,2026-12-04T15:30:00Z",
        ),
        [taken(learnerEmployeeId="4711", status="inProgress", startedDateTime="2026-12-04T15:30:00Z")],
    ),
}

_IN_EXCEL: Rows = [
    ["Email", "Course ID", "Due date", "Progress", "Personnel number"],
    [ANNA, "00042", date(2026, 12, 18), 20, ""],
    [BENOIT, 1234567890123, datetime(2026, 12, 18, 17, 30), 0, ""],  # noqa: DTZ001 (as cells are)
]
_OF_EXCEL = [
    assigned(ANNA, "00042", dueDateTime="2026-12-18", completionPercentage="20"),
    assigned(BENOIT, "1234567890123", dueDateTime="2026-12-18T17:30:00", completionPercentage="0"),
]
WORKBOOKS = {
    "a workbook": Sample(xlsx({"List": _IN_EXCEL}), _OF_EXCEL, _ALL_ROWS),
    "a workbook of a Mac": Sample(xlsx({"List": _IN_EXCEL}, since_1904=True), _OF_EXCEL, _ALL_ROWS),
    "an old workbook": Sample(xls(_TABLE), [assigned()]),
    "an OpenDocument sheet": Sample(
        ods({"List": [_IN_EXCEL[0], _IN_EXCEL[1]]}, blank_rows=10**6), _OF_EXCEL[:1], _ALL_ROWS
    ),
    "the first sheet with headings": Sample(
        xlsx({"Read me": [["Please fill in the list"]], "List": _TABLE, "Old": _TABLE}),
        [assigned()],
        remarks=['the sheet "List" was read'],
    ),
    "a sheet by its name": Sample(
        xlsx({"2025": [["Status"], ["completed"]], "2026": _TABLE}), [assigned()], {"sheet": " 2026 "}
    ),
    "a hidden sheet is none": Sample(
        xlsx({"Lists": [["Status"], ["completed"]], "List": _TABLE}, hidden=["Lists"]), [assigned()]
    ),
    "a merged title above the headings": Sample(
        xlsx({"List": [["Safety training 2026"], [], *_TABLE]}, merged="A1:E1"), [assigned()]
    ),
    "columns and rows left blank": Sample(
        xlsx({"List": [[], ["", *_TABLE[0]], [], ["", *_TABLE[1]], [], [None, None, "", ""]]}), [assigned()]
    ),
    "formulas": Sample(
        xlsx({"List": [_TABLE[0], ["assignment", Formula('=A1&"x"', ANNA), Formula("=1+41", 42), *_TABLE[1][3:]]]}),
        [assigned(ANNA, "42")],
    ),
    "percentages": Sample(
        xlsx({"List": [["Email", "Progress"], [ANNA, Percent(0.29)], [BENOIT, Percent(1)]]}),
        [
            {"learnerUserId": ANNA, "completionPercentage": "29"},
            {"learnerUserId": BENOIT, "completionPercentage": "100"},
        ],
    ),
    "truth": Sample(
        xlsx({"List": [["id", "Email address", "Course complete"], [1, ANNA, True]]}),
        [taken(learnerUserId=ANNA, status="completed")],
        {"learningContentExternalId": "S-1"},
    ),
    "LinkedIn Learning in Excel": Sample(
        xlsx(
            {
                "Report": [
                    ["Email", "Content Name", "Content ID", "Percent Completed", "Completed At (PST/PDT)"],
                    [ANNA, "Safety", "urn:1", Percent(1), datetime(2026, 6, 2, 9, 30)],  # noqa: DTZ001 (as cells are)
                    [BENOIT, "Safety", "urn:1", Percent(0.5), ""],
                ]
            }
        ),
        [
            taken(
                "urn:1",
                learnerUserId=ANNA,
                status="completed",
                completionPercentage="100",
                completedDateTime="2026-06-02T09:30:00-07:00",
            ),
            taken("urn:1", learnerUserId=BENOIT, status="inProgress", completionPercentage="50"),
        ],
    ),
}
CORPUS = {**CSV_FILES, **EXPORT_FILES, **WORKBOOKS}
