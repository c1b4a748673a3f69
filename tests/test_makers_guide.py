"""The guide for makers and its flows: what is copied from there works with this app.

What only the live product can tell (whether it imports them) is not tested; the guide says so.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from activities import forms, messages, wire
from activities.batches import requests, sheets
from activities.batches.advice import ADVICE, Actor
from activities.batches.report import Batch, Outcome, Progress, Result
from activities.creation import Creation
from activities.creation import Outcome as CreationOutcome
from activities.errors import ErrorCode, PermanentError, Problem
from activities.gateway import StoredActivity
from activities.models import Assignment, CourseActivity, SelfInitiatedCourse
from local.lifecycle import ROOT
from tests.end_to_end.flow_engine import FlowEngine
from tests.records import LEARNER, PROVIDER, parse, record
from tests.test_docs import BATCHES, README, section

type Json = dict[str, Any]

GUIDE = (ROOT / "docs" / "for-makers.md").read_text(encoding="utf-8")
SWAGGER = json.loads((ROOT / "connector" / "apiDefinition.swagger.json").read_text(encoding="utf-8"))
FLOWS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs/flows").glob("*.json"))}
SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
# https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference
FUNCTIONS = """base64 body coalesce concat convertToUtc endsWith equals first item items last outputs parameters split
string take toLower triggerBody triggerOutputs uriComponent utcNow variables workflow"""
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
    "Assign_a_course": Assignment,
    "Record_a_course_that_somebody_took": SelfInitiatedCourse,
}
CONNECTOR = "shared_vivalearningactivities"
UNITS = {"S": "seconds", "M": "minutes"}
SECURE = {"secureData": {"properties": ["inputs"]}}
WHO = {Actor.SENDER: "you", Actor.ADMIN: "admin", Actor.NOBODY: "nobody"}

every_flow = pytest.mark.parametrize("name", FLOWS)


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
    said: Json = json.loads(wire.encode_error(refusal, wire.Request()).body)
    if kind := KIND_OF.get(action):
        creation = Creation(CreationOutcome.CREATED, parse(record(kind), kind), StoredActivity({}))
        return {**said, **json.loads(wire.encode_flat(creation, wire.Request()).body)}
    if action in {"Send_many_activities", "Get_the_report_of_a_batch"}:
        return {**said, **Progress(Batch("0" * 32, 1, datetime.now(UTC))).to_json([])}
    others: dict[str, Json] = {"Get_user_profile_(V2)": {"id": LEARNER}, "Get_items": {"value": []}}
    return others.get(action, {})


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
            variables = re.findall(r"variables\('([^']+)'\)", expression)
            assert {initialized(name)[variable] for variable in variables} <= before, expression
            if schema := trigger["inputs"].get("schema"):
                assert set(re.findall(r"triggerBody\(\)\??\['([^']+)'\]", expression)) <= schema["properties"].keys()


@every_flow
def test_what_a_maker_fills_in_is_a_variable_because_the_designer_cannot_add_parameters(name: str) -> None:
    definition = definition_of(name)
    assert definition["parameters"].keys() == {"$connections", "$authentication"}
    # The designer takes Initialize variable only outside of scopes, conditions and loops.
    assert set(initialized(name).values()) <= definition["actions"].keys()
    assert len(initialized(name)) == len(set(initialized(name).values()))
    # A variable's value shows in the run history.
    assert "functionKey" not in initialized(name)


def test_whatever_reads_a_list_reads_all_of_it() -> None:
    lists = [one for name in FLOWS for one in actions_of(name).values() if '"GetItems"' in json.dumps(own(one))]
    (most,) = {one["runtimeConfiguration"]["paginationPolicy"]["minimumItemCount"] for one in lists}
    assert "*Get items* gives the first 100 items, *List rows present in a table* the first 256 rows" in prose()
    assert f"*Settings*, *Pagination*, *On*, with a *Threshold* of {most:,}" in prose()


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
    policies = [one["retryPolicy"] for one in inputs]
    (post,) = [one for one in inputs if re.search(r'"POST"|"Create|"PutMessage', json.dumps(one))]
    assert [policy for policy in policies if policy != policies[0]] == []
    key = {**post.get("headers", {}), **post.get("parameters", {})}.get("Repeatability-Request-ID", "")
    # A message in the queue has no headers.
    assert key == ("" if "by-queue" in name else "@workflow()?['run']?['name']")
    told = re.search(r"repeats: up to four times, after pauses of ([^.]+) seconds\.", prose())
    assert told
    assert re.findall(r"(\d+)\D(\d+)", told[1]) == [(str(low), str(high)) for low, high in pauses(policies[0])]
    assert policies[0]["count"] == 4


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


def test_what_is_repeated_is_what_an_engine_repeats() -> None:
    """408 among them: an answer that something in between gives."""

    def attempts(status: int) -> int:
        transport = httpx.MockTransport(lambda _: httpx.Response(status))
        return len(FlowEngine({}, transport=transport, sleep=lambda _: None).post("https://app.example", {}).statuses)

    repeated = {status for status in range(400, 600) if attempts(status) > 1}
    assert repeated == {408, 429, *range(500, 600)}
    for text in (GUIDE, README):
        assert "repeats 408, 429 and 5xx by itself, and nothing else" in " ".join(re.sub(r"[*_]", "", text).split())


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
    assert wire.Request(headers={"repeatability-request-id": "run"}).idempotency_key == "run"


@every_flow
def test_the_app_accepts_every_body(name: str) -> None:
    for inputs in [one["inputs"] for one in actions_of(name).values() if one["type"] == "Http"]:
        if inputs["method"] == "POST":
            query = address(inputs["uri"]).partition("?")[2]
            sheet = re.findall(r"```\n(type;.*?)```", BATCHES, re.DOTALL)[0].encode()
            known = {"name": "rows.csv", "registrationId": PROVIDER}
            values = {one: known[one] for one in re.findall(r"(\w+)=", query)}
            headers = {key.lower(): value for key, value in inputs["headers"].items()}
            sent = requests.parse(wire.Request(sheet, headers, query=values))
            assert sent.name == "rows.csv"
            assert [parse(one.content, None) for one in sent.records]
    if append := actions_of(name).get("Append_to_array_variable"):
        (sent_one,) = requests.parse(wire.Request(json.dumps([filled(append["inputs"]["value"])]).encode())).records
        assert isinstance(parse(sent_one.content, None).activity, Assignment)
    if compose := actions_of(name).get("Activity"):
        now = datetime.now(UTC)
        message = json.dumps(filled(compose["inputs"])).encode()
        (queued,) = messages.decode(messages.Delivery(message, "m-1", now), now=now, patience=timedelta(hours=1))
        assert isinstance(parse(queued.content, None).activity, SelfInitiatedCourse)


@pytest.mark.parametrize(("action", "inputs"), list(connector_actions()))
def test_the_connectors_actions_are_filled_in_as_the_connector_describes_them(action: str, inputs: Json) -> None:
    operations = [one for path in SWAGGER["paths"].values() for one in path.values()]
    (operation,) = [one for one in operations if one["operationId"] == inputs["host"]["operationId"]]
    fields = {name.removeprefix("body/"): value for name, value in inputs["parameters"].items() if "body/" in name}
    if fields:
        definition = SWAGGER["definitions"][operation["parameters"][-1]["schema"]["$ref"].rpartition("/")[2]]
        assert set(definition["required"]) <= fields.keys() <= definition["properties"].keys()
    others = {name for name in inputs["parameters"] if "body/" not in name}
    assert others <= {one["name"] for one in operation["parameters"]}
    if kind := KIND_OF.get(action):
        # An app with a default provider, an item without a due date, and an LMS that does not know when it began.
        left_empty = {"registrationId": "", "dueDateTime": None, "startedDateTime": ""}
        for gaps in ({}, {name: value for name, value in left_empty.items() if name in fields}):
            assert parse({**filled(fields), **gaps}, kind)


def test_the_samples_and_the_guide_name_the_connectors_actions_as_the_connector_does() -> None:
    summaries = {one["operationId"]: one["summary"] for path in SWAGGER["paths"].values() for one in path.values()}
    for action, inputs in connector_actions():
        assert summaries[inputs["host"]["operationId"]] == action.replace("_", " ")
    told = re.findall(r"[Ii]n the connector(?: it is|:) \*([^*]+)\*", prose())
    assert len(told) >= 2
    assert set(told) <= set(summaries.values())


def test_the_picture_of_a_flow_names_every_action_and_parameter() -> None:
    for name in FLOWS:
        assert f"](flows/{name})" in GUIDE
        assert {one for one in actions_of(name) if one.replace("_", " ") not in GUIDE} == set()
        told = {
            one for one, action in initialized(name).items() if f"| *{action.replace('_', ' ')}* | `{one}` |" in GUIDE
        }
        assert told == initialized(name).keys()


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
    assert forms.due_date_time("2026-12-18", zone=UTC) == {"dateTime": "2026-12-18T23:59:59", "timeZone": "UTC"}
    assert forms.date_time_offset("2026-12-18", zone=UTC) == "2026-12-18T00:00:00+00:00"
    for refused in ("18/12/2026", "12/18/2026"):
        assert f"`{refused}`" in section(GUIDE, "Dates and time zones")
        with pytest.raises(ValueError, match="more than one way"):
            forms.due_date_time(refused, zone=UTC)


def test_the_table_of_errors_has_every_code_in_the_words_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| ([^|]+) \| (\w+) \| [^|]+ \|$", GUIDE, re.MULTILINE)
    assert sorted((code, int(status), title, who) for code, status, title, who in rows) == sorted(
        (str(code), int(wire.HTTP_STATUS[code]), ADVICE[code].title, WHO[ADVICE[code].actor]) for code in ErrorCode
    )


def test_every_link_of_the_guide_leads_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDE):
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / (path or "for-makers.md")).read_bytes().decode(errors="replace")
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, link


def test_the_list_is_read_by_the_columns_that_the_guide_names() -> None:
    """A person column holds no object ID, and its ``…Id`` is the person's number in the site."""
    columns = set(re.findall(r"`(\w+)` \(", section(GUIDE, "1. A SharePoint item is created → assign")))
    assert "Learner" in columns
    given = {"ID", "Created"}  # Every list has them.
    read = {one for name in FLOWS if "sharepoint" in name for one in _columns_of(json.dumps(FLOWS[name]))}
    assert read == columns | given
    assert set(_columns_of(GUIDE)) <= columns | given | {"outcome", "errorMessage"}


def _columns_of(text: str) -> list[str]:
    return re.findall(r"(?:triggerBody\(\)|items\('Apply_to_each'\))\?\['(\w+)'\]", text)


def test_the_failed_results_are_asked_for_because_an_answer_has_only_the_first() -> None:
    assert f"The first {wire.LARGEST_PAGE:,} results" in prose()
    reports = [inputs for action, inputs in connector_actions() if action == "Get_the_report_of_a_batch"]
    assert [inputs["parameters"]["failedOnly"] for inputs in reports] == [True]
    for text in (GUIDE, BATCHES):
        assert "*Failed Only*" in text
    assert f"More than {wire.LARGEST_PAGE:,} results come in pages" in BATCHES


def test_a_failed_rows_way_back_to_the_person_is_its_row() -> None:
    """The columns for people are empty in the file that everybody with its address can download."""
    batch = replace(Batch("0" * 32, 1, datetime.now(UTC)), delimiter=";")
    failed = Result(41, Outcome.FAILED)
    headings, row = sheets.encode_failed(batch, [(failed, record(Assignment))]).decode("utf-8-sig").splitlines()
    cells = dict(zip(headings.split(";"), row.split(";"), strict=True))
    assert (cells["row"], cells["learnerUserId"]) == ("43", "")
    for text in (GUIDE, BATCHES, json.dumps(FLOWS["batch-from-csv.json"])):
        assert re.search(r"\brow\b[`*]? says", text)


def test_how_to_find_an_id_of_learning_content_is_the_address_that_graph_has() -> None:
    how = section(GUIDE, "The IDs of learning content")
    assert "/employeeExperience/learningProviders/{registrationId}/learningContents(externalId='{externalId}')" in how
    assert "`LearningContent.Read.All`" in how


def test_the_key_is_told_to_belong_into_the_connection() -> None:
    """An export has the values of environment variables, and a variable shows in the run history."""
    key = " ".join(section(GUIDE, "The key").split())
    for fact in ("connection", "*Secure inputs*", "an export has their current values", "kind *Secret*", "run history"):
        assert fact in key


def test_what_only_an_admin_does_is_told_to_both() -> None:
    admins = (ROOT / "docs" / "for-admins.md").read_text(encoding="utf-8")
    asked = GUIDE.partition("**Ask your admin for:**")[2].partition("\n## ")[0]
    for word in ("share", "data polic"):
        assert word in asked
        assert word in section(admins, "What makers need from you")


def test_the_first_lines_do_not_deny_the_other_way() -> None:
    for text in (README, GUIDE):
        first = " ".join(text.partition("\n## ")[0].split())
        assert "client secret" in first
        assert "so they cannot" not in first
