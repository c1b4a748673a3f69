"""A question to Microsoft Graph about names, and what an answer to it says. Pure.

Graph repeats in an error what it was asked for, so its own words about people go no further than this.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from kiota_abstractions.request_information import RequestInformation

from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.directory import Absence, Name
from activities.graph import permissions, translation
from activities.graph.sdk import Answer

_UNCLEAR_SECONDS = 5.0

# The ids of all who are meant.
type Hits = frozenset[str]
NOBODY: Hits = frozenset()
type Answers = Mapping[Name, Hits | Absence | ActivityError]


@dataclass(frozen=True, slots=True)
class Question:
    """One request about one or several names.

    Args:
        names: What it asks about.
        information: The request.
        permission: Without which Graph refuses it.
        read: Reads a successful answer's JSON; whatever it raises means that the answer is none.
        by_key: Whether it asks for the only one with a key, so that "not found" is an answer.
        optional: Whether a refusal counts as having found nobody.
    """

    names: tuple[Name, ...]
    information: RequestInformation
    permission: str
    read: Callable[[Any], Answers]
    by_key: bool = False
    optional: bool = False


def quoted(text: str) -> str:
    """Return a text as OData writes it: https://learn.microsoft.com/graph/query-parameters#escaping-single-quotes."""
    return f"'{text.replace("'", "''")}'"


def unclear(reason: str) -> TransientError:
    """Return the error for a look-up that told nothing; whatever was asked for, nothing was sent."""
    return TransientError(
        ErrorCode.GRAPH_UNAVAILABLE,
        f"{reason} So a person or course could not be looked up, and nothing was sent. Send the request again in a "
        "while.",
        retry_after_seconds=_UNCLEAR_SECONDS,
    )


def answers_to(question: Question, answer: Answer | ActivityError, *, now: datetime) -> Answers:
    """Return what an answer says about each name of a question."""
    told = read(answer, question.read, permission=question.permission, now=now)
    if not isinstance(told, ActivityError):
        return told
    is_refused = isinstance(told, PermanentError)
    is_absent = isinstance(answer, Answer) and (
        answer.status == HTTPStatus.NOT_FOUND
        # A key of a form that Graph does not take is not found either.
        or (answer.status == HTTPStatus.BAD_REQUEST and told.code is ErrorCode.REJECTED_BY_GRAPH)
    )
    if (question.by_key and is_absent) or (question.optional and is_refused):
        return dict.fromkeys(question.names, NOBODY)
    return dict.fromkeys(question.names, told)


def read[Told](
    answer: Answer | ActivityError, how: Callable[[Any], Told], *, permission: str, now: datetime
) -> Told | ActivityError:
    """Return what a successful answer says, or the error for another one."""
    if isinstance(answer, ActivityError):
        return _in_own_words(answer)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        try:
            return how(json.loads(answer.body))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return unclear("Microsoft Graph answered something that is no answer.")
    error = translation.translate(answer.status, answer.headers, answer.body, now=now, permission=(permission,))
    if error.code is ErrorCode.REJECTED_BY_GRAPH and answer.status == HTTPStatus.FORBIDDEN:
        return permissions.refused((permission,))
    return _in_own_words(error, status=answer.status)


def _in_own_words(error: ActivityError, *, status: int = 0) -> ActivityError:
    if isinstance(error, TransientError) and error.may_have_executed:
        return unclear("Microsoft Graph did not answer.")
    if error.code is ErrorCode.REJECTED_BY_GRAPH:
        message = f"Microsoft Graph refuses to look up a person or course by this name (status {status})."
        return PermanentError(ErrorCode.REJECTED_BY_GRAPH, message)
    return error
