"""Rules for operations: how they are called, and how they answer.

Sources: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules,
https://learn.microsoft.com/connectors/custom-connectors/connector-string-guidance
"""

import re
from collections import Counter

from connector.rules.package import Package, Problems, everything, operations, parameters_of, resolved, responses, typed

_MIME_TYPES = frozenset({"application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"})
_LONGEST_SUMMARY = 80
_WITH_SCHEMA = ("200", "201")
_ENGINEERS = re.compile(
    r"@odata|\bis[A-Z]\w+Enabled\b|\bOperation-Location\b|\b(?i:dequeue\w*|deserial\w*|endpoint|idempoten\w*|ledger|"
    r"long-running operations?|payload|poison|seriali[sz]\w*|upsert)\b"
)


def operation_id_required(package: Package) -> Problems:
    """Flows remember an operation by its ID."""
    for place, operation in operations(package):
        if not operation.get("operationId"):
            yield (*place, "operationId"), "is required"


def operation_id_sanitized(package: Package) -> Problems:
    """An operation ID is in Pascal case, with nothing but letters and digits."""
    for place, operation in operations(package):
        if not re.fullmatch(r"(?:[A-Z][A-Za-z0-9]*)?", operation.get("operationId", "")):
            yield (*place, "operationId"), f'"{operation["operationId"]}" is not in Pascal case'


def operation_id_not_unique(package: Package) -> Problems:
    """An operation ID belongs to one operation."""
    ids = Counter(operation.get("operationId") for _, operation in operations(package))
    for place, operation in operations(package):
        if ids[operation.get("operationId")] > 1:
            yield (*place, "operationId"), f'"{operation.get("operationId")}" is used twice'


def operation_summary_too_long(package: Package) -> Problems:
    """A summary is the operation's name in the designer: there, and up to 80 characters."""
    for place, operation in operations(package):
        if not 0 < len(operation.get("summary", "")) <= _LONGEST_SUMMARY:
            yield (*place, "summary"), f"must have 1 to {_LONGEST_SUMMARY} characters"


def restricted_characters_in_summary(package: Package) -> Problems:
    """A summary has only letters, digits and parentheses, and begins like a sentence."""
    for place, operation in operations(package):
        summary = operation.get("summary", "")
        if not re.fullmatch(r"(?:[A-Z0-9][A-Za-z0-9() ]*[A-Za-z0-9)])?", summary):
            yield (*place, "summary"), f'"{summary}" may only have letters, digits and parentheses'


def operation_description_not_a_sentence(package: Package) -> Problems:
    """A description is a full sentence and says more than the summary."""
    for place, operation in operations(package):
        description = operation.get("description", "")
        if not description.endswith((".", "?", "!")):
            yield (*place, "description"), "must be a sentence that ends with a full stop"
        elif description.rstrip(".").casefold() == operation.get("summary", "").casefold():
            yield (*place, "description"), "must say more than the summary"


def operation_visibility_missing(package: Package) -> Problems:
    """Every operation says how prominent it is."""
    for place, operation in operations(package):
        if "x-ms-visibility" not in operation:
            yield (*place, "x-ms-visibility"), "is required"


def visibility_not_valid(package: Package) -> Problems:
    """Visibility is one of four words."""
    for place, one in [*operations(package), *typed(package)]:
        if one.get("x-ms-visibility", "none") not in {"none", "advanced", "internal", "important"}:
            yield (*place, "x-ms-visibility"), "must be none, advanced, internal or important"


def operation_must_have_response(package: Package) -> Problems:
    """An operation has to answer, and at least once with success."""
    for place, operation in operations(package):
        if not any(status.startswith("2") for status in operation.get("responses", {})):
            yield (*place, "responses"), "must have one of success"


def response_must_be_default_or_http_status_code(package: Package) -> Problems:
    """A response stands under its status or under "default"."""
    for place, _ in responses(package):
        if not re.fullmatch(r"[1-5]\d\d|default", str(place[-1])):
            yield place, "must be a status or default"


def response_description_missing(package: Package) -> Problems:
    """Every response says when it is given."""
    for place, response in responses(package):
        if "$ref" not in response and not response.get("description"):
            yield (*place, "description"), "is required"


def error_responses_missing(package: Package) -> Problems:
    """Known errors are listed: at least one of 4xx."""
    for place, operation in operations(package):
        if not any(status.startswith("4") for status in operation.get("responses", {})):
            yield (*place, "responses"), "must list the errors that are known"


def default_response_has_schema(package: Package) -> Problems:
    """Nobody expects the default response, so it has no schema."""
    for place, response in responses(package):
        if place[-1] == "default" and "schema" in resolved(package, response):
            yield (*place, "schema"), "must go"


def operation_has_many_responses_with_schema(package: Package) -> Problems:
    """The designer shows one schema only."""
    for place, operation in operations(package):
        said = operation.get("responses", {})
        if len(with_schema := [status for status, one in said.items() if "schema" in resolved(package, one)]) > 1:
            yield (*place, "responses"), f"only one may have a schema, not {' and '.join(with_schema)}"


def schema_definition_set_incorrectly(package: Package) -> Problems:
    """The designer takes the outputs from 200 or 201."""
    for place, operation in operations(package):
        said = operation.get("responses", {})
        if not any("schema" in resolved(package, said.get(status, {})) for status in _WITH_SCHEMA):
            yield (*place, "responses"), "200 or 201 must have a schema"


def outputs_not_on_the_first_success(package: Package) -> Problems:
    """The designer shows the schema of 200 where there is a 200, and apps know only that of the lowest success."""
    for place, operation in operations(package):
        said = operation.get("responses", {})
        first = min((status for status in said if status.startswith("2")), default="")
        if first and "schema" not in resolved(package, said[first]):
            yield (*place, "responses", first), "must have the schema of the outputs"


def word_of_engineers(package: Package) -> Problems:
    """A maker reads summaries and descriptions, and knows no word of those who build services."""
    for place, value in everything(package.swagger):
        if place[-1:] in {("summary",), ("description",), ("x-ms-summary",)} and isinstance(value, str):
            for word in _ENGINEERS.findall(value):
                yield place, f'"{word}" is a word of engineers'


def mime_type_not_valid(package: Package) -> Problems:
    """Power Platform knows four media types."""
    for place, said in [((), package.swagger), *operations(package)]:
        for name in ("consumes", "produces"):
            for media_type in said.get(name, []):
                if media_type not in _MIME_TYPES:
                    yield (*place, name), f'"{media_type}" is not supported'


def consumes_missing(package: Package) -> Problems:
    """An operation with a body says in which media type."""
    for place, operation in operations(package):
        bodies = [one for _, one in parameters_of(package, place, operation) if one.get("in") in {"body", "formData"}]
        if bodies and not operation.get("consumes", package.swagger.get("consumes")):
            yield (*place, "consumes"), "is required"


RULES = (
    operation_id_required,
    operation_id_sanitized,
    operation_id_not_unique,
    operation_summary_too_long,
    restricted_characters_in_summary,
    operation_description_not_a_sentence,
    operation_visibility_missing,
    visibility_not_valid,
    operation_must_have_response,
    response_must_be_default_or_http_status_code,
    response_description_missing,
    error_responses_missing,
    default_response_has_schema,
    operation_has_many_responses_with_schema,
    schema_definition_set_incorrectly,
    outputs_not_on_the_first_success,
    word_of_engineers,
    mime_type_not_valid,
    consumes_missing,
)
