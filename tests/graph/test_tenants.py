"""Each provider's requests go to its own tenant; what one tenant does to the app, the others do not feel."""

import asyncio

import pytest

from activities.contract.activity import StoredActivity
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.decisions import creation
from activities.execution.directory import Content, Name
from activities.execution.gateway import GraphGateway
from activities.execution.names import Ids, Names
from activities.graph.tenants import TenantsGraph
from activities.graph.throttling import ThrottledGraph
from tests.support.directories import FakeDirectory
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, Fault, activity_request, key_of

HOME, CUSTOMER = "home", "customer"
THIRD_REGISTRATION_ID = "7d6d6bb5-5d3d-4a6e-9a5e-0f0c1b2a3d4e"


class World:
    """Two tenants: the customer's, with one provider, and the app's own with all others."""

    def __init__(self, *, home_tenant_id: str | None = HOME, default: str = "") -> None:
        self.tenants: dict[str | None, FakeGraph] = {}
        self.closed: list[str] = []
        self.graph = TenantsGraph(
            self._open,
            home_tenant_id=home_tenant_id,
            tenant_ids={OTHER_REGISTRATION_ID: CUSTOMER},
            default_registration_id=default,
            closing=self._close,
        )

    def _open(self, tenant_id: str | None) -> GraphGateway:
        assert tenant_id not in self.tenants, "one credential, one throttle window for each tenant"
        tenant = self.tenants[tenant_id] = FakeGraph()
        return ThrottledGraph(tenant, now=lambda: tenant.time.seconds)

    async def _close(self) -> None:
        self.closed.append("shared")

    def counts(self) -> dict[str | None, int]:
        """Return how many activities each tenant has."""
        return {tenant_id: len(tenant.stored) for tenant_id, tenant in self.tenants.items()}


@pytest.fixture
def world() -> World:
    return World()


def mixed(count: int = 6) -> list[str]:
    """Return the providers of requests that go to both tenants in turn."""
    return [(REGISTRATION_ID, OTHER_REGISTRATION_ID.upper())[place % 2] for place in range(count)]


async def test_ends_keep_the_places_of_the_requests(world: World) -> None:
    requests = [activity_request(f"{place}", registrationId=one) for place, one in enumerate(mixed())]
    created = await world.graph.write([creation(one).write for one in requests], timeout_seconds=5)
    assert [end.entity["externalCourseActivityId"] for end in created if isinstance(end, StoredActivity)] == [
        f"{place}" for place in range(6)
    ]
    assert world.counts() == {HOME: 3, CUSTOMER: 3}
    found = await world.graph.find([key_of(one) for one in requests[::-1]], timeout_seconds=5)
    assert [end.id for end in found if isinstance(end, StoredActivity)] == [
        end.id for end in created[::-1] if isinstance(end, StoredActivity)
    ]


async def test_by_graphs_id_alone_an_activity_is_looked_for_in_every_tenant(world: World) -> None:
    (created,) = await world.graph.write(
        [creation(activity_request(registrationId=OTHER_REGISTRATION_ID)).write], timeout_seconds=5
    )
    assert isinstance(created, StoredActivity)
    refusal = TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "No token.", retry_after_seconds=30)
    world.tenants[HOME].arm("get", [Fault(refusal)])
    (found,) = await world.graph.get([created.id], timeout_seconds=5)
    assert isinstance(found, StoredActivity)
    assert found.id == created.id
    assert await world.graph.get(["unknown"], timeout_seconds=5) == [None]
    world.tenants[HOME].arm("get", [Fault(refusal)])
    assert await world.graph.get(["unknown"], timeout_seconds=5) == [refusal], "it may be there"


async def test_nothing_sent_is_nothing_answered(world: World) -> None:
    assert await world.graph.write([], timeout_seconds=5) == []


async def test_a_provider_that_is_not_listed_is_in_the_apps_own_tenant(world: World) -> None:
    await world.graph.write([creation(activity_request(registrationId=THIRD_REGISTRATION_ID)).write], timeout_seconds=5)
    assert world.counts() == {HOME: 1, CUSTOMER: 0}


async def test_the_tenants_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    both = asyncio.Barrier(2)

    async def write(*_: object, **__: object) -> list[StoredActivity]:
        await both.wait()
        return [StoredActivity({"id": "a"}, "")]

    monkeypatch.setattr(FakeGraph, "write", write)
    requests = [creation(activity_request(registrationId=one)).write for one in mixed(2)]
    async with asyncio.timeout(5):
        assert len(await World().graph.write(requests, timeout_seconds=5)) == 2


async def test_a_throttled_tenant_does_not_shut_another(world: World) -> None:
    world.tenants[CUSTOMER].arm("create", [Fault(TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=60))])
    requests = [activity_request(f"{place}", registrationId=one) for place, one in enumerate(mixed(2))]
    ends = await world.graph.write([creation(one).write for one in requests], timeout_seconds=5)
    assert isinstance(ends[0], StoredActivity)
    world.graph.check_open(REGISTRATION_ID)
    with pytest.raises(TransientError) as caught:
        world.graph.check_open(OTHER_REGISTRATION_ID)
    assert caught.value.code is ErrorCode.THROTTLED


@pytest.mark.parametrize(("default", "asked"), [("", HOME), (REGISTRATION_ID, HOME), (OTHER_REGISTRATION_ID, CUSTOMER)])
async def test_the_identity_is_checked_where_the_default_provider_is(default: str, asked: str) -> None:
    world = World(default=default)
    world.tenants[asked].identity_failure = PermanentError(ErrorCode.GRAPH_PERMISSION_MISSING, "No consent.")
    with pytest.raises(PermanentError):
        await world.graph.check_identity()


async def test_a_tenant_is_opened_once_whoever_names_it() -> None:
    world = World(home_tenant_id=CUSTOMER)
    assert set(world.tenants) == {CUSTOMER}
    await world.graph.write(
        [creation(activity_request(registrationId=one)).write for one in mixed(2)], timeout_seconds=5
    )
    assert world.counts() == {CUSTOMER: 2}


async def test_what_the_tenants_share_is_closed_after_them(world: World) -> None:
    await world.graph.close()
    assert world.closed == ["shared"]


async def test_names_are_found_in_the_tenant_of_their_provider(world: World) -> None:
    for tenant_id, learner in ((HOME, "anna-at-home"), (CUSTOMER, "anna-at-the-customer")):
        content = {"id": f"course-of-{learner}", "externalId": "LP7", "title": "Safety"}
        providers = (REGISTRATION_ID, OTHER_REGISTRATION_ID)
        world.tenants[tenant_id].directory = FakeDirectory(
            [{"id": learner, "userPrincipalName": "anna@contoso.com"}],
            [{**content, "learningProviderId": one} for one in providers],
        )
    records = [
        Names(registration_id=one, learner_address="anna@contoso.com", content_external_id="LP7") for one in mixed(3)
    ]
    found = await world.graph.names.resolve(records)
    at_home = Ids("anna-at-home", learning_content_id="course-of-anna-at-home")
    customers = Ids("anna-at-the-customer", learning_content_id="course-of-anna-at-the-customer")
    assert found == [at_home, customers, at_home]


async def test_people_and_courses_are_asked_for_in_the_tenant_of_their_provider(world: World) -> None:
    for tenant_id in (HOME, CUSTOMER):
        world.tenants[tenant_id].directory = FakeDirectory(
            [{"id": f"anna-{tenant_id}", "userPrincipalName": "anna@contoso.com"}],
            [
                {"id": f"course-{tenant_id}", "externalId": "LP7", "title": "Safety", "learningProviderId": one}
                for one in (REGISTRATION_ID, OTHER_REGISTRATION_ID)
            ],
        )
    directory = world.graph.names.directory
    for provider, tenant_id in ((REGISTRATION_ID, HOME), (OTHER_REGISTRATION_ID, CUSTOMER)):
        person = await directory.person("anna@contoso.com", provider, timeout_seconds=5)
        assert person is not None
        assert person.id == f"anna-{tenant_id}"
        course = await directory.content_named(Name.of_content(provider, "LP7"), timeout_seconds=5)
        assert isinstance(course, Content)
        listed = await directory.contents_of(provider, timeout_seconds=5)
        assert [one.id for one in listed.contents] == [course.id] == [f"course-{tenant_id}"]
