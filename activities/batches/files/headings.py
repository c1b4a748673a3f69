"""What people and learning systems call the contract's properties at the top of a column. Pure.

The names and titles are the contract's own; here are the words beside them, which docs/columns.md shows.
"""

import unicodedata

from activities.batches import columns
from activities.contract.instructions import AS_OF
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.contract.validation import EXTERNAL_ID

EMPLOYEE_ID, CONTENT_EXTERNAL_ID = "learnerEmployeeId", "learningContentExternalId"
LEARNER, CONTENT, STATUS, PERCENTAGE = "learnerUserId", "learningContentId", "status", "completionPercentage"
ASSIGNED, DUE, STARTED, COMPLETED = "assignedDateTime", "dueDateTime", "startedDateTime", "completedDateTime"
DATES = frozenset({ASSIGNED, DUE, STARTED, COMPLETED, AS_OF})
# Two names each for who or what is meant; a record has one of them, the first if it has the choice.
PAIRS = ((LEARNER, EMPLOYEE_ID), (CONTENT, CONTENT_EXTERNAL_ID))
PROPERTIES = (*dict.fromkeys((*columns.PROPERTIES, EMPLOYEE_ID, CONTENT_EXTERNAL_ID)), TYPE)
NOT_USED = ""

# Viva Learning's own list of what a learning system hands over, and the usual words of lists in offices:
# https://learn.microsoft.com/viva/learning/configure-lms
WORDS: dict[str, tuple[str, ...]] = {
    LEARNER: ("User ID", "Email", "E-mail", "Email address", "User email", "User principal name", "UPN", "Learner"),
    EMPLOYEE_ID: ("Employee ID", "Employee number", "Personnel number", "Staff ID"),
    CONTENT: (),
    CONTENT_EXTERNAL_ID: ("Learning object ID", "Course ID", "Course number", "Course code"),
    TYPE: ("Kind", "Activity type"),
    "assignmentType": ("Assignment kind",),
    STATUS: ("Completion status", "State"),
    PERCENTAGE: ("Progress", "Percent completed", "Percentage"),
    ASSIGNED: ("Assignment date", "Assigned date", "Assigned on"),
    DUE: ("Due date", "Due", "Deadline"),
    STARTED: ("Start date", "Started", "Started on"),
    COMPLETED: ("Completion date", "Completed date", "Completed on"),
    EXTERNAL_ID: ("External assignment ID", "Course completion ID", "Completion ID"),
    "assignerUserId": ("Assigner", "Assigned by"),
    "notes": ("Note", "Comment", "Message"),
    # Viva Learning shows the title of the course itself.
    NOT_USED: ("Title", "Course title", "Course name", "Learning object title"),
}


def titles() -> dict[str, str]:
    """Return the properties' titles in the connector and the API's documents."""
    models = (CourseActivity, Assignment, SelfInitiatedCourse)
    return {one.alias or "": one.title or "" for model in models for one in model.model_fields.values()}


def key(heading: str) -> str:
    """Return what is left of a heading to be compared: its letters and digits, in one case and one width."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", heading).casefold()))


def _known() -> dict[str, str]:
    named = {key(name): name for name in (*columns.OURS, *PROPERTIES, ODATA_TYPE)}
    titled = {key(title): name for name, title in titles().items()}
    worded = {key(word): name for name, words in WORDS.items() for word in words}
    return {**worded, **titled, **named}


KNOWN = _known()
