"""Callers by Microsoft Entra ID: no function key anywhere, nobody without a sign-in, and the report by its id alone."""

from collections.abc import Iterator

import httpx
import pytest

from connector.served_routes import served
from local.environment import app_environment
from local.stack.processes import started
from tests.end_to_end.stack import Stack, own_example
from tests.support import plain_http
from tests.support.error_shape import assert_error
from tests.support.principals import APPLICATION, principal

# As App Service Authentication adds it; the local host has none of it, so these tests write it themselves.
SIGNED_IN = {"X-MS-CLIENT-PRINCIPAL": principal()}
FOR_ANYONE = {"get_batch", "get_batch_status", "get_health"}


@pytest.fixture(scope="module")
def entra(
    running_stack: Stack, tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]
) -> Iterator[Stack]:
    running_stack.reset()
    log = tmp_path_factory.mktemp("entra") / "host.log"
    environment = app_environment(running_stack.graph_url, storage_ports=storage_ports)
    environment |= {"ENTRA_AUTH": "true", "ALLOWED_CLIENT_APPLICATIONS": APPLICATION}
    # As on Azure, with App Service Authentication switched on.
    environment |= {"WEBSITE_SITE_NAME": "contoso", "WEBSITE_AUTH_ENABLED": "True"}
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


def test_who_has_signed_in_creates_and_everybody_reads_the_report(entra: Stack) -> None:
    assert entra.post("activities", own_example("assignment.request"), SIGNED_IN).status_code == 201
    batch = {"activities": [own_example("assignment.request")]}
    report = entra.post("batches", batch, SIGNED_IN)
    assert report.status_code == 200
    for route in ("", "/status"):
        assert entra.get(f"batches/{report.json()['batchId']}{route}").status_code == 200
