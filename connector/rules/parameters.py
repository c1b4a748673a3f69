"""Rules for addresses and for what stands in them, in headers and in bodies.

Source: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules
"""

import re
from collections import Counter
from itertools import combinations

from connector.rules.package import METHODS, Package, Problems, operations, parameters, parameters_of, resolved

_WITHOUT_BODY = frozenset({"get", "head"})
_VARIABLE = re.compile(r"\{([^{}]*)\}")


def body_or_form_data_parameter_in_fetch_operation_not_allowed(package: Package) -> Problems:
    """A GET has no body."""
    for place, operation in operations(package):
        for where, one in parameters_of(package, place, operation):
            if place[-1] in _WITHOUT_BODY and one.get("in") in {"body", "formData"}:
                yield where, "must go: a GET has no body"


def operation_parameters_contain_multiple_body_parameters(package: Package) -> Problems:
    """An operation has one body."""
    for place, operation in operations(package):
        if sum(one.get("in") == "body" for _, one in parameters_of(package, place, operation)) > 1:
            yield (*place, "parameters"), "has more than one body"


def operation_parameters_contain_duplicate_parameter(package: Package) -> Problems:
    """A parameter is there once."""
    for place, operation in operations(package):
        said = Counter((one.get("name"), one.get("in")) for _, one in parameters_of(package, place, operation))
        for (name, where), times in said.items():
            if times > 1:
                yield (*place, "parameters"), f'"{name}" in {where} is there {times} times'


def operation_parameter_name_is_ambiguous(package: Package) -> Problems:
    """A parameter is not called like a property of the body."""
    for place, operation in operations(package):
        said = [one for _, one in parameters_of(package, place, operation)]
        bodies = [resolved(package, one["schema"]) for one in said if "schema" in one]
        properties = {name for body in bodies for name in body.get("properties", {})}
        for one in said:
            if one.get("in") != "body" and one.get("name") in properties:
                yield (*place, "parameters"), f'"{one["name"]}" is the name of a parameter and of a property'


def operation_missing_path_parameter(package: Package) -> Problems:
    """What the path has in braces is a parameter of the operation."""
    for place, operation in operations(package):
        known = {one.get("name") for _, one in parameters_of(package, place, operation) if one.get("in") == "path"}
        for name in _VARIABLE.findall(str(place[1])):
            if name not in known:
                yield (*place, "parameters"), f'the path needs "{name}"'


def path_parameter_not_defined_in_template(package: Package) -> Problems:
    """A path parameter stands in the path."""
    for place, one in parameters(package):
        if one.get("in") == "path" and one.get("name") not in _VARIABLE.findall(str(place[1])):
            yield place, f'"{one.get("name")}" is not in the path'


def path_parameter_must_be_required(package: Package) -> Problems:
    """A path without one of its parts is another path."""
    for place, one in parameters(package):
        if one.get("in") == "path" and one.get("required") is not True:
            yield (*place, "required"), "must be true"


def path_parameter_missing_encoding(package: Package) -> Problems:
    """What stands in a path has to be encoded, once."""
    for place, one in parameters(package):
        if one.get("in") == "path" and one.get("x-ms-url-encoding") != "single":
            yield (*place, "x-ms-url-encoding"), "must be single"


def query_parameter_encoding_not_supported(package: Package) -> Problems:
    """A query is always encoded."""
    for place, one in parameters(package):
        if one.get("in") == "query" and "x-ms-url-encoding" in one:
            yield (*place, "x-ms-url-encoding"), "must go"


def connection_id_parameter_not_allowed(package: Package) -> Problems:
    """The gateway has a parameter connectionId of its own."""
    for place, one in parameters(package):
        if one.get("name") == "connectionId":
            yield (*place, "name"), "must not be connectionId"


def collection_format_value_not_supported(package: Package) -> Problems:
    """A list in a query is one text."""
    for place, one in parameters(package):
        if one.get("collectionFormat") == "multi":
            yield (*place, "collectionFormat"), "must not be multi"


def path_redefined(package: Package) -> Problems:
    """Paths differ in more than capitals."""
    said = Counter(path.casefold() for path in package.swagger["paths"])
    for path in package.swagger["paths"]:
        if said[path.casefold()] > 1:
            yield ("paths", path), "is there twice"


def partial_duplicate_operation_path(package: Package) -> Problems:
    """No value of a path parameter leads to another operation."""
    paths = package.swagger["paths"]
    for one, other in combinations(paths, 2):
        parts, others = one.split("/"), other.split("/")
        if len(parts) == len(others) and (paths[one].keys() & paths[other].keys() & set(METHODS)):
            same = [left == right or "{" in left + right for left, right in zip(parts, others, strict=True)]
            if all(same):
                yield ("paths", other), f"cannot always be told from {one}"


def operation_path_not_valid(package: Package) -> Problems:
    """A path begins with a slash and has neither wildcard, query nor fragment."""
    for path in package.swagger["paths"]:
        if not path.startswith("/") or re.search(r"[*?#=]", path) or path.count("{") != path.count("}"):
            yield ("paths", path), "must begin with / and have no *, ?, # or ="


def invalid_next_link_name_value(package: Package) -> Problems:
    """The designer follows only nextLink and @odata.nextLink."""
    for place, operation in operations(package):
        said = operation.get("x-ms-pageable")
        if said is not None and said.get("nextLinkName") not in {"nextLink", "@odata.nextLink"}:
            yield (*place, "x-ms-pageable"), "must name nextLink or @odata.nextLink"


RULES = (
    body_or_form_data_parameter_in_fetch_operation_not_allowed,
    operation_parameters_contain_multiple_body_parameters,
    operation_parameters_contain_duplicate_parameter,
    operation_parameter_name_is_ambiguous,
    operation_missing_path_parameter,
    path_parameter_not_defined_in_template,
    path_parameter_must_be_required,
    path_parameter_missing_encoding,
    query_parameter_encoding_not_supported,
    connection_id_parameter_not_allowed,
    collection_format_value_not_supported,
    path_redefined,
    partial_duplicate_operation_path,
    operation_path_not_valid,
    invalid_next_link_name_value,
)
