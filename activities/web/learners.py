"""The route that erases a learner from what the app keeps."""

import re
from http import HTTPStatus
from typing import Any

from activities.app import App
from activities.contract import json_text, values
from activities.contract.learner import Learner
from activities.contract.limits import LONGEST_TEXT
from activities.contract.problems import INVALID, REQUIRED, UNKNOWN, closest, refusal
from activities.errors import PermanentError, Problem
from activities.web import http

_NAME = "learnerUserId"
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_LOOK_UP_SECONDS = 10.0
_EXPECTED = '{"learnerUserId": "…"}'


def parse_learner(value: Any) -> Learner:
    """Read the body of an erasure: whom it is about, by the id in Microsoft Entra or by an address.

    Raises:
        PermanentError: ``invalidRequest`` with every problem at once.
    """
    if not isinstance(value, dict):
        raise refusal([Problem(INVALID, f"The body must be one JSON object: {_EXPECTED}.")])
    problems = [Problem(UNKNOWN, _why_unknown(name), values.shown(name)) for name in value if name != _NAME]
    said = value.get(_NAME)
    if values.is_blank(said):
        problems.append(Problem(REQUIRED, f"{_NAME} is required: the learner's object ID or address.", _NAME))
    elif not isinstance(said, str) or not _names_a_person(said.strip()):
        message = (
            f"{_NAME} must be the learner's object ID in Microsoft Entra, a GUID, or an address (name@example.org)."
        )
        problems.append(Problem(INVALID, message, _NAME))
    if problems:
        raise refusal(problems)
    return Learner.of([str(said)])


async def erase_learner(app: App, request: http.Request) -> http.Response:
    """Erase what the app keeps about a learner; says how much there was, and whether there is more."""
    learner = await _by_all_names(app, parse_learner(json_text.decode(request.body, expected=_EXPECTED)))
    return http.respond(HTTPStatus.OK, await app.store.retention.erase(learner), request)


async def _by_all_names(app: App, learner: Learner) -> Learner:
    """Return a learner by everything that they are called, as far as the app may see it.

    Raises:
        TransientError: Graph could not tell; what would be left is erased by whoever calls again.
    """
    (said,) = learner.names
    provider = app.defaults.registration_id or ""
    try:
        person = await app.graph.names.directory.person(said, provider, timeout_seconds=_LOOK_UP_SECONDS)
    except PermanentError:
        return learner
    if person is None:
        return learner
    return Learner.of({said, person.id, *person.addresses}, employee_id=person.employee_id)


def _names_a_person(said: str) -> bool:
    return values.is_guid(said) or (len(said) <= LONGEST_TEXT and _ADDRESS.fullmatch(said) is not None)


def _why_unknown(name: str) -> str:
    suggestion = f'did you mean "{_NAME}"?' if closest(name, [_NAME]) else "remove it."
    return f'"{values.shown(name)}" is not known: {suggestion}'
