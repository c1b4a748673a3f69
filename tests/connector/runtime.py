"""What the platform makes of a connector: an action's request, and the outputs that its designer shows.

It is built from what paconn uploaded alone: definition, properties, policies. Its rules:

1. Inputs are checked before anything is sent: what is required is there, and types and formats hold. An empty text is
   no ``date-time``, ``uuid``, ``email`` or number. Words of an ``enum`` are suggestions.
2. What is left out and required or internal gets its ``default``; nothing else does.
3. The policy *Set host URL* is read in both ways: it replaces the host of the backend address, or all of it.
4. *Set HTTP header* fills in what the connection holds, or its own default; with ``skip`` only where there is none.
5. A path parameter is encoded once (``single``) or twice (``double``).
6. The outputs are those of the 200 where there is one, else of the lowest 2xx; Power Fx takes the lowest 2xx.

Sources: paconn's ``operations/upsert.py`` (backend address); LogicAppsUX's ``outputprocessor.ts`` and
``arrayeditor/util``; Power-Fx's ``OpenApiExtensions.cs``;
https://learn.microsoft.com/connectors/custom-connectors/policy-templates/dynamichosturl/dynamichosturl
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import httpx

type Json = dict[str, Any]

TEMPLATE = "x-ms-apimTemplateParameter"
METHODS = ("get", "post", "put", "patch", "delete")


class HostPolicy(StrEnum):
    """What the policy *Set host URL* replaces; Microsoft's pages and connectors say both."""

    HOST = "the host"
    BASE_URL = "the whole base URL"


class InputError(Exception):
    """The action fails in the flow, and nothing is sent."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One action."""

    id: str
    method: str
    path: str
    said: Json

    @property
    def visibility(self) -> str:
        return str(self.said.get("x-ms-visibility", "none"))


class Connector:
    """A connector as it was uploaded."""

    def __init__(self, uploaded: Json) -> None:
        self.properties: Json = uploaded["properties"]
        self.definition: Json = self.properties["openApiDefinition"]
        self.operations = {
            said["operationId"]: Operation(said["operationId"], method.upper(), path, said)
            for path, item in self.definition["paths"].items()
            for method, said in item.items()
            if method in METHODS
        }

    def sign_ins(self) -> dict[str, Json]:
        """Return the parameters of each way to connect."""
        sets = self.properties.get("connectionParameterSets", {}).get("values", [])
        return {one["name"]: one["parameters"] for one in sets} or {"only": self.properties["connectionParameters"]}

    def resolved(self, schema: Json) -> Json:
        """Follow a reference."""
        name = schema.get("$ref", "").removeprefix("#/definitions/")
        found: Json = self.definition["definitions"][name] if name else schema
        return found

    def designer_outputs(self, operation: str) -> Json | None:
        """Return the schema that a flow's next actions choose from."""
        responses = self.operations[operation].said["responses"]
        return self._schema_of(responses["200"] if "200" in responses else responses[_lowest(responses)])

    def power_fx_outputs(self, operation: str) -> Json | None:
        """Return the type of the function in an app or an agent."""
        responses = self.operations[operation].said["responses"]
        return self._schema_of(responses[_lowest(responses)])

    def row(self, rows: Json, **shown: object) -> Json:
        """Fill in one row of an array as the designer's editor does: each key is what stands behind its last dot."""
        known = self.resolved(rows["items"])["properties"]
        missing = sorted(shown.keys() - known.keys())
        assert not missing, f"the editor shows no {missing}"
        return {name.rpartition(".")[2]: value for name, value in shown.items()}

    def _schema_of(self, response: Json) -> Json | None:
        return self.resolved(response["schema"]) if "schema" in response else None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a maker filled in to connect, and how the host policy is read."""

    connector: Connector
    sign_in: str
    values: Mapping[str, str]
    host_policy: HostPolicy
    token: str = ""

    def __post_init__(self) -> None:
        known = self.connector.sign_ins()[self.sign_in]
        filled_in = set(self.values) | ({"token"} if self.token else set())
        for name, said in known.items():
            required = said["uiDefinition"]["constraints"].get("required") == "true"
            assert name in filled_in or not required, f"{name} has to be filled in"
        assert filled_in <= known.keys()

    def request(self, operation: str, inputs: Json) -> httpx.Request:
        """Return what an action sends; raises InputError where the platform sends nothing."""
        action = self.connector.operations[operation]
        path, query, headers, body = action.path, dict[str, str](), dict[str, str](), None
        known = {one["name"]: one for one in action.said.get("parameters", [])}
        if unknown := sorted(inputs.keys() - known.keys()):
            raise InputError(f"the action has no {unknown}")
        for name, parameter in known.items():
            value = self._checked(parameter.get("schema", parameter), inputs.get(name), name, parameter)
            if value is None:
                continue
            match parameter["in"]:
                case "path":
                    path = path.replace(f"{{{name}}}", _encoded(value, parameter["x-ms-url-encoding"]))
                case "query":
                    query[name] = _text(value)
                case "header":
                    headers[name] = _text(value)
                case _:
                    body = value
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = httpx.Request(action.method, self._base_url(operation) + path, params=query, headers=headers)
        if body is not None:
            sent = {"content": body} if isinstance(body, bytes) else {"json": body}
            request = httpx.Request(action.method, request.url, headers=headers, **sent)
        self._set_headers(request, operation)
        return request

    def _base_url(self, operation: str) -> str:
        backend = urlsplit(str(self.connector.properties["backendService"]["serviceUrl"]))
        for policy in self._policies("dynamichosturl", operation):
            template = urlsplit(self._filled_in(policy[f"{TEMPLATE}.urlTemplate"]))
            path = backend.path if self.host_policy is HostPolicy.HOST else template.path
            backend = backend._replace(scheme=template.scheme, netloc=template.netloc, path=path)
        return urlunsplit(backend).rstrip("/")

    def _set_headers(self, request: httpx.Request, operation: str) -> None:
        for policy in self._policies("setheader", operation):
            assert policy["x-ms-apimTemplate-policySection"] == "Request"
            name, action = policy[f"{TEMPLATE}.name"], policy[f"{TEMPLATE}.existsAction"]
            assert action in {"skip", "override"}
            if name not in request.headers or action == "override":
                request.headers[name] = self._filled_in(policy[f"{TEMPLATE}.value"])

    def _policies(self, template: str, operation: str) -> list[Json]:
        policies = self.connector.properties["policyTemplateInstances"]
        found = [one["parameters"] for one in policies if one["templateId"] == template]
        only = "x-ms-apimTemplate-operationName"
        return [one for one in found if not one.get(only) or operation in one[only]]

    def _filled_in(self, template: str) -> str:
        """Put what the connection holds into a policy's text; without a default it has to hold it."""

        def value(found: re.Match[str]) -> str:
            return self.values[found[1]] if found[2] is None else self.values.get(found[1], found[2])

        return re.sub(r"@connectionParameters\('(\w+)'(?:, ?'([^']*)')?\)", value, template)

    def _checked(self, schema: Json, value: object, place: str, owner: Json) -> Any:
        """Return a value as it is sent, with the defaults; raises InputError."""
        schema = self.connector.resolved(schema)
        internal = owner.get("x-ms-visibility") == "internal"
        required = owner.get("required") is True
        if internal:
            assert value is None, f"the designer does not show {place}"
        if value is None and (internal or required):
            value = schema.get("default", {} if place == "body" else None)
        if value is None:
            if required:
                raise InputError(f"{place} is required")
            return None
        converted = _converted(schema, value, place)
        if schema["type"] == "array":
            return [self._checked(schema["items"], one, f"{place}/{n}", {}) for n, one in enumerate(converted)]
        return self._checked_object(schema, converted, place) if schema["type"] == "object" else converted

    def _checked_object(self, schema: Json, value: Json, place: str) -> Json:
        required = schema.get("required", [])
        said = dict(value)  # What the definition does not name is sent as it is.
        for name, one in schema.get("properties", {}).items():
            owner = {"x-ms-visibility": one.get("x-ms-visibility"), "required": name in required}
            checked = self._checked(one, value.get(name), f"{place}/{name}", owner)
            if checked is not None:
                said[name] = checked
        return said


FORMATS: dict[str, Callable[[str], object]] = {
    "date-time": datetime.fromisoformat,
    "uuid": UUID,
    "email": re.compile(r".+@.+").fullmatch,
}
CONVERSIONS: dict[str, tuple[type, ...]] = {
    "string": (str, int, float, bool),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _converted(schema: Json, value: object, place: str) -> Any:
    """Return a value in the type that the definition says; raises InputError as the flow's run shows it."""
    wanted, form = schema["type"], schema.get("format")
    try:
        if wanted in {"integer", "number"} and isinstance(value, str | int | float):
            return int(value) if wanted == "integer" else float(value)
        valid = isinstance(value, CONVERSIONS.get(wanted, ()))
        if valid and wanted == "string" and form in FORMATS:
            valid = FORMATS[form](str(value)) is not None
    except ValueError:
        valid = False
    if not valid:
        kind = f"{wanted.capitalize()}/{form}" if form else wanted.capitalize()
        raise InputError(f"OpenApiOperationParameterTypeConversionFailed: {place} is required to be of type '{kind}'")
    return value


def _encoded(value: object, encoding: str) -> str:
    once = quote(str(value), safe="")
    return once if encoding == "single" else quote(once, safe="")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lowest(responses: Json) -> str:
    return min(status for status in responses if status.startswith("2"))
