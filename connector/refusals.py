"""Which error codes an operation can answer, and under which HTTP status."""

from collections.abc import Iterable

from activities.errors import ErrorCode as Code
from activities.web import answers

NO_KEY = (
    "The function key is missing or wrong; the answer has no body. Where the app wants a sign-in with Microsoft Entra "
    "ID instead: there was none, and the error code is unauthenticated."
)

# Which codes an operation can answer.
OF_A_BODY = (Code.INVALID_JSON, Code.INVALID_REQUEST, Code.REQUEST_TOO_LARGE)
OF_A_FILE = (Code.INVALID_FILE, Code.INVALID_REQUEST, Code.REQUEST_TOO_LARGE)
OF_THE_APP = (Code.INTERNAL_ERROR,)
OF_STORAGE = (Code.STORAGE_UNAVAILABLE,)
OF_A_CALLER = (Code.NOT_ALLOWED,)
OF_A_CREATE = tuple(code for code in Code if code not in {Code.INVALID_FILE, Code.NOT_FOUND, Code.UNAUTHENTICATED})


def by_status(codes: Iterable[Code]) -> dict[int, list[Code]]:
    """Return the codes by the HTTP status that they are answered with, in order."""
    grouped: dict[int, list[Code]] = {}
    for code in sorted(codes, key=answers.HTTP_STATUS.__getitem__):
        grouped.setdefault(int(answers.HTTP_STATUS[code]), []).append(code)
    return grouped
