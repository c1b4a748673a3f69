"""Callers by Microsoft Entra ID: no function key, nobody without sign-in and role, and the report by its id alone."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from connector.served_routes import served
from local.environment import app_environment
from local.stack.processes import started
from tests.end_to_end.stack import Stack, own_example
from tests.support import plain_http
from tests.support.error_shape import assert_error
from tests.support.principals import APPLICATION, MANAGE, USER, WRITE, Claims, application, delegated, header, session

FOR_ANYONE = {"get_batch", "get_batch_status", "get_health", "open_tenant_check"}
OTHER_APPLICATION = "00000000-0000-0000-0000-000000000001"


def signed_in(claims: Claims) -> dict[str, str]:
    """Return what App Service Authentication adds; the local host has none of it."""
    return {"X-MS-CLIENT-PRINCIPAL": header(claims)}


@pytest.fixture(scope="module")
def entra(
    running_stack: Stack, tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]
) -> Iterator[Stack]:
    running_stack.reset()
    log = tmp_path_factory.mktemp("entra") / "host.log"
    environment = app_environment(running_stack.graph_url, storage_ports=storage_ports, signing_in=[APPLICATION])
    # A host with a key: it must not ask for it.
    with started("host", "--port", "0", "--function-key", "not-asked-for", env=environment, log=log) as host:
        yield Stack(host.url, running_stack.graph_url, log)


@pytest.mark.parametrize("name", sorted(served()))
def test_no_route_but_those_for_anyone_is_open_without_a_sign_in(entra: Stack, name: str) -> None:
    route = served()[name]
    url = f"{entra.host_url}/api{route.path.replace('{batchId}', '0' * 32)}"
    content = b"{}" if route.method == "post" else None
    answer = httpx.request(route.method, url, content=content, verify=plain_http.NO_CERTIFICATES)
    assert route.needs_key == (name not in FOR_ANYONE)
    if name in FOR_ANYONE:
        assert answer.status_code in {200, 404}
    else:
        assert_error(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("claims_with", [application, delegated, session])
def test_who_has_the_role_creates_and_who_has_another_is_told_so(
    entra: Stack, claims_with: Callable[[str], Claims]
) -> None:
    created = entra.post("activities", own_example("assignment.request"), signed_in(claims_with(WRITE)))
    assert created.status_code == 201
    assert_error(entra.post("activities", b"{", signed_in(claims_with(MANAGE))), 403, "notAllowed")
    assert_error(entra.post("failures/replay", {}, signed_in(claims_with(WRITE))), 403, "notAllowed")
    replayed = entra.post("failures/replay", {"ids": ["none"]}, signed_in(claims_with(MANAGE)))
    assert replayed.status_code == 200


def test_another_application_is_told_so_without_a_challenge(entra: Stack) -> None:
    claims = application(WRITE, MANAGE, client_id=OTHER_APPLICATION)
    answer = entra.post("activities", own_example("assignment.request"), signed_in(claims))
    assert_error(answer, 403, "notAllowed")
    assert "www-authenticate" not in answer.headers


def test_the_log_says_which_client_and_which_person_asked_for_what_and_no_names(entra: Stack) -> None:
    entra.post("assignments", b"{", signed_in(delegated(WRITE)))
    log = entra.log.read_text(encoding="utf-8")
    asked = f'"clientId": "{APPLICATION}", "userObjectId": "{USER}", "function": "create_assignment"'
    assert [line for line in log.splitlines() if "callerAdmitted" in line and asked in line]
    assert "Lovelace" not in log


def test_who_has_signed_in_sends_a_batch_and_everybody_reads_the_report(entra: Stack) -> None:
    batch = {"activities": [own_example("assignment.request")]}
    report = entra.post("batches", batch, signed_in(application(WRITE)))
    assert report.status_code == 200
    for route in ("", "/status"):
        assert entra.get(f"batches/{report.json()['batchId']}{route}").status_code == 200
