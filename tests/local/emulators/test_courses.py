"""The emulated learning contents: one by its external id, all of a provider in pages.

https://learn.microsoft.com/graph/api/learningcontent-get
"""

from typing import Any

import pytest

from local.emulators.course_catalogue import PAGE, READ_CONTENT
from local.emulators.learning import NOT_REGISTERED
from local.emulators.tenant import OTHER_LEARNING_PROVIDER_ID
from local.environment import LEARNING_PROVIDER_ID
from tests.local.emulators.calls import Graph

COURSE = {"learningProviderId": LEARNING_PROVIDER_ID, "id": "c", "externalId": "it's", "title": "A"}
CONTENTS = f"/v1.0/employeeExperience/learningProviders/{LEARNING_PROVIDER_ID}/learningContents"
ONE = f"{CONTENTS}(externalId='it''s')"
SELECT = "?$select=id,externalId,title,isActive"


@pytest.fixture
def tenant(graph: Graph) -> Graph:
    graph.call("POST", "/_emulator/contents", COURSE)
    graph.patch_tenant(roles=[READ_CONTENT])
    return graph


def test_one_is_found_by_its_external_id_with_what_was_selected(tenant: Graph) -> None:
    assert tenant.call("GET", f"{ONE}{SELECT}").json == {
        "id": "c",
        "externalId": "it's",
        "title": "A",
        "isActive": True,
    }
    assert tenant.call("GET", f"{ONE}?$select=id").json == {"id": "c"}
    assert tenant.call("GET", ONE).json["contentWebUrl"] is None
    assert tenant.call("GET", f"{ONE}?$select=nothing").status == 400


@pytest.mark.parametrize("status", [404, 400])
def test_what_is_not_there_is_404_or_400(tenant: Graph, status: int) -> None:
    tenant.emulator.courses.not_found_status = status
    assert tenant.call("GET", f"{CONTENTS}(externalId='IT''S')").status == status
    other = CONTENTS.replace(LEARNING_PROVIDER_ID, OTHER_LEARNING_PROVIDER_ID)
    assert tenant.call("GET", f"{other}(externalId='it''s')").status == status


def test_reading_needs_the_permission_and_a_registered_provider(tenant: Graph) -> None:
    tenant.patch_tenant(providers={})
    assert tenant.call("GET", ONE).error == {"code": "badRequest", "message": NOT_REGISTERED}
    tenant.patch_tenant(roles=[])
    for target in (ONE, CONTENTS):
        assert tenant.call("GET", target).error["code"] == "Authorization_RequestDenied"


def test_all_come_in_pages_of_which_each_names_the_next(tenant: Graph) -> None:
    tenant.call("POST", "/_emulator/contents", [{**COURSE, "id": str(number)} for number in range(PAGE)])
    first = tenant.call("GET", f"{CONTENTS}{SELECT}", headers={"host": "127.0.0.1:8085"}).json
    assert (len(first["value"]), first["@odata.count"]) == (PAGE, PAGE + 1)
    link: str = first["@odata.nextLink"]
    assert link.startswith("http://127.0.0.1:8085/v1.0/")
    last = tenant.call("GET", link.removeprefix("http://127.0.0.1:8085")).json
    assert [one["id"] for one in last["value"]] == [str(PAGE - 1)]
    assert "@odata.nextLink" not in last


@pytest.mark.parametrize("option", ["$filter=title eq 'A'", "$search=A"])
def test_they_cannot_be_searched(tenant: Graph, option: str) -> None:
    assert tenant.call("GET", f"{CONTENTS}?{option}").status == 400


@pytest.mark.parametrize("content", [5, {"id": "a"}, {**COURSE, "level": 5}, {**COURSE, "title": None}])
def test_a_content_that_makes_no_sense_is_refused_and_none_is_added(tenant: Graph, content: Any) -> None:
    assert tenant.call("POST", "/_emulator/contents", [COURSE, content]).status == 400
    assert tenant.call("GET", "/_emulator/contents").json == {"contents": [COURSE]}


def test_they_can_be_forgotten(tenant: Graph) -> None:
    assert tenant.call("DELETE", "/_emulator/contents").json == {"contents": []}
    assert tenant.call("GET", ONE).status == 404


def test_look_ups_are_counted_and_can_fail(tenant: Graph) -> None:
    tenant.arm({"operation": "contents", "status": 500}, {"operation": "people", "status": 429})
    assert tenant.call("GET", ONE).status == 500
    assert tenant.call("GET", "/v1.0/users/a").status == 429
    shown = tenant.call("GET", "/_emulator/requests").json["counts"]
    assert (shown["contents"], shown["people"]) == (1, 1)
