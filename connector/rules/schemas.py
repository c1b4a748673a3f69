"""Rules for what stands in bodies and answers: the properties that makers fill in and pick from.

Sources: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules,
https://learn.microsoft.com/connectors/custom-connectors/connector-string-guidance
"""

import re

from connector.rules.package import (
    Json,
    Package,
    Problems,
    everything,
    fields,
    inputs,
    parameters,
    resolved,
    schemas,
    typed,
    within,
)

_LONGEST_CAPTION = 80
_MOST_SCHEMAS = 512
_UNKNOWN_KEYWORDS = frozenset(
    {"oneOf", "anyOf", "not", "const", "nullable", "uniqueItems", "patternProperties", "examples", "deprecated"}
)
_FORMATS = {
    "string": {"binary", "byte", "date", "date-no-tz", "date-time", "email", "html", "password", "uri", "uuid"},
    "integer": {"int32", "int64"},
    "number": {"double", "float"},
}
_CHECKED = frozenset(
    {"format", "maximum", "maxItems", "maxLength", "minimum", "minItems", "minLength", "multipleOf", "pattern"}
)
# Words that stay small inside a caption.
_SMALL = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})


def empty_schema(package: Package) -> Problems:
    """A schema that says nothing shows nothing."""
    for place, schema in schemas(package):
        if not schema.keys() & {"type", "$ref", "properties", "allOf"}:
            yield place, "must have a type"


def swagger_keyword_not_supported(package: Package) -> Problems:
    """The designer cannot show choices, constants and the like."""
    for place, schema in schemas(package):
        for keyword in sorted(schema.keys() & _UNKNOWN_KEYWORDS):
            yield (*place, keyword), "is not supported"


def null_not_allowed(package: Package) -> Problems:
    """A flow fails when a null comes where a text is expected."""
    for place, one in typed(package):
        if isinstance(one.get("type"), list) or one.get("x-nullable"):
            yield place, "must have one type and no null"
    for place, value in everything(package.swagger):
        if value is None:
            yield place, "must not be null"


def unrecognized_type_format(package: Package) -> Problems:
    """Power Platform knows some formats."""
    for place, one in typed(package):
        kind, said = one.get("type"), one.get("format")
        if isinstance(kind, str) and said is not None and said not in _FORMATS.get(kind, ()):
            yield (*place, "format"), f"{kind}/{said} is not known"


def input_checked_by_the_platform(package: Package) -> Problems:
    """What an input has to look like is checked before the request; the app cannot say any more what to do."""
    for place, one in [*inputs(package), *((place, one) for place, one in parameters(package) if one["in"] != "body")]:
        for keyword in sorted(one.keys() & _CHECKED):
            yield (*place, keyword), "must go; the description says what to write"


def name_in_list_has_a_dot(package: Package) -> Problems:
    """A list that is filled in row by row calls each property by what stands behind its last dot."""
    for place, schema in inputs(package):
        for _, item in within(schema["items"], ()) if isinstance(schema.get("items"), dict) else ():
            for name in resolved(package, item).get("properties", {}):
                if "." in name:
                    yield (*place, "items", "properties", name), "must have no dot in its name"


def array_has_no_items(package: Package) -> Problems:
    """A list says what is in it."""
    for place, one in typed(package):
        if one.get("type") == "array" and not one.get("items"):
            yield (*place, "items"), "is required"


def required_property_array_empty(package: Package) -> Problems:
    """An empty list of required properties is left out."""
    for place, schema in schemas(package):
        if schema.get("required") == []:
            yield (*place, "required"), "must not be empty"


def required_property_definition_missing(package: Package) -> Problems:
    """What is required is there."""
    for place, schema in schemas(package):
        for name in _required(schema):
            if name not in schema.get("properties", {}):
                yield (*place, "required"), f'"{name}" is not among the properties'


def required_property_not_on_object(package: Package) -> Problems:
    """Only an object has required properties."""
    for place, schema in schemas(package):
        if "required" in schema and schema.get("type") != "object":
            yield (*place, "required"), "belongs to objects only"


def required_read_only_property_not_allowed_as_input(package: Package) -> Problems:
    """Nobody can fill in what is only for reading."""
    for place, schema in inputs(package):
        for name in _required(schema):
            if schema.get("properties", {}).get(name, {}).get("readOnly"):
                yield (*place, "properties", name), "is required, but readOnly"


def schema_ref_loop_not_allowed(package: Package) -> Problems:
    """No schema contains itself."""
    for name in package.swagger.get("definitions", {}):
        if name in _reached(package, name):
            yield ("definitions", name), "contains itself"


def body_schema_count_exceeds_max_allowed(package: Package) -> Problems:
    """A body has up to 512 schemas."""
    for name, schema in package.swagger.get("definitions", {}).items():
        if (count := sum(1 for _ in within(schema, ()))) > _MOST_SCHEMAS:
            yield ("definitions", name), f"has {count} schemas; up to {_MOST_SCHEMAS} are allowed"


def property_must_be_required(package: Package) -> Problems:
    """An internal property with a default is sent only if it is required, and a required one needs a default."""
    for place, schema in inputs(package):
        for name, one in schema.get("properties", {}).items():
            if one.get("x-ms-visibility") == "internal" and ("default" in one) != (name in _required(schema)):
                yield (*place, "properties", name), "is internal: it must be required and have a default, or neither"
    for place, one in parameters(package):
        internal = one.get("in") != "body" and one.get("x-ms-visibility") == "internal"
        if internal and ("default" in one) != bool(one.get("required")):
            yield place, "is internal: it must be required and have a default, or neither"


def summary_missing(package: Package) -> Problems:
    """A field has a caption of up to 80 characters."""
    for place, one in fields(package):
        if not 0 < len(one.get("x-ms-summary", "")) <= _LONGEST_CAPTION and "$ref" not in one:
            yield (*place, "x-ms-summary"), f"must have 1 to {_LONGEST_CAPTION} characters"


def summary_not_in_title_case(package: Package) -> Problems:
    """A caption is written In Title Case."""
    for place, one in fields(package):
        words = one.get("x-ms-summary", "").split()
        if any(word[0].islower() and (number == 0 or word not in _SMALL) for number, word in enumerate(words)):
            yield (*place, "x-ms-summary"), f'"{" ".join(words)}" is not in title case'


def description_not_a_sentence(package: Package) -> Problems:
    """A field says what belongs into it, in a sentence."""
    for place, one in fields(package):
        if "$ref" not in one and not one.get("description", "").endswith((".", "?", "!")):
            yield (*place, "description"), "must be a sentence that ends with a full stop"


def dynamic_list_extension_required(package: Package) -> Problems:
    """The newer extension stands beside the older one, which cannot tell parameters from properties."""
    for place, one in typed(package):
        if "x-ms-dynamic-values" in one and "x-ms-dynamic-list" not in one:
            yield (*place, "x-ms-dynamic-list"), "is required beside x-ms-dynamic-values"
        if "x-ms-dynamic-schema" in one and "x-ms-dynamic-properties" not in one:
            yield (*place, "x-ms-dynamic-properties"), "is required beside x-ms-dynamic-schema"


def minimum_should_be_less_than_or_equal_to_maximum(package: Package) -> Problems:
    """A range is not empty."""
    for place, one in typed(package):
        for least, most in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
            if least in one and most in one and one[least] > one[most]:
                yield (*place, least), f"is more than {most}"


def pattern_should_be_valid_regular_expression(package: Package) -> Problems:
    """A pattern can be read."""
    for place, one in typed(package):
        try:
            re.compile(one.get("pattern", ""))
        except re.error:
            yield (*place, "pattern"), "is not a regular expression"


def _required(schema: Json) -> list[str]:
    said = schema.get("required", [])
    return said if isinstance(said, list) else []


def _reached(package: Package, name: str) -> set[str]:
    """Return the definitions that one leads to."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for place, value in everything(package.swagger["definitions"].get(waiting.pop(), {})):
            target = str(value).removeprefix("#/definitions/")
            if place[-1:] == ("$ref",) and target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


RULES = (
    empty_schema,
    swagger_keyword_not_supported,
    null_not_allowed,
    unrecognized_type_format,
    input_checked_by_the_platform,
    name_in_list_has_a_dot,
    array_has_no_items,
    required_property_array_empty,
    required_property_definition_missing,
    required_property_not_on_object,
    required_read_only_property_not_allowed_as_input,
    schema_ref_loop_not_allowed,
    body_schema_count_exceeds_max_allowed,
    property_must_be_required,
    summary_missing,
    summary_not_in_title_case,
    description_not_a_sentence,
    dynamic_list_extension_required,
    minimum_should_be_less_than_or_equal_to_maximum,
    pattern_should_be_valid_regular_expression,
)
