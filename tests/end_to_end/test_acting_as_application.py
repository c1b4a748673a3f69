"""Acting in Graph as an application that the managed identity vouches for, also in other tenants than the app's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local.emulators.identity_endpoint import TENANT_ID
from local.emulators.tenant import OTHER_LEARNING_PROVIDER_ID
from local.environment import GRAPH_CLIENT_ID, LEARNING_PROVIDER_ID, app_environment, as_application
from local.lifecycle import free_ports, url_of
from local.stack.certificates import write_certificate
from local.stack.processes import started
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Json, Stack, assert_discreet, own_example
from tests.support import plain_http
from tests.support.entra import ALL_ROLES, OTHER_TENANT_ID, application
from tests.support.error_shape import assert_error

THIRD_TENANT_ID, THIRD_PROVIDER_ID = str(uuid4()), str(uuid4())


def course_of(provider: str) -> Json:
    """Return an activity about content of a provider."""
    return own_example("self-initiated.request", learningProviderId=provider, learningContentId=f"content-{uuid4()}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[Stack]:
    """Three providers, all bound to the application: at home, in a tenant that let it in, and in one that has not."""
    logs = tmp_path_factory.mktemp("application")
    certificate, key = write_certificate(logs)
    (port,) = free_ports([0])
    https = ["--https", str(certificate), str(key), "--https-port", str(port)]
    with started("graph", "--port", "0", *https, log=logs / "graph.log") as graph:
        tenant_ids = {OTHER_LEARNING_PROVIDER_ID: OTHER_TENANT_ID, THIRD_PROVIDER_ID: THIRD_TENANT_ID}
        environment = {
            **app_environment(graph.url, storage_ports=storage_ports),
            **as_application(url_of(port, scheme="https"), certificate),
            "PROVIDER_TENANTS": json.dumps(tenant_ids),
        }
        with started_host(env=environment, log=logs / "host.log") as host:
            stack = Stack(host.url, graph.url, logs / "host.log")
            yield stack
    assert_discreet(stack)


@pytest.fixture
def stack(running: Stack) -> Stack:
    """Give a test the stack with nothing created."""
    running.reset()
    bound = {
        provider: {"registeredBy": GRAPH_CLIENT_ID, "tenantId": tenant}
        for provider, tenant in (
            (LEARNING_PROVIDER_ID, TENANT_ID),
            (OTHER_LEARNING_PROVIDER_ID, OTHER_TENANT_ID),
            (THIRD_PROVIDER_ID, THIRD_TENANT_ID),
        )
    }
    tenants = {TENANT_ID: ALL_ROLES, OTHER_TENANT_ID: ALL_ROLES, THIRD_TENANT_ID: None}
    said = application(tenants=tenants, providers=bound)
    plain_http.request("PUT", f"{running.graph_url}/_emulator/applications", json=said).raise_for_status()
    running.change_tenant(providers={one: {"syncEnabled": True} for one in bound})
    return running


def test_a_managed_identity_is_refused_by_a_provider_of_the_application(
    stack: Stack, tmp_path: Path, storage_ports: tuple[int, int, int]
) -> None:
    """Otherwise the tests below prove nothing."""
    environment = app_environment(stack.graph_url, storage_ports=storage_ports)
    with started_host(env=environment, log=tmp_path / "host.log") as host:
        plain = Stack(host.url, stack.graph_url, tmp_path / "host.log")
        assert_error(plain.post("activities", course_of(LEARNING_PROVIDER_ID)), 424, "providerNotRegistered")


def test_the_applications_provider_takes_what_the_application_creates(stack: Stack) -> None:
    body = own_example("assignment.request")
    assert stack.post("activities", body).status_code == 201
    assert [one["externalCourseActivityId"] for one in stack.stored()] == [body["externalCourseActivityId"]]
    assert stack.get("health").json()["status"] == "healthy"


def test_a_provider_in_another_tenant_takes_it_too(stack: Stack) -> None:
    body = course_of(OTHER_LEARNING_PROVIDER_ID)
    assert [stack.post("activities", body).status_code for _ in range(2)] == [201, 200], "once, as at home"
    assert len(stack.stored()) == 1


def test_one_batch_reaches_all_tenants_and_says_which_one_has_not_let_the_application_in(stack: Stack) -> None:
    providers = [LEARNING_PROVIDER_ID, OTHER_LEARNING_PROVIDER_ID, THIRD_PROVIDER_ID] * 2
    records = [course_of(one) for one in providers]
    report = stack.post("batches", {"activities": records}).json()
    assert [one["outcome"] for one in report["results"]] == ["created", "created", "failed"] * 2
    assert {one["errorCode"] for one in report["results"][2::3]} == {"graphPermissionMissing"}
    assert len(stack.stored()) == 4


def test_a_tenant_without_consent_is_told_with_what_its_admin_does(stack: Stack) -> None:
    response = stack.post("activities", course_of(THIRD_PROVIDER_ID))
    assert_error(response, 424, "graphPermissionMissing")
    message = response.json()["error"]["message"]
    assert f"https://login.microsoftonline.com/{THIRD_TENANT_ID}/adminconsent" in message
    assert "AADSTS65001" in message
    assert stack.graph_calls() == [], "nobody shows Graph a token that there is not"
