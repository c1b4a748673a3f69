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
# Nothing tells the two kinds of 401 apart in advance: the host's has no body.
_OF_NO_ACTIVITY = {Code.INVALID_FILE, Code.NOT_FOUND, Code.UNAUTHENTICATED}
_OF_A_CHANGE = (Code.ACTIVITY_NOT_FOUND, Code.NOT_CHANGEABLE)
OF_A_CREATE = tuple(code for code in Code if code not in {*_OF_NO_ACTIVITY, *_OF_A_CHANGE})
OF_AN_UPSERT = (*OF_A_CREATE, Code.NOT_CHANGEABLE)
OF_AN_UPDATE = (*(code for code in OF_A_CREATE if code is not Code.ACTIVITY_EXISTS), *_OF_A_CHANGE)
# What a look at Graph can come to, and a deletion, whose record has no more than an id.
_OF_A_RECORD = {
    Code.INVALID_JSON,
    Code.REQUEST_TOO_LARGE,
    Code.LEARNER_NOT_LICENSED,
    Code.CONTENT_NOT_OWNED_BY_PROVIDER,
}
OF_A_DELETE = tuple(code for code in OF_AN_UPDATE if code not in {*_OF_A_RECORD, Code.NOT_CHANGEABLE})
_OF_A_WRITE = {Code.FIRST_SENT_TOO_OLD, Code.STORAGE_UNAVAILABLE, Code.CREATE_IN_PROGRESS}
OF_A_FIND = tuple(code for code in OF_A_DELETE if code not in _OF_A_WRITE)


def by_status(codes: Iterable[Code]) -> dict[int, list[Code]]:
    """Return the codes by the HTTP status that they are answered with, in order."""
    grouped: dict[int, list[Code]] = {}
    for code in sorted(codes, key=answers.HTTP_STATUS.__getitem__):
        grouped.setdefault(int(answers.HTTP_STATUS[code]), []).append(code)
    return grouped
