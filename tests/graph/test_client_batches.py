"""What the real gateway sends to Microsoft Graph in one ``$batch``, and what it makes of the one answer."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio

from activities import telemetry
from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.gateway import StoredActivity
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import TOKEN, IdentityEndpoint, identity_endpoint
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, activity_request, assignment_request
from tests.support.gateways import Emulated, emulated
from tests.support.over_httpx import OverHttpx

GRAPH = "https://graph.microsoft.com/v1.0"
FOLDER = "/employeeExperience/learningProviders"
CREATED = {"id": "learner:activity", "status": "inProgress"}
REQUESTS = [
    activity_request("course-0", startedDateTime="2026-11-01", completionPercentage=20),
    assignment_request("course-1", notes='Prüfung \N{GRADUATION CAP}\n"it\'s"', dueDateTime="2026-11-22"),
    activity_request("a'b/c", registrationId=OTHER_REGISTRATION_ID, completedDateTime=None),
]

type End = StoredActivity | ActivityError | None
type Together = Callable[[MicrosoftGraph, Sequence[ActivityRequest]], Awaitable[list[Any]]]


class Wire(httpx.AsyncBaseTransport):
    """Keeps what was sent, and answers or fails with ``reply``; without one, everything was created."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.reply: httpx.Response | Exception | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The requests of the only batch."""
        (request,) = self.sent
        items: list[dict[str, Any]] = json.loads(request.content)["requests"]
        return items

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if isinstance(self.reply, Exception):
            raise self.reply
        response = self.reply or self.all_created(request)
        response.request = request
        return response

    @staticmethod
    def all_created(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/$batch"):
            return httpx.Response(201, json=CREATED)
        ids = [item["id"] for item in json.loads(request.content)["requests"]]
        return httpx.Response(200, json={"responses": [{"id": one, "status": 201, "body": CREATED} for one in ids]})


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


@pytest_asyncio.fixture
async def subject(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    async with emulated(monkeypatch) as given:
        yield given


async def create(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = REQUESTS) -> list[Any]:
    return await graph.create_activities(requests, timeout_seconds=5)


async def find(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = REQUESTS) -> list[Any]:
    return await graph.find_activities(requests, timeout_seconds=5)


@pytest.mark.parametrize("together", [create, find])
async def test_twenty_are_one_request(subject: Emulated, together: Together) -> None:
    requests = [activity_request(f"course-{number}") for number in range(20)]
    await together(subject.gateway, requests)
    calls = [call for call in subject.emulator.calls if call.operation != "token"]
    assert [call.operation for call in calls if not call.batched] == ["batch"]
    assert [call.operation for call in calls if call.batched] == [together.__name__] * 20


class TestRequest:
    async def test_the_body_of_each_is_to_the_byte_what_is_sent_singly(self, graph: MicrosoftGraph, wire: Wire) -> None:
        for request in REQUESTS:
            await graph.create_activity(request, timeout_seconds=5)
        singly, wire.sent = [sent.content for sent in wire.sent], []
        await create(graph)
        (batch,) = wire.sent
        places = [batch.content.find(b',"body":' + content + b"}") for content in singly]
        assert 0 < places[0] < places[1] < places[2]

    async def test_each_has_the_method_and_the_headers_of_a_single_one(self, graph: MicrosoftGraph, wire: Wire) -> None:
        with telemetry.invocation("the-invocation", {}):
            for request in REQUESTS:
                await graph.create_activity(request, timeout_seconds=5)
            singly, wire.sent = wire.sent, []
            await create(graph)
        for item, single in zip(wire.items, singly, strict=True):
            assert item["method"] == single.method
            assert f"{GRAPH}{item['url']}" == str(single.url)
            headers = {name.lower(): value for name, value in item["headers"].items()}
            assert headers.items() <= dict(single.headers).items()
            assert {"content-type", "prefer", "client-request-id"} <= set(headers)

    async def test_look_ups_have_relative_addresses_and_no_bodies(self, graph: MicrosoftGraph, wire: Wire) -> None:
        await find(graph)
        assert [(item["method"], item["url"], "body" in item) for item in wire.items] == [
            ("GET", f"{FOLDER}/{provider}/learningCourseActivities(externalcourseActivityId='{key}')", False)
            for provider, key in [
                (REGISTRATION_ID, "course-0"),
                (REGISTRATION_ID, "course-1"),
                (OTHER_REGISTRATION_ID, "a%27%27b%2Fc"),
            ]
        ]

    @pytest.mark.parametrize("together", [create, find])
    async def test_only_the_whole_carries_the_token(
        self, graph: MicrosoftGraph, wire: Wire, together: Together
    ) -> None:
        with telemetry.invocation("the-invocation", {}):
            await together(graph, REQUESTS)
        (sent,) = wire.sent
        assert (sent.method, str(sent.url)) == ("POST", f"{GRAPH}/$batch")
        assert sent.headers["authorization"] == f"Bearer {TOKEN}"
        assert sent.headers["content-type"] == "application/json"
        assert sent.headers["client-request-id"] == "the-invocation"
        assert TOKEN.encode() not in sent.content

    async def test_the_address_is_relative_to_wherever_graph_is(self, identity: IdentityEndpoint, wire: Wire) -> None:
        assert identity
        gateway = MicrosoftGraph(base_url="http://127.0.0.1:1/v1.0", client_id=None, transport=OverHttpx(wire))
        await create(gateway)
        await gateway.close()
        assert str(wire.sent[0].url) == "http://127.0.0.1:1/v1.0/$batch"
        assert {item["url"].split("/")[1] for item in wire.items} == {"employeeExperience"}


def answered(*responses: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"responses": list(responses)}, headers={"request-id": "the-batch"})


class TestAnswer:
    async def test_a_request_that_nothing_is_said_about_may_have_been_executed(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        wire.reply = answered({"id": "2", "status": 201, "body": CREATED}, {"id": "0", "status": 201, "body": CREATED})
        first, missing, last = await create(graph)
        assert (first.entity, last.entity) == (CREATED, CREATED)
        assert (missing.code, missing.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)

    async def test_a_request_that_two_things_are_said_about_may_have_been_executed(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        refused = {"id": "0", "status": 400, "body": {"error": {"code": "badRequest"}}}
        wire.reply = answered({"id": "0", "status": 201, "body": CREATED}, refused)
        (end,) = await create(graph, REQUESTS[:1])
        assert (end.code, end.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)

    async def test_graphs_request_id_is_that_of_the_batch_unless_an_answer_has_its_own(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        own = {"id": "1", "status": 201, "headers": {"Request-Id": "its-own"}, "body": CREATED}
        wire.reply = answered({"id": "0", "status": 201, "body": CREATED}, own)
        ends = await create(graph, REQUESTS[:2])
        assert [end.graph_request_id for end in ends] == ["the-batch", "its-own"]

    @pytest.mark.parametrize("body", [{}, {"error": {}}, "<html>", None, {"id": 7}])
    async def test_a_success_that_holds_no_activity_may_have_been_executed(
        self, graph: MicrosoftGraph, wire: Wire, body: Any
    ) -> None:
        wire.reply = answered({"id": "0", "status": 201, "body": body})
        (end,) = await create(graph, REQUESTS[:1])
        assert isinstance(end, TransientError)
        assert end.may_have_executed

    @pytest.mark.parametrize("body", [None, "PGh0bWw+", "Not found", {}, {"error": {}}])
    async def test_a_404_in_a_batch_that_is_not_graphs_own_does_not_mean_absent(
        self, graph: MicrosoftGraph, wire: Wire, body: Any
    ) -> None:
        wire.reply = answered({"id": "0", "status": 404, "body": body})
        (end,) = await find(graph, REQUESTS[:1])
        assert isinstance(end, ActivityError)

    async def test_each_delay_is_read_in_every_form(self, graph: MicrosoftGraph, wire: Wire) -> None:
        minutes = {"code": "tooManyRequests", "message": "Retry after 2 minutes"}
        wire.reply = answered(
            {"id": "0", "status": 429, "headers": {"RETRY-AFTER": "7.5"}},
            {"id": "1", "status": 429, "headers": {"Retry-After": 9}, "body": minutes},
            {"id": "2", "status": 503, "body": minutes},
        )
        ends = await create(graph)
        assert [end.retry_after_seconds for end in ends] == [7.5, 9, 120]

    async def test_what_failed_because_something_else_did_may_have_been_executed(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        wire.reply = answered({"id": "0", "status": 424, "body": {"error": {"code": "failedDependency"}}})
        (end,) = await create(graph, REQUESTS[:1])
        assert (end.code, end.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)


def no_connection() -> Exception:
    """Return what httpx-aiohttp raises when no connection can be made."""
    error = httpx.ConnectError("made up")
    error.__cause__ = aiohttp.ConnectionTimeoutError()
    return error


GARBAGE = [b"", b"no JSON", b"[]", b"null", b'{"responses":{}}', b'{"responses":[null,1,"x",{}]}', b"\xff\xfe"]


class TestWhole:
    @pytest.mark.parametrize("together", [create, find])
    @pytest.mark.parametrize(
        ("reply", "end"),
        [
            (httpx.Response(401), (ErrorCode.IDENTITY_UNAVAILABLE, False)),
            (httpx.Response(408), (ErrorCode.OUTCOME_UNKNOWN, True)),
            (httpx.Response(429, headers={"Retry-After": "7"}), (ErrorCode.THROTTLED, False)),
            (httpx.Response(503), (ErrorCode.GRAPH_UNAVAILABLE, False)),
            (httpx.Response(500), (ErrorCode.GRAPH_FAULT, True)),
            (httpx.Response(502, text="<html>"), (ErrorCode.GRAPH_FAULT, True)),
            (httpx.Response(504), (ErrorCode.OUTCOME_UNKNOWN, True)),
            (httpx.Response(302, headers={"Location": GRAPH}), (ErrorCode.GRAPH_FAULT, True)),
            (httpx.Response(424), (ErrorCode.OUTCOME_UNKNOWN, True)),
            (no_connection(), (ErrorCode.GRAPH_UNAVAILABLE, False)),
            (httpx.ReadTimeout("late"), (ErrorCode.OUTCOME_UNKNOWN, True)),
            (httpx.RemoteProtocolError("broken"), (ErrorCode.OUTCOME_UNKNOWN, True)),
            (TimeoutError(), (ErrorCode.OUTCOME_UNKNOWN, True)),
            *((httpx.Response(200, content=body), (ErrorCode.OUTCOME_UNKNOWN, True)) for body in GARBAGE),
        ],
    )
    async def test_what_happens_to_the_whole_happens_to_each_and_nothing_is_sent_again(
        self,
        graph: MicrosoftGraph,
        wire: Wire,
        together: Together,
        reply: httpx.Response | Exception,
        end: tuple[ErrorCode, bool],
    ) -> None:
        wire.reply = reply
        ends = await together(graph, REQUESTS)
        assert [(one.code, one.may_have_executed) for one in ends] == [end] * 3
        assert len(wire.sent) == 1
        await together(graph, REQUESTS)
        assert [sent.url.path for sent in wire.sent] == ["/v1.0/$batch"] * 2

    async def test_graphs_delay_for_the_whole_is_everyones(self, graph: MicrosoftGraph, wire: Wire) -> None:
        wire.reply = httpx.Response(429, headers={"Retry-After": "7.5"})
        assert [end.retry_after_seconds for end in await create(graph)] == [7.5] * 3

    async def test_a_whole_that_failed_for_its_parts_still_tells_of_each(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        """Graph's documentation once said that a batch with throttled requests in it is answered 424 as a whole."""
        responses = [{"id": "0", "status": 201, "body": CREATED}, {"id": "1", "status": 429}]
        wire.reply = httpx.Response(424, json={"responses": responses})
        created, throttled, missing = await create(graph)
        assert created.entity == CREATED
        assert (throttled.code, missing.code) == (ErrorCode.THROTTLED, ErrorCode.OUTCOME_UNKNOWN)
        assert len(wire.sent) == 1
