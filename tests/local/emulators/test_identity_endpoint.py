"""The managed-identity endpoint answers as App Service's does.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import base64
import json
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from local.emulators.exchange import GraphError
from local.emulators.identity_endpoint import (
    STORAGE_RESOURCE,
    SYSTEM_ASSIGNED_CLIENT_ID,
    TOKEN_LIFETIME_SECONDS,
    Identity,
)
from local.environment import IDENTITY_HEADER, app_environment
from local.stack.processes import Child
from tests.local.emulators.calls import NOW, Answer, Graph, counts, sample

TOKEN = "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.com"
STORAGE_TOKEN = TOKEN.replace("graph.microsoft.com", "storage.azure.com")


def ask(graph: Graph, target: str = TOKEN, header: str | None = IDENTITY_HEADER) -> Answer:
    return graph.call("GET", target, headers={} if header is None else {"X-IDENTITY-HEADER": header})


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def test_the_answer_has_app_services_fields(graph: Graph) -> None:
    answer = ask(graph)

    expires_on = int(NOW.timestamp()) + TOKEN_LIFETIME_SECONDS
    assert answer.status == 200
    assert {name: value for name, value in answer.json.items() if name != "access_token"} == {
        "client_id": SYSTEM_ASSIGNED_CLIENT_ID,
        "expires_on": str(expires_on),
        "resource": "https://graph.microsoft.com",
        "token_type": "Bearer",
    }
    claims = claims_of(answer.json["access_token"])
    assert (claims["aud"], claims["exp"]) == ("https://graph.microsoft.com", expires_on)
    assert claims["roles"] == list(graph.emulator.tenant.roles)


def test_a_user_assigned_identity_is_named_in_the_answer_and_the_token(graph: Graph) -> None:
    answer = ask(graph, f"{TOKEN}&client_id=mine")

    assert answer.json["client_id"] == claims_of(answer.json["access_token"])["appid"] == "mine"


def test_the_token_is_accepted_by_graph(graph: Graph) -> None:
    token = ask(graph).json["access_token"]

    assert graph.create(sample("assignment.request"), headers={"authorization": f"Bearer {token}"}).status == 201


def test_a_token_for_storage_has_what_azurite_looks_at_and_no_roles(graph: Graph) -> None:
    answer = ask(graph, STORAGE_TOKEN)

    claims = claims_of(answer.json["access_token"])
    assert answer.json["resource"] == claims["aud"] == STORAGE_RESOURCE
    assert claims["iss"] == f"https://sts.windows.net/{claims['tid']}/"
    assert claims["iat"] == claims["nbf"] < claims["exp"]
    assert "roles" not in claims


def test_a_token_for_storage_is_not_accepted_by_graph(graph: Graph) -> None:
    token = ask(graph, STORAGE_TOKEN).json["access_token"]

    answer = graph.create(sample("assignment.request"), headers={"authorization": f"Bearer {token}"})

    assert (answer.status, answer.json["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "Invalid audience" in answer.json["error"]["message"]


@pytest.mark.parametrize("target", [TOKEN, STORAGE_TOKEN])
def test_with_identities_of_its_own_the_app_gets_tokens_for_no_other(graph: Graph, target: str) -> None:
    graph.patch_tenant(identities=["Mine"])

    assert ask(graph, f"{target}&client_id=mine").status == 200
    for refused in (target, f"{target}&client_id=other"):
        answer = ask(graph, refused)
        assert answer.status == 400
        assert "No User Assigned or Delegated Managed Identity found" in answer.json["message"]


@pytest.mark.parametrize(("header", "status"), [(None, 400), ("wrong", 401)])
def test_without_the_secret_header_there_is_no_token(graph: Graph, header: str | None, status: int) -> None:
    assert ask(graph, header=header).status == status


@pytest.mark.parametrize(
    "change", [("https%3A%2F%2Fgraph.microsoft.com", "https://vault.azure.net"), ("2019-08-01", "2017-09-01")]
)
def test_another_resource_or_version_is_400_in_app_services_form(graph: Graph, change: tuple[str, str]) -> None:
    answer = ask(graph, TOKEN.replace(*change))

    assert answer.status == 400
    assert answer.json.keys() == {"statusCode", "message", "correlationId"}
    assert answer.json["statusCode"] == 400


def test_an_expired_token_is_refused() -> None:
    identity = Identity("header")
    token, expires_on = identity.issue(["role"], now=NOW)

    assert identity.roles_of(f"Bearer {token}", NOW) == {"role"}
    with pytest.raises(GraphError, match="expired"):
        identity.roles_of(f"Bearer {token}", NOW.fromtimestamp(expires_on, NOW.tzinfo))


@pytest.mark.usefixtures("graph_server")
@pytest.mark.parametrize("client_id", [None, "5c4b6b53-2dd4-4d10-8c5b-1f4f2e9a1a11"])
async def test_the_real_credential_gets_a_token_and_graph_takes_it(
    graph_process: Child, monkeypatch: pytest.MonkeyPatch, client_id: str | None
) -> None:
    environment = app_environment(graph_process.url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async with ManagedIdentityCredential(client_id=client_id) as credential:
        token = await credential.get_token("https://graph.microsoft.com/.default")

    assert claims_of(token.token)["appid"] == (client_id or SYSTEM_ASSIGNED_CLIENT_ID)
    provider = environment["LEARNING_PROVIDER_ID"]
    target = f"{environment['GRAPH_BASE_URL']}/employeeExperience/learningProviders/{provider}/learningCourseActivities"
    async with httpx.AsyncClient(
        base_url=graph_process.url, headers={"Authorization": f"Bearer {token.token}"}
    ) as client:
        answer = await client.post(target, json=sample("self-initiated.request"))
        requests = await client.get("/_emulator/requests")
    assert answer.status_code == 201
    assert requests.json()["counts"] == counts(create=1, token=1)


async def test_the_real_credential_reads_the_reason_of_a_refusal(
    graph_process: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**app_environment(graph_process.url), "IDENTITY_HEADER": "wrong"}.items():
        monkeypatch.setenv(name, value)

    async with ManagedIdentityCredential() as credential:
        with pytest.raises(ClientAuthenticationError, match="does not have the value of IDENTITY_HEADER"):
            await credential.get_token("https://graph.microsoft.com/.default")
