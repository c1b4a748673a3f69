"""What the real gateway sends to Microsoft Graph about activities that exist, and what it makes of the answers.

Asked of a request alone, and of several in one ``$batch``.
"""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from activities.contract.activity import Operation, StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import creation
from activities.execution.gateway import ExternalKey, Write
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import TOKEN
from tests.support.fakes import REGISTRATION_ID, activity_request, key_of
from tests.support.gateways import Emulated
from tests.support.wire import GRAPH, Wire

ROOT = Path(__file__).parents[2]
FOLDER = "/employeeExperience/learningProviders"
GRAPH_ID = "7ba2228a-e020-11ec-9d64-0242ac120002:749c8786-99bb-4b3b-8d5d-586428f6aaa3"
ENCODED_ID = GRAPH_ID.replace(":", "%3A")
STATE = {
    "@odata.type": "#microsoft.graph.learningAssignment",
    "status": "completed",
    "notes": {"contentType": "text", "content": "Prüfung \N{GRADUATION CAP}"},
    "dueDateTime": None,
}
COURSE = {"@odata.type": "#microsoft.graph.learningSelfInitiatedCourse", "status": "completed"}

type Call = Callable[[MicrosoftGraph, int], Awaitable[list[Any]]]


async def update(graph: MicrosoftGraph, count: int = 1, state: dict[str, Any] = STATE) -> list[Any]:
    return await graph.write([Write(Operation.UPDATE, REGISTRATION_ID, state, GRAPH_ID)] * count, timeout_seconds=5)


async def delete(graph: MicrosoftGraph, count: int = 1) -> list[Any]:
    return await graph.write([Write(Operation.DELETE, REGISTRATION_ID, graph_id=GRAPH_ID)] * count, timeout_seconds=5)


async def find(graph: MicrosoftGraph, count: int = 1) -> list[Any]:
    return await graph.find([ExternalKey(REGISTRATION_ID, "course-1")] * count, timeout_seconds=5)


async def get(graph: MicrosoftGraph, count: int = 1) -> list[Any]:
    return await graph.get([GRAPH_ID] * count, timeout_seconds=5)


CALLS = pytest.mark.parametrize("call", [update, delete, find, get])
WRITES = pytest.mark.parametrize("call", [update, delete])
MANY = pytest.mark.parametrize("count", [1, 3], ids=["alone", "in a batch"])
BELOW_THE_PROVIDER = f"{FOLDER}/{REGISTRATION_ID}/learningCourseActivities/{ENCODED_ID}"
SENT: dict[Call, tuple[str, str]] = {
    update: ("PATCH", BELOW_THE_PROVIDER),
    delete: ("DELETE", BELOW_THE_PROVIDER),
    get: ("GET", f"/employeeExperience/learningCourseActivities/{ENCODED_ID}"),
}


@pytest.mark.parametrize("call", SENT)
async def test_each_is_sent_as_documented(graph: MicrosoftGraph, wire: Wire, call: Call) -> None:
    """An update and a deletion below the provider, a look-up by Graph's id at the root."""
    await call(graph, 1)
    (sent,) = wire.sent
    method, path = SENT[call]
    assert (sent.method, str(sent.url)) == (method, f"{GRAPH}{path}")
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["prefer"] == "include-unknown-enum-members"
    assert sent.content == (json.dumps(STATE).encode() if call is update else b"")


@pytest.mark.parametrize("call", SENT)
async def test_each_is_in_a_batch_what_it_is_alone(graph: MicrosoftGraph, wire: Wire, call: Call) -> None:
    await call(graph, 2)
    for item in wire.items:
        assert (item["method"], item["url"]) == SENT[call]
        assert item.get("body") == (STATE if call is update else None)
        assert ("content-type" in {name.lower() for name in item["headers"]}) is (call is update)


@MANY
@WRITES
@pytest.mark.parametrize("answer", [(204, None), (200, {"id": "a"}), (202, None)])
async def test_any_success_of_a_change_is_one(
    graph: MicrosoftGraph, wire: Wire, call: Call, count: int, answer: tuple[int, Any]
) -> None:
    """204 is documented; what a body says is not needed."""
    wire.each = wire.answer(*answer)
    assert answers(await call(graph, count)) == [{}] * count


ABSENT_SENTENCES = [
    "The assignment ID requested doesn't exist.",
    "The assignment ID requested doesn\N{RIGHT SINGLE QUOTATION MARK}t exist.",
    f"The requested assignment {GRAPH_ID} doesn\N{RIGHT SINGLE QUOTATION MARK}t exist.",
]


@MANY
@CALLS
@pytest.mark.parametrize("sentence", ABSENT_SENTENCES)
async def test_graphs_404_in_any_words_means_that_it_is_not_there(
    graph: MicrosoftGraph, wire: Wire, call: Call, count: int, sentence: str
) -> None:
    wire.each = wire.answer(404, {"error": {"code": "notFound", "message": sentence}})
    for end in await call(graph, count):
        if call in {update, delete}:
            assert isinstance(end, PermanentError)
            assert end.code is ErrorCode.ACTIVITY_NOT_FOUND
            assert GRAPH_ID not in end.message  # It begins with the learner's.
        else:
            assert end is None


@MANY
@CALLS
@pytest.mark.parametrize(
    "answer",
    [
        (404, None),
        (404, "<html>Not found</html>"),
        (404, {"error": {}}),
        (404, {"error": {"code": "UnknownError", "message": ""}}),
        *((status, None) for status in (302, 400, 401, 403, 405, 409, 410, 429, 500, 503, 504)),
    ],
)
async def test_no_other_answer_means_that_it_is_not_there(
    graph: MicrosoftGraph, wire: Wire, call: Call, count: int, answer: tuple[int, Any]
) -> None:
    """Nor that a change was made."""
    wire.each = wire.answer(*answer)
    for end in await call(graph, count):
        assert isinstance(end, ActivityError)
        assert end.code is not ErrorCode.ACTIVITY_NOT_FOUND


@MANY
@WRITES
@pytest.mark.parametrize("said", [(500, True), (502, True), (504, True), (408, True), (503, False)])
async def test_where_graph_failed_a_change_may_have_been_made(
    graph: MicrosoftGraph, wire: Wire, call: Call, count: int, said: tuple[int, bool]
) -> None:
    status, may_have_executed = said
    wire.each = wire.answer(status)
    for end in await call(graph, count):
        assert isinstance(end, TransientError)
        assert end.may_have_executed is may_have_executed


@WRITES
@MANY
async def test_a_throttled_change_may_have_been_made_in_a_batch_only(
    graph: MicrosoftGraph, wire: Wire, call: Call, count: int
) -> None:
    wire.each = wire.answer(429, None, {"Retry-After": "7"})
    for end in await call(graph, count):
        assert (end.code, end.retry_after_seconds, end.may_have_executed) == (ErrorCode.THROTTLED, 7, count > 1)


@MANY
async def test_405_is_a_refusal_in_graphs_words(graph: MicrosoftGraph, wire: Wire, count: int) -> None:
    wire.each = wire.answer(405, {"error": {"code": "methodNotAllowed", "message": "This method isn't supported."}})
    for end in await update(graph, count):
        assert (type(end), end.code) == (PermanentError, ErrorCode.REJECTED_BY_GRAPH)
        assert "This method isn't supported" in end.message


WRITING = {"LearningAssignedCourse.ReadWrite.All", "LearningSelfInitiatedCourse.ReadWrite.All"}
READING = {"LearningAssignedCourse.Read.All", "LearningSelfInitiatedCourse.Read.All"}


async def update_course(graph: MicrosoftGraph, count: int = 1) -> list[Any]:
    return await update(graph, count, COURSE)


@MANY
@pytest.mark.parametrize(
    ("call", "named"),
    [
        (update, {"LearningAssignedCourse.ReadWrite.All"}),
        (update_course, {"LearningSelfInitiatedCourse.ReadWrite.All"}),
        (delete, WRITING),
        (find, READING),
        (get, READING),
    ],
)
async def test_a_refusal_for_want_of_a_permission_names_those_that_the_path_takes(
    graph: MicrosoftGraph, wire: Wire, call: Call, named: set[str], count: int
) -> None:
    wire.each = wire.answer(403, {"error": {"code": "forbidden", "message": "No access to this report or data."}})
    for end in await call(graph, count):
        assert end.code is ErrorCode.GRAPH_PERMISSION_MISSING
        assert {one for one in WRITING | READING if one in end.message} == named


def answers(ends: list[StoredActivity | ActivityError]) -> list[Any]:
    return [end.entity if isinstance(end, StoredActivity) else end for end in ends]


async def on_created(emulator: Emulated) -> tuple[Write, Write, ExternalKey]:
    """Create a course, and return what is asked about it."""
    request = activity_request()
    (created,) = await emulator.gateway.write([creation(request).write], timeout_seconds=5)
    assert isinstance(created, StoredActivity)
    deletion = Write(Operation.DELETE, REGISTRATION_ID, graph_id=created.id)
    return Write(Operation.UPDATE, REGISTRATION_ID, COURSE, created.id), deletion, key_of(request)


class TestTenant:
    """The real gateway against a tenant that is not set up for everything."""

    async def test_a_provider_that_is_switched_off_is_named_as_such(self, emulator: Emulated) -> None:
        update_, deletion, key = await on_created(emulator)
        providers = {REGISTRATION_ID: {"syncEnabled": False}}
        emulator.emulator.tenant = emulator.emulator.tenant.patched({"providers": providers})
        graph = emulator.gateway
        ends = [
            *await graph.write([update_], timeout_seconds=5),
            *await graph.write([deletion], timeout_seconds=5),
            *await graph.find([key], timeout_seconds=5),
        ]
        assert [end.code for end in ends if isinstance(end, ActivityError)] == [ErrorCode.PROVIDER_NOT_ENABLED] * 3

    async def test_who_may_only_write_can_do_all_but_look_up_by_the_external_id(self, emulator: Emulated) -> None:
        emulator.emulator.tenant = emulator.emulator.tenant.patched({"roles": sorted(WRITING)})
        update_, deletion, key = await on_created(emulator)
        graph = emulator.gateway
        (refused,) = await graph.find([key], timeout_seconds=5)
        assert isinstance(refused, ActivityError)
        assert refused.code is ErrorCode.GRAPH_PERMISSION_MISSING
        assert answers(await graph.write([update_], timeout_seconds=5)) == [{}]
        (read,) = await graph.get([deletion.graph_id], timeout_seconds=5)
        assert isinstance(read, StoredActivity)
        assert read.entity["status"] == "completed"
        assert answers(await graph.write([deletion], timeout_seconds=5)) == [{}]

    @pytest.mark.parametrize("spelling", ["externalCourseActivityId", "externalcourseActivityId"])
    async def test_either_spelling_that_graph_answers_comes_back_as_it_is(
        self, emulator: Emulated, spelling: str
    ) -> None:
        emulator.emulator.tenant = emulator.emulator.tenant.patched({"externalIdSpelling": spelling})
        _, deletion, key = await on_created(emulator)
        graph = emulator.gateway
        ends = [
            *await graph.find([key], timeout_seconds=5),
            *await graph.get([deletion.graph_id], timeout_seconds=5),
        ]
        assert [end.entity[spelling] for end in ends if isinstance(end, StoredActivity)] == [key.external_id] * 2


MODULES_BY_CALL = """
import asyncio, json, sys
import httpx
from azure.core.credentials import AccessToken
from activities.contract.activity import Operation
from activities.identity import managed_identity as identity
from activities.execution.gateway import Write
from activities.execution.decisions import creation
from activities.graph import client
from tests.support.fakes import activity_request
from tests.support.over_httpx import OverHttpx

class Credential:
    def __init__(self, **_): ...
    async def get_token(self, *_, **__): return AccessToken("token", 2**32)
    async def close(self): ...

def modules(): return sorted(name for name in sys.modules if name.split(".")[0] == "msgraph")

async def main():
    identity.ManagedIdentityCredential = Credential
    answer = OverHttpx(httpx.MockTransport(lambda _: httpx.Response(201, json={"id": "a"})))
    gateway = client.MicrosoftGraph(base_url="https://graph.microsoft.com/v1.0", client_id=None, transport=answer)
    await gateway.write([creation(activity_request()).write], timeout_seconds=60)
    before = modules()
    await gateway.write([Write(Operation.DELETE, "a", graph_id="b")], timeout_seconds=60)
    await gateway.get(["b"], timeout_seconds=60)
    await gateway.close()
    print(json.dumps([before, modules()]))

asyncio.run(main())
"""


def test_a_create_imports_none_of_the_builders_of_what_exists_and_they_import_no_models() -> None:
    """Each module is two milliseconds or more of a cold start."""
    command = [sys.executable, "-c", MODULES_BY_CALL]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    before, after = json.loads(done.stdout)
    item = "learning_course_activity_item_request_builder"
    assert [name for name in before if name.endswith(item)] == []
    assert len([name for name in after if name.endswith(item)]) == 2
    assert [name for name in after if ".models" in name] == [name for name in before if ".models" in name]
