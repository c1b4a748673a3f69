"""The guide for makers and its sample flows, read as the designer shows them; and what each action would send."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.batches.results import Batch, Progress
from activities.contract.activity import Outcome, StoredActivity
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ErrorCode, PermanentError, Problem
from activities.execution.decisions import Done
from activities.web import activities, answers, http
from local.lifecycle import ROOT
from tests.support.records import PROVIDER, parse, record

type Json = dict[str, Any]

GUIDE = (ROOT / "docs" / "for-makers.md").read_text(encoding="utf-8")
FLOWS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs/flows").glob("*.json"))}
# https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference
FUNCTIONS = """base64 body coalesce concat convertToUtc empty endsWith equals first formatDateTime if item items last
outputs parameters split string take toLower triggerBody triggerOutputs uriComponent utcNow variables workflow"""
# What flows have in their tokens: SharePoint's choices and dates, an empty column.
TOKENS = {
    "registrationId": PROVIDER,
    "learnerUserId": "anna@contoso.com",
    "learningContentId": "57baf9dc-e020-11ec-9d64-0242ac120002",
    "assignmentType": "Recommended",
    "assignedDateTime": "2026-11-22T09:00:00Z",
    "startedDateTime": "2026-11-02T08:15:00Z",
    "completedDateTime": "2026-11-20T16:40:00.0000000Z",
    "dueDateTime": "2026-12-18",
    "notes": None,
    "status": "In progress",
    "completionPercentage": 40,
    "asOfDateTime": "2026-11-10T12:00:00Z",
    "externalCourseActivityId": "training-list-42",
}
KIND_OF: dict[str, type[CourseActivity]] = {
    "Assign_a_course": Assignment,
    "Record_a_course_that_somebody_took": SelfInitiatedCourse,
}
CONNECTOR = "shared_vivalearningactivities"
UNITS = {"S": "seconds", "M": "minutes"}


def prose() -> str:
    """Return the guide without its line breaks."""
    return " ".join(GUIDE.split())


def definition_of(name: str) -> Json:
    definition: Json = FLOWS[name]["properties"]["definition"]
    return definition


def walk(actions: Json, before: frozenset[str] = frozenset()) -> Iterator[tuple[str, Json, frozenset[str]]]:
    """Yield each action with its name and the names of all that have run before it; what does not exist fails."""
    for name, action in actions.items():
        earlier, waiting = set(before), list(action["runAfter"])
        while waiting:
            one = waiting.pop()
            earlier |= {one, *(inner for inner, *_ in walk(actions[one].get("actions", {})))}
            waiting += actions[one]["runAfter"]
        yield name, action, frozenset(earlier)
        yield from walk(action.get("actions", {}), frozenset(earlier))
        yield from walk(action.get("else", {}).get("actions", {}), frozenset(earlier))


def actions_of(name: str) -> dict[str, Json]:
    return {action_name: action for action_name, action, _ in walk(definition_of(name)["actions"])}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from texts(one)


def expressions(text: str) -> list[str]:
    """Return the expressions of a text: all of it after a single "@", or each "@{…}" in it."""
    if re.match(r"@(?![@{])", text):
        return [text[1:]]
    # No sample has a brace in an expression but in a name in quotes.
    return re.findall(r"(?<!@)@\{((?:'[^']*'|[^'}])*)\}", text)


def address(uri: str) -> str:
    """Return what an expression puts behind the app's address, with ``{name}`` for what it takes from an answer."""
    literal = re.sub(r"body\('\w+'\)\?\['(\w+)'\]", r"'{\1}'", uri)
    return "".join(re.findall(r"'([^']*)'", re.sub(r"\w+\('\w+'\)|\?\['[^']*'\]", "", literal)))


def initialized(name: str) -> dict[str, str]:
    """Return the variables of a flow, each with the name of the action that gives it its value."""
    return {
        variable["name"]: action_name
        for action_name, action in actions_of(name).items()
        if action["type"] == "InitializeVariable"
        for variable in action["inputs"]["variables"]
    }


def connector_actions() -> Iterator[tuple[str, Json]]:
    """Yield the inputs of each action of the app's connector in the samples, with its name."""
    for name in FLOWS:
        for action_name, action in actions_of(name).items():
            if action["type"] == "OpenApiConnection" and action["inputs"]["host"]["connectionName"] == CONNECTOR:
                yield action_name, action["inputs"]


def own(action: Json) -> Json:
    """Return an action without those in it."""
    return {name: value for name, value in action.items() if name not in {"actions", "else", "runAfter"}}


def assert_well_formed(expression: str) -> None:
    code = re.sub(r"'(?:[^']|'')*'", "''", expression)
    assert code.count("'") % 2 == 0, expression
    assert set(re.findall(r"(\w+)\(", code)) <= set(FUNCTIONS.split()), expression
    rest = re.sub(r"''|[\w?,. ]", "", code)
    while (shorter := rest.replace("()", "").replace("[]", "")) != rest:
        rest = shorter
    assert rest == "", expression


def filled(body: Json) -> Json:
    """Return a body with a sample value for each expression in it, as the flow would send it."""
    return {
        name.replace("@@", "@"): TOKENS[name] if isinstance(value, str) and expressions(value) else value
        for name, value in body.items()
    }


def answered(action: str) -> Json:
    """Return what the app can answer to an action of the samples, good or bad; of other actions what is known."""
    problems = [Problem("invalid", "…", "status")]
    refusal = PermanentError(ErrorCode.INVALID_REQUEST, "…", target="status", problems=problems)
    said: Json = json.loads(answers.encode_error(refusal, http.Request()).body)
    if kind := KIND_OF.get(action):
        creation = Done(Outcome.CREATED, parse(record(kind), kind), StoredActivity({}))
        return {**said, **json.loads(activities.encode_flat(creation, http.Request()).body)}
    if action in {"Send_many_activities", "Get_the_report_of_a_batch"}:
        return {**said, **Progress(Batch("0" * 32, 1, datetime.now(UTC))).to_json([])}
    others: dict[str, Json] = {"Get_items": {"value": []}}
    return others.get(action, {})


def assert_answered(expression: str) -> None:
    """Check that each ``body('Action')?['name']…`` names what comes in that action's answer."""
    for action, path in re.findall(r"body\('([^']+)'\)((?:\?\['[^']+'\])*)", expression):
        value: Any = answered(action)
        for name in re.findall(r"\['([^']+)'\]", path):
            assert name in value, f"{action} never answers {name}: {expression}"
            value = value[name]


def pauses(policy: Json) -> Iterator[tuple[int, int]]:
    """Yield between how many seconds the engine waits before each repetition: a random time in a doubled range.

    Source: https://learn.microsoft.com/azure/logic-apps/error-exception-handling#exponential-interval
    """
    assert policy["type"] == "exponential"
    shortest, interval, longest = (
        int(timedelta(**{UNITS[policy[name][-1]]: int(policy[name][2:-1])}).total_seconds())
        for name in ("minimumInterval", "interval", "maximumInterval")
    )
    for retry in range(policy["count"]):
        high = interval * 2**retry
        yield max(shortest, high // 2 if retry else 0), min(longest, high)
