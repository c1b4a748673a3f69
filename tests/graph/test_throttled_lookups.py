"""Look-ups wait like anything else: while Graph throttles, nobody is asked for, and the doors are those of all."""

import pytest

from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import creation
from activities.execution.directory import Kind
from activities.graph.doors import Doors
from activities.graph.throttled_lookups import ThrottledDirectory
from activities.graph.throttling import ThrottledGraph
from tests.support.directories import InMemory, address, content, employee, told
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, FakeTime, Fault, activity_request

PEOPLE = [address("bo@contoso.com"), employee("77")]
CONTENT = content("LP1")
ELSEWHERE = [address("bo@contoso.com", OTHER_REGISTRATION_ID), content("LP1", OTHER_REGISTRATION_ID)]


class Stage:
    """A directory behind doors, and the time."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.tenant = InMemory()
        self.tenant.add_people({"id": "bo-id", "userPrincipalName": "bo@contoso.com", "employeeId": "77"})
        for provider in (REGISTRATION_ID, OTHER_REGISTRATION_ID):
            self.tenant.add_contents({"id": "c", "externalId": "LP1", "title": "A"}, provider=provider)
        self.doors = Doors(lambda: self.time.seconds)
        self.directory = ThrottledDirectory(self.tenant.directory, self.doors)

    async def find(self) -> list[str]:
        return told(await self.directory.find([*PEOPLE, CONTENT, *ELSEWHERE], timeout_seconds=5))

    def asked(self) -> list[int]:
        return [len(call) for call in self.tenant.directory.asked]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize(
    ("kind", "shut"),
    [
        (Kind.ADDRESS, ["throttled", "throttled", "c", "bo-id", "c"]),
        (Kind.CONTENT, ["bo-id", "bo-id", "throttled", "bo-id", "c"]),
    ],
)
async def test_who_is_throttled_is_left_alone_for_as_long_as_graph_says(
    stage: Stage, kind: Kind, shut: list[str]
) -> None:
    """People of a provider's tenant and contents of a provider have doors of their own."""
    first = PEOPLE[0] if kind is Kind.ADDRESS else CONTENT
    stage.tenant.throttle(kind, 7)
    assert told(await stage.directory.find([first], timeout_seconds=5)) == ["throttled"]
    stage.time.seconds += 6
    assert await stage.find() == shut
    assert stage.asked() == [1, 5 - shut.count("throttled")]
    stage.time.seconds += 1
    assert "throttled" not in await stage.find()


async def test_an_error_of_a_shut_door_says_how_much_is_left(stage: Stage) -> None:
    stage.tenant.throttle(Kind.ADDRESS, 7)
    await stage.directory.find(PEOPLE[:1], timeout_seconds=5)
    stage.time.seconds += 5
    (error,) = await stage.directory.find(PEOPLE[:1], timeout_seconds=5)
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_seconds) == (ErrorCode.THROTTLED, 2)
    assert "look-ups of people" in error.message


async def test_behind_shut_doors_nothing_is_asked(stage: Stage) -> None:
    stage.tenant.throttle(Kind.ADDRESS, 7)
    await stage.directory.find(PEOPLE[:1], timeout_seconds=5)
    await stage.directory.find(PEOPLE, timeout_seconds=5)
    assert stage.asked() == [1]


async def test_a_provider_that_is_throttled_for_its_contents_is_throttled_for_its_activities_and_the_other_way_round(
    stage: Stage,
) -> None:
    inner = FakeGraph()
    graph = ThrottledGraph(inner, now=lambda: stage.time.seconds)
    directory = ThrottledDirectory(stage.tenant.directory, graph.doors)
    stage.tenant.throttle(Kind.CONTENT, 7)
    await directory.find([CONTENT], timeout_seconds=5)
    with pytest.raises(TransientError):
        graph.check_open(REGISTRATION_ID.upper())
    graph.check_open(OTHER_REGISTRATION_ID)
    stage.time.seconds += 7
    inner.arm("create", [Fault(TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=9))])
    await graph.write([creation(activity_request()).write], timeout_seconds=5)
    assert told(await directory.find([*PEOPLE, CONTENT], timeout_seconds=5)) == ["bo-id", "bo-id", "throttled"]


async def test_a_list_waits_and_makes_others_wait(stage: Stage) -> None:
    stage.tenant.throttle(Kind.CONTENT, 7)
    for _ in range(2):
        with pytest.raises(ActivityError) as caught:
            await stage.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)
        assert caught.value.code is ErrorCode.THROTTLED
    assert told(await stage.directory.find([CONTENT], timeout_seconds=5)) == ["throttled"]
    assert len((await stage.directory.contents_of(OTHER_REGISTRATION_ID, timeout_seconds=5)).contents) == 1
    stage.time.seconds += 7
    assert len((await stage.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)).contents) == 1
