"""What the real gateway sends to Microsoft Graph and reads from it: the official SDK, on a transport of the test."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import telemetry
from activities.contract.models import ActivityRequest, Defaults
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import TOKEN, IdentityEndpoint, identity_endpoint, peer, read_request, reply
from tests.support.fakes import REGISTRATION_ID, activity_request, assignment_request
from tests.support.over_httpx import OverHttpx

ROOT = Path(__file__).parents[2]
GRAPH = "https://graph.microsoft.com/v1.0"
CREATED = b'{"id":"learner:activity","status":"inProgress"}'

type Reply = Callable[[httpx.Request], httpx.Response]


class Wire(httpx.AsyncBaseTransport):
    """Keeps what was sent, and answers with ``reply``."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.reply: Reply = lambda _: httpx.Response(201, content=CREATED)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        response = self.reply(request)
        response.request = request
        return response


@pytest_asyncio.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    async with identity_endpoint(monkeypatch) as endpoint:
        yield endpoint


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest_asyncio.fixture
async def graph(identity: IdentityEndpoint, wire: Wire) -> AsyncIterator[MicrosoftGraph]:
    assert identity
    gateway = MicrosoftGraph(base_url=GRAPH, client_id=None, transport=OverHttpx(wire))
    yield gateway
    await gateway.close()


async def create(graph: MicrosoftGraph, request: ActivityRequest | None = None) -> None:
    await graph.create_activity(request or activity_request(), timeout_seconds=30)


@pytest.mark.parametrize("example", ["assignment", "self-initiated"])
async def test_the_documented_example_is_sent_as_documented(graph: MicrosoftGraph, wire: Wire, example: str) -> None:
    documented = json.loads((ROOT / "tests" / "samples" / f"{example}.request.json").read_text(encoding="utf-8"))
    request = parse_activity(documented, kind=None, defaults=Defaults(registration_id=REGISTRATION_ID))
    await create(graph, request)
    (sent,) = wire.sent
    assert json.loads(sent.content) == documented
    assert sent.method == "POST"
    assert str(sent.url) == f"{GRAPH}/employeeExperience/learningProviders/{REGISTRATION_ID}/learningCourseActivities"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["accept"].startswith("application/json")
    assert sent.headers["prefer"] == "include-unknown-enum-members"


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    properties=st.fixed_dictionaries(
        {
            "external_id": texts,
            "notes": texts,
            "completionPercentage": st.none() | st.integers(0, 100),
            "completedDateTime": st.none() | st.datetimes().map("{}Z".format),
        }
    )
)
async def test_the_sdk_changes_nothing_of_an_activity(
    graph: MicrosoftGraph, wire: Wire, properties: dict[str, Any]
) -> None:
    """The SDK's typed attributes would drop values, rename nulls and turn texts that look like GUIDs into others."""
    request = assignment_request(**properties)
    await create(graph, request)
    assert json.loads(wire.sent[-1].content) == request.activity.to_graph()


async def test_graph_is_told_the_invocation_that_asks(graph: MicrosoftGraph, wire: Wire) -> None:
    """Microsoft's support finds the request by it."""
    with telemetry.invocation("the-invocation", {}):
        await graph.create_activity(activity_request(), timeout_seconds=5)
    assert wire.sent[0].headers["client-request-id"] == "the-invocation"


async def test_the_answer_is_kept_as_graph_wrote_it(graph: MicrosoftGraph, wire: Wire) -> None:
    entity = {
        "id": "a:b",
        "assignmentType": "peerRecommended",
        "x": {"y": [1.5, None]},
        "d": "2022-09-22T16:05:00.0000000",
    }
    wire.reply = lambda _: httpx.Response(201, json=entity, headers={"request-id": "r-1"})
    stored = await graph.create_activity(activity_request(), timeout_seconds=30)
    assert (stored.entity, stored.id, stored.graph_request_id) == (entity, "a:b", "r-1")


class TestToken:
    async def test_it_is_for_microsoft_graph_wherever_graph_is(self, identity: IdentityEndpoint, wire: Wire) -> None:
        gateway = MicrosoftGraph(base_url="http://127.0.0.1:1/v1.0", client_id=None, transport=OverHttpx(wire))
        await create(gateway)
        await gateway.close()
        assert [request.query["resource"] for request in identity.requests] == ["https://graph.microsoft.com"]
        assert wire.sent[0].headers["authorization"] == f"Bearer {TOKEN}"

    @pytest.mark.parametrize(
        "elsewhere", ["https://graph.microsoft.com.example.org/v1.0", "https://graph.microsoft.us/v1.0"]
    )
    async def test_another_host_gets_none(self, graph: MicrosoftGraph, wire: Wire, elsewhere: str) -> None:
        # Nothing in the gateway changes the host; this asks what protects the token if something ever did.
        graph._adapter.base_url = elsewhere  # noqa: SLF001 (there is no public way to another host)
        await create(graph)
        assert str(wire.sent[0].url).startswith(elsewhere)
        assert "authorization" not in wire.sent[0].headers

    async def test_a_challenge_for_claims_gets_one_new_token_and_one_more_send(
        self, graph: MicrosoftGraph, wire: Wire, identity: IdentityEndpoint
    ) -> None:
        challenge = {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="eyJhIjoxfQ=="'}
        wire.reply = lambda _: httpx.Response(401, headers=challenge)
        with pytest.raises(TransientError) as caught:
            await create(graph)
        assert caught.value.code is ErrorCode.IDENTITY_UNAVAILABLE
        assert (len(wire.sent), len(identity.requests)) == (2, 2)


@pytest.mark.parametrize("status", [200, 202, 301, 302, 303, 307, 308, 400, 403, 408, 409, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("operation", ["create", "find"])
async def test_every_answer_is_the_answer_to_one_send(
    graph: MicrosoftGraph, wire: Wire, operation: str, status: int
) -> None:
    """The SDK's own retry would create twice after a 504, its redirects would create elsewhere."""
    headers = {"Location": f"{GRAPH}/elsewhere", "Retry-After": "0"}
    wire.reply = lambda _: httpx.Response(status, headers=headers)
    with pytest.raises(ActivityError):
        await (create(graph) if operation == "create" else graph.find_activity(REGISTRATION_ID, "x", timeout_seconds=5))
    assert len(wire.sent) == 1


async def test_graphs_own_delay_arrives(graph: MicrosoftGraph, wire: Wire) -> None:
    wire.reply = lambda _: httpx.Response(429, headers={"RETRY-AFTER": "7.5"})
    with pytest.raises(TransientError) as caught:
        await create(graph)
    assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.THROTTLED, 7.5)


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
        wire.reply = lambda _: httpx.Response(200, content=CREATED)
        found = await graph.find_activity(REGISTRATION_ID, external_id, timeout_seconds=5)
        assert found is not None
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
                writer.write(reply("200 OK", CREATED))

        async with peer(answer) as url:
            gateway = MicrosoftGraph(base_url=url, client_id=None)
            for external_id in IDS:
                await gateway.find_activity(REGISTRATION_ID, external_id, timeout_seconds=5)
            await gateway.close()
        assert [asked_for(target) for target in targets] == [(self.FOLDER, external_id) for external_id in IDS]

    async def test_graphs_404_means_that_there_is_none(self, graph: MicrosoftGraph, wire: Wire) -> None:
        wire.reply = lambda _: httpx.Response(404, json={"error": {"code": "notFound"}})
        assert await graph.find_activity(REGISTRATION_ID, "x", timeout_seconds=5) is None

    @pytest.mark.parametrize("body", [b"", b"<html>Not found</html>", b"{}", b'{"error":{}}'])
    async def test_a_404_that_is_not_graphs_own_does_not_mean_absent(
        self, graph: MicrosoftGraph, wire: Wire, body: bytes
    ) -> None:
        wire.reply = lambda _: httpx.Response(404, content=body)
        with pytest.raises(ActivityError):
            await graph.find_activity(REGISTRATION_ID, "external", timeout_seconds=5)

    @pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 410, 429, 500, 503])
    async def test_no_other_answer_means_absent(self, graph: MicrosoftGraph, wire: Wire, status: int) -> None:
        wire.reply = lambda _: httpx.Response(status)
        with pytest.raises(ActivityError):
            await graph.find_activity(REGISTRATION_ID, "x", timeout_seconds=5)


async def test_a_failing_identity_sends_nothing(graph: MicrosoftGraph, wire: Wire, identity: IdentityEndpoint) -> None:
    async def refuse(_: object) -> web.Response:
        return web.json_response({"message": "no"}, status=400)

    identity.answer = refuse
    with pytest.raises(TransientError) as caught:
        await create(graph)
    assert (caught.value.code, caught.value.may_have_executed) == (ErrorCode.IDENTITY_UNAVAILABLE, False)
    assert wire.sent == []


MODULES_AFTER_FIRST_CREATE = """
import asyncio, sys
import httpx
from azure.core.credentials import AccessToken
from activities import identity
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
    assert (await gateway.create_activity(activity_request(), timeout_seconds=60)).id == "a"
    await gateway.close()

asyncio.run(main())
print(sum(name.split(".")[0] == "msgraph" for name in sys.modules))
"""


def test_the_first_create_imports_no_response_models() -> None:
    """The SDK's typed reading of an answer imports 1,300 modules, a second or two of every cold start."""
    command = [sys.executable, "-c", MODULES_AFTER_FIRST_CREATE]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert 1 < int(done.stdout) < 150
