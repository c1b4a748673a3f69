"""When Graph refuses a token, another one is asked for and the request sent once more; where there is none, it is said.

The real credential: its own cache would give the refused token until its end.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from aiohttp import web

from activities.errors import ErrorCode, TransientError
from activities.execution.decisions import creation
from activities.graph import token_refusals
from activities.graph.client import MicrosoftGraph
from tests.support.endpoints import IdentityEndpoint
from tests.support.fakes import activity_request
from tests.support.wire import CREATED, Wire, answered, items_of

MANY = pytest.mark.parametrize("count", [1, 3], ids=["alone", "in a batch"])
# What Graph says: with and without a challenge, as documented and as reported.
EXPIRED = {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed, token is expired."}}
CHALLENGES: list[dict[str, str]] = [
    {},
    {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'},
    {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="eyJhIjoxfQ=="'},
    {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="no base64"'},
]


class Accepting(Wire):
    """Graph that takes only certain tokens."""

    def __init__(self, *tokens: str) -> None:
        super().__init__()
        self.tokens = set(tokens)
        self.headers: dict[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer. See httpx."""
        response = await super().handle_async_request(request)
        if request.headers["authorization"].removeprefix("Bearer ") in self.tokens:
            return response
        return httpx.Response(401, json=EXPIRED, headers=self.headers)

    def tokens_sent(self) -> list[str]:
        """Return the token of each request."""
        return [one.headers["authorization"].removeprefix("Bearer ") for one in self.sent]


@pytest.fixture
def wire() -> Accepting:
    return Accepting("second")


def give(identity: IdentityEndpoint, *tokens: str) -> None:
    """Let the endpoint give these tokens, the last one for good."""
    left = list(tokens)

    async def answer(request: web.BaseRequest) -> web.Response:
        token = left.pop(0) if len(left) > 1 else left[0]
        content = {"access_token": token, "expires_on": str(int(time.time()) + 86_400), "token_type": "Bearer"}
        return web.json_response({**content, "resource": request.query["resource"]})

    identity.answer = answer


async def create(graph: MicrosoftGraph, count: int = 1) -> list[Any]:
    requests = [activity_request(f"course-{number}") for number in range(count)]
    return await graph.write([creation(one).write for one in requests], timeout_seconds=5)


def said(ends: Sequence[Any]) -> list[tuple[ErrorCode, float, bool]]:
    return [(end.code, end.retry_after_seconds, end.may_have_executed) for end in ends]


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    lines = [record.getMessage() for record in caplog.records]
    return [json.loads(line.partition(" ")[2]) for line in lines if line.startswith("tokenRefused")]


@MANY
@pytest.mark.parametrize("challenge", CHALLENGES)
async def test_another_token_is_asked_for_used_once_more_and_kept(
    graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint, count: int, challenge: dict[str, str]
) -> None:
    wire.headers = challenge
    give(identity, "first", "second")
    assert [end.entity for end in await create(graph, count)] == [CREATED] * count
    await create(graph, count)
    assert wire.tokens_sent() == ["first", "second", "second"]
    assert len(identity.requests) == 2
    await graph.check_identity()


@MANY
async def test_where_there_is_no_other_one_it_is_said_and_nothing_sent_again(
    graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    caplog.set_level("INFO", "activities")
    give(identity, "first")
    ends = await create(graph, count)
    assert said(ends) == [(ErrorCode.IDENTITY_UNAVAILABLE, token_refusals.RETRY_AFTER_SECONDS, False)] * count
    assert all("24 hours" in end.message and "admin" in end.message for end in ends)
    assert (wire.tokens_sent(), len(identity.requests)) == (["first"], 2)
    assert [event["replaced"] for event in events(caplog)] == [False]


async def test_health_says_so_until_graph_takes_a_token_again(
    graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint
) -> None:
    give(identity, "first")
    await graph.check_identity()
    await create(graph)
    with pytest.raises(TransientError, match="24 hours"):
        await graph.check_identity()
    wire.tokens = {"first"}
    await create(graph)
    await graph.check_identity()


async def test_health_finds_out_by_itself_that_there_is_another_one(
    graph: MicrosoftGraph, identity: IdentityEndpoint
) -> None:
    """Also when nobody sends anything."""
    give(identity, "first", "first", "first", "second")
    await create(graph)
    with pytest.raises(TransientError, match="24 hours"):
        await graph.check_identity()
    await graph.check_identity()
    assert [end.entity for end in await create(graph)] == [CREATED]
    assert len(identity.requests) == 4


async def test_every_request_asks_again_for_as_long_as_it_takes(
    graph: MicrosoftGraph, identity: IdentityEndpoint
) -> None:
    """The service gives another one when the old one's time is over, not when the app starts again."""
    give(identity, "first", "first", "first", "second")
    for _ in range(2):
        assert said(await create(graph))[0][0] is ErrorCode.IDENTITY_UNAVAILABLE
    assert [end.entity for end in await create(graph)] == [CREATED]


@MANY
async def test_of_two_refused_tokens_the_second_one_is_the_answer(
    graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    caplog.set_level("INFO", "activities")
    give(identity, "first", "third")
    ends = await create(graph, count)
    assert [code for code, _, _ in said(ends)] == [ErrorCode.IDENTITY_UNAVAILABLE] * count
    assert all("nor a new one" in end.message for end in ends)
    assert wire.tokens_sent() == ["first", "third"]
    assert [event["replaced"] for event in events(caplog)] == [True]
    with pytest.raises(TransientError):
        await graph.check_identity()


async def test_an_endpoint_that_gives_none_is_the_reason_then(
    graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint
) -> None:
    give(identity, "first")
    await graph.check_identity()

    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.json_response({"message": "no"}, status=400)

    identity.answer = refuse
    (error,) = await create(graph)
    assert error.code is ErrorCode.IDENTITY_UNAVAILABLE
    assert "AZURE_CLIENT_ID" in error.message
    assert wire.tokens_sent() == ["first"]


class RefusingInside(Accepting):
    """Graph that takes a batch and refuses its token for some of the requests inside."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer. See httpx."""
        if not request.url.path.endswith("/$batch"):
            return await super().handle_async_request(request)
        self.sent.append(request)
        accepted = request.headers["authorization"].removeprefix("Bearer ") in self.tokens
        done = [accepted or item["body"]["externalCourseActivityId"] != "course-1" for item in items_of(request)]
        return answered(
            *(
                {"id": item["id"], "status": 201, "body": {"id": item["body"]["externalCourseActivityId"]}}
                if one
                else {"id": item["id"], "status": 401, "body": EXPIRED}
                for item, one in zip(items_of(request), done, strict=True)
            )
        )


class TestInside:
    @pytest.fixture
    def wire(self) -> Accepting:
        return RefusingInside("second")

    async def test_only_those_refused_are_sent_again(
        self, graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint
    ) -> None:
        give(identity, "first", "second")
        assert [end.id for end in await create(graph, 3)] == ["course-0", CREATED["id"], "course-2"]
        assert wire.tokens_sent() == ["first", "second"]
        assert json.loads(wire.sent[1].content)["externalCourseActivityId"] == "course-1"

    async def test_where_there_is_no_other_token_only_they_fail(
        self, graph: MicrosoftGraph, wire: Accepting, identity: IdentityEndpoint
    ) -> None:
        give(identity, "first")
        first, refused, last = await create(graph, 3)
        assert (first.id, last.id) == ("course-0", "course-2")
        assert said([refused]) == [(ErrorCode.IDENTITY_UNAVAILABLE, token_refusals.RETRY_AFTER_SECONDS, False)]
        assert len(wire.sent) == 1
