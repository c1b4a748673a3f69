"""What can be wrong with a record or an envelope, in the words of ``details[].code``, and the one error for it all."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

from activities.errors import ErrorCode, PermanentError, Problem

REQUIRED, INVALID, UNKNOWN = "required", "invalid", "unknownProperty"
CONTRADICTION, NOT_ALLOWED = "contradiction", "notAllowed"


def closest(name: str, names: Iterable[str]) -> str:
    """Return which of the names was probably meant, or ``""``."""
    by_lower_case = {known.casefold(): known for known in sorted(names)}
    close = difflib.get_close_matches(name.casefold()[:64], by_lower_case, n=1)
    return by_lower_case[close[0]] if close else ""


def missing(name: str, descriptions: Mapping[str, str], more: str = "") -> Problem:
    """Return what is told of a property that has to be there."""
    return Problem(REQUIRED, f"{name} is required. {descriptions[name]}{more}", name)


def either(
    name: str, other: str, said: Collection[str], descriptions: Mapping[str, str], *, needed: bool
) -> list[Problem]:
    """Return what is wrong with both or neither of two properties that say the same thing in different words."""
    if name in said:
        message = f"{name} and {other} both say the same thing in different words: send one of them."
        return [Problem(CONTRADICTION, message, other)]
    return [missing(name, descriptions, f" Or send {other}.")] if needed else []


def refusal(problems: Sequence[Problem]) -> PermanentError:
    """Return the one error for everything that is wrong with a request."""
    if len(problems) == 1:
        return PermanentError(
            ErrorCode.INVALID_REQUEST, problems[0].message, target=problems[0].target, problems=problems
        )
    message = f"{len(problems)} problems: " + " ".join(problem.message for problem in problems)
    return PermanentError(ErrorCode.INVALID_REQUEST, message, problems=problems)
