"""Rules for the values that a property can have: what a drop-down offers, and what stands there before.

Source: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules
"""

from collections import Counter
from collections.abc import Iterator

from connector.rules.package import Json, Package, Place, Problems, inputs, parameters, typed

_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def enum_must_contain_at_least_one_element(package: Package) -> Problems:
    """A choice offers something."""
    for place, one in typed(package):
        if one.get("enum") == []:
            yield (*place, "enum"), "must not be empty"


def invalid_enum_value(package: Package) -> Problems:
    """Every value of a choice is of the property's type."""
    for place, one in typed(package):
        for value in one.get("enum", []):
            if not _is_of(value, one.get("type")):
                yield (*place, "enum"), f"{value!r} is not of type {one.get('type')}"


def enum_values_missing(package: Package) -> Problems:
    """A drop-down that makers fill in shows words, not the values of the wire."""
    for place, one in [*inputs(package), *parameters(package)]:
        if "enum" in one and "x-ms-enum-values" not in one:
            yield (*place, "x-ms-enum-values"), "is required beside enum"


def missing_enum_values_display_name(package: Package) -> Problems:
    """Every value of a drop-down has a name."""
    for place, said in _enum_values(package):
        if not all(value.get("displayName") for value in said["x-ms-enum-values"]):
            yield place, "every value must have a displayName"


def invalid_enum_values_extension_value(package: Package) -> Problems:
    """A drop-down offers what the enum has."""
    for place, said in _enum_values(package):
        for value in said["x-ms-enum-values"]:
            if value.get("value") not in said.get("enum", []):
                yield place, f"{value.get('value')!r} is not in enum"


def duplicate_enum_values_in_extension(package: Package) -> Problems:
    """A drop-down offers each value once."""
    for place, said in _enum_values(package):
        if max(Counter(value.get("value") for value in said["x-ms-enum-values"]).values(), default=0) > 1:
            yield place, "offers a value twice"


def default_value_must_match_type(package: Package) -> Problems:
    """A default is of the property's type."""
    for place, one in typed(package):
        if "default" in one and not _is_of(one["default"], one.get("type")):
            yield (*place, "default"), f"{one['default']!r} is not of type {one.get('type')}"


def _enum_values(package: Package) -> Iterator[tuple[Place, Json]]:
    for place, one in typed(package):
        if "x-ms-enum-values" in one:
            yield (*place, "x-ms-enum-values"), one


def _is_of(value: object, kind: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON.get(str(kind), ()))


RULES = (
    enum_must_contain_at_least_one_element,
    invalid_enum_value,
    enum_values_missing,
    missing_enum_values_display_name,
    invalid_enum_values_extension_value,
    duplicate_enum_values_in_extension,
    default_value_must_match_type,
)
