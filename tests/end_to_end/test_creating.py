"""The two requests of Microsoft's API page, through everything, and back as documented."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.end_to_end.stack import Stack, example, own_example

GIVEN_BY_GRAPH = ("id", "@odata.context")
OTHER_PROVIDER = "13727311-e7bb-470d-8b20-6a23d9030d70"
ROUTES = {"assignment": "assignments", "self-initiated": "self-initiated-courses"}

pytestmark = pytest.mark.parametrize("name", ROUTES)


def test_the_documented_request_gives_the_documented_response(stack: Stack, name: str) -> None:
    own = {"externalCourseActivityId": str(uuid4())}
    response = stack.post("activities", example(f"{name}.request", **own))
    assert response.status_code == 201
    answer = response.json()
    documented = example(f"{name}.response", **own)
    assert set(answer) == set(documented)
    assert {key: value for key, value in answer.items() if key not in GIVEN_BY_GRAPH} == {
        key: value for key, value in documented.items() if key not in GIVEN_BY_GRAPH
    }


def test_graph_is_sent_exactly_the_documented_json(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request")
    stack.post("activities", request)
    assert stack.stored() == [request]


def test_the_flat_operation_needs_no_type_and_answers_with_texts(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request")
    kind = request.pop("@odata.type")
    response = stack.post(ROUTES[name], request)
    assert response.status_code == 201
    answer: dict[str, Any] = response.json()
    assert answer.pop("completionPercentage") == 20
    assert answer["outcome"] == "created"
    assert answer["externalCourseActivityId"] == request["externalCourseActivityId"]
    assert all(isinstance(value, str) for value in answer.values())
    assert stack.stored() == [{"@odata.type": kind, **request}]


def test_a_request_without_an_external_id_gets_one(stack: Stack, name: str) -> None:
    request = example(f"{name}.request")
    del request["externalCourseActivityId"]
    answer = stack.post("activities", request).json()
    assert UUID(answer["externalCourseActivityId"])
    assert stack.stored() == [{**request, "externalCourseActivityId": answer["externalCourseActivityId"]}]


@pytest.mark.parametrize("header", ["Repeatability-Request-ID", "Idempotency-Key"])
def test_the_same_idempotency_key_gives_the_same_external_id(stack: Stack, name: str, header: str) -> None:
    request = example(f"{name}.request", externalCourseActivityId="")
    headers = {header: f"flow-run-{uuid4()}"}
    first, second = (stack.post("activities", request, headers).json() for _ in range(2))
    assert first["externalCourseActivityId"] == second["externalCourseActivityId"]


def test_the_provider_of_the_request_goes_before_the_one_of_the_settings(stack: Stack, name: str) -> None:
    request = own_example(f"{name}.request", learningContentId="another-content")
    request.pop("learningProviderId", None)
    response = stack.post("activities", {**request, "registrationId": OTHER_PROVIDER})
    assert response.status_code == 201
    assert stack.stored() == [request]


def test_a_request_as_flows_send_it_is_understood(stack: Stack, name: str) -> None:
    """No Content-Type, a byte order mark, JSON inside a JSON text, a tracking id."""
    request = own_example(f"{name}.request")
    body = b"\xef\xbb\xbf" + json.dumps(json.dumps(request)).encode()
    response = stack.post("activities", body, {"Content-Type": "text/plain", "x-ms-client-request-id": "run-1"})
    assert response.status_code == 201
    assert response.headers["x-ms-client-request-id"] == "run-1"
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-ms-request-id"])
    assert stack.stored() == [request]
