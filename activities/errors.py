"""Every way in which a request can fail, as one tree: codes and what follows from them, in no service's terms.

    ActivityError
    ├── PermanentError    the same request cannot succeed until somebody changes something: never a 5xx
    └── TransientError    the same request can succeed later: carries retry_after_seconds
        └── SettingsError the app itself is not configured yet

Anything else that is raised is a bug and answers ``internalError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """What ``error.code`` can say. Part of the contract: a released code never changes its meaning."""

    INVALID_JSON = "invalidJson"
    INVALID_REQUEST = "invalidRequest"
    INVALID_FILE = "invalidFile"
    UNAUTHENTICATED = "unauthenticated"
    NOT_ALLOWED = "notAllowed"
    NOT_FOUND = "notFound"
    ACTIVITY_NOT_FOUND = "activityNotFound"
    ACTIVITY_EXISTS = "activityExists"
    NOT_CHANGEABLE = "notChangeable"
    FIRST_SENT_TOO_OLD = "firstSentTooOld"
    REQUEST_TOO_LARGE = "requestTooLarge"
    LEARNER_NOT_LICENSED = "learnerNotLicensed"
    CONTENT_NOT_OWNED_BY_PROVIDER = "contentNotOwnedByProvider"
    LEARNER_NOT_FOUND = "learnerNotFound"
    LEARNER_AMBIGUOUS = "learnerAmbiguous"
    CONTENT_NOT_FOUND = "contentNotFound"
    REJECTED_BY_GRAPH = "rejectedByGraph"
    PROVIDER_NOT_ENABLED = "providerNotEnabled"
    PROVIDER_NOT_REGISTERED = "providerNotRegistered"
    SERVICE_PLAN_MISSING = "servicePlanMissing"
    GRAPH_PERMISSION_MISSING = "graphPermissionMissing"
    THROTTLED = "throttled"
    GRAPH_FAULT = "graphFault"
    GRAPH_UNAVAILABLE = "graphUnavailable"
    STORAGE_UNAVAILABLE = "storageUnavailable"
    CREATE_IN_PROGRESS = "createInProgress"
    IDENTITY_UNAVAILABLE = "identityUnavailable"
    OUTCOME_UNKNOWN = "outcomeUnknown"
    INTERNAL_ERROR = "internalError"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request: ``target`` is the property, in the wire's spelling."""

    code: str
    message: str
    target: str = ""


class ActivityError(Exception):
    """Base of every expected failure; ``message`` is written for a flow maker and safe to show."""

    def __init__(self, code: ErrorCode, message: str, *, target: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target
        self.problems = tuple(problems)


class PermanentError(ActivityError):
    """The same request would fail again: somebody has to change the request, the tenant or the permissions."""


class TransientError(ActivityError):
    """The same request can succeed later.

    Args:
        code: What ``error.code`` says.
        message: For a flow maker.
        retry_after_seconds: The shortest sensible wait before the request is sent again.
        may_have_executed: True when Graph might have done what was asked although it did not say so; a create has to be
            looked up before it is sent again.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, retry_after_seconds: float, may_have_executed: bool = False
    ) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds
        self.may_have_executed = may_have_executed


class SettingsError(TransientError):
    """The app's settings are not usable: ``problems`` names each one. An admin has to act; then it works."""

    RETRY_AFTER_SECONDS = 300.0

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            ErrorCode.INTERNAL_ERROR,
            "The function app's settings cannot be used, so nothing was created; its admin has to correct them: "
            + " ".join(problem.message for problem in problems),
            retry_after_seconds=self.RETRY_AFTER_SECONDS,
        )
        self.problems = tuple(problems)
