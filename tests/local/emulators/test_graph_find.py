"""Finding an activity by its external id, the alternate key.

https://learn.microsoft.com/graph/api/learningcourseactivity-get
"""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.learning import NO_ACCESS, NO_ACTIVITY, NOT_REGISTERED
from local.emulators.tenant import ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE
from tests.local.emulators.calls import ACTIVITIES, Graph, sample

ASSIGNMENT = sample("assignment.request")


@pytest.mark.parametrize("spelling", ["externalcourseActivityId", "externalCourseActivityId"])
def test_either_spelling_of_the_key_finds_what_was_created(graph: Graph, spelling: str) -> None:
    created = graph.create(ASSIGNMENT).json

    answer = graph.call("GET", f"{ACTIVITIES}({spelling}='{ASSIGNMENT['externalCourseActivityId']}')")

    assert (answer.status, answer.json) == (200, created)


@given(st.text(min_size=1, max_size=40).filter(str.strip).filter(lambda text: text.isprintable()))
def test_any_external_id_is_found_with_quotes_doubled_and_percent_encoded(external_id: str) -> None:
    graph = Graph()
    created = graph.create({**ASSIGNMENT, "externalCourseActivityId": external_id}).json

    assert graph.find(quote(external_id.replace("'", "''"), safe="")).json == created


def test_an_unknown_external_id_is_404(graph: Graph) -> None:
    answer = graph.find("unknown")

    assert (answer.status, answer.error) == (404, {"code": "notFound", "message": NO_ACTIVITY})


def test_another_providers_activity_is_not_found(graph: Graph) -> None:
    graph.create(ASSIGNMENT)

    target = ACTIVITIES.replace("01e8f81b-3060-4dec-acf0-0389665a0a38", "13727311-e7bb-470d-8b20-6a23d9030d70")
    answer = graph.call("GET", f"{target}(externalcourseActivityId='{ASSIGNMENT['externalCourseActivityId']}')")

    assert answer.status == 404


def test_the_provider_must_be_registered(graph: Graph) -> None:
    graph.patch_tenant(providers={})

    assert graph.find("x").error == {"code": "badRequest", "message": NOT_REGISTERED}


@pytest.mark.parametrize("role", [ASSIGNED_READ, SELF_INITIATED_READ])
def test_either_reading_role_is_told_what_is_not_there(graph: Graph, role: str) -> None:
    graph.patch_tenant(roles=[role])

    assert graph.find("unknown").status == 404


def test_who_may_write_only_may_not_look_up_by_the_external_id(graph: Graph) -> None:
    graph.create(ASSIGNMENT)
    graph.patch_tenant(roles=[ASSIGNED_WRITE, SELF_INITIATED_WRITE])

    answer = graph.find(ASSIGNMENT["externalCourseActivityId"])

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": NO_ACCESS})


@pytest.mark.parametrize(("role", "status"), [(ASSIGNED_READ, 200), (SELF_INITIATED_READ, 403)])
def test_what_is_there_is_told_to_the_role_of_its_kind(graph: Graph, role: str, status: int) -> None:
    graph.create(ASSIGNMENT)
    graph.patch_tenant(roles=[role])

    assert graph.find(ASSIGNMENT["externalCourseActivityId"]).status == status


@pytest.mark.parametrize("spelling", ["externalcourseActivityId", "externalCourseActivityId"])
def test_graph_can_be_let_answer_with_either_spelling(graph: Graph, spelling: str) -> None:
    graph.patch_tenant(externalIdSpelling=spelling)

    created = graph.create(ASSIGNMENT).json

    assert [name for name in created if name.lower() == spelling.lower()] == [spelling]
    assert graph.find(ASSIGNMENT["externalCourseActivityId"]).json == created


def test_without_such_a_role_it_is_403(graph: Graph) -> None:
    graph.patch_tenant(roles=["LearningContent.Read.All"])

    answer = graph.find("unknown")

    assert (answer.status, answer.error) == (403, {"code": "Forbidden", "message": NO_ACCESS})


def test_without_a_token_it_is_401(graph: Graph) -> None:
    assert graph.find("unknown", headers={"authorization": ""}).status == 401


@pytest.mark.parametrize("key", ["externalcourseActivityId=a", "externalcourseActivityId='it's'", "id='a'"])
def test_a_key_that_is_no_quoted_external_id_is_404(graph: Graph, key: str) -> None:
    assert graph.call("GET", f"{ACTIVITIES}({key})").status == 404
