"""Names of the code in words that makers read."""

import re

from activities.contract.models import Assignment, SelfInitiatedCourse

_SPOKEN = {"upsert": "Create or update"} | {
    kind.type_name: kind.spoken_name.partition(" ")[2].capitalize() for kind in (Assignment, SelfInitiatedCourse)
}


def display_name(value: str) -> str:
    """Return how a value of a drop-down is shown: ``inProgress`` as "In progress"."""
    return _SPOKEN.get(value) or " ".join(_words(value)).capitalize()


def caption(name: str) -> str:
    """Return a name in title case: ``SelfInitiatedCourse`` as "Self Initiated Course"."""
    return " ".join(word.capitalize() for word in _words(name))


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)


# Power Fx loses the body of an error: https://github.com/microsoft/Power-Fx
IN_APPS = (
    "Power Apps and Copilot Studio show only the number of an error: there, Send many activities tells the reason, in "
    "its results."
)
