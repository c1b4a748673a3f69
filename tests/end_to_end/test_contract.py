"""The API's document against the app as it runs: requests that schemathesis makes up, right and wrong ones.

No answer may be a 5xx, or have a status, a media type, a header or a body that the document does not foresee. What
should be refused is the business of other tests: the app takes more forms than the document shows.

How many requests: ``--examples``. Source: https://schemathesis.readthedocs.io
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.connector.documents import API, METHODS
from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities
from tests.end_to_end.keyed_stack import KEY_HEADER, keyed_stack
from tests.end_to_end.queue_stack import OTHER_PROVIDER, QueueStack, assignment, wait_until

EXAMPLES = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The key is given to every request, and taken away in a test of its own.
CONFIG = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
SCHEMA = schemathesis.openapi.from_dict(API, config=CONFIG)
OPERATIONS = {
    operation["operationId"]: SCHEMA[path][method]
    for path, item in API["paths"].items()
    for method, operation in item.items()
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
UNKNOWN = "0" * 32
QUERIES: tuple[dict[str, str], ...] = ({}, {"failedOnly": "true"}, {"after": "1"}, {"format": "csv"}, {"after": "x"})
# A running batch is what the app has while Graph throttles: for longer than these tests take.
THROTTLED = {"operation": "any", "registrationId": OTHER_PROVIDER, "status": 429, "forSeconds": 3600}


type Request = Case[Any]


@dataclass
class Served:
    """The app that is asked, batches that it knows, and what it answered so far."""

    stack: QueueStack
    batch_ids: dict[str, str]
    doomed_id: str
    session: requests.Session
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def base_url(self) -> str:
        return f"{self.stack.hosts[-1].url}/api"

    def check(self, case: Request, **headers: str) -> int:
        """Send a request with the key and hold the answer against the document; return its status."""
        response = case.call(base_url=self.base_url, session=self.session, headers={**KEY_HEADER, **headers})
        self.answered[case.operation.definition.raw["operationId"], response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        return response.status_code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[Served]:
    """Run the app with batches of every state and with failures of the queue."""
    with keyed_stack(tmp_path_factory.mktemp("contract"), storage_ports) as stack, requests.Session() as session:
        stack.send("no activity", '{"status": "nope"}')
        stack.arm(THROTTLED)
        batches = {
            "completed": [*activities(3), assignment(status="")],
            "failed": [assignment(status=f"none-{number}") for number in range(3)],
            "running": activities(2, registrationId=OTHER_PROVIDER),
            "doomed": activities(1),
        }
        batch_ids = {
            name: batch_stack.post(stack, records, KEY_HEADER).raise_for_status().json()["batchId"]
            for name, records in batches.items()
        }
        wait_until(lambda: stack.count("-failed") == 2, stack.tail)
        served = Served(stack, batch_ids, batch_ids.pop("doomed"), session)
        yield served
        print(f"{served.answered.total()} requests:", dict(sorted(served.answered.items())))


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_answer_is_as_documented(served: Served, operation_id: str, request: pytest.FixtureRequest) -> None:
    examples: int = request.config.getoption("--examples", EXAMPLES)

    @settings(max_examples=max(1, examples // len(OPERATIONS)), suppress_health_check=list(HealthCheck))
    @given(case=_cases(operation_id, served))
    def every_answer_is_as_documented(case: Request) -> None:
        served.check(case)

    every_answer_is_as_documented()


@pytest.mark.parametrize("accept", ["application/json", "*/*", BROWSER])
@pytest.mark.parametrize(
    "query", [{}, {"failedOnly": "true"}, {"after": "1"}, {"format": "csv"}, {"after": "x"}], ids=str
)
def test_every_form_of_a_report_is_as_documented(served: Served, query: dict[str, str], accept: str) -> None:
    """For batches that are finished, have failed altogether, are running, and do not exist."""
    known = {name: _of_batch("GetBatch", batch_id, query) for name, batch_id in served.batch_ids.items()}
    statuses = {name: served.check(case, Accept=accept) for name, case in known.items()}
    unknown = served.check(_of_batch("GetBatch", UNKNOWN, query), Accept=accept)
    if query.get("after") == "x" and accept != BROWSER:
        assert set(statuses.values()) == {400}
    else:
        waits = "format" not in query and accept != BROWSER
        assert statuses == {"completed": 200, "failed": 200, "running": 202 if waits else 200}
        assert unknown == 404


def test_every_state_of_a_job_is_as_documented(served: Served) -> None:
    batch_ids = [*served.batch_ids.values(), UNKNOWN]
    assert [served.check(_of_batch("GetBatchStatus", one)) for one in batch_ids] == [200, 200, 200, 404]


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_without_the_key_only_what_says_so_answers(served: Served, operation_id: str) -> None:
    operation = OPERATIONS[operation_id]
    known = {"batchId": served.batch_ids["completed"]} if "{batchId}" in operation.path else {}
    case = operation.Case(path_parameters=known, body={}, media_type="application/json")
    response = case.call(base_url=served.base_url, session=served.session)
    needs_key = operation.definition.raw.get("security", API["security"]) != []
    assert (response.status_code == 401) is needs_key
    case.validate_response(response, checks=CHECKS)


def test_the_document_is_the_one_that_the_app_serves(served: Served) -> None:
    response = (
        OPERATIONS["GetOpenApi"].Case().call(base_url=served.base_url, session=served.session, headers=KEY_HEADER)
    )
    assert response.json() == API
    assert len(OPERATIONS) == sum(method in METHODS for item in API["paths"].values() for method in item)


def _cases(operation_id: str, served: Served) -> st.SearchStrategy[Request]:
    """Return requests of an operation, right and wrong ones; where it is about a batch, mostly one that exists."""
    # What is deleted here is missed nowhere else.
    batch_ids = [served.doomed_id] if operation_id == "DeleteBatch" else [*served.batch_ids.values()]
    operation = OPERATIONS[operation_id]
    about: list[dict[str, Any]] = [{}]
    if "{batchId}" in operation.path:
        about += [{"path_parameters": {"batchId": one}} for one in batch_ids]
    modes = [GenerationMode.POSITIVE]
    if "requestBody" in operation.definition.raw or any(operation.query):
        modes.append(GenerationMode.NEGATIVE)  # Any text will do as a header or as an id.
    return st.one_of([operation.as_strategy(mode, **one) for mode in modes for one in about])


def _of_batch(operation_id: str, batch_id: str, query: dict[str, str] | None = None) -> Request:
    return OPERATIONS[operation_id].Case(path_parameters={"batchId": batch_id}, query=query or {})
