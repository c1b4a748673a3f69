"""What is told of names that stand for no id: the nearest reason, and what to do. Pure.

No name is repeated: reports and logs are no place for one.
"""

from collections.abc import Sequence

from activities.errors import ActivityError, ErrorCode, PermanentError, Problem, TransientError
from activities.execution.directory import Absence, Kind, Name

_BY_ADDRESS = (
    "Check the spelling. A guest is found by the e-mail address that was invited, and somebody from another tenant "
    "only as a guest of this one; an address beside the main one is found only if the app has the permission "
    "User.Read.All; a new account may take some minutes."
)


def one_of(errors: Sequence[ActivityError]) -> ActivityError:
    """Return the one error of a record: what can never succeed before what can, and all of that at once."""
    # A permission that two names need is told once.
    for_good = {(error.message, error.target): error for error in errors if isinstance(error, PermanentError)}
    if for_good:
        first, *others = for_good.values()
        problems = [Problem(error.code, error.message, error.target) for error in (first, *others)]
        message = " ".join(problem.message for problem in problems)
        return PermanentError(first.code, message, problems=problems) if others else first
    waits = [error for error in errors if isinstance(error, TransientError)]
    return max(waits, key=lambda error: error.retry_after_seconds)


def refused(its_property: str, name: Name, absence: Absence) -> PermanentError:
    """Return the error for a name in a property of a record."""
    if name.kind is Kind.CONTENT:
        code, message = ErrorCode.CONTENT_NOT_FOUND, _no_content(absence)
    elif absence is Absence.SEVERAL:
        code, message = ErrorCode.LEARNER_AMBIGUOUS, _several(its_property, name)
    else:
        code, message = ErrorCode.LEARNER_NOT_FOUND, _nobody(its_property, name)
    return PermanentError(code, message, target=its_property)


def _no_content(absence: Absence) -> str:
    if absence is Absence.INACTIVE:
        return (
            "The learning content in learningContentExternalId is not active: the LMS has hidden or withdrawn it "
            "(isActive is false). Have it activated, or use other content."
        )
    return (
        "The learning provider has no content with the id in learningContentExternalId. Check the id, capitals "
        "included, and the registrationId; content that the LMS has just sent to Viva Learning may take a while."
    )


def _several(its_property: str, name: Name) -> str:
    what = "employee id" if name.kind is Kind.EMPLOYEE_ID else "address"
    return f"More than one person has the {what} in {its_property}. Give the user's id, which is one person's only."


def _nobody(its_property: str, name: Name) -> str:
    if name.kind is Kind.EMPLOYEE_ID:
        return (
            f"Nobody in this tenant has the employee id in {its_property}. Check it, leading zeros included, or give "
            "learnerUserId."
        )
    if any(character.isspace() for character in name.text):
        return f"The address in {its_property} holds a space, which no address does. Correct the spelling."
    if "#ext#" in name.text:
        return (
            f"There is no guest with the user principal name in {its_property}. Check the spelling and the part behind "
            "#EXT#@, or give the guest's own e-mail address; whoever is no guest yet has to be invited first."
        )
    return (
        f"Nobody in this tenant has the address in {its_property} as user principal name or e-mail address. "
        f"{_BY_ADDRESS}"
    )
