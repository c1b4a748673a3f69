"""Tries whether people and courses are found by name: by made-up names, of which Graph has to say that it has none."""

from collections.abc import Callable
from dataclasses import dataclass

from activities.errors import ActivityError, TransientError
from activities.execution.directory import Absence, Directory, Kind
from activities.execution.directory import Name as OwnName
from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.findings import Finding
from activities.execution.tenant.subject import Subject

# Opened by whoever needs it; None where the app looks no names up.
type OpenDirectory = Callable[[], Directory]

_SECONDS = 20.0
_ASKED = {
    Kind.ADDRESS: Name.PEOPLE_BY_ADDRESS,
    Kind.EMPLOYEE_ID: Name.PEOPLE_BY_EMPLOYEE_ID,
    Kind.CONTENT: Name.CONTENTS_BY_EXTERNAL_ID,
}


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the look-ups came to, and the id of the course that was named by the provider's own id, "" if none was."""

    findings: list[Finding]
    content_id: str = ""


async def look_up(open_directory: OpenDirectory, subject: Subject, run_id: str) -> LookedUp:
    """Look up a made-up person, and the course if it was named, else a made-up one."""
    made_up, provider = f"tenant-check-{run_id}", subject.registration_id
    course = subject.learning_content_external_id
    names = [
        OwnName.of_person(provider, Kind.ADDRESS, f"{made_up}@example.com"),
        OwnName.of_person(provider, Kind.EMPLOYEE_ID, made_up),
        OwnName.of_content(provider, course or made_up),
    ]
    directory = open_directory()
    # One at a time: each takes a permission of its own.
    found = [(await directory.find([name], timeout_seconds=_SECONDS))[0] for name in names]
    findings = [_finding(_ASKED[name.kind], one) for name, one in zip(names, found, strict=True)]
    content = found[-1]
    is_id = bool(course) and isinstance(content, str) and not isinstance(content, Absence)
    return LookedUp(findings, str(content) if is_id else "")


def _finding(name: Name, found: str | Absence | ActivityError) -> Finding:
    match found:
        case TransientError():
            return Finding(name, found.message, holds=None)
        case ActivityError():
            return Finding(name, found.message, holds=False)
        case Absence():
            return Finding(name, f"Microsoft Graph said of the name that was asked for: {found}.", holds=True)
    return Finding(name, "It was found.", holds=True)
