"""What the real gateway sends to Microsoft Graph in one ``$batch``, and what it makes of the one answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import httpx
import pytest

from activities import telemetry
from activities.contract.activity import ActivityRequest
from activities.errors import ErrorCode
from activities.execution.decisions import creation
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import TOKEN
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, activity_request, assignment_request, key_of
from tests.support.gateways import Emulated
from tests.support.wire import CREATED, GRAPH, Wire, answered

FOLDER = "/employeeExperience/learningProviders"
REQUESTS = [
    activity_request("course-0", startedDateTime="2026-11-01", completionPercentage=20),
    assignment_request("course-1", notes='Prüfung \N{GRADUATION CAP}\n"it\'s"', dueDateTime="2026-11-22"),
    activity_request("a'b/c", registrationId=OTHER_REGISTRATION_ID, completedDateTime=None),
]

type Together = Callable[[MicrosoftGraph, Sequence[ActivityRequest]], Awaitable[list[Any]]]


async def create(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = REQUESTS) -> list[Any]:
    return await graph.write([creation(one).write for one in requests], timeout_seconds=5)


async def find(graph: MicrosoftGraph, requests: Sequence[ActivityRequest] = REQUESTS) -> list[Any]:
    return await graph.find([key_of(one) for one in requests], timeout_seconds=5)


@pytest.mark.parametrize("together", [create, find])
async def test_twenty_are_one_request(emulator: Emulated, together: Together) -> None:
    requests = [activity_request(f"course-{number}") for number in range(20)]
    await together(emulator.gateway, requests)
    calls = [call for call in emulator.emulator.calls if call.operation != "token"]
    assert [call.operation for call in calls if not call.batched] == ["batch"]
    assert [call.operation for call in calls if call.batched] == [together.__name__] * 20


class TestRequest:
    async def test_each_is_in_a_batch_to_the_byte_what_it_is_alone(self, graph: MicrosoftGraph, wire: Wire) -> None:
        with telemetry.invocation("the-invocation", {}):
            for request in REQUESTS:
                await create(graph, [request])
            singly, wire.sent = wire.sent, []
            await create(graph)
        places = [wire.sent[0].content.find(b',"body":' + single.content + b"}") for single in singly]
        assert 0 < places[0] < places[1] < places[2]
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
        created = [{"id": one, "status": 201, "body": CREATED} for one in "01"]
        wire.reply = answered(*created, refused)
        end, other = await create(graph, REQUESTS[:2])
        assert (end.code, end.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
        assert other.entity == CREATED

    async def test_graphs_request_id_is_that_of_the_batch_unless_an_answer_has_its_own(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        own = {"id": "1", "status": 201, "headers": {"Request-Id": "its-own"}, "body": CREATED}
        wire.reply = answered({"id": "0", "status": 201, "body": CREATED}, own)
        ends = await create(graph, REQUESTS[:2])
        assert [end.graph_request_id for end in ends] == ["the-batch", "its-own"]

    async def test_what_failed_because_something_else_did_may_have_been_executed(
        self, graph: MicrosoftGraph, wire: Wire
    ) -> None:
        wire.each = wire.answer(424, {"error": {"code": "failedDependency"}})
        for end in await create(graph):
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
