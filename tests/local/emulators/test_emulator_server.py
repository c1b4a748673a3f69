"""On a socket and in httpx, what the core describes really happens."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.emulators.emulator_transport import EmulatorTransport
from local.emulators.graph_emulator import Emulator
from local.environment import IDENTITY_HEADER
from local.stack.processes import Child, started
from tests.local.emulators.calls import ACTIVITIES, NOW, sample

ASSIGNMENT = sample("assignment.request")


@pytest.fixture
def caller(graph_server: httpx.Client) -> httpx.Client:
    """A client that has a token for the running emulator."""
    answer = graph_server.get(
        "/msi/token",
        params={"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"},
        headers={"X-IDENTITY-HEADER": IDENTITY_HEADER},
    )
    graph_server.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return graph_server


@pytest.fixture
def other_client(graph_process: Child) -> Iterator[httpx.Client]:
    """A second client of the running emulator."""
    with httpx.Client(base_url=graph_process.url) as client:
        yield client


def stored(client: httpx.Client) -> int:
    return len(client.get("/_emulator/activities").json()["activities"])


def test_an_activity_is_created_over_http(caller: httpx.Client) -> None:
    assert caller.post(ACTIVITIES, json=ASSIGNMENT).status_code == 201
    assert stored(caller) == 1


@pytest.mark.parametrize(("name", "count"), [("disconnect", 0), ("disconnect-executed", 1)])
def test_a_disconnect_closes_the_connection_without_an_answer(caller: httpx.Client, name: str, count: int) -> None:
    caller.post("/_emulator/faults", json={"name": name})

    with pytest.raises(httpx.TransportError):
        caller.post(ACTIVITIES, json=ASSIGNMENT)
    assert stored(caller) == count


@pytest.mark.parametrize(("name", "count"), [("hang", 0), ("hang-executed", 1)])
def test_a_hang_lasts_until_the_client_gives_up(caller: httpx.Client, name: str, count: int) -> None:
    caller.post("/_emulator/faults", json={"name": name})

    with pytest.raises(httpx.ReadTimeout):
        caller.post(ACTIVITIES, json=ASSIGNMENT, timeout=0.1)
    assert stored(caller) == count


def test_a_hang_ends_when_faults_are_cleared(caller: httpx.Client, other_client: httpx.Client) -> None:
    caller.post("/_emulator/faults", json={"name": "hang"})
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(caller.post, ACTIVITIES, json=ASSIGNMENT, timeout=30)
        # The call was recorded at the moment at which it began to hang.
        while other_client.get("/_emulator/requests").json()["counts"]["create"] == 0:
            assert not hanging.done()
        other_client.delete("/_emulator/faults")
        with pytest.raises(httpx.TransportError):
            hanging.result(timeout=30)


def test_a_delayed_answer_comes_late(caller: httpx.Client) -> None:
    caller.post("/_emulator/faults", json={"delaySeconds": 0.2, "times": 2})

    with pytest.raises(httpx.ReadTimeout):
        caller.post(ACTIVITIES, json=ASSIGNMENT, timeout=0.05)
    assert caller.post(ACTIVITIES, json=ASSIGNMENT).status_code == 201


def test_the_latency_of_graph_can_be_chosen() -> None:
    with (
        started("graph", "--port", "0", "--latency-seconds", "0.2") as child,
        httpx.Client(base_url=child.url, timeout=0.05) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            client.post(ACTIVITIES)
        assert client.get("/_emulator/tenant").status_code == 200


def test_the_identity_header_comes_from_the_environment() -> None:
    with (
        started("graph", "--port", "0", env={"IDENTITY_HEADER": "another"}) as child,
        httpx.Client(base_url=child.url) as client,
    ):
        target = "/msi/token?api-version=2019-08-01&resource=https://graph.microsoft.com"
        assert client.get(target, headers={"X-IDENTITY-HEADER": "another"}).status_code == 200


@pytest.fixture
def core() -> Emulator:
    """An emulator whose transport a test mounts."""
    return Emulator()


async def post(core: Emulator) -> httpx.Response:
    token, _ = core.identity.issue(core.tenant.roles, now=NOW.now(NOW.tzinfo))
    async with httpx.AsyncClient(transport=EmulatorTransport(core), timeout=5) as client:
        return await client.post(
            f"https://graph.microsoft.com{ACTIVITIES}", json=ASSIGNMENT, headers={"Authorization": f"Bearer {token}"}
        )


async def test_the_transport_answers_whatever_the_host(core: Emulator) -> None:
    answer = await post(core)

    assert (answer.status_code, answer.json()["status"]) == (201, "notStarted")
    assert len(core.activities.stored) == 1


async def test_the_transport_breaks_connections(core: Emulator) -> None:
    core.faults.arm({"name": "disconnect-executed"})

    with pytest.raises(httpx.RemoteProtocolError):
        await post(core)
    assert len(core.activities.stored) == 1


@pytest.mark.parametrize("fault", [{"name": "hang"}, {"delaySeconds": 6}])
async def test_the_transport_times_out_without_waiting(core: Emulator, fault: dict[str, object]) -> None:
    core.faults.arm(fault)

    with pytest.raises(httpx.ReadTimeout):
        await post(core)


async def test_the_transport_does_not_wait_for_a_delay_within_the_timeout(core: Emulator) -> None:
    core.faults.arm({"delaySeconds": 4})

    assert (await post(core)).status_code == 201
