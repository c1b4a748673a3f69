"""A provider's courses over HTTP: what a drop-down is filled with, and one by its own id."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from activities.app import App
from activities.contract.models import Defaults
from activities.errors import ErrorCode, TransientError
from activities.health import Health
from activities.web import http
from activities.web.courses import list_learning_contents
from activities.web.runtime import Runtime
from local.emulators.course_catalogue import READ_CONTENT
from tests.support.directories import ALL_ROLES, FakeDirectory
from tests.support.error_shape import assert_error
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph

SAFETY = {"id": "c-1", "externalId": "LP4471", "title": "Safety at work"}
DATA = {"id": "c-2", "externalId": "LP4472", "title": "data protection at work"}
HIDDEN = {"id": "c-3", "externalId": "LP9", "title": "Abolished", "isActive": False}
OTHERS = {"id": "c-4", "externalId": "LP4471", "title": "Another provider's"}
DEFAULTS = Defaults(registration_id=REGISTRATION_ID)


def catalogue(*roles: str) -> FakeDirectory:
    own = [{**one, "learningProviderId": REGISTRATION_ID} for one in (SAFETY, DATA, HIDDEN)]
    other = {**OTHERS, "learningProviderId": OTHER_REGISTRATION_ID}
    return FakeDirectory(contents=[*own, other], roles=frozenset(roles or ALL_ROLES))


async def asked(
    graph: FakeGraph, query: Mapping[str, str] | None = None, *, defaults: Defaults = DEFAULTS, client_id: str = ""
) -> http.Response:
    runtime = Runtime(lambda: App(defaults, graph, Health(graph, None)))
    return await runtime.answer(http.Request(query=query or {}, client_id=client_id), list_learning_contents)


async def titles(**query: str) -> list[str]:
    response = await asked(FakeGraph(directory=catalogue()), query)
    assert response.status == 200, response.body
    said: dict[str, Any] = json.loads(response.body)
    assert said["truncated"] is False
    return [one["title"] for one in said["value"]]


async def test_each_course_has_its_id_and_what_a_list_shows() -> None:
    response = await asked(FakeGraph(directory=catalogue()), {"search": "safety"})
    assert json.loads(response.body) == {
        "value": [{**SAFETY, "displayName": "Safety at work (LP4471)"}],
        "truncated": False,
    }


async def test_active_courses_are_listed_by_their_titles() -> None:
    assert await titles() == ["data protection at work", "Safety at work"]


@pytest.mark.parametrize(
    ("search", "expected"), [("WORK safe", ["Safety at work"]), ("at work", 2), ("abolished", []), (" ", 2)]
)
async def test_a_search_finds_the_words_in_titles_in_any_order(search: str, expected: list[str] | int) -> None:
    found = await titles(search=search)
    assert (len(found) if isinstance(expected, int) else found) == expected


async def test_the_provider_is_the_one_of_the_query_and_else_the_default() -> None:
    assert await titles(registrationId=OTHER_REGISTRATION_ID) == ["Another provider's"]
    assert await titles(registrationId="") == await titles()


async def test_one_is_found_by_its_own_id() -> None:
    assert await titles(externalId=" LP4471 ") == ["Safety at work"]
    assert await titles(externalId="LP4471", registrationId=OTHER_REGISTRATION_ID) == ["Another provider's"]


@pytest.mark.parametrize("external_id", ["LP0", "LP9"])
async def test_one_that_is_not_there_or_not_active_is_refused(external_id: str) -> None:
    response = await asked(FakeGraph(directory=catalogue()), {"externalId": external_id})
    assert_error(response, 422, "contentNotFound")
    error = json.loads(response.body)["error"]
    assert error["target"] == "externalId"
    assert "externalId" in error["message"]


@pytest.mark.parametrize("query", [{}, {"externalId": "LP4471"}])
async def test_without_the_permission_the_refusal_names_it(query: dict[str, str]) -> None:
    response = await asked(FakeGraph(directory=catalogue("none")), query)
    assert_error(response, 424, "graphPermissionMissing")
    assert READ_CONTENT in json.loads(response.body)["error"]["message"]


async def test_while_the_provider_is_throttled_nobody_is_asked() -> None:
    graph = FakeGraph(directory=catalogue())
    graph.closed[REGISTRATION_ID] = TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=7)
    assert_error(await asked(graph), 429, "throttled")


@pytest.mark.parametrize("said", ["LinkedIn", "../users"])
async def test_a_provider_that_is_no_guid_is_refused(said: str) -> None:
    assert_error(await asked(FakeGraph(directory=catalogue()), {"registrationId": said}), 400, "invalidRequest")


async def test_only_providers_that_may_be_written_to_are_listed() -> None:
    graph = FakeGraph(directory=catalogue())
    allowed = Defaults(REGISTRATION_ID, frozenset({REGISTRATION_ID}))
    assert_error(await asked(graph, {"registrationId": OTHER_REGISTRATION_ID}, defaults=allowed), 400, "invalidRequest")
    limited = Defaults(REGISTRATION_ID, registration_ids_of_clients={"client": frozenset({OTHER_REGISTRATION_ID})})
    assert_error(await asked(graph, defaults=limited, client_id="client"), 403, "notAllowed")
    assert_error(await asked(graph, defaults=Defaults()), 400, "invalidRequest")
