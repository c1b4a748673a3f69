"""What each error code means, in one sentence: the README's table says the same, and a test compares them."""

from collections.abc import Iterable

from activities import wire
from activities.errors import ErrorCode as Code

MEANING = {
    Code.INVALID_JSON: "The body is not JSON; the message says where (line and column).",
    Code.INVALID_REQUEST: "Properties are missing, unknown or wrong; details names each.",
    Code.UNAUTHENTICATED: "The caller has not signed in, where the app wants Microsoft Entra ID instead of a key.",
    Code.NOT_FOUND: "There is no batch with this id (any more).",
    Code.ACTIVITY_EXISTS: "The external id belongs to an activity with other content; the message gives its id.",
    Code.REQUEST_TOO_LARGE: (
        "The body is larger than one activity can be, or a batch has more than 10,000 activities or 16 MiB."
    ),
    Code.LEARNER_NOT_LICENSED: "The learner has no premium licence for Viva Learning.",
    Code.CONTENT_NOT_OWNED_BY_PROVIDER: "The learning content belongs to another learning provider.",
    Code.REJECTED_BY_GRAPH: "Graph refuses this record; its own words are passed on.",
    Code.PROVIDER_NOT_ENABLED: "The provider's course activity sync is off.",
    Code.PROVIDER_NOT_REGISTERED: "Graph does not know this provider in this tenant.",
    Code.SERVICE_PLAN_MISSING: "The tenant has no plan with Viva Learning.",
    Code.GRAPH_PERMISSION_MISSING: "The app's identity lacks a Graph permission; the message says which.",
    Code.THROTTLED: "Graph throttles; Retry-After says for how many seconds.",
    Code.INTERNAL_ERROR: "A bug, or a setting that cannot be used (the message names it).",
    Code.GRAPH_FAULT: "Graph failed or answered nonsense, and the activity was not found afterwards.",
    Code.GRAPH_UNAVAILABLE: "Graph cannot be reached or says it is not available; nothing was created.",
    Code.STORAGE_UNAVAILABLE: (
        "The app's storage account does not answer, or refuses the app: then the message says what an admin does."
    ),
    Code.CREATE_IN_PROGRESS: "Another request is creating the same activity at this moment.",
    Code.IDENTITY_UNAVAILABLE: "The app got no token; the message says what an admin checks.",
    Code.OUTCOME_UNKNOWN: "Sent, no answer, and looking it up did not tell. Repeat with the same external id.",
}
NO_KEY = (
    "The function key is missing or wrong; the answer has no body. Where the app wants a sign-in with Microsoft Entra "
    "ID instead: there was none, and the error code is unauthenticated."
)

# Which codes an operation can answer.
OF_A_BODY = (Code.INVALID_JSON, Code.INVALID_REQUEST, Code.REQUEST_TOO_LARGE)
OF_THE_APP = (Code.INTERNAL_ERROR,)
OF_STORAGE = (Code.STORAGE_UNAVAILABLE,)
OF_A_CREATE = tuple(code for code in Code if code not in {Code.NOT_FOUND, Code.UNAUTHENTICATED})


def by_status(codes: Iterable[Code]) -> dict[int, list[Code]]:
    """Return the codes by the HTTP status that they are answered with, in order."""
    grouped: dict[int, list[Code]] = {}
    for code in sorted(codes, key=wire.HTTP_STATUS.__getitem__):
        grouped.setdefault(int(wire.HTTP_STATUS[code]), []).append(code)
    return grouped
