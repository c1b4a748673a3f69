"""The exports of learning systems that are sent as they are: how each is recognised, and what its columns mean. Pure.

Whoever meets another form of one of them adds a heading here: the files in tests/files hold what is understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.batches.files.headings import (
    ASSIGNED,
    COMPLETED,
    CONTENT_EXTERNAL_ID,
    DUE,
    EMPLOYEE_ID,
    LEARNER,
    PERCENTAGE,
    STARTED,
    STATUS,
    key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One system's export.

    Args:
        name: Whose it is.
        signs: The headings by which it is recognised, without their prefixes: all of them stand in the file.
        columns: By property, the headings that hold it, the one to prefer first.
        prefixes: What may stand in front of every heading.
        zone: Where its times are meant, if it says nowhere else.
        zone_columns: By property, the heading that says its time zone.
        date_formats: How it writes dates beside ISO 8601.
    """

    name: str
    signs: frozenset[str]
    columns: Mapping[str, tuple[str, ...]]
    prefixes: tuple[str, ...] = ()
    zone: str = ""
    zone_columns: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ()

    def keys(self, heading: str) -> tuple[str, ...]:
        """Return the keys that a heading has here: as it is, and without a prefix."""
        said = key(heading)
        return said, *(said.removeprefix(key(one)) for one in self.prefixes if said.startswith(key(one)))

    def is_it(self, headings: list[str]) -> bool:
        """Tell whether these are the headings of such an export."""
        found = {one for heading in headings for one in self.keys(heading)}
        return all(key(sign) in found for sign in self.signs)


MOODLE = "Moodle"
COURSE_COMPLETE = "Course complete"
EXPORTS = (
    Export(
        name="LinkedIn Learning",
        signs=frozenset({"Content Name", "Content ID", "Percent Completed"}),
        columns={
            LEARNER: ("Email",),
            EMPLOYEE_ID: ("Unique User ID",),
            CONTENT_EXTERNAL_ID: ("Content ID",),
            PERCENTAGE: ("Percent Completed",),
            STARTED: ("Started (PST/PDT)", "Started"),
            COMPLETED: ("Completed At (PST/PDT)", "Completed At"),
        },
        zone="America/Los_Angeles",
    ),
    Export(
        name="Cornerstone",
        signs=frozenset({"Transcript Status"}),
        columns={
            LEARNER: ("User Email", "Email"),
            EMPLOYEE_ID: ("User ID",),
            CONTENT_EXTERNAL_ID: ("Training ID", "Training Object ID", "Object ID", "LO ID"),
            STATUS: ("Transcript Status",),
            PERCENTAGE: ("Transcript Progress",),
            ASSIGNED: ("Transcript Assigned Date", "Transcript Registration Date"),
            DUE: ("Transcript Due Date",),
            COMPLETED: ("Transcript Completed Date",),
        },
        prefixes=("Transcript - ", "User - ", "Training - "),
    ),
    Export(
        name="SuccessFactors",
        signs=frozenset({"STUD_ID", "CPNT_ID"}),
        columns={
            EMPLOYEE_ID: ("STUD_ID",),
            CONTENT_EXTERNAL_ID: ("CPNT_ID",),
            STATUS: ("CMPL_STAT_ID",),
            DUE: ("REQ_DTE",),
            COMPLETED: ("COMPL_DTE",),
        },
        zone_columns={COMPLETED: "COMPL_DTE_TIMEZONE"},
        date_formats=("MMM-dd-yyyy HH:mm:ss", "MMM-dd-yyyy HH:mm:ss zzz", "MMM-dd-yyyy"),
    ),
    Export(
        name=MOODLE,
        signs=frozenset({"Email address", COURSE_COMPLETE}),
        columns={LEARNER: ("Email address",), STATUS: (COURSE_COMPLETE,)},
        date_formats=("dddd, d MMMM yyyy, h:mm tt", "d MMMM yyyy, h:mm tt", "dddd, d MMMM yyyy, HH:mm"),
    ),
    Export(
        name="xAPI",
        signs=frozenset({"verb.id", "object.id"}),
        columns={
            LEARNER: ("actor.mbox",),
            EMPLOYEE_ID: ("actor.account.name", "account.name"),
            CONTENT_EXTERNAL_ID: ("object.id",),
            STATUS: ("verb.id",),
            COMPLETED: ("timestamp",),
        },
    ),
)


def recognised(headings: list[str]) -> Export | None:
    """Return whose export has these headings, if it is a known one."""
    return next((export for export in EXPORTS if export.is_it(headings)), None)
