"""The connector runtime is as strict as the platform: one that is too kind would prove nothing."""

import json
from typing import Any

import httpx
import pytest

from tests.connector.runtime import Connection, Connector, HostPolicy, InputError

type Json = dict[str, Any]

BODY = {
    "type": "object",
    "required": ["name", "level", "mode"],
    "properties": {
        "name": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "who": {"type": "string", "format": "uuid"},
        "mail": {"type": "string", "format": "email"},
        "count": {"type": "integer", "format": "int32"},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
        "level": {"type": "string", "default": "low", "enum": ["low", "high"]},
        "spare": {"type": "string", "default": "never sent"},
        "mode": {"type": "string", "default": "flow", "x-ms-visibility": "internal"},
        "rows": {
            "type": "array",
            "items": {"type": "object", "properties": {"on": {"type": "string", "format": "date-time"}}},
        },
    },
}
SCHEMA = {"schema": {"type": "object", "properties": {"id": {"type": "string"}}}}
KEY_HEADER = {
    "x-ms-apimTemplateParameter.name": "x-functions-key",
    "x-ms-apimTemplateParameter.value": "@connectionParameters('api_key','')",
    "x-ms-apimTemplateParameter.existsAction": "skip",
    "x-ms-apimTemplate-policySection": "Request",
}


def connector(
    *, service_url: str = "https://placeholder.example/base", template: str = "https://@connectionParameters('host')"
) -> Connector:
    body = {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Body"}}
    path = {"name": "id", "in": "path", "type": "string", "required": True, "x-ms-url-encoding": "single"}
    twice = {**path, "name": "twice", "x-ms-url-encoding": "double"}
    wide = {"name": "wide", "in": "query", "type": "boolean"}
    responses = {"200": SCHEMA, "201": {}}
    paths = {
        "/things": {"post": {"operationId": "Send", "parameters": [body], "responses": {"200": {}, "201": SCHEMA}}},
        "/things/{id}/{twice}": {
            "get": {"operationId": "Get", "parameters": [path, twice, wide], "responses": responses}
        },
    }
    parameters = {name: {"uiDefinition": {"constraints": {"required": "true"}}} for name in ("host", "api_key")}
    policies = [
        {"templateId": "dynamichosturl", "parameters": {"x-ms-apimTemplateParameter.urlTemplate": template}},
        {"templateId": "setheader", "parameters": KEY_HEADER},
    ]
    uploaded = {
        "openApiDefinition": {"paths": paths, "definitions": {"Body": BODY}},
        "backendService": {"serviceUrl": service_url},
        "connectionParameters": parameters,
        "policyTemplateInstances": policies,
    }
    return Connector({"properties": uploaded})


def request(
    operation: str, of: Connector | None = None, policy: HostPolicy = HostPolicy.HOST, **inputs: Any
) -> httpx.Request:
    values = {"host": "app.example", "api_key": "key"}
    return Connection(of or connector(), "only", values, policy).request(operation, inputs)


def sent(**body: Any) -> Json:
    said: Json = json.loads(request("Send", body={"name": "n", **body}).content)
    return said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, "") for name in ("at", "who", "mail", "count", "share", "sure")],
        ("at", "tomorrow"),
        ("who", "me"),
        ("mail", "me"),
        ("count", "many"),
        ("name", {}),
        ("rows", {}),
        ("rows", [{"on": ""}]),
    ],
)
def test_a_value_of_another_type_or_format_is_never_sent(name: str, value: object) -> None:
    with pytest.raises(InputError, match="is required to be of type"):
        sent(**{name: value})


def test_what_fits_is_sent_and_numbers_in_texts_are_numbers() -> None:
    said = {
        "at": "2026-11-22T10:00:00Z",
        "mail": "a@b.example",
        "count": "42",
        "level": "any word",
        "rows": [{"on": None}],
    }
    assert sent(**said) == {**said, "name": "n", "count": 42, "mode": "flow"}


def test_only_what_is_required_or_internal_gets_its_default() -> None:
    assert sent() == {"name": "n", "level": "low", "mode": "flow"}


def test_what_is_required_and_what_is_not_shown_cannot_be_changed() -> None:
    with pytest.raises(InputError, match="body/name is required"):
        request("Send", body={})
    with pytest.raises(InputError, match="no \\['other'\\]"):
        request("Send", body={"name": "n"}, other="")
    with pytest.raises(AssertionError, match="does not show"):
        sent(mode="mine")


@pytest.mark.parametrize(
    ("policy", "template", "url"),
    [
        (HostPolicy.HOST, "https://@connectionParameters('host')", "https://app.example/base/things"),
        (HostPolicy.HOST, "https://@connectionParameters('host')/base", "https://app.example/base/things"),
        (HostPolicy.BASE_URL, "https://@connectionParameters('host')", "https://app.example/things"),
        (HostPolicy.BASE_URL, "https://@connectionParameters('host')/base", "https://app.example/base/things"),
    ],
)
def test_the_host_policy_has_two_readings_that_differ_where_there_is_a_base_path(
    policy: HostPolicy, template: str, url: str
) -> None:
    assert request("Send", connector(template=template), policy, body={"name": "n"}).url == url


def test_parameters_are_encoded_as_the_definition_says_and_the_key_is_a_header() -> None:
    said = request("Get", id="a/b", twice="a/b", wide=True)
    assert said.url.raw_path == b"/base/things/a%2Fb/a%252Fb?wide=true"
    assert said.headers["x-functions-key"] == "key"


def test_the_designer_shows_the_200_and_power_fx_the_lowest() -> None:
    of = connector()
    assert of.designer_outputs("Send") is None
    assert of.designer_outputs("Get") == of.power_fx_outputs("Get") == SCHEMA["schema"]


def test_a_connection_needs_what_it_asks_for() -> None:
    with pytest.raises(AssertionError, match="api_key has to be filled in"):
        Connection(connector(), "only", {"host": "app.example"}, HostPolicy.HOST)


def test_a_row_has_what_stands_behind_the_last_dot_of_each_name() -> None:
    array = {"items": {"type": "object", "properties": {"@odata.type": {"type": "string"}}}}
    assert connector().row(array, **{"@odata.type": "x"}) == {"type": "x"}
    with pytest.raises(AssertionError, match="the editor shows no"):
        connector().row(array, type="x")
