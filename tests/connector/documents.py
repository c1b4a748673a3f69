"""The two documents, and a way to hold a JSON value against one of their schemas."""

import json
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator

from connector.__main__ import ACCESS_KEY, OPENAPI
from connector.rules import SWAGGER

API: dict[str, Any] = json.loads(OPENAPI.read_bytes())
CONNECTOR: dict[str, Any] = json.loads((ACCESS_KEY / SWAGGER).read_bytes())
METHODS = ("get", "post", "put", "patch", "delete")


def problems_in_api(value: object, component: str) -> list[str]:
    """Return what is wrong with a value by a component of the API's document."""
    schema = {"$ref": f"#/components/schemas/{component}", "components": API["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    return [error.message for error in Draft202012Validator(schema, format_checker=checker).iter_errors(value)]


def problems_in_connector(value: object, definition: str) -> list[str]:
    """Return what is wrong with a value by a definition of the connector."""
    schema = {"$ref": f"#/definitions/{definition}", "definitions": CONNECTOR["definitions"]}
    return [error.message for error in Draft4Validator(schema).iter_errors(value)]


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every operation by its ID."""
    return {item[method]["operationId"]: item[method] for item in document["paths"].values() for method in item}


def routes_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every method and path."""
    return {(method, path) for path, item in document["paths"].items() for method in item}
