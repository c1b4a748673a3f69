"""Rules for what surrounds the definition: connections, policies, icon, readme, paconn's settings.

Sources: https://learn.microsoft.com/connectors/custom-connectors/connection-parameters,
https://learn.microsoft.com/connectors/custom-connectors/certification-submission
"""

import re
import struct
from collections.abc import Iterator

from connector.rules.package import Json, Package, Place, Problems, everything, operations

_DEFAULT_COLOURS = frozenset({"#007ee5", "#ffffff"})
_POLICIES = frozenset(
    {
        "convertarraytoobject",
        "convertobjecttoarray",
        "dynamichosturl",
        "encodepropertyvalue",
        "pollingtrigger",
        "routerequesttoendpoint",
        "setheader",
        "setproperty",
        "setqueryparameter",
        "setvaluefromurl",
        "stringreplace",
        "stringtoarray",
        "updatenextlink",
    }
)
_READ_FROM_CONNECTION = re.compile(r"@connectionParameters\('([^']+)'")
_UI_DEFINITION = frozenset({"constraints", "description", "displayName", "tooltip"})
_SETTINGS = frozenset(
    {
        "connectorId",
        "environment",
        "apiProperties",
        "apiDefinition",
        "icon",
        "powerAppsUrl",
        "powerAppsApiVersion",
        "flowUrl",
        "flowApiVersion",
    }
)
_SECTIONS = (
    "Publisher",
    "Prerequisites",
    "Supported Operations",
    "Obtaining Credentials",
    "Known Issues and Limitations",
    "Deployment Instructions",
)
_ICON_PIXELS = range(100, 231)
_PNG = b"\x89PNG\r\n\x1a\n"


def icon_brand_color_not_valid(package: Package) -> Problems:
    """A connector has a colour of its own."""
    colour = str(package.properties["properties"].get("iconBrandColor", ""))
    if not re.fullmatch(r"#[0-9a-f]{6}", colour, re.IGNORECASE) or colour.casefold() in _DEFAULT_COLOURS:
        yield ("properties", "iconBrandColor"), "must be a colour such as #0b5cad, and not a default"


def publisher_not_alphanumeric(package: Package) -> Problems:
    """Publisher and owner of the service are plain names."""
    for name in ("publisher", "stackOwner"):
        said = package.properties["properties"].get(name)
        if said is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ]*", said):
            yield ("properties", name), "may only have letters, digits and spaces"


def connection_parameters_missing(package: Package) -> Problems:
    """A connection asks for something; where there are several ways, those who know one only take the first."""
    said = package.properties["properties"].get("connectionParameters")
    if not said:
        yield ("properties", "connectionParameters"), "is required"
    elif any(said != one.get("parameters") for one in _sets(package)[:1]):
        yield ("properties", "connectionParameters"), "must be those of the first set"


def connection_sharing_not_said(package: Package) -> Problems:
    """A shared key lets others work; a shared sign-in would let them act as another person."""
    for index, one in enumerate(_sets(package)):
        signs_in = any(parameter.get("type") == "oauthSetting" for parameter in one.get("parameters", {}).values())
        if one.get("metadata", {}).get("allowSharing") is not (not signs_in):
            place = ("properties", "connectionParameterSets", "values", index, "metadata", "allowSharing")
            yield place, f"must be {'false' if signs_in else 'true'}"


def connection_parameter_set_name_not_unique(package: Package) -> Problems:
    """A connection remembers by a name how it was made."""
    names = [one.get("name") for one in _sets(package)]
    if len(names) != len(set(names)):
        yield ("properties", "connectionParameterSets"), "has a name twice"


def connection_parameter_words_missing(package: Package) -> Problems:
    """What a person has to fill in has a caption and a sentence."""
    for place, one in _parameters(package):
        said = one.get("uiDefinition", {})
        hidden = said.get("constraints", {}).get("hidden") == "true"
        if not hidden and not (said.get("displayName") and said.get("description", "").endswith(".")):
            yield (*place, "uiDefinition"), "must have a displayName and a description that ends with a full stop"


def ui_definition_not_known(package: Package) -> Problems:
    """Microsoft's JSON schema of connection parameters refuses what it does not know."""
    for place, one in _parameters(package):
        for name in sorted(one.get("uiDefinition", {}).keys() - _UI_DEFINITION):
            yield (*place, "uiDefinition", name), "is not known there"


def connection_parameter_constraint_not_text(package: Package) -> Problems:
    """Whether a parameter is required or hidden is said in a text."""
    for place, one in _parameters(package):
        said = one.get("uiDefinition", {}).get("constraints", {})
        for name in ("required", "hidden"):
            if said.get(name, "true") not in {"true", "false"}:
                yield (*place, "uiDefinition", "constraints", name), 'must be "true" or "false"'


def secret_not_secure(package: Package) -> Problems:
    """A key is not shown again."""
    for place, one in _parameters(package):
        if re.search(r"key|secret|password", str(place[-1]), re.IGNORECASE) and one.get("type") != "securestring":
            yield (*place, "type"), "must be securestring"


def aad_resource_uri_missing(package: Package) -> Problems:
    """A token of Microsoft Entra ID is for a resource."""
    for place, one in _parameters(package):
        said = one.get("oAuthSettings", {})
        resource = said.get("customParameters", {}).get("resourceUri", {}).get("value")
        if said.get("identityProvider") == "aad" and not resource:
            yield (*place, "oAuthSettings", "customParameters", "resourceUri"), "is required"


def policy_template_not_known(package: Package) -> Problems:
    """Power Platform has a fixed set of policies."""
    for place, one in _policies(package):
        if str(one.get("templateId", "")).casefold() not in _POLICIES:
            yield (*place, "templateId"), f'"{one.get("templateId")}" is not a policy'


def policy_operation_not_found(package: Package) -> Problems:
    """A policy is for operations that are there."""
    known = {operation.get("operationId") for _, operation in operations(package)}
    for place, one in _policies(package):
        for name in one.get("parameters", {}).get("x-ms-apimTemplate-operationName", []):
            if name not in known:
                yield place, f'"{name}" is not an operation'


def policy_connection_parameter_not_found(package: Package) -> Problems:
    """What a policy reads from a connection is asked for in every way of connecting."""
    said = package.properties["properties"]
    ways = [set(one.get("parameters", {})) for one in _sets(package)] or [set(said.get("connectionParameters", {}))]
    for place, value in everything(said.get("policyTemplateInstances", [])):
        for name in _READ_FROM_CONNECTION.findall(value if isinstance(value, str) else ""):
            if not all(name in way for way in ways):
                yield ("properties", "policyTemplateInstances", *place), f'"{name}" is not asked for in every way'


def host_and_path_not_replaceable(package: Package) -> Problems:
    """A policy replaces the host, and by some accounts the base path; what it misses must reach nobody's server."""
    replaced = any(str(one.get("templateId", "")).casefold() == "dynamichosturl" for _, one in _policies(package))
    if replaced and package.swagger.get("basePath", "/") != "/":
        yield ("basePath",), "must be /, with whole paths below it"
    if replaced and not str(package.swagger.get("host", "")).endswith(".example"):
        yield ("host",), "must end with .example, where nobody can register a name"


def setting_not_known(package: Package) -> Problems:
    """What paconn does not know is a typing mistake."""
    for name in package.settings.keys() - _SETTINGS:
        yield ("settings.json", name), "is not a setting of paconn"


def readme_section_missing(package: Package) -> Problems:
    """A readme has the sections that certification asks for."""
    headings = {heading.casefold() for heading in re.findall(r"^#+ +(.+?) *$", package.readme, re.MULTILINE)}
    for section in _SECTIONS:
        if section.casefold() not in headings:
            yield ("readme.md",), f'must have the section "{section}"'


def icon_not_valid(package: Package) -> Problems:
    """An icon is a square PNG of 100 to 230 pixels."""
    if not package.icon.startswith(_PNG):
        yield ("icon.png",), "must be a PNG"
        return
    width, height = struct.unpack(">II", package.icon[16:24])
    if width != height or width not in _ICON_PIXELS:
        yield ("icon.png",), f"must be a square of 100 to 230 pixels, not {width} x {height}"


def _sets(package: Package) -> list[Json]:
    said: list[Json] = package.properties["properties"].get("connectionParameterSets", {}).get("values", [])
    return said


def _parameters(package: Package) -> Iterator[tuple[Place, Json]]:
    said = package.properties["properties"]
    for name, one in said.get("connectionParameters", {}).items():
        yield ("properties", "connectionParameters", name), one
    for index, one in enumerate(_sets(package)):
        for name, parameter in one.get("parameters", {}).items():
            yield ("properties", "connectionParameterSets", "values", index, "parameters", name), parameter


def _policies(package: Package) -> Iterator[tuple[Place, Json]]:
    for index, one in enumerate(package.properties["properties"].get("policyTemplateInstances", [])):
        yield ("properties", "policyTemplateInstances", index), one


RULES = (
    icon_brand_color_not_valid,
    publisher_not_alphanumeric,
    connection_parameters_missing,
    connection_sharing_not_said,
    connection_parameter_set_name_not_unique,
    connection_parameter_words_missing,
    ui_definition_not_known,
    connection_parameter_constraint_not_text,
    secret_not_secure,
    aad_resource_uri_missing,
    policy_template_not_known,
    policy_operation_not_found,
    policy_connection_parameter_not_found,
    host_and_path_not_replaceable,
    setting_not_known,
    readme_section_missing,
    icon_not_valid,
)
