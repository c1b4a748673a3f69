"""A connector that keeps every rule and uses what the rules are about, and a way to break it in one place."""

import copy
import struct
from dataclasses import replace
from typing import Any

from connector.rules import Package, Place

GONE = object()
"""Instead of a value: what stands there is removed."""

_ERROR = {"400": {"description": "The request is wrong."}, "default": {"description": "Any other error."}}
_TEXT = {"type": "string", "x-ms-summary": "Name", "description": "What it is called."}


def operation(name: str, **more: Any) -> dict[str, Any]:
    """Return the least that an operation needs."""
    answer = {"description": "It is done.", "schema": {"$ref": "#/definitions/Thing"}}
    return {
        "operationId": name,
        "summary": "Get a thing",
        "description": "Answers with a thing that is there.",
        "x-ms-visibility": "advanced",
        "parameters": [],
        "responses": {"200": answer, **_ERROR},
        **more,
    }


def icon_of(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of this size."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def good_package() -> Package:
    """Return a connector that keeps every rule."""
    return Package(_swagger(), _properties(), {"icon": "icon.png"}, _README, icon_of(230, 230))


def broken(place: Place, value: Any) -> Package:
    """Return the good package with another value in one place, or without what stands there."""
    package = good_package()
    file, *path = place
    if not path:
        return replace(package, **{str(file): value})
    document = copy.deepcopy(getattr(package, str(file)))
    *way, last = path
    holder = document
    for step in way:
        holder = holder[step]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return replace(package, **{str(file): document})


def _swagger() -> dict[str, Any]:
    body = {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/NewThing"}}
    key = {"name": "Key", "in": "header", **_TEXT, "x-ms-visibility": "internal", "required": True, "default": "1"}
    kinds = {"operationId": "GetThings", "value-path": "id", "value-title": "name"}
    query = {"name": "top", "in": "query", **_TEXT, "type": "integer"}
    path = {"name": "thingId", "in": "path", **_TEXT, "required": True, "x-ms-url-encoding": "single"}
    return {
        "swagger": "2.0",
        "info": {
            "title": "Things",
            "description": "Creates things, and lists the things that there are.",
            "contact": {"name": "Support", "url": "https://www.contoso.com", "email": "support@contoso.com"},
        },
        "host": "things.example",
        "basePath": "/",
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": {
            "/things": {
                "get": operation("GetThings", parameters=[query], **{"x-ms-pageable": {"nextLinkName": "nextLink"}}),
                "post": operation("CreateThing", parameters=[key, body]),
            },
            "/things/{thingId}": {"get": operation("GetThing", parameters=[path])},
            "/self": {"get": operation("TestConnection", **{"x-ms-visibility": "internal"})},
        },
        "definitions": {
            "Thing": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "x-ms-summary": "ID", "description": "The ID of the thing."},
                    "parts": {
                        "type": "array",
                        "x-ms-summary": "Parts of the Thing",
                        "description": "What it is made of.",
                        "items": {"$ref": "#/definitions/Part"},
                    },
                },
                "required": ["id"],
            },
            "Part": {"type": "object", "properties": {"name": _TEXT}},
            "NewThing": {
                "type": "object",
                "required": ["name", "version"],
                "properties": {
                    "name": _TEXT,
                    "parts": {**_TEXT, "type": "array", "items": {"$ref": "#/definitions/Part"}},
                    "version": {**_TEXT, "default": "1", "x-ms-visibility": "internal"},
                    "owner": {**_TEXT, "x-ms-dynamic-values": kinds, "x-ms-dynamic-list": kinds},
                    "colour": {
                        **_TEXT,
                        "enum": ["red", "green"],
                        "x-ms-enum-values": [
                            {"value": "red", "displayName": "Red"},
                            {"value": "green", "displayName": "Green"},
                        ],
                    },
                },
            },
        },
        "securityDefinitions": {"api_key": {"type": "apiKey", "in": "header", "name": "key"}},
        "security": [{"api_key": []}],
        "tags": [{"name": "Things"}],
        "x-ms-capabilities": {"testConnection": {"operationId": "TestConnection", "parameters": {}}},
        "x-ms-connector-metadata": [
            {"propertyName": "Website", "propertyValue": "https://www.contoso.com"},
            {"propertyName": "Privacy policy", "propertyValue": "https://www.contoso.com/privacy"},
            {"propertyName": "Categories", "propertyValue": "Data;Productivity"},
        ],
    }


def _properties() -> dict[str, Any]:
    constraints = {"required": "true"}
    words = {"displayName": "Words", "description": "What to fill in.", "constraints": constraints}
    host = {"type": "string", "uiDefinition": words}
    custom = {"resourceUri": {"value": "api://1"}}
    token = {"type": "oauthSetting", "oAuthSettings": {"identityProvider": "aad", "customParameters": custom}}
    by_key = {"hostName": host, "api_key": {"type": "securestring", "uiDefinition": words}}
    url = {"x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('hostName')"}
    parameters = {**url, "x-ms-apimTemplate-operationName": ["GetThing"]}
    return {
        "properties": {
            "iconBrandColor": "#0b5cad",
            "publisher": "Contoso",
            "connectionParameters": by_key,
            "connectionParameterSets": {
                "values": [
                    {"name": "key", "metadata": {"allowSharing": True}, "parameters": by_key},
                    {
                        "name": "sign-in",
                        "metadata": {"allowSharing": False},
                        "parameters": {"hostName": host, "token": {**token, "uiDefinition": words}},
                    },
                ],
            },
            "policyTemplateInstances": [{"templateId": "dynamichosturl", "parameters": parameters}],
        }
    }


_README = """# Things
## Publisher
## Prerequisites
## Supported Operations
## Obtaining Credentials
## Known Issues and Limitations
## Deployment Instructions
"""
