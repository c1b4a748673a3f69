"""The app as an application: azure-identity's own credentials, against the emulated identity endpoint and Entra."""

import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.core.pipeline.transport import AioHttpTransport

from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.graph.sdk import SCOPE
from activities.identity.federated_identity import ASSERTION_SCOPE, federated_identity
from activities.identity.managed_identity import PatientCredential, managed_identity
from activities.settings import Application
from local.emulators.identity_endpoint import EXCHANGE_RESOURCE, TENANT_ID, Identity
from local.environment import GRAPH_CLIENT_ID
from tests.support.entra import ALL_ROLES, ISSUER, OTHER_TENANT_ID, World, application, entra

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's pauses between its tries take no time here."""

    async def no_pause(_: AioHttpTransport, duration: float) -> None:
        assert duration >= 0

    monkeypatch.setattr(AioHttpTransport, "sleep", no_pause)


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[World]:
    async with entra(monkeypatch, tmp_path) as given:
        given.put(application(known_in=[TENANT_ID, OTHER_TENANT_ID]))
        yield given


class App:
    """The managed identity, and the application's credential in a tenant."""

    def __init__(self, world: World, tenant_id: str | None = TENANT_ID) -> None:
        self.application = Application(GRAPH_CLIENT_ID, None, world.login_url, {})
        self.identity = managed_identity(None)
        self.credential = self.in_tenant(tenant_id)

    def in_tenant(self, tenant_id: str | None) -> PatientCredential:
        return federated_identity(self.application, tenant_id, self.identity)

    async def close(self) -> None:
        await self.credential.close()
        await self.identity.close()


@pytest_asyncio.fixture
async def app(world: World) -> AsyncIterator[App]:
    app = App(world)
    yield app
    await app.close()


async def refusal(app: App) -> ActivityError:
    with pytest.raises(ActivityError) as caught:
        await app.credential.get_token(SCOPE)
    return caught.value


class TestToken:
    async def test_it_is_the_applications_and_not_the_managed_identitys(self, world: World, app: App) -> None:
        token = (await app.credential.get_token(SCOPE)).token
        grant = world.emulator.identity.grants[token]
        assert (grant.client_id, grant.tenant_id, grant.roles) == (GRAPH_CLIENT_ID, TENANT_ID, ALL_ROLES)
        assert world.paths() == ["/msi/token", f"/{TENANT_ID}/oauth2/v2.0/token"]

    async def test_it_is_kept(self, world: World, app: App) -> None:
        assert len({(await app.credential.get_token(SCOPE)).token for _ in range(3)}) == 1
        assert len(world.sent) == 2

    async def test_another_one_can_be_asked_for(self, app: App) -> None:
        """After Graph refused the first."""
        first = await app.credential.get_token(SCOPE)
        assert (await app.credential.get_token(SCOPE, claims="{}")).token != first.token

    async def test_the_apps_own_tenant_is_read_in_the_assertion(self, world: World) -> None:
        app = App(world, tenant_id=None)
        token = (await app.credential.get_token(SCOPE)).token
        await app.close()
        assert world.emulator.identity.grants[token].tenant_id == TENANT_ID

    async def test_one_assertion_serves_all_tenants(self, world: World, app: App) -> None:
        other = app.in_tenant(OTHER_TENANT_ID)
        tokens = [(await one.get_token(SCOPE)).token for one in (app.credential, other)]
        await other.close()
        assert [world.emulator.identity.grants[one].tenant_id for one in tokens] == [TENANT_ID, OTHER_TENANT_ID]
        assert world.paths().count("/msi/token") == 1


class TestAssertion:
    """It is worth as much as a secret: whoever has it is the application."""

    async def test_it_goes_to_the_token_endpoint_and_nowhere_else(
        self, world: World, app: App, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        await app.credential.get_token(SCOPE)
        world.put(application(enabled=False))
        with pytest.raises(PermanentError) as caught:
            await app.credential.get_token(SCOPE, claims="{}")
        assertion = (await app.identity.get_token(ASSERTION_SCOPE)).token
        assert world.emulator.identity.grants[assertion].resource == EXCHANGE_RESOURCE
        assert {path for path, all_of_it in world.sent if assertion in all_of_it} == {f"/{TENANT_ID}/oauth2/v2.0/token"}
        assert all(assertion not in path_and_query for path_and_query, _ in world.sent)
        assert assertion not in caplog.text
        assert assertion not in str(caught.value.__cause__)
        assert assertion not in repr(vars(app.credential))

    async def test_no_redirect_takes_it_elsewhere(self, world: World, app: App) -> None:
        elsewhere = {"Location": f"{world.graph_url}/elsewhere"}
        await app.identity.get_token(ASSERTION_SCOPE)
        world.emulator.faults.arm({"operation": "token", "status": 307, "headers": elsewhere, "times": 9})
        assert (await refusal(app)).code is ErrorCode.IDENTITY_UNAVAILABLE
        assert "/elsewhere" not in world.paths()

    async def test_it_is_not_shown_without_tls(self, world: World) -> None:
        app = App(world)
        app.application = Application(GRAPH_CLIENT_ID, None, world.graph_url, {})
        plain = app.in_tenant(TENANT_ID)
        with pytest.raises(ActivityError):
            await plain.get_token(SCOPE)
        await plain.close()
        await app.close()
        assert world.paths() == ["/msi/token"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "code", "told"),
        [
            ({"federatedCredentials": []}, "70021", ErrorCode.IDENTITY_UNAVAILABLE),
            (
                {"federatedCredentials": [{"issuer": ISSUER, "subject": NOBODY}]},
                "700213",
                ErrorCode.IDENTITY_UNAVAILABLE,
            ),
            ({"homeTenantId": OTHER_TENANT_ID}, "700236", ErrorCode.IDENTITY_UNAVAILABLE),
            ({"tenants": {OTHER_TENANT_ID: ALL_ROLES}}, "700016", ErrorCode.GRAPH_PERMISSION_MISSING),
            ({"tenants": {TENANT_ID: None}}, "65001", ErrorCode.GRAPH_PERMISSION_MISSING),
            ({"enabled": False}, "7000112", ErrorCode.GRAPH_PERMISSION_MISSING),
        ],
    )
    async def test_each_is_told_by_its_code(
        self, world: World, app: App, wrong: dict[str, Any], code: str, told: ErrorCode
    ) -> None:
        world.put(application(**wrong))
        error = await refusal(app)
        assert error.code is told
        assert f"AADSTS{code}" in error.message

    async def test_a_refusal_is_not_kept(self, world: World, app: App) -> None:
        world.put(application(federatedCredentials=[]))
        await refusal(app)
        world.put(application())
        assert (await app.credential.get_token(SCOPE)).token

    async def test_a_managed_identity_without_a_token_is_told_as_such(self, world: World, app: App) -> None:
        world.emulator.faults.arm({"operation": "token", "status": 400, "body": {"message": "no"}, "times": 9})
        assert "AZURE_CLIENT_ID" in (await refusal(app)).message
        assert set(world.paths()) == {"/msi/token"}

    async def test_an_entra_that_cannot_be_reached_is_told_as_such(self, world: World) -> None:
        app = App(world)
        app.application = Application(GRAPH_CLIENT_ID, None, "https://127.0.0.1:1", {})
        app.credential = app.in_tenant(TENANT_ID)
        error = await refusal(app)
        await app.close()
        assert error.code is ErrorCode.IDENTITY_UNAVAILABLE
        assert "AZURE_AUTHORITY_HOST" in error.message

    async def test_an_assertion_that_names_no_tenant_is_told_as_such(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Identity, "sign", lambda *_: "opaque")
        app = App(world, tenant_id=None)
        assert "GRAPH_TENANT_ID" in (await refusal(app)).message
        await app.close()

    async def test_the_log_names_the_failure_but_not_its_text(
        self, world: World, app: App, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="activities")
        world.put(application(enabled=False))
        await refusal(app)
        lines = [record.getMessage() for record in caplog.records if record.name == "activities"]
        assert any(line.startswith("identityFailed") for line in lines)
        assert not any("AADSTS" in line for line in lines)


@pytest.mark.parametrize("used", [True, False])
async def test_everything_is_closed(world: World, *, used: bool) -> None:
    """Warnings are errors here: a session that is left open fails the test when it is collected."""
    app = App(world)
    if used:
        await app.credential.get_token(SCOPE)
    await app.close()
    del app
    gc.collect()
