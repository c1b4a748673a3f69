"""Records as callers send them, and the shortest way to check one."""

import json
from pathlib import Path

import pytest

from activities.contract.activity import ActivityRequest
from activities.contract.models import Assignment, CourseActivity, Defaults, Json, SelfInitiatedCourse
from activities.contract.validation import ALTERNATIVES, parse_activity
from activities.errors import ErrorCode, PermanentError, Problem

PROVIDER = "01e8f81b-3060-4dec-acf0-0389665a0a38"
OTHER_PROVIDER = "13727311-e7bb-470d-8b20-6a23d9030d70"
LEARNER = "7ba2228a-e020-11ec-9d64-0242ac120002"
KINDS = (Assignment, SelfInitiatedCourse)
DEFAULTS = Defaults(registration_id=PROVIDER)


def sample(name: str) -> Json:
    """Return one of the JSON bodies of Microsoft's API page."""
    path = Path(__file__).parents[1] / "samples" / f"{name}.json"
    body: Json = json.loads(path.read_text(encoding="utf-8"))
    return body


def record(kind: type[CourseActivity], **properties: object) -> Json:
    """Return the least that is valid for a kind, with further or other properties."""
    least: Json = {"learnerUserId": LEARNER, "learningContentId": "content-1", "status": "notStarted"}
    if kind is Assignment:
        least["assignmentType"] = "required"
    for name, other in ALTERNATIVES.items():
        if other in properties:
            del least[name]
    return {**least, **properties}


def parse(
    body: object, kind: type[CourseActivity] | None = Assignment, defaults: Defaults = DEFAULTS
) -> ActivityRequest:
    """Check a record that should be valid."""
    return parse_activity(body, kind=kind, defaults=defaults)


def problems_of(
    body: object, kind: type[CourseActivity] | None = Assignment, defaults: Defaults = DEFAULTS
) -> list[Problem]:
    """Return everything that is wrong with a record that should be refused."""
    with pytest.raises(PermanentError) as caught:
        parse_activity(body, kind=kind, defaults=defaults)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    return list(caught.value.problems)
