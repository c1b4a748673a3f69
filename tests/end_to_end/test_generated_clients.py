"""Clients that others generate from the API's document: they create what they should, and errors reach them typed.

openapi-generator raises an exception that holds the error; openapi-python-client returns the error as a type of its
own. Both take their types for requests and answers from the document alone.

Sources: https://openapi-generator.tech, https://github.com/openapi-generators/openapi-python-client
"""

import importlib
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from uuid import uuid4

import pytest

from connector.__main__ import OPENAPI
from tests.end_to_end.batch_stack import activities, self_initiated
from tests.end_to_end.keyed_stack import KEY, forget, keyed_stack
from tests.end_to_end.queue_stack import QueueStack, assert_created_once, assignment, wait_until
from tests.end_to_end.stack import Json
from tests.support.plain_http import NO_CERTIFICATES

# Half of the time that Java takes here is its own compiler's work on code that runs once.
JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar")
ONLY_CODE = "models,apis,supportingFiles,apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client made of an answer: the name of its type, and what it holds."""

    type: str
    content: Json

    @classmethod
    def of(cls, answer: Any) -> "Answer":
        return cls(type(answer).__name__, answer.to_dict())


class RefusedError(Exception):
    """The client says that the app refused: ``answer`` is the typed error."""

    def __init__(self, status: int, answer: Answer) -> None:
        super().__init__(status, answer)
        self.status, self.answer = status, answer


class Client(Protocol):
    """A generated client, with a key."""

    def send(self, operation: str, model: str, content: Json) -> Answer:
        """Send a body of a type that the client has; raises RefusedError."""

    def get_batch(self, batch_id: str) -> Answer:
        """Read a report."""

    def close(self) -> None:
        """Let go of the connections."""


class OpenApiPythonClient:
    """What openapi-python-client generates."""

    def __init__(self, package: ModuleType, url: str, key: str) -> None:
        self._package = package
        self._client = package.AuthenticatedClient(
            base_url=url,
            token=key,
            prefix="",
            auth_header_name="x-functions-key",
            raise_on_unexpected_status=True,
            verify_ssl=NO_CERTIFICATES,
        )

    def send(self, operation: str, model: str, content: Json) -> Answer:
        models = importlib.import_module(f"{self._package.__name__}.models")
        return self._called(operation, body=getattr(models, model).from_dict(content))

    def get_batch(self, batch_id: str) -> Answer:
        return self._called("get_batch", batch_id=batch_id)

    def close(self) -> None:
        self._client.get_httpx_client().close()

    def _called(self, operation: str, **arguments: Any) -> Answer:
        tag = "batches" if operation.endswith("batch") else "activities"
        module = importlib.import_module(f"{self._package.__name__}.api.{tag}.{operation}")
        response = module.sync_detailed(client=self._client, **arguments)
        answer = Answer.of(response.parsed)
        if answer.type == "Error":
            raise RefusedError(response.status_code, answer)
        return answer


class OpenApiGenerator:
    """What openapi-generator generates for Python."""

    def __init__(self, package: ModuleType, url: str, key: str) -> None:
        self._package = package
        configuration = package.Configuration(host=url, api_key={"functionKey": key})
        self._client = package.ApiClient(configuration)
        self._apis = package.ActivitiesApi(self._client), package.BatchesApi(self._client)

    def send(self, operation: str, model: str, content: Json) -> Answer:
        body = getattr(self._package, model).from_dict(content)
        # A choice between types is a type of its own here, which holds one of them.
        choice = {"create_activity": "Activity", "create_batch": "BatchBody"}.get(operation)
        return self._called(operation, getattr(self._package, choice)(body) if choice else body)

    def get_batch(self, batch_id: str) -> Answer:
        return self._called("get_batch", batch_id)

    def close(self) -> None:
        self._client.rest_client.pool_manager.clear()

    def _called(self, operation: str, argument: Any) -> Answer:
        api = next(one for one in self._apis if hasattr(one, operation))
        try:
            return Answer.of(getattr(api, operation)(argument))
        except self._package.ApiException as error:
            raise RefusedError(error.status, Answer.of(error.data)) from error


def openapi_python_client(folder: Path, name: str) -> list[str]:
    """Return the command that generates with openapi-python-client."""
    program = shutil.which("openapi-python-client", path=sysconfig.get_path("scripts"))
    if program is None:
        pytest.skip("openapi-python-client is not installed: it is one of the development requirements.")
    config = folder / "config.json"
    config.write_text('{"post_hooks": []}', encoding="utf-8")  # Nobody reads the code: it needs no formatter.
    options = ["--path", str(OPENAPI), "--output-path", str(folder / name), "--meta", "none", "--config", str(config)]
    return [program, "generate", *options]


def openapi_generator(folder: Path, name: str) -> list[str]:
    """Return the command that generates with openapi-generator."""
    found = importlib.util.find_spec("openapi_generator_cli")
    if found is None or found.origin is None:
        pytest.skip("openapi-generator-cli is not installed: it is one of the development requirements.")
    java = shutil.which("java")
    # On macOS there is a java that only says where to get one.
    if java is None or subprocess.run([java, "-version"], capture_output=True, check=False).returncode:
        pytest.skip("openapi-generator needs Java, and there is none on this machine.")
    options = ["-g", "python", "-i", str(OPENAPI), "-o", str(folder), "--package-name", name]
    jar = Path(found.origin).with_name("openapi-generator.jar")
    return [java, *JAVA, str(jar), "generate", *options, "--global-property", ONLY_CODE]


type Adapter = OpenApiPythonClient | OpenApiGenerator
COMMANDS: dict[type[Adapter], Callable[[Path, str], list[str]]] = {
    OpenApiPythonClient: openapi_python_client,
    OpenApiGenerator: openapi_generator,
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[QueueStack]:
    with keyed_stack(tmp_path_factory.mktemp("clients"), storage_ports) as stack:
        yield stack


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    forget(running)
    return running


@pytest.fixture(scope="module", params=COMMANDS, ids=lambda adapter: adapter.__name__)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[type[Adapter], ModuleType]]:
    """Generate a client into a folder of its own, and import it from there."""
    adapter: type[Adapter] = request.param
    folder = tmp_path_factory.mktemp(adapter.__name__)
    name = f"generated_for_{adapter.__name__.casefold()}"
    done = subprocess.run(COMMANDS[adapter](folder, name), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield adapter, importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def client(generated: tuple[type[Adapter], ModuleType], stack: QueueStack) -> Iterator[Client]:
    adapter, package = generated
    with closing(adapter(package, f"{stack.hosts[-1].url}/api", KEY)) as client:
        yield client


def test_both_kinds_are_created_as_microsoft_documents_them(client: Client, stack: QueueStack) -> None:
    records = [assignment(), self_initiated()]
    for record, model in zip(records, ("AssignmentActivity", "SelfInitiatedCourseActivity"), strict=True):
        answer = client.send("create_activity", model, record)
        assert answer.type == "LearningCourseActivity"
        assert answer.content["learningContentId"] == record["learningContentId"]
    assert_created_once(stack, records)


def test_both_kinds_are_created_by_the_flat_operations(client: Client, stack: QueueStack) -> None:
    models = {"create_assignment": "Assignment", "create_self_initiated_course": "SelfInitiatedCourse"}
    records = [assignment(externalCourseActivityId=str(uuid4())), self_initiated()]
    for record, (operation, model) in zip(records, models.items(), strict=True):
        flat = {name: value for name, value in record.items() if name != "@odata.type"}
        answer = client.send(operation, model, flat)
        assert answer.type == f"Created{model}"
        assert answer.content["outcome"] == "created"
    assert_created_once(stack, records)


def test_an_activity_is_brought_to_a_state_and_changed(client: Client) -> None:
    record = assignment(externalCourseActivityId=str(uuid4()), status="inProgress")
    flat = {name: value for name, value in record.items() if name != "@odata.type"}
    change = {"externalCourseActivityId": record["externalCourseActivityId"], "status": "completed"}
    answers = [
        client.send("upsert_assignment", "Assignment", flat),
        client.send("update_assignment", "AssignmentChange", change),
        client.send("upsert_assignment", "Assignment", {**flat, "status": "completed"}),
    ]
    assert [one.type for one in answers] == ["CreatedAssignment"] * 3
    assert [one.content["outcome"] for one in answers] == ["created", "updated", "unchanged"]
    answer = client.send("update_activity", "ActivityChange", {**change, "completionPercentage": 100})
    assert (answer.type, answer.content["completionPercentage"]) == ("LearningCourseActivity", 100)


def test_a_batch_is_followed_to_its_report(client: Client, stack: QueueStack) -> None:
    records = activities(25)
    accepted = client.send("create_batch", "Batch", {"name": "Week 12", "activities": records})
    assert (accepted.type, accepted.content["status"]) == ("BatchReport", "running")
    reports: list[Answer] = []

    def is_completed() -> bool:
        reports.append(client.get_batch(accepted.content["batchId"]))
        return bool(reports[-1].content["status"] == "completed")

    wait_until(is_completed, stack.tail)
    assert [one["outcome"] for one in reports[-1].content["results"]] == ["created"] * 25
    assert_created_once(stack, records)


@pytest.mark.parametrize(
    ("properties", "status", "code"),
    [
        ({"dueDateTime": "03/04/2026"}, 400, "invalidRequest"),
        ({"registrationId": str(uuid4())}, 424, "providerNotRegistered"),
    ],
    ids=["wrong", "not set up"],
)
def test_a_refusal_is_a_typed_error(
    client: Client, stack: QueueStack, properties: Json, status: int, code: str
) -> None:
    """It is never taken for success, and the code that a caller acts on is a property of the error."""
    record = assignment(**properties)
    del record["@odata.type"]
    with pytest.raises(RefusedError) as refused:
        client.send("create_assignment", "Assignment", record)
    assert (refused.value.status, refused.value.answer.type) == (status, "Error")
    assert refused.value.answer.content["error"]["code"] == code
    assert stack.created() == []
