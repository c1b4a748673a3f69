"""The files of a connector, and ways through them: what every rule walks along."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]
type Place = tuple[str | int, ...]
type Problems = Iterator[tuple[Place, str]]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True, slots=True)
class Package:
    """The files of a connector, as they are handed in."""

    swagger: Json
    properties: Json
    settings: Json
    readme: str
    icon: bytes


def operations(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give every operation with its place."""
    for path, item in package.swagger["paths"].items():
        for method in METHODS:
            if method in item:
                yield ("paths", path, method), item[method]


def parameters_of(package: Package, place: Place, operation: Json) -> Iterator[tuple[Place, Json]]:
    """Give the parameters of an operation, those of its path included."""
    shared = package.swagger["paths"][place[1]].get("parameters", [])
    for index, one in enumerate(shared):
        yield (*place[:2], "parameters", index), resolved(package, one)
    for index, one in enumerate(operation.get("parameters", [])):
        yield (*place, "parameters", index), resolved(package, one)


def parameters(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give every parameter of every operation."""
    for place, operation in operations(package):
        yield from parameters_of(package, place, operation)


def responses(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give every response of every operation."""
    for place, operation in operations(package):
        for status, response in operation.get("responses", {}).items():
            yield (*place, "responses", status), response


def schemas(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give every schema, with those inside it; definitions once, under their own names."""
    for name, schema in package.swagger.get("definitions", {}).items():
        yield from within(schema, ("definitions", name))
    for place, said in [*parameters(package), *responses(package)]:
        if "schema" in said:
            yield from within(said["schema"], (*place, "schema"))


def within(schema: Json, place: Place) -> Iterator[tuple[Place, Json]]:
    """Give a schema and every schema inside it."""
    yield place, schema
    for name, one in schema.get("properties", {}).items():
        yield from within(one, (*place, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from within(schema["items"], (*place, "items"))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from within(schema["additionalProperties"], (*place, "additionalProperties"))
    for index, one in enumerate(schema.get("allOf", [])):
        yield from within(one, (*place, "allOf", index))


def typed(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give whatever has a type: every schema, and every parameter outside of bodies."""
    yield from schemas(package)
    yield from ((place, one) for place, one in parameters(package) if one.get("in") != "body")


def fields(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give what a maker sees by a name: the parameters outside of bodies, and the properties inside of them."""
    for place, one in typed(package):
        if place[-2] == "properties" or "in" in one:
            yield place, one


def inputs(package: Package) -> Iterator[tuple[Place, Json]]:
    """Give every schema of a body that makers fill in."""
    for place, operation in operations(package):
        for where, one in parameters_of(package, place, operation):
            if "schema" in one:
                yield from within(resolved(package, one["schema"]), (*where, "schema"))


def resolved(package: Package, said: Json) -> Json:
    """Follow a reference; one that leads nowhere gives an empty object, which is another rule's finding."""
    reference = said.get("$ref")
    if reference is None:
        return said
    found: Any = package.swagger
    for part in str(reference).removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def everything(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Give every value of a document, at whatever depth."""
    yield place, value
    match value:
        case dict():
            for key, one in value.items():
                yield from everything(one, (*place, key))
        case list():
            for index, one in enumerate(value):
                yield from everything(one, (*place, index))
