"""What learning systems call a state, a kind and a percentage, in the contract's words. Pure.

Sources: https://adlnet.gov/projects/scorm/ (passed, failed, browsed, not attempted) and
https://adlnet.gov/projects/xapi/ (verbs); the rest is what their exports hold.
"""

import re
from collections.abc import Callable, Mapping

from activities.batches import columns
from activities.batches.files.headings import STATUS, key
from activities.contract.kinds import ODATA_TYPE
from activities.contract.models import Assignment, SelfInitiatedCourse

NOT_STARTED, IN_PROGRESS, COMPLETED = "notStarted", "inProgress", "completed"
# Due, and nobody says whether it was begun: what is said beside it decides.
PAST_DUE = "pastDue"
_STATES = {
    COMPLETED: ("passed", "completed", "complete", "finished", "yes", "true"),
    IN_PROGRESS: (
        *("failed", "incomplete", "browsed", "in progress", "started", "attempted", "initialized", "progressed"),
        *("launched", "resumed", "suspended", "terminated", "not completed", "no", "false"),
    ),
    NOT_STARTED: ("not attempted", "registered", "not started", "assigned", "enrolled", "approved"),
    PAST_DUE: ("past due", "overdue"),
}
_STATE_OF = {key(word): state for state, words in _STATES.items() for word in words}
# What is no activity any more, with the reason that the report gives.
_NOT_SENT = {
    "withdrawn": "the learner has withdrawn from the course",
    "noshow": "the learner did not come to the course",
}
_KINDS = {
    Assignment.type_name: ("assigned", "mandatory assignment"),
    SelfInitiatedCourse.type_name: ("self-enrolled", "self-assigned", "self-registered", "course completion"),
}
_KIND_OF = {key(word): kind for kind, words in _KINDS.items() for word in words}
_TYPE_OF = {"mandatory": "required", "compulsory": "required", "optional": "recommended"}
# The last part of a verb's address, and of a code such as "COURSE-COMPLETED".
_ADDRESS = re.compile(r"https?://\S*/([^/\s]+)/?")
_PERCENT = re.compile(r"(\d{1,3})(?:[.,](\d+))?\s*%?", re.ASCII)


def state(said: str) -> str:
    """Return the state that a word means, or the word as it is."""
    address = _ADDRESS.fullmatch(said.strip())
    return _STATE_OF.get(key(address[1] if address else said), said)


def why_not_sent(said: str) -> str:
    """Return why a row in this state is no activity; "" if it may be one."""
    return _NOT_SENT.get(key(said), "")


def kind(said: str) -> str:
    """Return the ``@odata.type`` that a word means, or the word as it is."""
    return columns.kind_of(_KIND_OF.get(key(said), said))


def assignment_type(said: str) -> str:
    """Return what a word means: required or recommended; or the word as it is."""
    return _TYPE_OF.get(key(said), said)


MEANINGS: Mapping[str, Callable[[str], str]] = {
    STATUS: state,
    ODATA_TYPE: kind,
    "assignmentType": assignment_type,
}


def percentage(said: str, *, whole: bool) -> str:
    """Return a percentage as a whole number, if it is one: "75 %", "75,0"; ``whole`` cuts off what is behind it."""
    found = _PERCENT.fullmatch(said.strip())
    if not found or (not whole and (found[2] or "").strip("0")):
        return said
    return str(int(found[1]))
