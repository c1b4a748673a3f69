"""One contract, two directories: ``FakeDirectory``, and the real one (msgraph-sdk's builders) against the emulator.

What the use case is tested with must behave like what it runs with.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.directory import Content, Kind, Name
from local.emulators.course_catalogue import READ_CONTENT
from local.emulators.people_emulator import READ_ALL, READ_BASIC
from tests.support.directories import (
    ALL_ROLES,
    DIRECTORIES,
    Subject,
    address,
    content,
    directory_named,
    employee,
    told,
)
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID

ANNA = {
    "id": "anna-id",
    "userPrincipalName": "anna@contoso.com",
    "mail": "Anna.Berg@contoso.com",
    "employeeId": "0042",
    "proxyAddresses": ["SMTP:Anna.Berg@contoso.com", "smtp:a.berg@contoso.com"],
}
BO = {"id": "bo-id", "userPrincipalName": "bo@contoso.com", "mail": None, "employeeId": "77"}
GUEST = {"id": "guest-id", "userPrincipalName": "eve_fabrikam.com#EXT#@contoso.com", "mail": "eve@fabrikam.com"}
SHARED = [
    {"id": f"shared-{one}", "userPrincipalName": f"{one}@contoso.com", "mail": "team@contoso.com", "employeeId": "1"}
    for one in "xy"
]
COURSE = {"id": "course-id", "externalId": "LP4471", "title": "Safety"}
HIDDEN = {"id": "hidden-id", "externalId": "LP9", "title": "Old", "isActive": False}


@pytest_asyncio.fixture(params=DIRECTORIES)
async def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    async with directory_named(request.param, monkeypatch) as given:
        given.add_people(ANNA, BO, GUEST, *SHARED)
        given.add_contents(COURSE, HIDDEN)
        given.add_contents({**COURSE, "id": "other-id"}, provider=OTHER_REGISTRATION_ID)
        yield given


async def find(subject: Subject, *names: Name) -> list[str]:
    return told(await subject.directory.find(names, timeout_seconds=5))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (address("anna@contoso.com"), "anna-id"),
        (address(" Anna@Contoso.COM "), "anna-id"),
        (address("anna.berg@contoso.com"), "anna-id"),
        (address("a.berg@contoso.com"), "anna-id"),
        (address("bo@contoso.com"), "bo-id"),
        (address("eve_fabrikam.com#EXT#@contoso.com"), "guest-id"),
        (address("eve@fabrikam.com"), "guest-id"),
        (address("team@contoso.com"), "several"),
        (address("nobody@contoso.com"), "nothing"),
        (employee("0042"), "anna-id"),
        (employee("42"), "nothing"),
        (employee("1"), "several"),
        (content("LP4471"), "course-id"),
        (content("lp4471"), "nothing"),
        (content("LP9"), "inactive"),
        (content("LP4471", OTHER_REGISTRATION_ID), "other-id"),
        (content("LP4471", REGISTRATION_ID.upper()), "course-id"),
        (content("LP9", OTHER_REGISTRATION_ID), "nothing"),
    ],
)
async def test_a_name_stands_for_one_id_or_for_none(subject: Subject, name: Name, expected: str) -> None:
    assert await find(subject, name) == [expected]
    company = (address("x@contoso.com"), employee("77"), content("LP4471"))
    others = [one for one in company if one != name]
    assert (await find(subject, name, *others))[0] == expected


async def test_what_was_found_keeps_the_names_places(subject: Subject) -> None:
    names = [
        content("LP4471"),
        address("bo@contoso.com"),
        employee("0042"),
        address("nobody@contoso.com"),
        content("?"),
    ]
    assert await find(subject, *names) == ["course-id", "bo-id", "anna-id", "nothing", "nothing"]
    assert await find(subject, *names[::-1]) == ["nothing", "nothing", "anna-id", "bo-id", "course-id"]


async def test_nothing_asked_is_nothing_found(subject: Subject) -> None:
    assert await find(subject) == []


@pytest.mark.parametrize("roles", [ALL_ROLES, (READ_BASIC,), (READ_ALL,), (READ_CONTENT,), ()])
async def test_each_kind_of_name_has_its_permission_and_the_refusal_names_it(
    subject: Subject, roles: tuple[str, ...]
) -> None:
    subject.permit(*roles)
    names = {READ_BASIC: address("bo@contoso.com"), READ_ALL: employee("77"), READ_CONTENT: content("LP4471")}
    may = {*roles, READ_BASIC} if READ_ALL in roles else {*roles}
    for permission, name in names.items():
        (found,) = await subject.directory.find([name], timeout_seconds=5)
        if permission in may:
            assert isinstance(found, str)
        else:
            assert isinstance(found, PermanentError)
            assert found.code is ErrorCode.GRAPH_PERMISSION_MISSING
            assert [one for one in names if f"{one}," in found.message] == [permission]


async def test_without_the_permission_for_it_nobody_is_found_by_a_secondary_address(subject: Subject) -> None:
    subject.permit(READ_BASIC)
    assert await find(subject, address("a.berg@contoso.com"), address("bo@contoso.com")) == ["nothing", "bo-id"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.ADDRESS, ["throttled", "course-id"]), (Kind.CONTENT, ["bo-id", "throttled"])],
)
async def test_what_is_throttled_says_for_how_long_and_leaves_the_rest_alone(
    subject: Subject, kind: Kind, expected: list[str]
) -> None:
    subject.throttle(kind, 7)
    found = await subject.directory.find([address("bo@contoso.com"), content("LP4471")], timeout_seconds=5)
    assert told(found) == expected
    waits = [one.retry_after_seconds for one in found if isinstance(one, TransientError)]
    assert waits == [7]


@pytest.mark.parametrize("name", [address("bo@contoso.com"), content("LP4471")])
async def test_a_fault_of_graph_is_no_absence_and_executed_nothing(subject: Subject, name: Name) -> None:
    subject.fail(name.kind)
    (found,) = await subject.directory.find([name], timeout_seconds=5)
    assert isinstance(found, TransientError)
    assert not found.may_have_executed
    assert found.code is ErrorCode.GRAPH_UNAVAILABLE


async def test_a_providers_contents_are_listed_also_those_that_are_not_active(subject: Subject) -> None:
    listed = await subject.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)
    assert listed.contents == (
        Content("course-id", "LP4471", "Safety", is_active=True),
        Content("hidden-id", "LP9", "Old", is_active=False),
    )
    assert not listed.truncated


async def test_a_list_needs_its_permission(subject: Subject) -> None:
    subject.permit(READ_ALL)
    with pytest.raises(PermanentError, match=READ_CONTENT) as caught:
        await subject.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)
    assert caught.value.code is ErrorCode.GRAPH_PERMISSION_MISSING


async def test_a_list_that_is_throttled_says_for_how_long(subject: Subject) -> None:
    subject.throttle(Kind.CONTENT, 7)
    with pytest.raises(TransientError) as caught:
        await subject.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)
    assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.THROTTLED, 7)
