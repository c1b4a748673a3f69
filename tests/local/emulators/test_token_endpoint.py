"""Entra's token endpoint checks a managed identity's token as Entra does: issuer, subject, audience, lifetime.

https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from local.emulators import identity_endpoint
from local.emulators.identity_endpoint import EXCHANGE_RESOURCE, GRAPH_RESOURCE, TENANT_ID
from local.environment import GRAPH_CLIENT_ID, IDENTITY_HEADER, LEARNING_PROVIDER_ID
from tests.local.emulators.calls import NOW, Answer, Graph, sample
from tests.support.entra import ALL_ROLES, ISSUER, OTHER_TENANT_ID, application

NOBODY = "00000000-0000-4000-8000-000000000000"
RIGHT = {"issuer": ISSUER, "subject": identity_endpoint.principal_id_of(identity_endpoint.SYSTEM_ASSIGNED_CLIENT_ID)}


@pytest.fixture(autouse=True)
def _an_application(graph: Graph) -> None:
    put(graph)


def put(graph: Graph, **said: Any) -> Answer:
    return graph.call("PUT", "/_emulator/applications", application(**said))


def assertion(graph: Graph, resource: str = EXCHANGE_RESOURCE) -> str:
    target = f"/msi/token?{urlencode({'api-version': '2019-08-01', 'resource': resource})}"
    token: str = graph.call("GET", target, headers={"X-IDENTITY-HEADER": IDENTITY_HEADER}).json["access_token"]
    return token


def ask(graph: Graph, shown: str, tenant_id: str = TENANT_ID, **changes: str) -> Answer:
    form = {
        "client_id": GRAPH_CLIENT_ID,
        "grant_type": "client_credentials",
        "scope": f"{GRAPH_RESOURCE}/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": shown,
        **changes,
    }
    return graph.call("POST", f"/{tenant_id}/oauth2/v2.0/token", urlencode(form).encode())


def create(graph: Graph, token: str) -> Answer:
    return graph.create(sample("assignment.request"), headers={"authorization": f"Bearer {token}"})


def test_a_right_one_gets_a_token_that_graph_takes(graph: Graph) -> None:
    answer = ask(graph, assertion(graph))
    assert answer.status == 200
    assert answer.json.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    grant = graph.emulator.identity.grants[answer.json["access_token"]]
    assert (grant.client_id, grant.tenant_id, grant.roles) == (GRAPH_CLIENT_ID, TENANT_ID, ALL_ROLES)
    assert create(graph, answer.json["access_token"]).status == 201


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"federatedCredentials": []}, 70021),
        ({"federatedCredentials": [RIGHT | {"issuer": ISSUER.replace("/v2.0", "")}]}, 700211),
        ({"federatedCredentials": [RIGHT | {"subject": NOBODY}]}, 700213),
        ({"homeTenantId": OTHER_TENANT_ID}, 700236),
        ({"tenants": {OTHER_TENANT_ID: ALL_ROLES}}, 700016),
        ({"tenants": {TENANT_ID: None}}, 65001),
        ({"enabled": False}, 7000112),
    ],
)
def test_an_application_that_is_not_set_up_gets_none(graph: Graph, said: dict[str, Any], code: int) -> None:
    put(graph, **said)
    answer = ask(graph, assertion(graph))
    assert answer.status in {400, 401}
    assert answer.json["error_codes"] == [code]
    assert answer.json["error_description"].startswith(f"AADSTS{code}: ")


def test_what_is_asked_for_in_another_way_is_refused(graph: Graph) -> None:
    shown = assertion(graph)
    assert ask(graph, shown, tenant_id=NOBODY).json["error_codes"] == [90002]
    assert ask(graph, shown, client_id=NOBODY).json["error_codes"] == [700016]
    assert ask(graph, shown, grant_type="password").json["error_codes"] == [900144]
    assert ask(graph, "made up").json["error_codes"] == [700027]
    assert ask(graph, assertion(graph, GRAPH_RESOURCE)).json["error_codes"] == [700212], "a token for something else"


def test_an_assertion_has_its_time(graph: Graph) -> None:
    shown = assertion(graph)
    lifetime = timedelta(seconds=identity_endpoint.TOKEN_LIFETIME_SECONDS)
    assert ask(graph.at(NOW + lifetime - timedelta(seconds=1)), shown).status == 200
    assert ask(graph.at(NOW + lifetime), shown).json["error_codes"] == [700024]


def test_graph_takes_no_assertion(graph: Graph) -> None:
    assert create(graph, assertion(graph)).status == 401


def test_a_provider_can_be_bound_to_the_application_that_registered_it(graph: Graph) -> None:
    """Then a managed identity is refused, whatever it is granted."""
    put(graph, providers={LEARNING_PROVIDER_ID: {"registeredBy": GRAPH_CLIENT_ID.upper()}})
    refused = graph.create(sample("assignment.request"))
    assert (refused.status, refused.error["code"]) == (400, "badRequest")
    assert "registrationId" in refused.error["message"]
    assert create(graph, ask(graph, assertion(graph)).json["access_token"]).status == 201


def test_a_provider_of_another_tenant_is_known_there_alone(graph: Graph) -> None:
    put(
        graph,
        known_in=[TENANT_ID, OTHER_TENANT_ID],
        providers={LEARNING_PROVIDER_ID: {"tenantId": OTHER_TENANT_ID}},
    )
    home, other = (
        ask(graph, assertion(graph), tenant_id=one).json["access_token"] for one in (TENANT_ID, OTHER_TENANT_ID)
    )
    assert (create(graph, home).status, create(graph, other).status) == (400, 201)


def test_what_is_said_of_applications_is_shown(graph: Graph) -> None:
    put(graph, enabled=False)
    shown = graph.call("GET", "/_emulator/applications").json
    assert shown["applications"][GRAPH_CLIENT_ID]["enabled"] is False


def test_at_the_start_the_application_of_the_settings_is_ready(graph: Graph) -> None:
    put(graph, enabled=False)
    assert graph.call("DELETE", "/_emulator/applications").json["providers"] == {}
    assert create(graph, ask(graph, assertion(graph)).json["access_token"]).status == 201


@pytest.mark.parametrize("said", [[], {}, {"applications": {}}, {"applications": {"a": {}}, "providers": {}}])
def test_what_has_another_form_is_refused(graph: Graph, said: Any) -> None:
    answer = graph.call("PUT", "/_emulator/applications", said)
    assert answer.status == 400
    assert "homeTenantId" in answer.json["error"]["message"]
