"""The composition root: one app per process, every exception an answer, everything closed at the end."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities import app as composition
from activities.app import App, Store
from activities.app import build as build_app
from activities.contract import limits
from activities.contract.models import Defaults
from activities.errors import ErrorCode, PermanentError, Problem, SettingsError
from activities.graph import client
from activities.health import Health
from activities.identity import managed_identity as identity
from activities.identity.managed_identity import PatientCredential
from activities.settings import NAMES, SignIn
from activities.web import about, activities, batches, http
from activities.web.runtime import Runtime
from tests.support.error_shape import assert_error
from tests.support.fakes import LEARNER_ID, OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, FakeLedger
from tests.support.principals import (
    API,
    APPLICATION,
    MANAGE,
    USER,
    WRITE,
    Claims,
    application,
    delegated,
    header,
)
from tests.support.stores import store_of

REQUEST = http.Request(request_id="request-1")
SECRET = "the note of a learner"
COURSE = {
    "@odata.type": "#microsoft.graph.learningSelfInitiatedCourse",
    "learnerUserId": LEARNER_ID,
    "learningContentId": "content-1",
    "status": "inProgress",
}


def store_with(ledger: FakeLedger) -> Store:
    """Return a store of which nothing but the ledger can be used; closing it is written into the ledger's calls."""

    async def close() -> None:
        ledger.calls.append("close")

    return store_of(ledger=ledger, close=close)


class Builder:
    """Builds the app, counts how often, and fails as long as ``error`` says; without a ledger it has no storage."""

    def __init__(self) -> None:
        self.graph = FakeGraph()
        self.ledger: FakeLedger | None = FakeLedger()
        self.built = 0
        self.error: Exception | None = None

    def __call__(self) -> App:
        self.built += 1
        if self.error is not None:
            raise self.error
        app = App(Defaults(registration_id=REGISTRATION_ID), self.graph, Health(self.graph, self.ledger))
        if self.ledger:
            app.store = store_with(self.ledger)
        return app


@pytest.fixture
def build() -> Builder:
    return Builder()


@pytest.fixture
def runtime(build: Builder) -> Runtime:
    return Runtime(build)


def raising(error: BaseException) -> Callable[[App, http.Request], Any]:
    async def use_case(_: App, request: http.Request) -> http.Response:
        assert request
        raise error

    return use_case


def told(response: http.Response) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(response.body)["error"]
    assert response.headers["x-ms-error-code"] == error["code"]
    assert response.headers["x-ms-request-id"] == REQUEST.request_id
    return error


def signed_in(function: str, claims: Claims) -> http.Request:
    """Return a request of somebody whom the platform knows."""
    return replace(REQUEST, headers={"x-ms-client-principal": header(claims)}, function=function)


async def test_a_use_case_gets_the_app_and_the_request(runtime: Runtime, build: Builder) -> None:
    async def use_case(app: App, request: http.Request) -> http.Response:
        assert (app.graph, request) == (build.graph, REQUEST)
        return http.respond(200, {}, request)

    assert (await runtime.answer(REQUEST, use_case)).status == 200


async def test_an_expected_failure_is_answered_as_what_it_is(runtime: Runtime) -> None:
    error = PermanentError(ErrorCode.INVALID_REQUEST, "wrong", problems=[Problem("required", "a is required", "a")])
    response = await runtime.answer(REQUEST, raising(error))
    assert response.status == 400
    assert told(response)["details"] == [{"code": "required", "message": "a is required", "target": "a"}]


class TestSignIn:
    @pytest.fixture
    def signing_in(self, build: Builder) -> Runtime:
        return Runtime(lambda: replace(build(), sign_in=SignIn(frozenset({APPLICATION}), API)))

    async def test_who_has_not_signed_in_is_refused_in_words(self, signing_in: Runtime) -> None:
        for headers in ({}, {"x-ms-client-principal": " "}, {"authorization": "Bearer token"}):
            request = replace(REQUEST, headers=headers, function="create_activity")
            response = await signing_in.answer(request, raising(AssertionError()))
            assert (response.status, told(response)["code"]) == (401, "unauthenticated")
            assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_who_has_signed_in_is_served(self, signing_in: Runtime) -> None:
        request = signed_in("get_openapi", application(MANAGE))
        assert (await signing_in.answer(request, about.get_openapi)).status == 200

    async def test_who_is_known_but_may_not_is_told_so_without_a_challenge(self, signing_in: Runtime) -> None:
        for claims in (application(MANAGE), application(WRITE, client_id=REGISTRATION_ID)):
            response = await signing_in.answer(signed_in("create_activity", claims), raising(AssertionError()))
            assert (response.status, told(response)["code"]) == (403, "notAllowed")
            assert "WWW-Authenticate" not in response.headers

    async def test_what_is_for_anyone_needs_no_sign_in(self, signing_in: Runtime) -> None:
        request = replace(REQUEST, function="get_health")
        assert (await signing_in.answer(request, about.get_health)).status == 200

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b" " * (limits.LARGEST_ACTIVITY_BYTES + 1)])
    async def test_the_sign_in_is_checked_before_the_body_is_read(self, signing_in: Runtime, body: bytes) -> None:
        for name, use_case in (("create_activity", activities.create(None)), ("create_batch", batches.create_batch)):
            request = replace(REQUEST, body=body, function=name)
            assert told(await signing_in.answer(request, use_case))["code"] == "unauthenticated"
            request = replace(signed_in(name, application(MANAGE)), body=body)
            assert told(await signing_in.answer(request, use_case))["code"] == "notAllowed"

    @pytest.mark.parametrize(("claims", "user"), [(application(MANAGE), ""), (delegated(MANAGE), USER)])
    async def test_every_line_of_the_log_says_which_client_and_which_person_by_their_ids(
        self, signing_in: Runtime, claims: Claims, user: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="activities")
        await signing_in.answer(signed_in("list_failures", claims), about.get_openapi)
        await signing_in.answer(signed_in("create_activity", claims), about.get_openapi)
        admitted, refused = caplog.messages
        for line in (admitted, refused):
            fields = json.loads(line.partition(" ")[2])
            assert (fields["clientId"], fields.get("userObjectId", "")) == (APPLICATION, user)
        assert '"function": "list_failures"' in admitted
        assert refused.startswith("refused ")
        assert "Ada" not in caplog.text

    async def test_what_one_caller_is_called_does_not_outlive_its_request(
        self, signing_in: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="activities")
        await signing_in.answer(signed_in("get_openapi", delegated(WRITE)), about.get_openapi)
        await signing_in.answer(replace(REQUEST, function="create_activity"), about.get_openapi)
        assert "clientId" not in caplog.messages[-1]

    async def test_a_client_writes_to_its_own_providers_only(self, signing_in: Runtime, build: Builder) -> None:
        allowed = {APPLICATION: frozenset({OTHER_REGISTRATION_ID})}
        defaults = Defaults(registration_id=REGISTRATION_ID, registration_ids_of_clients=allowed)
        limited = Runtime(lambda: replace(build(), sign_in=SignIn(frozenset({APPLICATION})), defaults=defaults))
        request = signed_in("create_activity", application(WRITE))
        for provider, status in (({}, 403), ({"registrationId": OTHER_REGISTRATION_ID.upper()}, 201)):
            body = json.dumps({**COURSE, **provider}).encode()
            response = await limited.answer(replace(request, body=body), activities.create(None))
            assert response.status == status
        response = await signing_in.answer(replace(request, body=json.dumps(COURSE).encode()), activities.create(None))
        assert response.status == 201, "who is not named may write to all"

    async def test_a_key_belongs_to_its_client(self, build: Builder) -> None:
        clients = (APPLICATION, REGISTRATION_ID)
        app = build()
        app.sign_in = SignIn(frozenset(clients))
        runtime, answers = Runtime(lambda: app), []
        for client_id in (*clients, *clients):
            request = signed_in("create_activity", application(WRITE, client_id=client_id))
            headers = {**request.headers, "idempotency-key": "run-1"}
            request = replace(request, headers=headers, body=json.dumps(COURSE).encode())
            answers.append(await runtime.answer(request, activities.create(None)))
        assert [answer.status for answer in answers] == [201, 201, 200, 200]
        assert [answer.body for answer in answers[:2]] == [answer.body for answer in answers[2:]]
        assert answers[0].body != answers[1].body

    async def test_with_function_keys_the_host_alone_decides_and_nobody_is_believed(
        self, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whoever has a key can write any header."""
        caplog.set_level(logging.INFO, logger="activities")
        seen: list[http.Request] = []

        async def use_case(_: App, request: http.Request) -> http.Response:
            seen.append(request)
            return http.respond(200, {}, request)

        request = signed_in("create_activity", application(MANAGE))
        assert (await runtime.answer(request, use_case)).status == 200
        assert [one.client_id for one in seen] == [""]
        assert "clientId" not in caplog.text


class TestBugs:
    @pytest.fixture
    def bug(self) -> Exception:
        """An exception whose text must go nowhere."""
        return LookupError(SECRET)

    async def test_a_bug_is_a_500_with_the_request_id_and_without_the_exceptions_text(
        self, runtime: Runtime, bug: Exception
    ) -> None:
        response = await runtime.answer(REQUEST, raising(bug))
        error = told(response)
        assert response.status == 500
        assert error["code"] == "internalError"
        assert "request-1" in error["message"]
        assert SECRET.encode() not in response.body
        assert b"LookupError" not in response.body

    async def test_the_traceback_is_logged_without_the_exceptions_text(
        self, runtime: Runtime, bug: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = KeyError(SECRET)
        error.__cause__ = bug
        await runtime.answer(REQUEST, raising(error))
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        line = record.getMessage()
        assert line.startswith('internalError {"invocationId": "request-1"')
        assert "\n" not in line
        assert "test_runtime.py" in line
        assert "builtins.KeyError" in line
        assert "builtins.LookupError" in line  # The cause.
        assert SECRET not in line
        assert record.exc_info is None  # A handler would print the text.

    async def test_a_bug_while_the_app_is_built_is_answered_as_well(
        self, runtime: Runtime, build: Builder, bug: Exception
    ) -> None:
        build.error = bug
        assert (await runtime.answer(REQUEST, about.get_health)).status == 500

    async def test_the_invocation_that_is_cancelled_gets_no_answer(self, runtime: Runtime) -> None:
        with pytest.raises(asyncio.CancelledError):
            await runtime.answer(REQUEST, raising(asyncio.CancelledError()))


class TestBuilding:
    async def test_nothing_is_built_before_the_first_request(self, runtime: Runtime, build: Builder) -> None:
        assert build.built == 0
        await runtime.answer(REQUEST, about.get_health)
        assert build.built == 1

    async def test_the_app_is_built_once_for_all_requests(self, runtime: Runtime, build: Builder) -> None:
        await asyncio.gather(*(runtime.answer(REQUEST, about.get_health) for _ in range(20)))
        assert build.built == 1

    async def test_a_wrong_setting_is_named_and_read_again_with_the_next_request(
        self, runtime: Runtime, build: Builder
    ) -> None:
        build.error = SettingsError([Problem("invalidSetting", "GRAPH_BASE_URL must be a URL.", "GRAPH_BASE_URL")])
        response = await runtime.answer(REQUEST, about.get_health)
        error = told(response)
        assert response.status == 500
        assert "GRAPH_BASE_URL must be a URL." in error["message"]
        assert [detail["target"] for detail in error["details"]] == ["GRAPH_BASE_URL"]
        build.error = None
        assert (await runtime.answer(REQUEST, about.get_health)).status == 200
        assert build.built == 2


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _no_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)

    async def test_an_app_is_built_from_an_empty_environment(self) -> None:
        app = build_app()
        assert app.defaults == Defaults()
        assert "store" not in vars(app)
        await app.close()

    @pytest.mark.parametrize(
        "storage",
        [
            {"AzureWebJobsStorage": "UseDevelopmentStorage=true"},
            {"AzureWebJobsStorage": f"AccountName=contoso;AccountKey={'a' * 86}==;EndpointSuffix=core.windows.net"},
            {"AzureWebJobsStorage": "AccountName=contoso;SharedAccessSignature=sv=2024&sig=a"},
            {
                "AzureWebJobsStorage": "SharedAccessSignature=sv=2024&sig=a;"
                "TableEndpoint=https://contoso.table.core.windows.net;QueueEndpoint=https://contoso.queue.core.windows.net"
            },
            {"AzureWebJobsStorage__accountName": "contoso"},
            {
                "AzureWebJobsStorage__tableServiceUri": "https://contoso.table.core.windows.net",
                "AzureWebJobsStorage__queueServiceUri": "https://contoso.queue.core.windows.net",
            },
        ],
    )
    async def test_with_storage_there_is_a_ledger_whose_lease_is_the_settings(
        self, monkeypatch: pytest.MonkeyPatch, storage: dict[str, str]
    ) -> None:
        for name, value in {**storage, "CLAIM_LEASE_SECONDS": "7"}.items():
            monkeypatch.setenv(name, value)
        app = build_app()
        assert app.store.ledger.lease_seconds == 7
        await app.close()

    @pytest.mark.parametrize(("storage_identity", "credentials"), [(REGISTRATION_ID, 1), (LEARNER_ID, 2), ("", 2)])
    async def test_one_identity_for_graph_and_storage_is_one_credential(
        self, monkeypatch: pytest.MonkeyPatch, storage_identity: str, credentials: int
    ) -> None:
        made: list[str | None] = []

        def managed_identity(client_id: str | None) -> PatientCredential:
            made.append(client_id)
            return identity.managed_identity(client_id)

        monkeypatch.setattr(client, "managed_identity", managed_identity)
        monkeypatch.setattr(composition, "managed_identity", managed_identity)
        monkeypatch.setenv("AZURE_CLIENT_ID", REGISTRATION_ID)
        monkeypatch.setenv("AzureWebJobsStorage__accountName", "contoso")
        monkeypatch.setenv("AzureWebJobsStorage__clientId", storage_identity)
        app = build_app()
        assert app.store
        await app.close()
        assert made == [REGISTRATION_ID, storage_identity or None][:credentials]

    async def test_the_settings_reach_the_app(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEARNING_PROVIDER_ID", REGISTRATION_ID)
        monkeypatch.setenv("ALLOWED_LEARNING_PROVIDER_IDS", REGISTRATION_ID)
        monkeypatch.setenv("DEFAULT_TIME_ZONE", "Europe/Berlin")
        monkeypatch.setenv("PUBLIC_BASE_URL", "https://api.contoso.com")
        monkeypatch.setenv("RETENTION_DAYS", "7")
        monkeypatch.setenv("CLIENT_APPLICATION_PROVIDERS", json.dumps({APPLICATION: [REGISTRATION_ID]}))
        app = build_app()
        await app.close()
        assert app.defaults.registration_id == REGISTRATION_ID
        assert app.defaults.allowed_registration_ids == {REGISTRATION_ID}
        assert str(app.defaults.zone) == "Europe/Berlin"
        assert app.defaults.registration_ids_of_clients == {APPLICATION: {REGISTRATION_ID}}
        assert (app.public_base_url, app.remembered) == ("https://api.contoso.com", timedelta(days=7))
        assert app.sign_in is None

    async def test_a_setting_by_its_former_name_counts_and_the_log_warns(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("BATCH_RETENTION_DAYS", "7")
        app = build_app()
        await app.close()
        assert app.remembered == timedelta(days=7)
        (warning,) = [one for one in caplog.records if one.levelname == "WARNING"]
        assert warning.getMessage() == (
            'settingSuperseded {"setting": "BATCH_RETENTION_DAYS", "instead": "RETENTION_DAYS"}'
        )

    async def test_with_entra_id_the_app_knows_who_may_sign_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
        monkeypatch.setenv("ENTRA_AUTH", "true")
        monkeypatch.setenv("ALLOWED_CLIENT_APPLICATIONS", APPLICATION)
        monkeypatch.setenv("WEBSITE_AUTH_CLIENT_ID", API)
        app = build_app()
        await app.close()
        assert app.sign_in == SignIn(frozenset({APPLICATION}), API)

    def test_every_wrong_setting_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AZURE_CLIENT_ID", "GRAPH_BASE_URL", "DEFAULT_TIME_ZONE"):
            monkeypatch.setenv(name, "nonsense")
        with pytest.raises(SettingsError) as caught:
            build_app()
        assert {problem.target for problem in caught.value.problems} == {
            "AZURE_CLIENT_ID",
            "GRAPH_BASE_URL",
            "DEFAULT_TIME_ZONE",
        }


def test_the_connections_are_closed_when_the_event_loop_ends(build: Builder) -> None:
    """The worker tells nobody that it stops; its loop's end is the only sign."""
    runtime = Runtime(build)

    async def one_request() -> None:
        await runtime.answer(REQUEST, about.get_health)
        assert "close" not in build.graph.calls

    asyncio.run(one_request())
    assert build.graph.calls == ["check", "close"]
    assert build.ledger is not None
    assert build.ledger.calls == ["check", "close"]


class TestCreating:
    @pytest.mark.parametrize("header", ["repeatability-request-id", "idempotency-key"])
    async def test_a_repeated_request_gets_the_first_answer(
        self, runtime: Runtime, build: Builder, header: str
    ) -> None:
        request = http.Request(json.dumps(COURSE).encode(), {header: "run-1"})
        first, second = [await runtime.answer(request, activities.create(None)) for _ in range(2)]
        assert (first.status, second.status) == (201, 200)
        assert first.body == second.body
        assert build.graph.calls == ["create"]

    @pytest.mark.parametrize("header", ["repeatability-request-id", "idempotency-key"])
    async def test_a_repeated_request_carries_the_same_external_id(self, build: Builder, header: str) -> None:
        """Also on a machine that cannot know of the first."""
        request = http.Request(json.dumps(COURSE).encode(), {header: "run-1"})
        for _ in range(2):
            build.ledger = FakeLedger()
            response = await Runtime(build).answer(request, activities.create(None))
            assert response.status == 201
        first, second = (activity.entity["externalCourseActivityId"] for _, activity in build.graph.stored)
        assert first == second

    async def test_without_a_key_nothing_is_remembered(self, runtime: Runtime, build: Builder) -> None:
        for _ in range(2):
            response = await runtime.answer(http.Request(json.dumps(COURSE).encode()), activities.create(None))
            assert response.status == 201
        assert build.ledger is not None
        assert build.ledger.calls == []
        assert build.graph.calls == ["create", "create"]

    async def test_without_storage_only_a_request_without_a_key_is_carried_out(
        self, runtime: Runtime, build: Builder
    ) -> None:
        build.ledger = None
        keyed = {**COURSE, "externalCourseActivityId": "course-1"}
        response = await runtime.answer(http.Request(json.dumps(keyed).encode()), activities.create(None))
        assert_error(response, 503, "storageUnavailable")
        response = await runtime.answer(http.Request(json.dumps(COURSE).encode()), activities.create(None))
        assert response.status == 201
        assert build.graph.calls == ["create"]

    async def test_the_log_tells_the_outcome_but_not_who_learns_what(
        self, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="activities")
        body = json.dumps({**COURSE, "externalCourseActivityId": "ada@example.org"}).encode()
        await runtime.answer(http.Request(body, request_id="request-1"), activities.create(None))
        assert "activityAnswered" in caplog.text
        assert '"outcome": "created"' in caplog.text
        assert REGISTRATION_ID in caplog.text
        for said in (LEARNER_ID, "content-1", "ada@example.org"):
            assert said not in caplog.text
