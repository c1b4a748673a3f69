"""The same in OpenAPI 2.0, as a Power Platform connector needs it: flat bodies, one schema for each operation.

Source: https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions
"""

from http import HTTPStatus
from typing import Any

from activities.contract.advice import ADVICE
from connector import batch_schemas, components, publisher
from connector.captions import display_name
from connector.operation import ADVANCED, BYTES, FILE, IMPORTANT, JSON, Operation
from connector.operations import OPERATIONS, TAGS
from connector.parameters import Parameter
from connector.refusals import by_status
from connector.schemas import Schema
from connector.served_routes import Route, served

# What most makers fill in although they need not; the rest is among the advanced properties.
_IMPORTANT = frozenset(
    {
        "name",
        "type",
        "registrationId",
        "learnerUserId",
        "learningContentId",
        "status",
        "externalCourseActivityId",
        "completionPercentage",
        "operation",
        "dueDateTime",
        "notes",
        "assignmentType",
        "code",
        "ids",
    }
)
# One name for the provider is enough for a form.
_NOT_ASKED = "learningProviderId"
_KEY = "api_key"
_SECURITY: Schema = {
    _KEY: {"type": "apiKey", "in": "header", "name": publisher.KEY_HEADER},
    "entra_id": {
        "type": "oauth2",
        "flow": "accessCode",
        "authorizationUrl": f"{publisher.SIGN_IN}/oauth2/authorize",
        "tokenUrl": f"{publisher.SIGN_IN}/oauth2/token",
        "scopes": {},
    },
}
_NO_KEY = "The function key is missing or wrong, or nobody has signed in."
# No format and no limit of an input: the platform would check them before the app can say in its own words what to do.
_KEPT = ("type", "enum")
_HINTS = {
    "date-time": "Write a date, or a date and time such as {}.",
    "uuid": "It looks like {}.",
    "integer": "In an expression, use null if there is none.",
}
_DEFAULTS = {"Assignment": {"status": "notStarted"}}
_FILE: Schema = {
    "type": "string",
    "format": "binary",
    "x-ms-summary": "File Content",
    "description": "The content of the file, as actions such as Get file content give it.",
}


def build(*, sign_in: bool) -> Schema:
    """Return the document, with the sign-in beside the key if there is one."""
    routes = served()
    shown = [operation for operation in OPERATIONS if operation.visibility]
    paths: dict[str, Schema] = {}
    for operation in shown:
        route = routes[operation.function]
        paths.setdefault(f"{publisher.BASE_PATH}{route.path}", {})[route.method] = _operation(operation, route)
    tags = {operation.tag for operation in shown}
    return {
        "swagger": "2.0",
        "info": {
            "title": publisher.TITLE,
            "version": publisher.version(),
            "description": publisher.DESCRIPTION,
            "contact": {
                "name": f"{publisher.PUBLISHER} support",
                "url": publisher.WEBSITE,
                "email": publisher.SUPPORT_EMAIL,
            },
        },
        "host": publisher.PLACEHOLDER_HOST,
        "basePath": "/",
        "schemes": ["https"],
        "consumes": [JSON],
        "produces": [JSON],
        "paths": paths,
        "definitions": _definitions(shown),
        "securityDefinitions": _SECURITY if sign_in else {_KEY: _SECURITY[_KEY]},
        "security": [{name: []} for name in (_SECURITY if sign_in else (_KEY,))],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items() if name in tags],
        "x-ms-capabilities": {"testConnection": {"operationId": "TestConnection", "parameters": {}}},
        "x-ms-connector-metadata": [
            {"propertyName": "Website", "propertyValue": publisher.WEBSITE},
            {"propertyName": "Privacy policy", "propertyValue": publisher.PRIVACY_POLICY},
            {"propertyName": "Categories", "propertyValue": ";".join(publisher.CATEGORIES)},
        ],
    }


def request_schema(schema: Schema) -> Schema:
    """Return the form in which a maker fills in a body: no nulls, no choices, captions and visibility."""
    said = _plain(schema)
    if said["type"] == "object":
        required = schema.get("required", [])
        said["properties"] = {
            name: {
                **request_schema(one),
                "x-ms-visibility": IMPORTANT if name in {*required, *_IMPORTANT} else ADVANCED,
            }
            for name, one in schema["properties"].items()
            if name != _NOT_ASKED
        }
        said |= {"required": required} if required else {}
    elif said["type"] == "array":
        said["items"] = request_schema(_resolved(schema["items"]))
    said |= _drop_down(said)
    if hint := _HINTS.get(str(_first_of(schema).get("format", said["type"]))):
        said["description"] = f"{said['description']} {hint.format(said.get('example'))}"
    return said


def answer_schema(schema: Schema) -> Schema:
    """Return what later steps of a flow can pick from an answer: no nulls, captions for everything."""
    said = _plain(schema)
    said.pop("enum", None)  # An answer may know more values one day.
    said |= {"format": schema["format"]} if "format" in schema else {}
    if properties := schema.get("properties"):
        said["properties"] = {name: answer_schema(one) for name, one in properties.items()}
        said |= {"required": schema["required"]} if schema.get("required") else {}
    elif said["type"] == "array":
        said["items"] = answer_schema(schema["items"])
    return said


def _definitions(shown: list[Operation]) -> Schema:
    schema_of = {**components.by_name(), "Activity": batch_schemas.flat_activity()}
    definitions: Schema = {}
    for operation in shown:
        if (body := operation.connector_body or operation.body) and body != FILE:
            definitions[body] = request_schema(schema_of[body])
            for name, value in _DEFAULTS.get(body, {}).items():
                definitions[body]["properties"][name]["default"] = value
        answer = operation.answers[HTTPStatus.OK]
        definitions[answer.schema] = answer_schema(schema_of[answer.schema])
    return definitions


def _operation(operation: Operation, route: Route) -> Schema:
    parameters = [_parameter(one) for one in operation.parameters if one.in_connector]
    if body := operation.connector_body or operation.body:
        # Required even where every property is optional: then a flow sends {} instead of nothing.
        schema = _FILE if body == FILE else {"$ref": f"#/definitions/{body}"}
        parameters.append({"name": "body", "in": "body", "required": True, "schema": schema})
    return {
        "operationId": operation.connector_id or operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "x-ms-visibility": operation.visibility,
        **({"consumes": [BYTES if body == FILE else JSON]} if body else {}),
        "produces": [JSON],
        "parameters": parameters,
        "responses": _responses(operation, route),
    }


def _parameter(parameter: Parameter) -> Schema:
    said = {"name": parameter.name, "in": parameter.place, "required": parameter.required}
    plain = _plain(parameter.schema)
    del plain["example"]
    if parameter.required:
        said["x-ms-url-encoding"] = "single"
    plain |= _drop_down(plain)
    return {**said, **plain, "x-ms-visibility": IMPORTANT if parameter.required or parameter.important else ADVANCED}


def _drop_down(said: Schema) -> Schema:
    """Return what a drop-down offers: words for the values of the wire."""
    shown = {one: display_name(one) for one in said.get("enum", ())}
    if not shown:
        return {}
    # The words are what a column of choices gives, too; the drop-down offers only the values.
    words = [{"value": one, "displayName": name} for one, name in shown.items()]
    return {"enum": list(dict.fromkeys([*shown, *shown.values()])), "x-ms-enum-values": words}


def _responses(operation: Operation, route: Route) -> Schema:
    good: Schema = {str(status): {"description": answer.description} for status, answer in operation.answers.items()}
    # The designer takes the outputs from 200, apps take them from the lowest status of success.
    good["200"]["schema"] = {"$ref": f"#/definitions/{operation.answers[HTTPStatus.OK].schema}"}
    bad = {
        # In few words: no designer shows them, and the answer itself says it in full.
        str(code): {"description": " ".join(f"{ADVICE[one].title}." for one in codes)}
        for code, codes in by_status(operation.codes).items()
    }
    no_key = {"401": {"description": _NO_KEY}} if route.needs_key else {}
    return dict(sorted({**good, **bad, **no_key, "default": {"description": "Any other error."}}.items()))


def _plain(schema: Schema) -> Schema:
    """Return a schema without what 2.0 has no word for, and without its parts."""
    chosen = _first_of(schema)
    kinds = chosen.get("type", "object")
    said = {key: chosen[key] for key in _KEPT if key in chosen}
    said |= {"enum": [one for one in said["enum"] if one is not None]} if "enum" in said else {}
    said["type"] = kinds[0] if isinstance(kinds, list) else kinds
    if "title" in schema:
        said["x-ms-summary"] = schema["title"]
    said |= {"description": schema["description"]} if "description" in schema else {}
    if (example := _example(schema, said["type"])) is not None:
        said["example"] = example
    return said


def _first_of(schema: Schema) -> Schema:
    """Return a schema without a choice: the first one is the one that a single field can hold."""
    return {**schema, **schema["anyOf"][0], **_words(schema)} if "anyOf" in schema else schema


def _words(schema: Schema) -> Schema:
    return {key: schema[key] for key in ("title", "description") if key in schema}


def _example(schema: Schema, kind: str) -> Any:
    return None if kind in {"array", "object"} else schema["examples"][0]


def _resolved(schema: Schema) -> Schema:
    """Return what the connector shows instead of a choice between two kinds."""
    return batch_schemas.flat_activity() if "$ref" in schema else schema
