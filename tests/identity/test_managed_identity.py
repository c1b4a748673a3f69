"""The app's managed identity: azure-identity's own credential, against an endpoint on this machine."""

import asyncio
import gc
import json
import logging
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ManagedIdentityCredential

from activities import telemetry
from activities.errors import ErrorCode, TransientError
from activities.graph.client import MicrosoftGraph
from activities.graph.sdk import SCOPE
from activities.identity import managed_identity as identity_module
from activities.identity.managed_identity import PatientCredential
from tests.support.endpoints import IDENTITY_HEADER, TOKEN, Answer, IdentityEndpoint, forget_identity, identity_endpoint

GRAPH = "https://graph.microsoft.com/v1.0"
# A test that waits longer has found that nothing limits the waiting.
HOPELESS_SECONDS = 20
CLIENT_ID = "cea1684d-57dc-438d-a9d1-e666ec1a7f3d"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's pauses between its tries take no time here."""

    async def no_pause(_: AioHttpTransport, duration: float) -> None:
        assert duration >= 0

    monkeypatch.setattr(AioHttpTransport, "sleep", no_pause)


@pytest_asyncio.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IdentityEndpoint]:
    async with identity_endpoint(monkeypatch) as serving:
        yield serving


async def failure(client_id: str | None = None) -> TransientError:
    gateway = MicrosoftGraph(base_url=GRAPH, client_id=client_id)
    try:
        with pytest.raises(TransientError) as caught:
            async with asyncio.timeout(HOPELESS_SECONDS):
                await gateway.check_identity()
    finally:
        await gateway.close()
    assert caught.value.code is ErrorCode.IDENTITY_UNAVAILABLE
    assert not caught.value.may_have_executed
    assert "managed identity" in caught.value.message
    return caught.value


def answers(status: int, body: str, content_type: str = "application/json") -> Answer:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    return answer


async def hang(_: web.BaseRequest) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


class TestToken:
    @pytest.mark.parametrize("client_id", [None, CLIENT_ID])
    async def test_it_is_asked_for_as_app_service_wants_it(
        self, endpoint: IdentityEndpoint, client_id: str | None
    ) -> None:
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=client_id)
        await gateway.check_identity()
        await gateway.close()
        (request,) = endpoint.requests
        assert request.headers["X-IDENTITY-HEADER"] == IDENTITY_HEADER
        assert request.query["resource"] == "https://graph.microsoft.com"
        assert request.query.get("client_id") == client_id

    async def test_it_is_asked_for_once_however_many_wait_for_it(self, endpoint: IdentityEndpoint) -> None:
        credential = PatientCredential(ManagedIdentityCredential())
        tokens = await asyncio.gather(*(credential.get_token(SCOPE) for _ in range(50)))
        await credential.close()
        assert {token.token for token in tokens} == {TOKEN}
        assert len(endpoint.requests) == 1

    async def test_it_is_kept_for_the_next_request(self, endpoint: IdentityEndpoint) -> None:
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=None)
        for _ in range(3):
            await gateway.check_identity()
        await gateway.close()
        assert len(endpoint.requests) == 1

    async def test_one_who_gives_up_does_not_take_it_from_the_others(self, endpoint: IdentityEndpoint) -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def answer_later(request: web.BaseRequest) -> web.StreamResponse:
            asked.set()
            await go_on.wait()
            return await endpoint.give_token(request)

        endpoint.answer = answer_later
        credential = PatientCredential(ManagedIdentityCredential())
        impatient, patient = (asyncio.create_task(credential.get_token(SCOPE)) for _ in range(2))
        await asked.wait()
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        go_on.set()
        assert (await patient).token == TOKEN
        assert len(endpoint.requests) == 1
        await credential.close()

    async def test_a_failure_is_not_kept(self, endpoint: IdentityEndpoint) -> None:
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=None)
        endpoint.answer = answers(400, '{"message":"not yet"}')
        with pytest.raises(TransientError):
            await gateway.check_identity()
        endpoint.answer = endpoint.give_token
        await gateway.check_identity()
        await gateway.close()


class TestFailures:
    """Each is told in an admin's words, never in the library's, and within the limit."""

    @pytest.mark.parametrize(
        "body",
        [
            '{"statusCode":400,"message":"No User Assigned Managed Identity found for specified ClientId"}',
            '{"error":{"code":"invalid_request","message":"no"}}',
            '{"error":"invalid_scope","error_description":"no"}',
        ],
    )
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
    async def test_an_error_of_the_endpoint(self, endpoint: IdentityEndpoint, status: int, body: str) -> None:
        endpoint.answer = answers(status, body)
        error = await failure(CLIENT_ID)
        assert "AZURE_CLIENT_ID" in error.message
        assert "admin" in error.message

    @pytest.mark.parametrize("status", [200, 400, 500])
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ("<html>Service Unavailable</html>", "text/html"),
            ("", "text/plain"),
            ("{", "application/json"),
            ("[]", "application/json"),
            ("{}", "application/json"),
            ('{"access_token":"t","expires_on":"whenever"}', "application/json"),
        ],
    )
    async def test_nonsense_of_the_endpoint(
        self, endpoint: IdentityEndpoint, status: int, body: str, content_type: str
    ) -> None:
        endpoint.answer = answers(status, body, content_type)
        assert "admin" in (await failure()).message

    @pytest.mark.parametrize("moment", ["12/01/2026 10:00:00 +00:00", "2026-12-01T10:00:00Z", "whenever"])
    async def test_a_moment_that_is_no_number_is_called_an_answer(
        self, endpoint: IdentityEndpoint, moment: str
    ) -> None:
        """Older versions of the endpoint wrote dates; that it did not answer would send an admin the wrong way."""
        token = {"access_token": "t", "expires_on": moment, "resource": "https://graph.microsoft.com"}
        endpoint.answer = answers(200, json.dumps(token))
        message = (await failure()).message
        assert "did not answer" not in message
        assert "answered" in message
        assert "IDENTITY_ENDPOINT" in message

    async def test_an_endpoint_that_refuses_connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        forget_identity(monkeypatch)
        with socket.socket() as nobody_listens:
            nobody_listens.bind(("127.0.0.1", 0))
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/msi/token")
            monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
            assert "did not answer" in (await failure()).message

    async def test_an_endpoint_that_never_answers(
        self, endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity_module, "IDENTITY_SECONDS", 0.2)
        endpoint.answer = hang
        assert "did not answer" in (await failure()).message

    async def test_no_identity_and_no_azure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without IDENTITY_ENDPOINT the library asks an address that outside Azure swallows every packet."""
        monkeypatch.setattr(identity_module, "IDENTITY_SECONDS", 0.2)
        forget_identity(monkeypatch)
        async with RawTestServer(hang) as nowhere:
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", str(nowhere.make_url("")))
            assert "did not answer" in (await failure()).message

    async def test_an_endpoint_without_its_header_is_no_identity(
        self, endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("IDENTITY_HEADER")
        assert "AZURE_CLIENT_ID" in (await failure()).message
        assert endpoint.requests == []

    async def test_the_log_names_the_failure_but_not_its_text(
        self, endpoint: IdentityEndpoint, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="activities")
        endpoint.answer = answers(400, '{"message":"a secret of the endpoint"}')
        await failure()
        lines = [record.getMessage() for record in caplog.records if record.name == "activities"]
        assert any(line.startswith("identityFailed") and "ClientAuthenticationError" in line for line in lines)
        assert not any("a secret of the endpoint" in line for line in lines)

    async def test_everyone_who_waited_for_it_logs_it_and_not_the_one_who_gave_up(
        self, endpoint: IdentityEndpoint, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The question is a task of the first invocation, whose lines the platform drops when it is over."""
        caplog.set_level(logging.INFO, logger="activities")
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def refuse_later(request: web.BaseRequest) -> web.StreamResponse:
            asked.set()
            await go_on.wait()
            return await answers(400, '{"message":"no"}')(request)

        endpoint.answer = refuse_later
        credential = PatientCredential(ManagedIdentityCredential())

        async def invoke(name: str) -> None:
            with telemetry.invocation(name, {}):
                await credential.get_token(SCOPE)

        first, *others = (asyncio.create_task(invoke(name)) for name in ("i-1", "i-2", "i-3"))
        await asked.wait()
        first.cancel()
        await asyncio.wait({first})
        go_on.set()
        failures = await asyncio.gather(*others, return_exceptions=True)
        await credential.close()
        assert [type(one) for one in failures] == [TransientError, TransientError]
        lines = [record.getMessage() for record in caplog.records if record.name == "activities"]
        assert [line.partition(",")[0] for line in lines] == [
            'identityFailed {"invocationId": "i-2"',
            'identityFailed {"invocationId": "i-3"',
        ]


class TestClosing:
    """Warnings are errors here: a session that is left open fails the test when it is collected."""

    @pytest.mark.parametrize("used", [True, False])
    async def test_everything_is_closed(self, endpoint: IdentityEndpoint, *, used: bool) -> None:
        assert endpoint
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=None)
        if used:
            await gateway.check_identity()
        await gateway.close()
        del gateway
        gc.collect()

    async def test_also_while_somebody_waits_for_a_token(self, endpoint: IdentityEndpoint) -> None:
        asked = asyncio.Event()

        async def never(request: web.BaseRequest) -> web.Response:
            asked.set()
            return await hang(request)

        endpoint.answer = never
        gateway = MicrosoftGraph(base_url=GRAPH, client_id=None)
        waiting = asyncio.create_task(gateway.check_identity())
        await asked.wait()
        await gateway.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del gateway, waiting
        gc.collect()
