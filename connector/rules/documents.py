"""Rules for a connector's definition as a whole: its head, its addresses, its extensions.

Source: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules
"""

import re
from collections import Counter
from urllib.parse import urlsplit

from connector.rules.package import Package, Problems, everything, operations, resolved

_MOST_BYTES = 1_000_000
_MOST_OPERATIONS = 256
_LONGEST_TITLE = 30
_DESCRIPTION_LENGTHS = range(30, 501)
_MOST_CATEGORIES = 2
_CATEGORIES = frozenset(
    {
        "AI",
        "Business Management",
        "Business Intelligence",
        "Collaboration",
        "Commerce",
        "Communication",
        "Content and Files",
        "Data",
        "Finance",
        "Human Resources",
        "Internet of Things",
        "IT Operations",
        "Lifestyle and Entertainment",
        "Marketing",
        "Productivity",
        "Sales and CRM",
        "Security",
        "Social Media",
        "Website",
    }
)
_RESTRICTED = re.compile(
    r"\b(?:api|connector|power ?(?:apps|automate|platform|bi)|logic apps|copilot studio|microsoft flow)\b",
    re.IGNORECASE,
)
# What Microsoft's JSON schema of connectors knows: any other name that begins with x-ms- is refused.
_EXTENSIONS = frozenset(
    {
        "x-ms-api-annotation",
        "x-ms-capabilities",
        "x-ms-connector-metadata",
        "x-ms-docs",
        "x-ms-dynamic-list",
        "x-ms-dynamic-properties",
        "x-ms-dynamic-schema",
        "x-ms-dynamic-tree",
        "x-ms-dynamic-values",
        "x-ms-enum",
        "x-ms-enum-values",
        "x-ms-localizeDefaultValue",
        "x-ms-media-kind",
        "x-ms-no-generic-test",
        "x-ms-notification",
        "x-ms-notification-content",
        "x-ms-notification-url",
        "x-ms-operation-context",
        "x-ms-pageable",
        "x-ms-parameter-location",
        "x-ms-safe-operation",
        "x-ms-skip-url-encoding",
        "x-ms-summary",
        "x-ms-test-value",
        "x-ms-trigger",
        "x-ms-trigger-hint",
        "x-ms-trigger-metadata",
        "x-ms-url-encoding",
        "x-ms-visibility",
    }
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?", re.IGNORECASE)


def specification_version_incorrect(package: Package) -> Problems:
    """Only OpenAPI 2.0 can be imported."""
    if package.swagger.get("swagger") != "2.0":
        yield ("swagger",), 'must be "2.0"'


def swagger_too_large(package: Package) -> Problems:
    """A definition of 1 MB or more cannot be imported."""
    size = len(str(package.swagger))
    if size >= _MOST_BYTES:
        yield (), f"has about {size:,} bytes; less than {_MOST_BYTES:,} are allowed"


def total_operations_count_exceeds_max_allowed(package: Package) -> Problems:
    """A connector has up to 256 operations."""
    if (count := sum(1 for _ in operations(package))) > _MOST_OPERATIONS:
        yield ("paths",), f"has {count} operations; up to {_MOST_OPERATIONS} are allowed"


def host_name_not_valid(package: Package) -> Problems:
    """A host has neither scheme nor path; each connection replaces it."""
    if not _HOST.fullmatch(package.swagger.get("host", "")):
        yield ("host",), "must be a host name without scheme and path"


def base_path_not_valid(package: Package) -> Problems:
    """A base path begins with a slash."""
    if not package.swagger.get("basePath", "/").startswith("/"):
        yield ("basePath",), "must begin with /"


def scheme_not_valid(package: Package) -> Problems:
    """Requests with a key or a token travel over https only."""
    if package.swagger.get("schemes") != ["https"]:
        yield ("schemes",), 'must be ["https"]'


def value_contains_restricted_words(package: Package) -> Problems:
    """Title and description name neither the kind of thing nor Power Platform's products."""
    for name in ("title", "description"):
        if found := _RESTRICTED.search(package.swagger["info"].get(name, "")):
            yield ("info", name), f'must not contain "{found[0]}"'


def field_length_not_in_range(package: Package) -> Problems:
    """A title has up to 30 characters, a description 30 to 500."""
    info = package.swagger["info"]
    if not 0 < len(info.get("title", "")) <= _LONGEST_TITLE:
        yield ("info", "title"), f"must have 1 to {_LONGEST_TITLE} characters"
    if len(info.get("description", "")) not in _DESCRIPTION_LENGTHS:
        yield ("info", "description"), "must have 30 to 500 characters"


def value_must_end_with_alphanumeric(package: Package) -> Problems:
    """A title ends with a letter or a digit."""
    if not package.swagger["info"].get("title", "")[-1:].isalnum():
        yield ("info", "title"), "must end with a letter or a digit"


def value_must_be_in_english(package: Package) -> Problems:
    """Title and description are in English: every letter of them is one of ASCII."""
    for name in ("title", "description"):
        if not package.swagger["info"].get(name, "").isascii():
            yield ("info", name), "must be in English"


def contact_not_valid(package: Package) -> Problems:
    """Users have to find whom to ask: name, address and e-mail."""
    contact = package.swagger["info"].get("contact", {})
    if not contact.get("name"):
        yield ("info", "contact", "name"), "is required"
    if urlsplit(contact.get("url", "")).scheme != "https":
        yield ("info", "contact", "url"), "must be an absolute https address"
    if not _EMAIL.fullmatch(contact.get("email", "")):
        yield ("info", "contact", "email"), "must be an e-mail address"


def connector_metadata_properties_missing(package: Package) -> Problems:
    """The catalogue shows website, privacy policy and categories."""
    said = _metadata(package)
    for name in ("Website", "Privacy policy", "Categories"):
        if not said.get(name):
            yield ("x-ms-connector-metadata",), f'must have "{name}"'


def invalid_connector_category(package: Package) -> Problems:
    """Categories come from a fixed list."""
    for name in _categories(package):
        if name not in _CATEGORIES:
            yield ("x-ms-connector-metadata",), f'"{name}" is not a category'


def too_many_connector_categories(package: Package) -> Problems:
    """A connector has up to two categories."""
    if len(_categories(package)) > _MOST_CATEGORIES:
        yield ("x-ms-connector-metadata",), "must have one or two categories"


def security_requirement_must_be_defined(package: Package) -> Problems:
    """What is required has to be described, and a key has no scopes."""
    known = package.swagger.get("securityDefinitions", {})
    for place, value in everything(package.swagger):
        if place[-1:] == ("security",):
            for index, (name, scopes) in enumerate((name, one[name]) for one in value for name in one):
                if name not in known:
                    yield (*place, index), f'"{name}" is not among the securityDefinitions'
                elif known[name]["type"] != "oauth2" and scopes:
                    yield (*place, index), f'"{name}" cannot have scopes'


def extension_not_known(package: Package) -> Problems:
    """Power Platform refuses extensions of x-ms- that it does not know."""
    for place, _ in everything(package.swagger):
        name = str(place[-1]) if place else ""
        if name.startswith("x-ms-") and name not in _EXTENSIONS and "properties" not in place[-2:-1]:
            yield place, "is no extension that Power Platform knows"


def schema_reference_not_found(package: Package) -> Problems:
    """A reference leads to something that is there, directly below its collection."""
    for place, value in everything(package.swagger):
        if place[-1:] == ("$ref",):
            if not re.fullmatch(r"#/(?:definitions|parameters|responses)/[^/]+", str(value)):
                yield place, f'"{value}" does not point directly below definitions, parameters or responses'
            elif not resolved(package, {"$ref": value}):
                yield place, f'"{value}" leads nowhere'


def additional_property_not_allowed_adjacent_to_ref(package: Package) -> Problems:
    """Whatever stands beside a reference is not read."""
    for place, value in everything(package.swagger):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str) and len(value) > 1:
            yield place, "must have nothing beside $ref"


def tag_redefined(package: Package) -> Problems:
    """Every tag is described once."""
    for name, times in Counter(tag["name"] for tag in package.swagger.get("tags", [])).items():
        if times > 1:
            yield ("tags",), f'"{name}" is there {times} times'


def connection_test_not_valid(package: Package) -> Problems:
    """A new connection is tried with an internal GET that needs no input."""
    said = package.swagger.get("x-ms-capabilities", {}).get("testConnection")
    if said is None:
        yield ("x-ms-capabilities",), "must have testConnection"
        return
    for place, operation in operations(package):
        if operation.get("operationId") == said.get("operationId"):
            inputs = [one for one in operation.get("parameters", []) if one.get("required")]
            if place[-1] != "get" or operation.get("x-ms-visibility") != "internal" or inputs:
                yield place, "must be an internal GET without required parameters to test connections"
            return
    yield ("x-ms-capabilities", "testConnection"), "names no operation"


def _metadata(package: Package) -> dict[str, str]:
    said = package.swagger.get("x-ms-connector-metadata", [])
    return {one["propertyName"]: one["propertyValue"] for one in said}


def _categories(package: Package) -> list[str]:
    return [name.strip() for name in _metadata(package).get("Categories", "").split(";") if name.strip()]


RULES = (
    specification_version_incorrect,
    swagger_too_large,
    total_operations_count_exceeds_max_allowed,
    host_name_not_valid,
    base_path_not_valid,
    scheme_not_valid,
    value_contains_restricted_words,
    field_length_not_in_range,
    value_must_end_with_alphanumeric,
    value_must_be_in_english,
    contact_not_valid,
    connector_metadata_properties_missing,
    invalid_connector_category,
    too_many_connector_categories,
    security_requirement_must_be_defined,
    extension_not_known,
    schema_reference_not_found,
    additional_property_not_allowed_adjacent_to_ref,
    tag_redefined,
    connection_test_not_valid,
)
