"""The package as it is deployed, run like the checkout: the most telling cases. `--app` runs all others on one, too."""

import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.host.loaded_modules import PACKAGES
from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities, assert_report
from tests.end_to_end.keyed_stack import KEY, KEY_HEADER, forget, keyed_stack
from tests.end_to_end.queue_stack import QueueStack, assert_created_once, assignment
from tests.end_to_end.stack import example
from tests.support import plain_http
from tests.support.error_shape import assert_error

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the package holds native modules for Azure"
)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int], package_folder: Path
) -> Iterator[QueueStack]:
    logs = tmp_path_factory.mktemp("packaged")
    with keyed_stack(logs, storage_ports, app=package_folder / "app") as stack:
        yield stack
    assert_from_package(logs, package_folder / "app")


@pytest.fixture
def stack(running: QueueStack) -> QueueStack:
    forget(running)
    return running


def assert_from_package(logs: Path, app: Path) -> None:
    """Check that nothing which the package holds was taken from this environment instead."""
    [loaded] = [json.loads(path.read_text(encoding="utf-8")) for path in logs.glob("*.modules.json")]
    packaged = {path.name.partition(".")[0] for path in (app / PACKAGES).iterdir()} | {"activities", "function_app"}
    elsewhere = {
        name: file for name, file in loaded.items() if name.split(".")[0] in packaged and not file.startswith(str(app))
    }
    # A namespace package has no file.
    assert {name: file for name, file in elsewhere.items() if file} == {}


def post(stack: QueueStack, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    url = f"{stack.hosts[-1].url}/api/activities"
    return plain_http.post(url, json=body, headers={**KEY_HEADER, **(headers or {})}, timeout=60)


@pytest.mark.parametrize("name", ["assignment", "self-initiated"])
def test_both_kinds_are_created_once(stack: QueueStack, name: str) -> None:
    request = example(f"{name}.request", externalCourseActivityId=str(uuid4()))
    first, again = post(stack, request), post(stack, request)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json().keys() == example(f"{name}.response").keys()
    assert stack.created() == [request]


def test_a_create_whose_answer_was_lost_is_found_and_not_doubled(stack: QueueStack) -> None:
    request = assignment(externalCourseActivityId=str(uuid4()))
    stack.arm({"name": "disconnect-executed"})
    assert post(stack, request).status_code == 201
    assert_created_once(stack, [request])
    assert [call["operation"] for call in stack.calls()][:2] == ["create", "find"]


def test_a_batch_tells_each_record_apart(stack: QueueStack) -> None:
    records = [*activities(4), assignment(completionPercentage=101)]
    answer = batch_stack.post(stack, records, KEY_HEADER)
    assert answer.status_code == 200
    assert_report(answer.json(), total=5, failed={4: "invalidRequest"})
    assert_created_once(stack, records[:4])
    page = batch_stack.get(stack, answer.json()["batchId"], headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


def test_the_queue_creates_or_tells_why_not(stack: QueueStack) -> None:
    good, bad = assignment(), assignment(statuss="x")
    stack.send(json.dumps([good, bad]))
    stack.wait_until_empty()
    assert_created_once(stack, [good])
    [told] = stack.failed_messages()
    assert told["activity"] == bad
    assert told["code"] == "invalidRequest"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("learner-not-licensed", 422, "learnerNotLicensed"), ("internal-error", 502, "graphFault")],
)
def test_a_refusal_of_graph_has_its_own_code(stack: QueueStack, fault: str, status: int, code: str) -> None:
    stack.arm({"name": fault})
    assert_error(post(stack, assignment()), status, code)


def test_what_is_no_activity_is_refused_with_every_problem(stack: QueueStack) -> None:
    error = assert_error(post(stack, {"@odata.type": "#microsoft.graph.learningAssignment"}), 400, "invalidRequest")
    assert len(error["details"]) > 1
    assert stack.created() == []


def test_it_describes_itself_and_asks_for_its_key(stack: QueueStack) -> None:
    url = f"{stack.hosts[-1].url}/api/openapi.json"
    assert plain_http.get(url).status_code == 401
    assert plain_http.get(url, headers={"x-functions-key": KEY}).json()["openapi"]
    health = plain_http.get(f"{stack.hosts[-1].url}/api/health", timeout=30)
    assert health.status_code == 200, health.text
