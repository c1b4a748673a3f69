"""Ready-made faults by name: what the API page documents, in every spelling, and what networks and gateways do.

Only data, in the form of `POST /_emulator/faults`; `faults` gives it meaning.
https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities#response
"""

import json
from typing import Any

from local.emulators.learning import (
    FOREIGN_CONTENT,
    NO_ACCESS,
    NO_ACTIVITY,
    NO_SERVICE_PLAN,
    NOT_ENABLED,
    NOT_LICENSED,
    NOT_REGISTERED,
)

_MINUTES = "Retry after 2 minutes"


def _error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def _detail(message: str) -> dict[str, str]:
    return {"code": "badRequest", "message": message}


def _throttling(name: str, status: int, code: str) -> dict[str, dict[str, Any]]:
    """Return 429 or 503 with its hint in every place and spelling that is documented or was seen."""
    hint = {"code": code, "message": _MINUTES}
    wordless = _error(code, "Too many requests.")
    return {
        name: {"status": status, "body": hint},
        f"{name}-wrapped": {"status": status, "body": {"error": hint}},
        f"{name}-json-in-message": {"status": status, "body": _error(code, json.dumps(hint))},
        f"{name}-minutes-and-header": {"status": status, "body": hint, "headers": {"Retry-After": "7"}},
        f"{name}-header": {"status": status, "body": wordless, "headers": {"Retry-After": "7"}},
        f"{name}-fraction": {"status": status, "body": wordless, "headers": {"Retry-After": "2.128"}},
        f"{name}-date": {"status": status, "body": wordless, "retryAfterDateSeconds": 90},
        f"{name}-no-hint": {"status": status, "body": wordless},
        f"{name}-empty": {"status": status},
    }


READY_MADE: dict[str, dict[str, Any]] = {
    "provider-not-registered": {"status": 400, "body": _error("badRequest", NOT_REGISTERED)},
    "provider-not-enabled": {"status": 400, "body": _error("badRequest", NOT_ENABLED)},
    "field-validation": {
        "status": 400,
        "body": _error(
            "badRequest",
            "badRequest",
            details=[
                _detail("Input field learnerUserId shouldn't be empty"),
                _detail("Input field status is required"),
                _detail("Input field notes length exceeded than 4000"),
            ],
        ),
    },
    "service-plan-missing": {"status": 403, "body": _error("Forbidden", NO_SERVICE_PLAN)},
    "access-missing": {"status": 403, "body": _error("Forbidden", NO_ACCESS)},
    "content-of-another-provider": {"status": 403, "body": _error("Forbidden", FOREIGN_CONTENT)},
    "learner-not-licensed": {"status": 403, "body": _error("Forbidden", NOT_LICENSED)},
    # The page's last two rows have the sentence in the column of the code and its condition as the message.
    "content-of-another-provider-as-code": {
        "status": 403,
        "body": _error(
            FOREIGN_CONTENT,
            "When the registrationId/learningProviderId doesn't match the provider with which the learningContent is"
            " created.",
        ),
    },
    "learner-not-licensed-as-code": {
        "status": 403,
        "body": _error(
            NOT_LICENSED,
            "When the user for which the assignment is being created doesn't have a premium license.",
        ),
    },
    # As reported: a code that says nothing, and no message.
    "wordless-refusal": {"status": 403, "body": _error("UnknownError", "")},
    "activity-missing": {"status": 404, "body": _error("notFound", NO_ACTIVITY)},
    "method-not-allowed": {
        "status": 405,
        "body": _error("methodNotAllowed", "This method isn't supported for this entity type."),
    },
    "token-expired": {
        "status": 401,
        "body": _error("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    },
    "internal-error": {"status": 500, "body": _error("internalServerError", "Internal server error.")},
    "internal-error-empty": {"status": 500},
    **_throttling("throttled", 429, "tooManyRequests"),
    **_throttling("unavailable", 503, "serviceUnavailable"),
    "throttling-window": {
        "operation": "any",
        "status": 429,
        "body": _error("tooManyRequests", "Too many requests."),
        "forSeconds": 5,
    },
    # Nobody documents whether these resources may be batched, so how Graph would refuse it is a guess (unverified).
    "batch-refused": {
        "operation": "batch",
        "status": 400,
        "body": _error("notSupported", "The request is not supported by the system."),
    },
    "bad-gateway-html": {
        "status": 502,
        "contentType": "text/html",
        "body": "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
    },
    "gateway-timeout": {"status": 504, "body": _error("UnknownError", "")},
    "gateway-timeout-executed": {"status": 504, "body": _error("UnknownError", ""), "execute": True},
    "disconnect": {"disconnect": True},
    "disconnect-executed": {"disconnect": True, "execute": True},
    "hang": {"hang": True},
    "hang-executed": {"hang": True, "execute": True},
}
