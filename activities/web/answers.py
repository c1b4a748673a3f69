"""What a caller sees of errors, health and failures, as JSON answers. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from activities.errors import ActivityError, ErrorCode, Problem, TransientError
from activities.graph import permissions
from activities.health import Report
from activities.web import repeating
from activities.web.http import Request, Response, next_link, respond

HTTP_STATUS = {
    ErrorCode.INVALID_JSON: HTTPStatus.BAD_REQUEST,
    ErrorCode.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorCode.INVALID_FILE: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.ACTIVITY_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.ACTIVITY_EXISTS: HTTPStatus.CONFLICT,
    ErrorCode.NOT_CHANGEABLE: HTTPStatus.CONFLICT,
    ErrorCode.FIRST_SENT_TOO_OLD: HTTPStatus.PRECONDITION_FAILED,
    ErrorCode.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.LEARNER_NOT_LICENSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.LEARNER_NOT_FOUND: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.LEARNER_AMBIGUOUS: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.CONTENT_NOT_FOUND: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.REJECTED_BY_GRAPH: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.PROVIDER_NOT_ENABLED: HTTPStatus.FAILED_DEPENDENCY,
    ErrorCode.PROVIDER_NOT_REGISTERED: HTTPStatus.FAILED_DEPENDENCY,
    ErrorCode.SERVICE_PLAN_MISSING: HTTPStatus.FAILED_DEPENDENCY,
    ErrorCode.GRAPH_PERMISSION_MISSING: HTTPStatus.FAILED_DEPENDENCY,
    ErrorCode.THROTTLED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.GRAPH_FAULT: HTTPStatus.BAD_GATEWAY,
    ErrorCode.GRAPH_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.IDENTITY_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.CREATE_IN_PROGRESS: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.OUTCOME_UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
    ErrorCode.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def encode_error(error: ActivityError, request: Request) -> Response:
    """Answer with the one error shape: https://learn.microsoft.com/graph/errors, code and message for flow makers."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.target:
        body["target"] = error.target
    if error.problems:
        body["details"] = [_detail(problem) for problem in error.problems]
    headers = {"x-ms-error-code": str(error.code), **repeating.result(request, error)}
    if error.code is ErrorCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"  # A 401 has to: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
    if isinstance(error, TransientError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return respond(HTTP_STATUS[error.code], {"error": body}, request, headers)


def encode_health(report: Report, request: Request) -> Response:
    """Answer 200 when the app can work, else 503 with the error that a caller would get."""
    body: dict[str, Any] = {
        "status": "healthy",
        "checkedAt": report.checked_at.isoformat(timespec="seconds"),
        "missingPermissions": [
            {"permission": permission, "neededFor": permissions.NEEDED_FOR[permission]}
            for permission in report.missing_permissions
        ],
        "optionalPermissions": [
            {"permission": permission, "neededFor": permissions.OPTIONAL_FOR[permission], "granted": granted}
            for permission, granted in report.optional_permissions
        ],
    }
    if report.tenant_check:
        body["tenantCheck"] = {
            "checkedAt": report.tenant_check.checked_at.isoformat(timespec="seconds"),
            "holding": report.tenant_check.holding,
            "total": len(report.tenant_check.findings),
        }
    if report.old:
        body["old"] = True
    if report.failure is None:
        return respond(HTTPStatus.OK, body, request)
    failed = encode_error(report.failure, request)
    body |= {"status": "unhealthy", **json.loads(failed.body)}
    return respond(HTTPStatus.SERVICE_UNAVAILABLE, body, request, failed.headers)


def encode_failures(failures: Sequence[Mapping[str, Any]], after: str, request: Request) -> Response:
    """Answer with one page of failures; without ``nextLink`` it is the last."""
    page: dict[str, Any] = {"failures": failures}
    if after:
        page["nextLink"] = next_link(after, request)
    return respond(HTTPStatus.OK, page, request)


def encode_bug(request: Request) -> Response:
    """Answer for an unexpected exception: its text stays in the log, under the same request id."""
    error = ActivityError(
        ErrorCode.INTERNAL_ERROR,
        "Something went wrong inside the function app. If it happens again, give its admin the request id "
        f"{request.request_id}.",
    )
    return encode_error(error, request)


def _detail(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message, "target": problem.target}
