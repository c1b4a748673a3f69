"""The routes of the tenant check: order one, ask how far it is, and the page for people."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from activities.app import App
from activities.contract import json_text, values
from activities.contract.activity import Operation
from activities.contract.models import Defaults
from activities.contract.problems import CONTRADICTION, INVALID, REQUIRED, UNKNOWN, closest, refusal
from activities.contract.validation import EXTERNAL_ID, parse_activity
from activities.errors import ErrorCode, PermanentError, Problem
from activities.execution.tenant.checks import Running
from activities.execution.tenant.findings import Checked
from activities.execution.tenant.subject import Subject
from activities.web import http
from activities.web.page import tenant_page

LEARNER, COURSE, OWN_COURSE = "learnerUserId", "learningContentId", "learningContentExternalId"
PROVIDER = "registrationId"
_PEOPLE = (LEARNER, "assignerUserId", "unlicensedLearnerUserId")
_COURSES = (COURSE, OWN_COURSE, "foreignLearningContentId")
NAMES = (*_PEOPLE, *_COURSES, PROVIDER)
_EXPECTED = '{"learnerUserId": "…", "learningContentId": "…"}'
_RETRY_AFTER_SECONDS = 2


def parse_subject(value: Any, defaults: Defaults) -> Subject:
    """Read whom and what everything is to be tried with.

    Raises:
        PermanentError: ``invalidRequest`` with every problem at once; ``notAllowed`` if the client application may not
            write to the provider.
    """
    if not isinstance(value, dict):
        raise refusal([Problem(INVALID, f"The body must be one JSON object: {_EXPECTED}.")])
    said = {name: one for name, one in value.items() if not values.is_blank(one)}
    problems = [Problem(UNKNOWN, _why_unknown(name), values.shown(name)) for name in said if name not in NAMES]
    if LEARNER not in said:
        problems.append(Problem(REQUIRED, f"{LEARNER} is required: the object ID of a test person.", LEARNER))
    if (COURSE in said) == (OWN_COURSE in said):
        code = CONTRADICTION if COURSE in said else REQUIRED
        problems.append(Problem(code, f"A course is required: either {COURSE} or {OWN_COURSE}.", COURSE))
    read: dict[str, str] = {}
    for name in (*_PEOPLE, *_COURSES):
        try:
            read[name] = (values.guid if name in _PEOPLE else values.text)(said[name]) if name in said else ""
        except values.InvalidValueError as error:
            problems.append(Problem(INVALID, f"{name} {error}.", name))
    provider = _provider(said, defaults, problems)
    if problems:
        raise refusal(problems)
    return Subject(
        provider,
        read[LEARNER],
        read[COURSE],
        read[OWN_COURSE],
        read["assignerUserId"],
        read["unlicensedLearnerUserId"],
        read["foreignLearningContentId"],
    )


async def check_tenant(app: App, request: http.Request) -> http.Response:
    """Check the tenant: in the background or, with ``wait=true``, before the answer."""
    defaults = replace(app.defaults, client_id=request.client_id)
    subject = parse_subject(json_text.decode(request.body, expected=_EXPECTED), defaults)
    checks = app.store.tenant_checks
    if request.parameter("wait").strip().casefold() == "true":
        return _encode(await checks.check_now(subject), request)
    return _encode(await checks.order(subject), request)


async def get_tenant_check(app: App, request: http.Request) -> http.Response:
    """Tell how far the check is that is under way, or the result of the last one."""
    last = await app.store.tenant_checks.last()
    if last is None:
        message = "The tenant has not been checked, or that is more than 30 days ago: send POST /api/tenant-check."
        raise PermanentError(ErrorCode.NOT_FOUND, message)
    return _encode(last, request)


async def open_tenant_check(app: App, request: http.Request) -> http.Response:
    """Answer with the page, which holds nothing of the tenant; what it does needs the key or a sign-in."""
    content = tenant_page.render(asks_for_key=app.sign_in is None)
    return http.respond_with(HTTPStatus.OK, content, request, tenant_page.headers())


def _encode(last: Running | Checked, request: http.Request) -> http.Response:
    if isinstance(last, Checked):
        return http.respond(HTTPStatus.OK, last.to_json(), request)
    headers = {"Location": _address(request), "Retry-After": str(_RETRY_AFTER_SECONDS)}
    return http.respond(HTTPStatus.ACCEPTED, last.to_json(), request, headers)


def _address(request: http.Request) -> str:
    """Return where the result is; without the query, in which a function key may stand."""
    return f"{request.url.partition('?')[0].rstrip('/').removesuffix('/last')}/last"


def _provider(said: Mapping[str, Any], defaults: Defaults, problems: list[Problem]) -> str:
    """Return the provider, under the rules for every record: such a one is a record without anything else."""
    record = {EXTERNAL_ID: "tenant-check", **{name: said[name] for name in (PROVIDER,) if name in said}}
    try:
        return parse_activity(record, kind=None, defaults=defaults, operation=Operation.DELETE).registration_id
    except PermanentError as error:
        if error.code is not ErrorCode.INVALID_REQUEST:
            raise
        problems += error.problems
        return ""


def _why_unknown(name: str) -> str:
    close = closest(name, NAMES)
    return f'"{values.shown(name)}" is not known: {f'did you mean "{close}"?' if close else "remove it."}'
