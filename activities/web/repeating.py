"""What a caller calls a request so that it can be repeated, and what the answer says of that. Pure.

Source: https://docs.oasis-open.org/odata/repeatable-requests/v1.0/repeatable-requests-v1.0.html
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.web.http import Request

REQUEST_ID, FIRST_SENT, RESULT = "Repeatability-Request-ID", "Repeatability-First-Sent", "Repeatability-Result"
_KEYS = (REQUEST_ID, "Idempotency-Key")
LONGEST_KEY = 256
# The functions that keep their promise to do the same request once.
REPEATABLE = frozenset(
    {
        *(
            f"{verb}_{what}"
            for verb in ("create", "upsert", "update")
            for what in ("activity", "assignment", "self_initiated_course")
        ),
        "delete_activity",
        "create_batch",
        "send_file",
    }
)
# Of the request's own name: nothing was tried, and nothing will be.
_REJECTING = frozenset({ErrorCode.FIRST_SENT_TOO_OLD, ErrorCode.ACTIVITY_EXISTS})
# Of everything else around it: nobody has looked at the name, or nobody knows what came of it.
_UNTOLD = frozenset({ErrorCode.UNAUTHENTICATED, ErrorCode.NOT_ALLOWED, ErrorCode.INTERNAL_ERROR})


def key_of(request: Request, *, now: datetime, remembered: timedelta) -> str | None:
    """Return what a request is known by when it is repeated: its caller's own text, for this caller alone.

    Args:
        request: The request.
        now: What the time of its first sending is compared with.
        remembered: For how long it is known what was done.

    Raises:
        PermanentError: ``invalidRequest`` if the headers are not as the specification wants them; ``firstSentTooOld``.
    """
    said = {name: request.headers.get(name.casefold(), "").strip() for name in (*_KEYS, FIRST_SENT)}
    name = next((one for one in _KEYS if said[one]), "")
    if name and len(said[name]) > LONGEST_KEY:
        message = f"{name} may have up to {LONGEST_KEY} characters, but has {len(said[name]):,}: shorten it."
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target=name)
    if said[FIRST_SENT]:
        _check_first_sent(said[FIRST_SENT], named=bool(said[REQUEST_ID]), earliest=now - remembered)
    if not name:
        return None
    # No header holds a line break, so that no other caller can write the same.
    return f"{request.client_id}\n{said[name]}" if request.client_id else said[name]


def result(request: Request, error: ActivityError | None = None) -> Mapping[str, str]:
    """Return the header that says whether a repeatable request was accepted: none if it is not one, or nobody knows."""
    if request.function not in REPEATABLE or not request.headers.get(FIRST_SENT.casefold(), "").strip():
        return {}
    if error is None:
        return {RESULT: "accepted"}
    if error.code in _UNTOLD:
        return {}
    rejected = error.code in _REJECTING or error.target in {*_KEYS, FIRST_SENT}
    return {RESULT: "rejected" if rejected else "accepted"}


def _check_first_sent(said: str, *, named: bool, earliest: datetime) -> None:
    moment = _moment(said)
    if moment is None:
        message = f'{FIRST_SENT} must be a time such as "Sun, 22 Nov 2026 17:02:00 GMT", always in GMT.'
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target=FIRST_SENT)
    if not named:
        message = f"{FIRST_SENT} says when a request was sent first, but {REQUEST_ID}, which names it, is missing."
        raise PermanentError(ErrorCode.INVALID_REQUEST, message, target=REQUEST_ID)
    if moment < earliest:
        message = (
            f"This request was first sent before {format_datetime(earliest, usegmt=True)}, and what was done before is "
            "not remembered. Look whether the activity exists; if it does not, send it as a new request, with another "
            f"{REQUEST_ID} and the time of now."
        )
        raise PermanentError(ErrorCode.FIRST_SENT_TOO_OLD, message, target=FIRST_SENT)


def _moment(said: str) -> datetime | None:
    """Read an HTTP date in its one preferred form: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7."""
    try:
        moment = parsedate_to_datetime(said)
        return moment if format_datetime(moment, usegmt=True) == said else None
    except ValueError:
        return None
