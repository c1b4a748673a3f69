"""The sample flows: what is in them is what this app, its connector and its guide say.

What only the live product can tell (whether it imports them) is not tested; the guide says so.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from activities.batches import requests
from activities.contract.models import Assignment, SelfInitiatedCourse
from activities.queueing import messages
from activities.web import http, repeating
from local.lifecycle import ROOT
from tests.support.records import PROVIDER, parse
from tests.support.sample_flows import (
    FLOWS,
    GUIDE,
    KIND_OF,
    Json,
    actions_of,
    address,
    assert_answered,
    assert_well_formed,
    connector_actions,
    definition_of,
    expressions,
    filled,
    initialized,
    own,
    pauses,
    prose,
    texts,
    walk,
)
from tests.test_docs import BATCHES, README, section

SWAGGER = json.loads((ROOT / "connector" / "access-key" / "apiDefinition.swagger.json").read_text(encoding="utf-8"))
SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
SECURE = {"secureData": {"properties": ["inputs"]}}
every_flow = pytest.mark.parametrize("name", FLOWS)


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
    request = http.Request(headers={"repeatability-request-id": "run"})
    assert repeating.key_of(request, now=datetime.now(UTC), remembered=timedelta(days=1)) == "run"


@every_flow
def test_the_app_accepts_every_body(name: str) -> None:
    for inputs in [one["inputs"] for one in actions_of(name).values() if one["type"] == "Http"]:
        if inputs["method"] == "POST":
            query = address(inputs["uri"]).partition("?")[2]
            sheet = re.findall(r"```\n(type;.*?)```", BATCHES, re.DOTALL)[0].encode()
            known = {"name": "rows.csv", "registrationId": PROVIDER}
            values = {one: known[one] for one in re.findall(r"(\w+)=", query)}
            headers = {key.lower(): value for key, value in inputs["headers"].items()}
            sent = requests.parse(sheet, media_type=headers.get("content-type", ""), query=values)
            assert sent.name == "rows.csv"
            assert [parse(one.content, None) for one in sent.records]
    if append := actions_of(name).get("Append_to_array_variable"):
        (sent_one,) = requests.parse(
            json.dumps([filled(append["inputs"]["value"])]).encode(), media_type="application/json", query={}
        ).records
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
