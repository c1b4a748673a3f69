"""What the real gateway sends to Microsoft Graph and reads from it: the official SDK, on a wire of the test.

Rules about one request are asked of a request alone, which is a POST or a GET, and of several in one ``$batch``; what
is so only in a batch is in ``test_client_batches``.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.identity.aio import ManagedIdentityCredential
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import telemetry
from activities.contract.activity import ActivityRequest, StoredActivity
from activities.contract.models import Defaults
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import creation
from activities.graph import client, sdk
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import TOKEN, IdentityEndpoint, peer, read_request, reply
from tests.support.fakes import REGISTRATION_ID, activity_request, assignment_request, key_of
from tests.support.over_httpx import OverHttpx
from tests.support.strategies import can_be_meant
from tests.support.wire import CREATED, GRAPH, Wire

ROOT = Path(__file__).parents[2]
COURSE = activity_request()
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(can_be_meant)

type Call = Callable[[MicrosoftGraph, Sequence[ActivityRequest]], Awaitable[list[Any]]]


async def create(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = (COURSE,)) -> list[Any]:
    return await graph.write([creation(one).write for one in requests], timeout_seconds=30)


async def find(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = (COURSE,)) -> list[Any]:
    return await graph.find([key_of(one) for one in requests], timeout_seconds=30)


CALLS = pytest.mark.parametrize("call", [create, find])
MANY = pytest.mark.parametrize("requests", [[COURSE], [COURSE] * 3], ids=["alone", "in a batch"])


@pytest.mark.parametrize("example", ["assignment", "self-initiated"])
async def test_the_documented_example_is_sent_as_documented(graph: MicrosoftGraph, wire: Wire, example: str) -> None:
    documented = json.loads((ROOT / "tests" / "samples" / f"{example}.request.json").read_text(encoding="utf-8"))
    request = parse_activity(documented, kind=None, defaults=Defaults(registration_id=REGISTRATION_ID))
    await create(graph, [request])
    (sent,) = wire.sent
    assert json.loads(sent.content) == documented
    assert sent.method == "POST"
    assert str(sent.url) == f"{GRAPH}/employeeExperience/learningProviders/{REGISTRATION_ID}/learningCourseActivities"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["accept"].startswith("application/json")
    assert sent.headers["prefer"] == "include-unknown-enum-members"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    properties=st.fixed_dictionaries(
        {
            "external_id": texts,
            "notes": texts,
            "completionPercentage": st.none() | st.integers(2, 100),
            "completedDateTime": st.none() | st.dates(date(1971, 1, 1), date(2100, 1, 1)).map("{}T10:00:00Z".format),
        }
    )
)
async def test_the_sdk_changes_nothing_of_an_activity(
    graph: MicrosoftGraph, wire: Wire, properties: dict[str, Any]
) -> None:
    """The SDK's typed attributes would drop values, rename nulls and turn texts that look like GUIDs into others."""
    request = assignment_request(**properties)
    await create(graph, [request])
    assert json.loads(wire.sent[-1].content) == request.activity.to_graph()


@MANY
async def test_graph_is_told_the_invocation_that_asks(
    graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest]
) -> None:
    """Microsoft's support finds the request by it."""
    with telemetry.invocation("the-invocation", {}):
        await create(graph, requests)
    assert wire.sent[0].headers["client-request-id"] == "the-invocation"


@MANY
async def test_the_answer_is_kept_as_graph_wrote_it(
    graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest]
) -> None:
    entity = {
        "id": "a:b",
        "assignmentType": "peerRecommended",
        "x": {"y": [1.5, None]},
        "d": "2022-09-22T16:05:00.0000000",
    }
    wire.each = wire.answer(201, entity, {"request-id": "r-1"})
    assert await create(graph, requests) == [StoredActivity(entity, "r-1")] * len(requests)


class TestToken:
    @MANY
    async def test_it_is_for_microsoft_graph_wherever_graph_is(
        self, identity: IdentityEndpoint, wire: Wire, requests: list[ActivityRequest]
    ) -> None:
        """And it is kept: the credential is not asked for every request."""
        gateway = MicrosoftGraph(base_url="http://127.0.0.1:1/v1.0", client_id=None, transport=OverHttpx(wire))
        for _ in range(3):
            await create(gateway, requests)
        await gateway.close()
        assert [request.query["resource"] for request in identity.requests] == ["https://graph.microsoft.com"]
        assert {str(sent.url).partition("/v1.0/")[0] for sent in wire.sent} == {"http://127.0.0.1:1"}
        assert [sent.headers["authorization"] for sent in wire.sent] == [f"Bearer {TOKEN}"] * 3

    @MANY
    @pytest.mark.parametrize(
        "elsewhere", ["https://graph.microsoft.com.example.org/v1.0", "https://graph.microsoft.us/v1.0"]
    )
    async def test_another_host_gets_none(
        self, graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest], elsewhere: str
    ) -> None:
        # Nothing in the gateway changes the host; this asks what protects the token if something ever did.
        graph._adapter.base_url = elsewhere  # noqa: SLF001 (there is no public way to another host)
        await create(graph, requests)
        assert str(wire.sent[0].url).startswith(elsewhere)
        assert "authorization" not in wire.sent[0].headers

    async def test_the_credential_is_asked_once_a_minute_however_many_requests_there_are(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its cache is searched anew each time, which would cost every request as much as its JSON."""
        clock, asked = [0.0], [0]

        class Counting(ManagedIdentityCredential):
            async def get_token(self, *_: str, **__: object) -> AccessToken:
                asked[0] += 1
                return AccessToken(f"token {asked[0]}", 2**40)

        monkeypatch.setattr(client, "managed_identity", lambda _: Counting())
        monkeypatch.setattr(sdk, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        graph = MicrosoftGraph(base_url=GRAPH, client_id=None, transport=OverHttpx(wire))
        for _ in range(50):
            await create(graph)
        clock[0] += sdk.KEPT_SECONDS
        await create(graph)
        await graph.close()
        assert [sent.headers["authorization"] for sent in wire.sent] == ["Bearer token 1"] * 50 + ["Bearer token 2"]

    @MANY
    async def test_a_failing_identity_sends_nothing(
        self, graph: MicrosoftGraph, wire: Wire, identity: IdentityEndpoint, requests: list[ActivityRequest]
    ) -> None:
        async def refuse(_: object) -> web.Response:
            return web.json_response({"message": "no"}, status=400)

        identity.answer = refuse
        for error in await create(graph, requests):
            assert (error.code, error.may_have_executed) == (ErrorCode.IDENTITY_UNAVAILABLE, False)
        assert wire.sent == []


@MANY
@pytest.mark.parametrize("status", [200, 202, 301, 302, 303, 307, 308, 400, 403, 408, 409, 429, 500, 502, 503, 504])
@CALLS
async def test_every_answer_is_the_answer_to_one_send(
    graph: MicrosoftGraph, wire: Wire, call: Call, status: int, requests: list[ActivityRequest]
) -> None:
    """The SDK's own retry would create twice after a 504, its redirects would create elsewhere."""
    wire.each = wire.answer(status, headers={"Location": f"{GRAPH}/elsewhere", "Retry-After": "0"})
    assert all(isinstance(end, ActivityError) for end in await call(graph, requests))
    assert len(wire.sent) == 1


@MANY
@pytest.mark.parametrize("body", [{}, {"error": {}}, "<html>", None, {"id": 7}])
async def test_a_success_that_holds_no_activity_may_have_been_executed(
    graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest], body: Any
) -> None:
    wire.each = wire.answer(201, body)
    for end in await create(graph, requests):
        assert isinstance(end, TransientError)
        assert end.may_have_executed


@MANY
@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Wire.answer(429, headers={"RETRY-AFTER": "7.5"}), 7.5),
        (Wire.answer(429, {"message": "Retry after 2 minutes"}, {"Retry-After": "9"}), 9),
        (Wire.answer(503, {"code": "tooManyRequests", "message": "Retry after 2 minutes"}), 120),
    ],
)
async def test_graphs_own_delay_arrives_in_every_form(
    graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest], answer: dict[str, Any], seconds: float
) -> None:
    wire.each = answer
    assert [end.retry_after_seconds for end in await create(graph, requests)] == [seconds] * len(requests)


@MANY
@pytest.mark.parametrize("kind", [activity_request, assignment_request])
async def test_a_refusal_for_want_of_a_permission_names_it_and_what_it_is_for(
    graph: MicrosoftGraph, wire: Wire, kind: Callable[[], ActivityRequest], requests: list[ActivityRequest]
) -> None:
    """Creating and looking up need different ones; a look-up does not know the kind, and names those of both."""
    wire.each = wire.answer(403, {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient"}})
    name = "LearningAssignedCourse" if kind is assignment_request else "LearningSelfInitiatedCourse"
    for call, permission, purpose in [
        (create, f"{name}.ReadWrite.All", "creating"),
        (find, f"{name}.Read.All", "looking up"),
    ]:
        for error in await call(graph, [kind()] * len(requests)):
            assert isinstance(error, PermanentError)
            assert error.code is ErrorCode.GRAPH_PERMISSION_MISSING
            assert permission in error.message
            assert purpose in error.message


IDS = [
    "plain",
    "a'b",
    "''",
    "a/b",
    "a#b?c&d=e",
    "100%",
    "%27",
    "%2F",
    "a b",
    "a+b",
    "../..",
    "Kurs Ü",
    "日本",
    "🎓",
    "a:b",
    "(x)",
]


def named(external_id: str) -> ActivityRequest:
    """Return a request with this very external id; from outside, none comes with a space at its ends."""
    activity = COURSE.activity.model_copy(update={"external_course_activity_id": external_id})
    return ActivityRequest(REGISTRATION_ID, activity)


def asked_for(target: str) -> tuple[str, str]:
    """Read a look-up's address as a server does: split at the slashes, decode, undouble the quotes of the key."""
    *path, last = target.split("/")
    key = re.fullmatch(r"learningCourseActivities\(externalcourseActivityId='((?:[^']|'')*)'\)", unquote(last))
    assert key is not None, target
    return "/".join(path), key[1].replace("''", "'")


class TestLookUp:
    FOLDER = f"/v1.0/employeeExperience/learningProviders/{REGISTRATION_ID}"

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(external_id=texts | st.sampled_from(IDS))
    async def test_any_external_id_is_asked_for_as_it_is(
        self, graph: MicrosoftGraph, wire: Wire, external_id: str
    ) -> None:
        wire.each = wire.answer(200, CREATED)
        (found,) = await find(graph, [named(external_id)])
        assert isinstance(found, StoredActivity)
        sent = wire.sent[-1]
        assert sent.method == "GET"
        assert asked_for(sent.url.raw_path.decode()) == (self.FOLDER, external_id)

    async def test_aiohttp_sends_the_address_unchanged_in_meaning(self, identity: IdentityEndpoint) -> None:
        """Aiohttp quotes addresses once more if it is let: what counts is what a server reads."""
        assert identity
        targets: list[str] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in IDS:
                first, _ = await read_request(reader)
                targets.append(first.split()[1])
                writer.write(reply("200 OK", json.dumps(CREATED).encode()))

        async with peer(answer) as url:
            gateway = MicrosoftGraph(base_url=url, client_id=None)
            for external_id in IDS:
                await find(gateway, [named(external_id)])
            await gateway.close()
        assert [asked_for(target) for target in targets] == [(self.FOLDER, external_id) for external_id in IDS]

    @MANY
    async def test_graphs_404_means_that_there_is_none(
        self, graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest]
    ) -> None:
        wire.each = wire.answer(404, {"error": {"code": "notFound"}})
        assert await find(graph, requests) == [None] * len(requests)

    @MANY
    @pytest.mark.parametrize(
        "answer",
        [
            (404, None),
            (404, "<html>Not found</html>"),
            (404, "PGh0bWw+"),
            (404, {}),
            (404, {"error": {}}),
            *((status, None) for status in (200, 204, 302, 400, 401, 403, 410, 429, 500, 503)),
        ],
    )
    async def test_no_other_answer_means_absent(
        self, graph: MicrosoftGraph, wire: Wire, requests: list[ActivityRequest], answer: tuple[int, Any]
    ) -> None:
        """Nor does a 404 that is not Graph's own."""
        wire.each = wire.answer(*answer)
        assert all(isinstance(end, ActivityError) for end in await find(graph, requests))


MODULES_AFTER_FIRST_CREATE = """
import asyncio, sys
import httpx
from azure.core.credentials import AccessToken
from activities.execution.decisions import creation
from activities.identity import managed_identity as identity
from activities.graph import client
from tests.support.fakes import activity_request
from tests.support.over_httpx import OverHttpx

class Credential:
    def __init__(self, **_): ...
    async def get_token(self, *_, **__): return AccessToken("token", 2**32)
    async def close(self): ...

async def main():
    identity.ManagedIdentityCredential = Credential
    entity = {"id": "a", "@odata.type": "#microsoft.graph.user"}
    answer = OverHttpx(httpx.MockTransport(lambda _: httpx.Response(201, json=entity)))
    gateway = client.MicrosoftGraph(base_url="https://graph.microsoft.com/v1.0", client_id=None, transport=answer)
    assert [one.id for one in await gateway.write([creation(activity_request()).write], timeout_seconds=60)] == ["a"]
    await gateway.close()

asyncio.run(main())
print(sum(name.split(".")[0] == "msgraph" for name in sys.modules))
"""


def test_the_first_create_imports_no_response_models() -> None:
    """The SDK's typed reading of an answer imports 1,300 modules, a second or two of every cold start."""
    command = [sys.executable, "-c", MODULES_AFTER_FIRST_CREATE]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert 1 < int(done.stdout) < 150
