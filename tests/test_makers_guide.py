"""The guide for makers and its flows: what is copied from there works with this app.

What only the live product can tell (whether it imports them) is not tested; the guide says so.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.batches import requests
from activities.batches.results import Batch, Outcome, Progress, Result
from activities.contract import values
from activities.contract.advice import ADVICE, Actor
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ErrorCode, PermanentError, Problem
from activities.execution.gateway import StoredActivity
from activities.execution.sending import Creation
from activities.execution.sending import Outcome as CreationOutcome
from activities.queueing import messages
from activities.web import answers, http, repeating
from local.lifecycle import ROOT
from tests.support.records import LEARNER, PROVIDER, parse, record
from tests.test_docs import BATCHES, README, section

type Json = dict[str, Any]

GUIDE = (ROOT / "docs" / "for-makers.md").read_text(encoding="utf-8")
SWAGGER = json.loads((ROOT / "connector" / "apiDefinition.swagger.json").read_text(encoding="utf-8"))
FLOWS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs/flows").glob("*.json"))}
SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
# https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference
FUNCTIONS = """base64 body coalesce concat convertToUtc endsWith equals first item items last outputs parameters split
string take toLower triggerBody triggerOutputs uriComponent utcNow workflow"""
# What flows have in their tokens: SharePoint's choices and dates, an empty column.
TOKENS = {
    "registrationId": PROVIDER,
    "learnerUserId": LEARNER,
    "learningContentId": "57baf9dc-e020-11ec-9d64-0242ac120002",
    "assignmentType": "Recommended",
    "assignedDateTime": "2026-11-22T09:00:00Z",
    "startedDateTime": "2026-11-02T08:15:00Z",
    "completedDateTime": "2026-11-20T16:40:00.0000000Z",
    "dueDateTime": "2026-12-18",
    "notes": None,
    "externalCourseActivityId": "training-list-42",
}
KIND_OF: dict[str, type[CourseActivity]] = {
    "/api/assignments": Assignment,
    "/api/self-initiated-courses": SelfInitiatedCourse,
}
SECURE = {"secureData": {"properties": ["inputs"]}}
WHO = {Actor.SENDER: "you", Actor.ADMIN: "admin", Actor.NOBODY: "nobody"}

every_flow = pytest.mark.parametrize("name", FLOWS)


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
    if action in {"Create_an_assignment", "Record_the_course"}:
        kind = Assignment if action == "Create_an_assignment" else SelfInitiatedCourse
        creation = Creation(CreationOutcome.CREATED, parse(record(kind), kind), StoredActivity({}))
        return {**said, **json.loads(answers.encode_flat(creation, http.Request()).body)}
    if action == "Create_batch":
        return {**said, **Progress(Batch("0" * 32, 1, datetime.now(UTC))).to_json([])}
    return {"Get_user_profile_(V2)": {"id": LEARNER}}.get(action, {})


def assert_answered(expression: str) -> None:
    """Check that each ``body('Action')?['name']…`` names what comes in that action's answer."""
    for action, path in re.findall(r"body\('([^']+)'\)((?:\?\['[^']+'\])*)", expression):
        value: Any = answered(action)
        for name in re.findall(r"\['([^']+)'\]", path):
            assert name in value, f"{action} never answers {name}: {expression}"
            value = value[name]


@every_flow
def test_a_flow_is_a_complete_definition(name: str) -> None:
    definition = definition_of(name)
    assert definition["$schema"] == SCHEMA
    assert {"contentVersion", "parameters", "triggers", "actions", "outputs"} <= definition.keys()
    assert {"$connections", "$authentication"} <= definition["parameters"].keys()
    operations = [*definition["triggers"].values(), *actions_of(name).values()]
    hosts = [one["inputs"]["host"] for one in operations if one["type"] == "OpenApiConnection"]
    references = FLOWS[name]["properties"]["connectionReferences"]
    assert {host["connectionName"] for host in hosts} == set(references)
    assert {host["apiId"] for host in hosts} == {reference["id"] for reference in references.values()}


@every_flow
def test_expressions_are_well_formed_and_read_only_what_is_there_by_then(name: str) -> None:
    definition = definition_of(name)
    (trigger,) = definition["triggers"].values()
    for _, action, before in [("", trigger, frozenset[str]()), *walk(definition["actions"])]:
        for expression in [one for text in texts(own(action)) for one in expressions(text)]:
            assert_well_formed(expression)
            assert_answered(expression)
            assert set(re.findall(r"\b(?:body|outputs)\('([^']+)'\)", expression)) <= before, expression
            assert set(re.findall(r"parameters\('([^']+)'\)", expression)) <= definition["parameters"].keys()
            if schema := trigger["inputs"].get("schema"):
                assert set(re.findall(r"triggerBody\(\)\??\['([^']+)'\]", expression)) <= schema["properties"].keys()


@every_flow
def test_what_fails_is_mailed_in_the_apps_own_words_and_ends_the_run_as_failed(name: str) -> None:
    actions = definition_of(name)["actions"]
    assert actions["Catch"]["runAfter"] == {"Try": ["Failed", "TimedOut"]}
    mailed, end = actions["Catch"]["actions"].values()
    assert (mailed["inputs"]["host"]["operationId"], end["type"]) == ("SendEmailV2", "Terminate")
    # Of what is put into the queue, the app says later what it could not create.
    assert ("?['error']?['message']" in json.dumps(mailed)) is ("by-queue" not in name)


@every_flow
def test_whatever_creates_states_its_repeats_and_stays_the_same_request(name: str) -> None:
    inputs = [one["inputs"] for one in actions_of(name).values() if "retryPolicy" in json.dumps(own(one))]
    (post,) = [one for one in inputs if re.search(r'"POST"|"Create|"PutMessage', json.dumps(one))]
    for policy in [one["retryPolicy"] for one in inputs]:
        assert (policy["count"], policy["interval"], policy["maximumInterval"]) == (4, "PT20S", "PT10M")
    key = {**post.get("headers", {}), **post.get("parameters", {})}.get("Repeatability-Request-ID", "")
    # A message in the queue has no headers.
    assert key == ("" if "by-queue" in name else "@workflow()?['run']?['name']")
    assert "up to four times, with growing pauses from 20 seconds to 10 minutes" in " ".join(GUIDE.split())


@every_flow
def test_every_address_and_header_is_one_that_the_app_has(name: str) -> None:
    routes = re.findall(r"^\| `(GET|POST) (/api/[^`]+)`", README, re.MULTILINE)  # Those of the code: see test_docs.
    for action in [one for one in actions_of(name).values() if one["type"] == "Http"]:
        inputs, secured = action["inputs"], "runtimeConfiguration" in action
        headers = inputs.get("headers", {})
        assert (inputs["method"], address(inputs["uri"]).partition("?")[0]) in routes
        assert headers.keys() <= {"x-functions-key", "Content-Type", "Repeatability-Request-ID"}
        assert ("x-functions-key" in headers) is secured is (inputs["method"] == "POST")
        assert action.get("runtimeConfiguration", SECURE) == SECURE
    request = http.Request(headers={repeating.REQUEST_ID.casefold(): "run"})
    assert repeating.key_of(request, now=datetime.now(UTC), remembered=timedelta(days=1)) == "run"


@every_flow
def test_the_app_accepts_every_body(name: str) -> None:
    for inputs in [one["inputs"] for one in actions_of(name).values() if one["type"] == "Http"]:
        path, _, query = address(inputs["uri"]).partition("?")
        if kind := KIND_OF.get(path):
            assert parse(filled(inputs["body"]), kind)
            # An app with a default provider, and an LMS that does not know when it began.
            assert parse({**filled(inputs["body"]), "registrationId": "", "startedDateTime": ""}, kind)
        elif inputs["method"] == "POST":
            sheet = re.findall(r"```\n(type;.*?)```", BATCHES, re.DOTALL)[0].encode()
            known = {"name": "rows.csv", "registrationId": PROVIDER}
            values = {one: known[one] for one in re.findall(r"(\w+)=", query)}
            headers = {key.lower(): value for key, value in inputs["headers"].items()}
            sent = requests.parse(sheet, media_type=headers.get("content-type", ""), query=values)
            assert sent.name == "rows.csv"
            assert [parse(one.content, None) for one in sent.records]
    if compose := actions_of(name).get("Activity"):
        now = datetime.now(UTC)
        message = json.dumps(filled(compose["inputs"])).encode()
        (queued,) = messages.decode(messages.Delivery(message, "m-1", now), now=now, patience=timedelta(hours=1))
        assert isinstance(parse(queued.content, None).activity, SelfInitiatedCourse)


def test_the_connectors_action_is_filled_in_as_the_connector_describes_it() -> None:
    inputs = actions_of("assign-from-sharepoint.json")["Create_an_assignment"]["inputs"]
    operations = [one for path in SWAGGER["paths"].values() for one in path.values()]
    (operation,) = [one for one in operations if one["operationId"] == inputs["host"]["operationId"]]
    definition = SWAGGER["definitions"][operation["parameters"][-1]["schema"]["$ref"].rpartition("/")[2]]
    fields = {name.removeprefix("body/"): value for name, value in inputs["parameters"].items() if "body/" in name}
    assert set(definition["required"]) <= fields.keys() <= definition["properties"].keys()
    others = {name for name in inputs["parameters"] if "body/" not in name}
    assert others <= {one["name"] for one in operation["parameters"]}
    assert operation["summary"].replace(" ", "_") in actions_of("assign-from-sharepoint.json")
    for gaps in ({}, {"dueDateTime": None, "registrationId": ""}):
        assert parse({**filled(fields), **gaps}, Assignment)


def test_the_picture_of_a_flow_names_every_action_and_parameter() -> None:
    for name in FLOWS:
        assert f"](flows/{name})" in GUIDE
        assert {one for one in actions_of(name) if one.replace("_", " ") not in GUIDE} == set()
        parameters = {one for one in definition_of(name)["parameters"] if not one.startswith("$")}
        assert {one for one in parameters if f"| `{one}` |" not in GUIDE} == set()


def test_the_example_of_an_lms_is_what_the_triggers_take() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)[0])
    for name in ("record-completed-course.json", "record-completed-course-by-queue.json"):
        assert definition_of(name)["triggers"]["manual"]["inputs"]["schema"]["properties"].keys() == example.keys()


def test_the_expressions_to_copy_are_well_formed_and_the_map_of_select_makes_an_activity() -> None:
    blocks = re.findall(r"```\n(.*?)\n```", section(GUIDE, "Expressions to copy"), re.DOTALL)
    assert len(blocks) >= 10
    inline = re.findall(r"`(\w+\([^`]*\)[^`]*)`|\"@(\w+\([^\"]*)\"", GUIDE)
    for expression in [*blocks, *("".join(one) for one in inline)]:
        assert_well_formed(expression)
        assert_answered(expression)
    assert "equals(item()?['outcome'], 'failed')" in blocks
    assert Result(0, Outcome.FAILED).to_json()["outcome"] == "failed"
    body = json.loads(re.findall(r"```json\n(.*?)```", section(GUIDE, "Expressions to copy"), re.DOTALL)[0])
    assert isinstance(parse(filled(body), None).activity, Assignment)


def test_what_the_guide_says_about_dates_is_so() -> None:
    assert values.due_date_time("2026-12-18", zone=UTC) == {"dateTime": "2026-12-18T23:59:59", "timeZone": "UTC"}
    assert values.date_time_offset("2026-12-18", zone=UTC) == "2026-12-18T00:00:00+00:00"
    for refused in ("18/12/2026", "12/18/2026"):
        assert f"`{refused}`" in section(GUIDE, "Dates and time zones")
        with pytest.raises(ValueError, match="more than one way"):
            values.due_date_time(refused, zone=UTC)


def test_the_table_of_errors_has_every_code_in_the_words_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([^|]+) \| (\w+) \| [^|]+ \|$", GUIDE, re.MULTILINE)
    assert sorted((code, int(status), title, who) for code, status, title, who in rows) == sorted(
        (str(code), int(answers.HTTP_STATUS[code]), ADVICE[code].title, WHO[ADVICE[code].actor]) for code in ErrorCode
    )


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDE):
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / (path or "for-makers.md")).read_bytes().decode(errors="replace")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, link
