"""Bytes to contract and back: what an HTTP caller sends and sees. No I/O, and no HTTP library."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Never
from urllib.parse import urlencode
from uuid import uuid4

from activities import dates, forms, permissions
from activities.creation import Creation, Outcome
from activities.errors import ActivityError, ErrorCode, PermanentError, Problem, TransientError
from activities.health import Report

PAGE_SIZE = 50
LARGEST_PAGE = 1000
LARGEST_ACTIVITY_BYTES = 1_048_576  # An activity has a dozen short properties and one note.
_NESTING = (dict, list)
_MOST_LEVELS = 100  # An activity has three; Python reads ten thousand, but may then fail to write them.
# A caller's id is echoed only if it is one: a header must not be able to write another header.
_PLAIN_TOKEN = re.compile(r"[!-~]{1,128}")

HTTP_STATUS = {
    ErrorCode.INVALID_JSON: HTTPStatus.BAD_REQUEST,
    ErrorCode.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.ACTIVITY_EXISTS: HTTPStatus.CONFLICT,
    ErrorCode.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.LEARNER_NOT_LICENSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER: HTTPStatus.UNPROCESSABLE_ENTITY,
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


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as far as the product reads it; header names in lower case, names of the query as they came."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    route: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def idempotency_key(self) -> str | None:
        """What the caller calls this request, to be recognised when it is repeated."""
        said = (self.headers.get(name, "").strip() for name in ("repeatability-request-id", "idempotency-key"))
        return next(filter(None, said), None)

    def parameter(self, name: str) -> str:
        """Return what the query says under a name, in any case, as the host matches names; "" if it says nothing."""
        return next((value for said, value in self.query.items() if said.casefold() == name.casefold()), "")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer: JSON, but for the page and the sheet of a batch."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def decode(
    body: bytes, *, largest_bytes: int = LARGEST_ACTIVITY_BYTES, expected: str = "the activity's properties"
) -> Any:
    """Return the JSON value that a body holds, whatever its Content-Type says; a JSON text that holds JSON is opened.

    Args:
        body: What came.
        largest_bytes: The most that is read.
        expected: What should stand in the body, to tell those who sent nothing.

    Raises:
        PermanentError: ``invalidJson`` with line and column, or ``requestTooLarge``.
    """
    if len(body) > largest_bytes:
        raise PermanentError(
            ErrorCode.REQUEST_TOO_LARGE,
            f"The body is too large: {len(body):,} bytes. It may have up to {largest_bytes:,}.",
        )
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError as error:
        raise _invalid_json(
            f"The body is not text in UTF-8 from byte {error.start + 1} on. Send JSON as text, not a file."
        ) from error
    value = _parse(text, expected)
    return _parse(value, expected) if isinstance(value, str) else value


def writable(value: Any) -> Any:
    """Return the value if it can be written as JSON again: what is stored, put back or told later has to be.

    Raises:
        PermanentError: ``invalidJson``.
    """
    layer = [value]
    for _ in range(_MOST_LEVELS):
        if not all(math.isfinite(one) for one in layer if isinstance(one, float)):
            raise _invalid_json("The body holds a number that is too large.")
        nested = [one for one in layer if isinstance(one, _NESTING)]
        if not nested:
            return value
        layer = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    raise _invalid_json("The body is nested too deeply.")


def encode_graph(creation: Creation, request: Request) -> Response:
    """Answer with the entity as Graph told it."""
    return _created(creation, creation.stored.entity, request)


def encode_flat(creation: Creation, request: Request) -> Response:
    """Answer for flow makers: always the same keys; the percentage is a number, all else text, never null."""
    entity = creation.stored.entity
    flat: dict[str, Any] = {
        "outcome": creation.outcome,
        "id": creation.stored.id,
        "externalCourseActivityId": creation.request.activity.external_course_activity_id or "",
        "registrationId": creation.request.registration_id,
    }
    for model_field in type(creation.request.activity).model_fields.values():
        name = model_field.alias or ""
        flat.setdefault(name, _flat(name, entity.get(name)))
    return _created(creation, flat, request)


def encode_error(error: ActivityError, request: Request) -> Response:
    """Answer with the one error shape: https://learn.microsoft.com/graph/errors, code and message for flow makers."""
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.target:
        said["target"] = error.target
    if error.problems:
        said["details"] = [_detail(problem) for problem in error.problems]
    headers = {"x-ms-error-code": str(error.code)}
    if error.code is ErrorCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"  # A 401 has to: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
    if isinstance(error, TransientError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return respond(HTTP_STATUS[error.code], {"error": said}, request, headers)


def encode_health(report: Report, request: Request) -> Response:
    """Answer 200 when the app can work, else 503 with the error that a caller would get."""
    said: dict[str, Any] = {
        "status": "healthy",
        "checkedAt": report.checked_at.isoformat(timespec="seconds"),
        "missingPermissions": [
            {"permission": permission, "neededFor": permissions.NEEDED_FOR[permission]}
            for permission in report.missing_permissions
        ],
    }
    if report.failure is None:
        return respond(HTTPStatus.OK, said, request)
    failed = encode_error(report.failure, request)
    said |= {"status": "unhealthy", **json.loads(failed.body)}
    return respond(HTTPStatus.SERVICE_UNAVAILABLE, said, request, failed.headers)


def encode_failures(failures: Sequence[Mapping[str, Any]], after: str, request: Request) -> Response:
    """Answer with one page of failures; without ``nextLink`` it is the last."""
    said: dict[str, Any] = {"failures": failures}
    if after:
        said["nextLink"] = next_link(after, request)
    return respond(HTTPStatus.OK, said, request)


def next_link(after: str, request: Request) -> str:
    """Return the address of the next page: the same query, from another place on."""
    # "code" is the host's name for the function key, which belongs in no link.
    kept = {name: value for name, value in request.query.items() if name.casefold() not in {"code", "after"}}
    return f"{request.url.partition('?')[0]}?{urlencode({**kept, 'after': after})}"


def page_size(request: Request) -> int:
    """Return how many items a page of the answer has: ``top`` of the query, 1 to 1,000, else 50.

    Raises:
        PermanentError: ``invalidRequest``.
    """
    said = (request.parameter("top") or str(PAGE_SIZE)).strip()
    if re.fullmatch(r"[1-9]\d{0,3}", said, re.ASCII) and int(said) <= LARGEST_PAGE:
        return int(said)
    message = f"top must be a whole number from 1 to {LARGEST_PAGE}."
    raise PermanentError(ErrorCode.INVALID_REQUEST, message, target="top")


def encode_bug(request: Request) -> Response:
    """Answer for an unexpected exception: its text stays in the log, under the same request id."""
    error = ActivityError(
        ErrorCode.INTERNAL_ERROR,
        "Something went wrong inside the function app. If it happens again, give its admin the request id "
        f"{request.request_id}.",
    )
    return encode_error(error, request)


def respond(status: int, body: object, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    content = json.dumps(body).encode()
    return respond_with(status, content, request, {"Content-Type": "application/json", **(headers or {})})


def respond_with(status: int, content: bytes, request: Request, headers: Mapping[str, str]) -> Response:
    """Return an answer with the headers that every answer has; ``headers`` say what it is."""
    always = {"x-ms-request-id": request.request_id}
    client_request_id = request.headers.get("x-ms-client-request-id", "")
    if _PLAIN_TOKEN.fullmatch(client_request_id):
        always["x-ms-client-request-id"] = client_request_id
    return Response(int(status), content, {**always, **headers})


def _created(creation: Creation, body: object, request: Request) -> Response:
    status = HTTPStatus.CREATED if creation.outcome is Outcome.CREATED else HTTPStatus.OK
    return respond(status, body, request)


def _detail(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message, "target": problem.target}


def _flat(name: str, value: object) -> str | int:
    if name == "completionPercentage":
        try:
            return forms.whole_percentage(value)
        except forms.InvalidValueError:
            return 0
    match value:
        case str():
            return value
        case {"content": str(content)}:
            return content
        case {"dateTime": str(text)}:
            moment = dates.moment_of(value)
            return text if moment is None else moment.isoformat().replace("+00:00", "Z")
    return ""


def _parse(text: str, expected: str) -> Any:
    text = text.removeprefix("\ufeff")  # In a flow, the text of a file keeps its byte order mark.
    if not text.strip():
        raise _invalid_json(
            f"The body is empty. Put {expected} into the body as JSON; "
            'a request that is sent in chunks (without "Content-Length") arrives empty.'
        )
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _invalid_json(
            f"The body is not valid JSON at line {error.lineno}, column {error.colno}: "
            f"{error.msg.lower().removesuffix(' at')}. In a flow, quotes and line breaks "
            "inside a token have to be escaped: build the body with Compose."
        ) from error
    except RecursionError as error:
        raise _invalid_json("The body is nested too deeply.") from error
    except ValueError as error:
        # Python refuses to read numbers of more than 4,300 digits.
        raise _invalid_json("The body holds a number with too many digits.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    properties = dict(pairs)
    if len(properties) < len(pairs):
        # Python keeps the last one and drops the others, and nothing that a caller sent may be dropped.
        twice = forms.shown(next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))
        raise _invalid_json(f'The body gives the property "{twice}" twice: send it once.', target=twice)
    return properties


def _no_constant(name: str) -> Never:
    raise _invalid_json(f"The body is not valid JSON: {name} is no number that JSON knows.")


# json.loads builds one for each text, which takes longer than to read a short one.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _invalid_json(message: str, *, target: str = "") -> PermanentError:
    return PermanentError(ErrorCode.INVALID_JSON, message, target=target)
