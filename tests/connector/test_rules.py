"""Every rule finds what breaks it, and nothing in a connector that keeps it."""

import inspect
from typing import Any

import pytest

from connector import rules
from connector.rules import Place, choices, connections, documents, operations, parameters, schemas
from tests.connector.packages import GONE, broken, good_package, icon_of, operation

INFO: Place = ("swagger", "info")
GET: Place = ("swagger", "paths", "/things", "get")
POST: Place = ("swagger", "paths", "/things", "post")
ONE: Place = ("swagger", "paths", "/things/{thingId}", "get")
OK: Place = (*GET, "responses", "200")
NEW: Place = ("swagger", "definitions", "NewThing")
FIELD: Place = (*NEW, "properties", "name")
COLOUR: Place = (*NEW, "properties", "colour")
THING: Place = ("swagger", "definitions", "Thing")
META: Place = ("swagger", "x-ms-connector-metadata")
PROPERTIES: Place = ("properties", "properties")
SETS: Place = (*PROPERTIES, "connectionParameterSets", "values")
POLICY: Place = (*PROPERTIES, "policyTemplateInstances", 0)
PART = {"$ref": "#/definitions/Part"}
BODY = {"name": "more", "in": "body", "schema": {"$ref": "#/definitions/Part"}}
TEXT = {"type": "string", "x-ms-summary": "Text", "description": "A text."}
THING_ID = {"name": "thingId", "in": "path", **TEXT, "required": True, "x-ms-url-encoding": "single"}

# What breaks each rule: a place of the good package, and what stands there instead.
BREAKS: dict[rules.Rule, list[tuple[Place, Any]]] = {
    documents.specification_version_incorrect: [(("swagger", "swagger"), "3.0.0")],
    documents.swagger_too_large: [((*INFO, "x-notes"), "x" * 1_000_000)],
    documents.total_operations_count_exceeds_max_allowed: [
        (("swagger", "paths"), {f"/things/{n}": {"get": operation(f"GetThing{n}")} for n in range(257)})
    ],
    documents.host_name_not_valid: [
        (("swagger", "host"), "https://contoso.com"),
        (("swagger", "host"), "contoso.com/api"),
        (("swagger", "host"), GONE),
    ],
    documents.base_path_not_valid: [(("swagger", "basePath"), "api")],
    documents.scheme_not_valid: [(("swagger", "schemes"), []), (("swagger", "schemes"), ["http", "https"])],
    documents.value_contains_restricted_words: [
        ((*INFO, "title"), "Things API"),
        ((*INFO, "description"), "Creates things from Power Automate, one by one."),
    ],
    documents.field_length_not_in_range: [
        ((*INFO, "title"), "A title of more than thirty characters"),
        ((*INFO, "description"), "Creates things."),
        ((*INFO, "description"), "Creates things. " * 40),
    ],
    documents.value_must_end_with_alphanumeric: [((*INFO, "title"), "Things!")],
    documents.value_must_be_in_english: [((*INFO, "title"), "Aktivitäten")],
    documents.contact_not_valid: [
        ((*INFO, "contact"), GONE),
        ((*INFO, "contact", "name"), ""),
        ((*INFO, "contact", "url"), "www.contoso.com"),
        ((*INFO, "contact", "email"), "support"),
    ],
    documents.connector_metadata_properties_missing: [(META, GONE), ((*META, 1), GONE)],
    documents.invalid_connector_category: [((*META, 2, "propertyValue"), "Learning")],
    documents.too_many_connector_categories: [((*META, 2, "propertyValue"), "Data;Productivity;Security")],
    documents.security_requirement_must_be_defined: [
        (("swagger", "security"), [{"other": []}]),
        (("swagger", "security"), [{"api_key": ["read"]}]),
    ],
    documents.extension_not_known: [
        ((*GET, "x-ms-examples"), {}),
        ((*GET, "x-ms-long-running-operation"), True),
    ],
    documents.schema_reference_not_found: [
        ((*OK, "schema", "$ref"), "#/definitions/Nothing"),
        ((*OK, "schema", "$ref"), "#/definitions/Thing/properties/id"),
    ],
    documents.additional_property_not_allowed_adjacent_to_ref: [((*OK, "schema", "description"), "A thing.")],
    documents.tag_redefined: [(("swagger", "tags"), [{"name": "Things"}, {"name": "Things"}])],
    documents.connection_test_not_valid: [
        (("swagger", "x-ms-capabilities"), GONE),
        (("swagger", "x-ms-capabilities", "testConnection", "operationId"), "Nothing"),
        (("swagger", "x-ms-capabilities", "testConnection", "operationId"), "GetThing"),
        (("swagger", "x-ms-capabilities", "testConnection", "operationId"), "CreateThing"),
    ],
    operations.operation_id_required: [((*GET, "operationId"), GONE)],
    operations.operation_id_sanitized: [
        ((*GET, "operationId"), "Get_Things"),
        ((*GET, "operationId"), "getThings"),
    ],
    operations.operation_id_not_unique: [((*GET, "operationId"), "GetThing")],
    operations.operation_summary_too_long: [((*GET, "summary"), GONE), ((*GET, "summary"), "Get things " * 9)],
    operations.restricted_characters_in_summary: [
        ((*GET, "summary"), "Get/list things"),
        ((*GET, "summary"), "Get things."),
        ((*GET, "summary"), "get things"),
    ],
    operations.operation_description_not_a_sentence: [
        ((*GET, "description"), GONE),
        ((*GET, "description"), "Lists things"),
        ((*GET, "description"), "Get a thing."),
    ],
    operations.operation_visibility_missing: [((*GET, "x-ms-visibility"), GONE)],
    operations.visibility_not_valid: [
        ((*GET, "x-ms-visibility"), "hidden"),
        ((*GET, "parameters", 0, "x-ms-visibility"), "hidden"),
        ((*FIELD, "x-ms-visibility"), "hidden"),
    ],
    operations.operation_must_have_response: [((*GET, "responses"), {}), (OK, GONE)],
    operations.response_must_be_default_or_http_status_code: [
        ((*GET, "responses", "2XX"), {"description": "It is done."})
    ],
    operations.response_description_missing: [((*OK, "description"), "")],
    operations.error_responses_missing: [((*GET, "responses", "400"), GONE)],
    operations.default_response_has_schema: [
        ((*GET, "responses", "default", "schema"), {"$ref": "#/definitions/Thing"})
    ],
    operations.operation_has_many_responses_with_schema: [
        ((*GET, "responses", "201"), {"description": "It is new.", "schema": {"$ref": "#/definitions/Thing"}})
    ],
    operations.schema_definition_set_incorrectly: [((*OK, "schema"), GONE)],
    operations.outputs_not_on_the_first_success: [
        (
            (*GET, "responses"),
            {"200": {"description": "It was there."}, "201": {"description": "It is new.", "schema": PART}},
        ),
        (OK, {"description": "It is done."}),
    ],
    operations.word_of_engineers: [
        ((*GET, "description"), "Looks it up in the ledger."),
        ((*GET, "summary"), "Upsert things"),
        ((*FIELD, "description"), "Says what @odata.type says."),
        ((*OK, "description"), "It is running; Operation-Location says where."),
        ((*OK, "description"), "Its isCourseActivitySyncEnabled is off."),
    ],
    operations.mime_type_not_valid: [
        (("swagger", "produces"), ["text/csv"]),
        ((*POST, "consumes"), ["application/problem+json"]),
    ],
    operations.consumes_missing: [(("swagger", "consumes"), GONE)],
    parameters.body_or_form_data_parameter_in_fetch_operation_not_allowed: [((*GET, "parameters", 0), BODY)],
    parameters.operation_parameters_contain_multiple_body_parameters: [((*POST, "parameters", 0), BODY)],
    parameters.operation_parameters_contain_duplicate_parameter: [((*ONE, "parameters"), [THING_ID, THING_ID])],
    parameters.operation_parameter_name_is_ambiguous: [((*POST, "parameters", 0, "name"), "colour")],
    parameters.operation_missing_path_parameter: [((*ONE, "parameters"), [])],
    parameters.path_parameter_not_defined_in_template: [((*GET, "parameters", 0), THING_ID)],
    parameters.path_parameter_must_be_required: [((*ONE, "parameters", 0, "required"), False)],
    parameters.path_parameter_missing_encoding: [((*ONE, "parameters", 0, "x-ms-url-encoding"), GONE)],
    parameters.query_parameter_encoding_not_supported: [((*GET, "parameters", 0, "x-ms-url-encoding"), "single")],
    parameters.connection_id_parameter_not_allowed: [((*GET, "parameters", 0, "name"), "connectionId")],
    parameters.collection_format_value_not_supported: [((*GET, "parameters", 0, "collectionFormat"), "multi")],
    parameters.path_redefined: [(("swagger", "paths", "/THINGS"), {"put": operation("PutThings")})],
    parameters.partial_duplicate_operation_path: [
        (("swagger", "paths", "/things/all"), {"get": operation("GetAllThings")})
    ],
    parameters.operation_path_not_valid: [
        (("swagger", "paths", "all"), {"get": operation("GetAllThings")}),
        (("swagger", "paths", "/all?top=1"), {"get": operation("GetAllThings")}),
        (("swagger", "paths", "/all/{thingId"), {"get": operation("GetAllThings")}),
    ],
    parameters.invalid_next_link_name_value: [((*GET, "x-ms-pageable", "nextLinkName"), "next")],
    schemas.empty_schema: [((*FIELD,), {}), ((*OK, "schema"), {})],
    schemas.swagger_keyword_not_supported: [
        ((*NEW, "oneOf"), []),
        ((*FIELD, "const"), "a"),
        ((*THING, "properties", "parts", "uniqueItems"), True),
    ],
    schemas.null_not_allowed: [
        ((*FIELD, "type"), ["string", "null"]),
        ((*FIELD, "x-nullable"), True),
        ((*FIELD, "default"), None),
    ],
    schemas.unrecognized_type_format: [((*FIELD, "format"), "duration"), ((*FIELD, "format"), "int32")],
    schemas.input_checked_by_the_platform: [
        ((*FIELD, "format"), "date-time"),
        ((*FIELD, "maxLength"), 200),
        ((*GET, "parameters", 0, "format"), "int32"),
        (("swagger", "definitions", "Part", "properties", "name", "format"), "uuid"),
    ],
    schemas.name_in_list_has_a_dot: [
        (("swagger", "definitions", "Part", "properties", "@odata.type"), TEXT),
        ((*NEW, "properties", "parts", "items"), {"type": "object", "properties": {"a.b": TEXT}}),
    ],
    schemas.array_has_no_items: [((*THING, "properties", "parts", "items"), GONE)],
    schemas.required_property_array_empty: [((*THING, "required"), [])],
    schemas.required_property_definition_missing: [((*THING, "required"), ["nothing"])],
    schemas.required_property_not_on_object: [((*FIELD, "required"), ["name"])],
    schemas.required_read_only_property_not_allowed_as_input: [((*FIELD, "readOnly"), True)],
    schemas.schema_ref_loop_not_allowed: [
        (("swagger", "definitions", "Part", "properties", "whole"), {"$ref": "#/definitions/Thing"})
    ],
    schemas.body_schema_count_exceeds_max_allowed: [((*THING, "properties"), {f"p{n}": TEXT for n in range(513)})],
    choices.enum_must_contain_at_least_one_element: [((*COLOUR, "enum"), [])],
    choices.invalid_enum_value: [((*COLOUR, "enum"), ["red", "green", 3])],
    choices.enum_values_missing: [
        ((*COLOUR, "x-ms-enum-values"), GONE),
        ((*GET, "parameters", 0, "enum"), [1, 2]),
    ],
    choices.missing_enum_values_display_name: [((*COLOUR, "x-ms-enum-values", 0, "displayName"), "")],
    choices.invalid_enum_values_extension_value: [((*COLOUR, "x-ms-enum-values", 0, "value"), "blue")],
    choices.duplicate_enum_values_in_extension: [((*COLOUR, "x-ms-enum-values", 0, "value"), "green")],
    choices.default_value_must_match_type: [
        ((*NEW, "properties", "version", "default"), 1),
        ((*GET, "parameters", 0, "default"), True),
    ],
    schemas.property_must_be_required: [
        ((*NEW, "required"), ["name"]),
        ((*NEW, "properties", "version", "default"), GONE),
        ((*POST, "parameters", 0, "required"), False),
    ],
    schemas.summary_missing: [
        ((*FIELD, "x-ms-summary"), GONE),
        ((*FIELD, "x-ms-summary"), "Name " * 17),
        ((*GET, "parameters", 0, "x-ms-summary"), ""),
    ],
    schemas.summary_not_in_title_case: [
        ((*FIELD, "x-ms-summary"), "name"),
        ((*FIELD, "x-ms-summary"), "Full name"),
        ((*FIELD, "x-ms-summary"), "of the Thing"),
    ],
    schemas.description_not_a_sentence: [
        ((*FIELD, "description"), GONE),
        ((*GET, "parameters", 0, "description"), "What it is called"),
    ],
    schemas.dynamic_list_extension_required: [
        ((*NEW, "properties", "owner", "x-ms-dynamic-list"), GONE),
        ((*FIELD, "x-ms-dynamic-schema"), {"operationId": "GetThings"}),
    ],
    schemas.minimum_should_be_less_than_or_equal_to_maximum: [
        ((*GET, "parameters", 0), {**TEXT, "name": "top", "in": "query", "minimum": 10, "maximum": 9})
    ],
    schemas.pattern_should_be_valid_regular_expression: [((*FIELD, "pattern"), "(")],
    connections.icon_brand_color_not_valid: [
        ((*PROPERTIES, "iconBrandColor"), GONE),
        ((*PROPERTIES, "iconBrandColor"), "blue"),
        ((*PROPERTIES, "iconBrandColor"), "#007EE5"),
    ],
    connections.publisher_not_alphanumeric: [
        ((*PROPERTIES, "publisher"), "Contoso, Inc."),
        ((*PROPERTIES, "stackOwner"), ""),
    ],
    connections.connection_parameters_missing: [
        ((*PROPERTIES, "connectionParameters"), GONE),
        ((*PROPERTIES, "connectionParameters"), {"hostName": {"type": "string"}}),
    ],
    connections.connection_sharing_not_said: [
        ((*SETS, 0, "metadata"), GONE),
        ((*SETS, 0, "metadata", "allowSharing"), False),
        ((*SETS, 1, "metadata", "allowSharing"), True),
    ],
    connections.connection_parameter_set_name_not_unique: [((*SETS, 0, "name"), "sign-in")],
    connections.connection_parameter_words_missing: [
        ((*SETS, 0, "parameters", "hostName", "uiDefinition", "displayName"), ""),
        ((*SETS, 0, "parameters", "hostName", "uiDefinition", "description"), "The host"),
    ],
    connections.ui_definition_not_known: [
        ((*SETS, 0, "parameters", "hostName", "uiDefinition", "schema"), {"type": "string"})
    ],
    connections.connection_parameter_constraint_not_text: [
        ((*SETS, 0, "parameters", "hostName", "uiDefinition", "constraints", "required"), True)
    ],
    connections.secret_not_secure: [((*SETS, 0, "parameters", "api_key", "type"), "string")],
    connections.aad_resource_uri_missing: [
        ((*SETS, 1, "parameters", "token", "oAuthSettings", "customParameters"), {})
    ],
    connections.policy_template_not_known: [((*POLICY, "templateId"), "setcookie")],
    connections.policy_operation_not_found: [
        ((*POLICY, "parameters", "x-ms-apimTemplate-operationName"), ["DeleteThing"])
    ],
    connections.policy_connection_parameter_not_found: [
        ((*SETS, 1, "parameters", "hostName"), GONE),
        ((*POLICY, "parameters", "x-ms-apimTemplateParameter.urlTemplate"), "https://@connectionParameters('host')"),
    ],
    connections.host_and_path_not_replaceable: [
        (("swagger", "basePath"), "/api"),
        (("swagger", "host"), "contoso.azurewebsites.net"),
    ],
    connections.setting_not_known: [(("settings", "connectorID"), "1")],
    connections.readme_section_missing: [(("readme",), "# Things\n## Publisher\n")],
    connections.icon_not_valid: [
        (("icon",), b"GIF89a"),
        (("icon",), icon_of(230, 200)),
        (("icon",), icon_of(64, 64)),
    ],
}
CASES = [
    pytest.param(rule, place, value, id=f"{rules.name_of(rule)}-{index}")
    for rule, breaks in BREAKS.items()
    for index, (place, value) in enumerate(breaks)
]


def test_a_connector_that_keeps_every_rule_has_no_findings() -> None:
    assert [str(finding) for finding in rules.check(good_package())] == []


@pytest.mark.parametrize(("rule", "place", "value"), CASES)
def test_what_breaks_a_rule_is_found_by_it(rule: rules.Rule, place: Place, value: object) -> None:
    found = list(rule(broken(place, value)))
    assert found
    assert all(message and isinstance(where, tuple) for where, message in found)


def test_every_rule_is_checked_and_has_an_example() -> None:
    written = {
        one
        for module in (documents, operations, parameters, schemas, choices, connections)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if one.__module__ == module.__name__ and not name.startswith("_")
    }
    assert set(rules.RULES) == written == BREAKS.keys()
    assert len(rules.RULES) == len(set(rules.RULES))


def test_every_rule_says_why_in_a_sentence() -> None:
    assert [rules.name_of(rule) for rule in rules.RULES if not (rule.__doc__ or "").endswith(".")] == []


def test_a_finding_says_where_what_and_why() -> None:
    (finding,) = rules.check(broken((*GET, "summary"), "Get things."))
    where_and_what = 'paths./things.get.summary: "Get things." may only have letters, digits and parentheses'
    why = "A summary has only letters, digits and parentheses, and begins like a sentence."
    assert str(finding) == f"{where_and_what} [RestrictedCharactersInSummary: {why}]"
