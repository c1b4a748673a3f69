"""The API as it is, in OpenAPI 3.1, for programs: every route and status, the error schema on all that is no success.

Source: https://spec.openapis.org/oas/v3.1.1
"""

from http import HTTPStatus

from activities.contract.advice import ADVICE
from activities.errors import ErrorCode
from activities.web import activities, repeating
from connector import components, examples, publisher
from connector.operation import BYTES, CSV, FILE, HTML, JSON, XLSX, Operation
from connector.operations import OPERATIONS, TAGS
from connector.parameters import CLIENT_REQUEST, Parameter
from connector.refusals import NO_KEY, by_status
from connector.schemas import Schema, number, ref, text
from connector.served_routes import Route, served

_HEADERS = {
    "x-ms-request-id": text(
        "Request ID", "The app's ID of this request; its log has it, too.", "5a4d0f6e-5f4f-4f7a-9f53-0d1a3f6f2c11"
    ),
    "x-ms-client-request-id": text("Client Request ID", "Your own ID, if you sent one.", "item-42"),
    "x-ms-error-code": text("Error Code", "The same as error.code of the body.", ErrorCode.INVALID_REQUEST),
    "Retry-After": number("Retry After", "For how many seconds to wait before the next request.", 60),
    repeating.RESULT: text(
        "Repeatability Result",
        "Whether the request was accepted or rejected, where it has Repeatability-Request-ID and -First-Sent.",
        "accepted",
    ),
    activities.OUTCOME: text(
        "Outcome",
        "What was done: created, updated, deleted; unchanged if it was so already; superseded if newer is known.",
        "updated",
    ),
    "Location": text("Location", "Where the report is; it answers 202 until the batch is finished.", "/api/batches/1"),
    "Operation-Location": text("Operation Location", "Where the status is.", "/api/batches/1/status"),
}
_ALWAYS = ("x-ms-request-id", "x-ms-client-request-id")
_REPEATABLE = frozenset({429, 500, 503})  # What says when to come again; 500 only while the settings are wrong.
_SHEET = (
    "type;learnerUserId;learningContentId;assignmentType;status;dueDateTime;externalCourseActivityId\n"
    "assignment;7ba2228a-e020-11ec-9d64-0242ac120002;57baf9dc-e020-11ec-9d64-0242ac120002;required;notStarted;"
    "2026-12-18;safety-2026-0042\n"
)


def build() -> Schema:
    """Return the document."""
    routes = served()
    told = {code for operation in OPERATIONS for code in operation.codes}
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        route = routes[operation.function]
        paths.setdefault(route.path, {})[route.method] = _operation(operation, route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": publisher.TITLE,
            "version": publisher.version(),
            "description": publisher.DESCRIPTION,
            "contact": {
                "name": f"{publisher.PUBLISHER} support",
                "url": publisher.WEBSITE,
                "email": publisher.SUPPORT_EMAIL,
            },
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": publisher.BASE_PATH, "description": "The function app that serves this document."}],
        "security": [{"functionKey": []}, {"entraId": []}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components.by_name(),
            "headers": {name: _header(name) for name in _HEADERS},
            "examples": examples.of_codes([code for code in ErrorCode if code in told]),
            "securitySchemes": {
                "functionKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": publisher.KEY_HEADER,
                    "description": "A key of the function app; its admin has it.",
                },
                "entraId": {
                    "type": "openIdConnect",
                    "openIdConnectUrl": f"{publisher.SIGN_IN}/v2.0/.well-known/openid-configuration",
                    "description": "Where the admin has put a sign-in with Microsoft Entra ID in front of the app.",
                },
            },
        },
    }


def _operation(operation: Operation, route: Route) -> Schema:
    said: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.description, operation.more))),
    }
    if not route.needs_key:
        said["security"] = []
    said["parameters"] = [_parameter(one) for one in (*operation.parameters, CLIENT_REQUEST)]
    if operation.body:
        said["requestBody"] = {"required": True, "content": _content_of_request(operation.body)}
    return {**said, "responses": _responses(operation, route)}


def _parameter(parameter: Parameter) -> Schema:
    schema = {key: one for key, one in parameter.schema.items() if key not in {"description", "examples"}}
    return {
        "name": parameter.name,
        "in": parameter.place,
        **({"required": True} if parameter.required else {}),
        "description": parameter.schema["description"],
        "schema": schema,
        "example": parameter.schema["examples"][0],
    }


def _content_of_request(component: str) -> Schema:
    if component == FILE:
        return {BYTES: {"schema": {}}}
    content: Schema = {JSON: {"schema": ref(component), "examples": examples.of_requests()[component]}}
    if component == "BatchBody":
        words = {"title": "Sheet", "description": "A CSV file with the properties' names in its first row."}
        content[CSV] = {"schema": {"type": "string", **words}, "example": _SHEET}
        content[XLSX] = {"schema": {}}
    return content


def _responses(operation: Operation, route: Route) -> Schema:
    responses: Schema = {}
    for status, answer in operation.answers.items():
        good = status < HTTPStatus.BAD_REQUEST
        content: Schema = {}
        if answer.schema:
            content[JSON] = {"schema": ref(answer.schema), "examples": _examples(answer.schema, status)}
        for media_type, words in answer.others.items():
            content[media_type] = _as_text(words)
        headers = answer.headers if good else ("x-ms-error-code", "Retry-After")
        responses[str(status)] = _response(answer.description, headers, content)
    if route.needs_key:
        responses["401"] = {"description": NO_KEY}
    for status, codes in by_status(operation.codes).items():
        headers = ("x-ms-error-code", *(("Retry-After",) if status in _REPEATABLE else ()))
        content = {JSON: {"schema": ref("Error"), "examples": {code: _example_of(code) for code in codes}}}
        if status in operation.pages:
            content[HTML] = _as_text(operation.pages[status])
        responses[str(status)] = _response(
            "\n".join(f"- `{code}`: {ADVICE[code].meaning}" for code in codes), headers, content
        )
    content = {JSON: {"schema": ref("Error")}}
    responses["default"] = _response("Any other error.", ("x-ms-error-code",), content)
    return dict(sorted(responses.items()))


def _as_text(words: str) -> Schema:
    return {"schema": {"type": "string", "description": words}}


def _examples(component: str, status: int) -> Schema:
    match status:
        case HTTPStatus.ACCEPTED if component == "BatchReport":
            return examples.running()
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return examples.unhealthy()
    return examples.of_answers()[component]


def _response(description: str, headers: tuple[str, ...], content: Schema) -> Schema:
    references = {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ALWAYS, *headers)}
    return {"description": description, "headers": references, "content": content}


def _example_of(code: ErrorCode) -> Schema:
    return {"$ref": f"#/components/examples/{code}"}


def _header(name: str) -> Schema:
    schema = {key: one for key, one in _HEADERS[name].items() if key not in {"description", "examples"}}
    return {"description": _HEADERS[name]["description"], "schema": schema, "example": _HEADERS[name]["examples"][0]}
