"""What Microsoft Graph answered, or failed to answer, told in this app's errors. Pure and total: no I/O, no clock.

Graph says four different things with 403 and two with 400 under one code: only the text tells them apart.
Source: https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities#response
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus

from activities.errors import ActivityError, ErrorCode, PermanentError, Problem, TransientError
from activities.graph import delays, permissions

_LONGEST_QUOTE = 500
# What Graph's gateway calls a failure that it knows nothing about; its message is empty.
_NO_WORDS = "unknownerror"

_INPUT_FIELD = re.compile(
    r"input field\s+\{?([\w@.]+?)\}?\s*(?:is required|is invalid|should|length exceeded)", re.IGNORECASE
)

_NOT_ENABLED = (
    ErrorCode.PROVIDER_NOT_ENABLED,
    (
        "The learning provider is not enabled for course activities in this tenant. An admin has to set its "
        "isCourseActivitySyncEnabled to true (a Knowledge Administrator with a Viva Learning licence can)."
    ),
)
_NOT_REGISTERED = (
    ErrorCode.PROVIDER_NOT_REGISTERED,
    (
        "Microsoft Graph does not know this learning provider in this tenant. Check the registrationId; an admin sees "
        "the right one in the tenant's list of learning providers, or has to register the provider first."
    ),
)
_NO_SERVICE_PLAN = (
    ErrorCode.SERVICE_PLAN_MISSING,
    "The tenant has no service plan that allows this. An admin has to add Viva Learning (Viva Suite) licences.",
)
_CONTENT_NOT_OWNED = (
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
    (
        "The learning content belongs to another learning provider. Activities can be created only for content of the "
        "provider itself: check learningContentId and registrationId."
    ),
)
_NOT_LICENSED = (
    ErrorCode.LEARNER_NOT_LICENSED,
    "The learner has no premium licence for Viva Learning. Assign one to the learner, or leave the learner out.",
)
_NO_PERMISSION = (ErrorCode.GRAPH_PERMISSION_MISSING, "")  # In words by ``permissions``, which knows their names.
_EXISTS = (
    ErrorCode.ACTIVITY_EXISTS,
    "Microsoft Graph says that an activity with this externalCourseActivityId exists already.",
)
# (status, words that all have to stand in Graph's code and message, what it means): the first that fits decides.
_MEANINGS = (
    (HTTPStatus.FORBIDDEN, ("service plan",), _NO_SERVICE_PLAN),
    (HTTPStatus.FORBIDDEN, ("provider", "learning content"), _CONTENT_NOT_OWNED),
    (HTTPStatus.FORBIDDEN, ("license", "valid"), _NOT_LICENSED),
    (HTTPStatus.FORBIDDEN, ("access to this report",), _NO_PERMISSION),
    (HTTPStatus.FORBIDDEN, ("authorization_requestdenied",), _NO_PERMISSION),
    (HTTPStatus.FORBIDDEN, ("insufficient privileges",), _NO_PERMISSION),
    (HTTPStatus.BAD_REQUEST, ("enabled for the given tenant",), _NOT_ENABLED),
    (HTTPStatus.BAD_REQUEST, ("registrationid", "registered"), _NOT_REGISTERED),
    (HTTPStatus.CONFLICT, (), _EXISTS),
)
_THROTTLED = (ErrorCode.THROTTLED, "Microsoft Graph is throttling: too many requests at the moment.")
# Nothing was executed, and Graph may say when to come back.
_TEMPORARY: dict[int, tuple[ErrorCode, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        ErrorCode.IDENTITY_UNAVAILABLE,
        (
            "Microsoft Graph did not accept the function app's token, nor a new one. If it stays so, an admin has to "
            "check in Microsoft Entra that the app's identity is there and enabled."
        ),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: _THROTTLED,
    509: _THROTTLED,  # Graph's own "bandwidth limit exceeded": https://learn.microsoft.com/graph/errors
    HTTPStatus.SERVICE_UNAVAILABLE: (
        ErrorCode.GRAPH_UNAVAILABLE,
        "Microsoft Graph is not available at the moment.",
    ),
}
# Where Graph refuses for what the tenant lacks, as well as for what is wrong with a request.
_REASONS_WITH_A_TENANT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})
_UNANSWERED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT})


def says_absent(status: int, body: bytes) -> bool:
    """Tell whether Graph itself says that there is no such activity; a gateway's 404 page says nothing about it."""
    return status == HTTPStatus.NOT_FOUND and code_of(body).casefold() not in {"", _NO_WORDS}


def code_of(body: bytes) -> str:
    """Return Graph's own code in an answer, or "" if it holds none."""
    code, _, _ = _graph_error(_json(body))
    return code


def said_in(body: bytes) -> tuple[str, str]:
    """Return Graph's own code and words in an answer, details included; empty if it holds none."""
    code, message, details = _graph_error(_json(body))
    return code, " ".join(dict.fromkeys(filter(None, (message, *(text for _, text in details)))))


def absent() -> PermanentError:
    """Return the error for a request about an activity that Graph does not have, or has not any more."""
    return PermanentError(
        ErrorCode.ACTIVITY_NOT_FOUND,
        "Microsoft Graph has no such activity: it was never created, or has been deleted. Check the id or the "
        "externalCourseActivityId and the registrationId, or create the activity.",
    )


def translate(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, permission: tuple[str, ...] = ()
) -> ActivityError:
    """Return the error for an answer of Graph that holds no entity.

    Args:
        status: Any HTTP status, also one that nobody documented.
        headers: Names in lower case.
        body: Any bytes: Graph's error, an error without "error", a gateway's HTML, nothing.
        now: The moment that a ``Retry-After`` date counts from.
        permission: The one that the request needs, or those of which it needs one; where it is known.
    """
    text = body.decode("utf-8", errors="replace")
    code, message, details = _graph_error(_json(body))
    retry_after_seconds = delays.retry_after_seconds(headers, text, now=now)
    if status in _TEMPORARY:
        our_code, our_message = _TEMPORARY[status]
        return TransientError(
            our_code,
            f"{our_message} Send the request again after {math.ceil(retry_after_seconds)} seconds.",
            retry_after_seconds=retry_after_seconds,
        )
    if status in _UNANSWERED:
        return unanswered()
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(
            ErrorCode.GRAPH_FAULT,
            f"Microsoft Graph failed (status {status}){_quoted(message)}. Send the request again in a while.",
            retry_after_seconds=retry_after_seconds,
            may_have_executed=True,
        )
    words_of_graph = f"{code} {message}".casefold()
    for its_status, words, (our_code, our_message) in _MEANINGS:
        if status == its_status and all(word in words_of_graph for word in words):
            named = our_code is not ErrorCode.GRAPH_PERMISSION_MISSING
            return PermanentError(our_code, our_message) if named else permissions.refused(permission)
    return _rejected(status, code, message, details)


def unanswered() -> TransientError:
    """Return the error for a request that was sent, or may have been, without an answer."""
    return TransientError(
        ErrorCode.OUTCOME_UNKNOWN,
        "Microsoft Graph did not say whether it did what was asked. It is safe to send the same request again.",
        retry_after_seconds=delays.DEFAULT_SECONDS,
        may_have_executed=True,
    )


def unreachable() -> TransientError:
    """Return the error for a request that never left: no connection, so nothing was executed."""
    return TransientError(
        ErrorCode.GRAPH_UNAVAILABLE,
        "Microsoft Graph could not be reached; nothing was done. Send the request again in a while.",
        retry_after_seconds=2.0,  # Connections come back within seconds, or a second one does not fail at all.
    )


def _rejected(status: int, code: str, message: str, details: list[tuple[str, str]]) -> PermanentError:
    problems = [
        Problem(its_code or "rejected", text[:_LONGEST_QUOTE], _target(text)) for its_code, text in details if text
    ]
    reasons = " ".join(problem.message.rstrip(".") + "." for problem in problems)
    # With details, Graph's message is only the code once more.
    reason = f": {reasons}" if reasons else _quoted(message or code) + "."
    silent = not (reasons or message) and code.casefold() in {"", _NO_WORDS}
    if silent and status in _REASONS_WITH_A_TENANT:
        reason = (
            " without a reason. An admin can check the usual ones: a permission that the app's identity lacks, "
            "a Viva Learning licence that the learner lacks, and the provider's isCourseActivitySyncEnabled."
        )
    return PermanentError(
        ErrorCode.REJECTED_BY_GRAPH,
        f"Microsoft Graph refuses this activity (status {status}){reason}",
        target=problems[0].target if len(problems) == 1 else "",
        problems=problems,
    )


def _target(message: str) -> str:
    found = _INPUT_FIELD.search(message)
    return found[1] if found else ""


def _quoted(message: str) -> str:
    quote = " ".join(message.split())[:_LONGEST_QUOTE].rstrip(".")
    return f': "{quote}"' if quote else ""


def _graph_error(answer: object) -> tuple[str, str, list[tuple[str, str]]]:
    """Return code, message and details, wherever in the answer they stand; what is missing is empty."""
    error = answer
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict | str):
        error = answer["error"]
    if isinstance(error, str):
        return "", error, []
    if not isinstance(error, dict):
        return "", "", []
    details = error.get("details")
    return (
        _text(error.get("code")),
        _text(error.get("message")),
        list(_details(details if isinstance(details, list) else [])),
    )


def _details(details: list[object]) -> Iterator[tuple[str, str]]:
    for detail in details:
        if isinstance(detail, dict):
            yield _text(detail.get("code")), _text(detail.get("message"))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
