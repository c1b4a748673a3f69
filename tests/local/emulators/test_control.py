"""What tests may see and change in the emulator, under `/_emulator`."""

from typing import Any

import pytest

from local.emulators.tenant import (
    ASSIGNED_READ,
    ASSIGNED_WRITE,
    LEARNING_CONTENT_ID,
    OTHER_LEARNING_PROVIDER_ID,
    SELF_INITIATED_READ,
    SELF_INITIATED_WRITE,
)
from local.environment import LEARNING_PROVIDER_ID
from tests.local.emulators.calls import ACTIVITIES, NOW, Graph, counts, sample

ASSIGNMENT = sample("assignment.request")
START = {
    "providers": {LEARNING_PROVIDER_ID: {"syncEnabled": True}, OTHER_LEARNING_PROVIDER_ID: {"syncEnabled": True}},
    "contents": {LEARNING_CONTENT_ID: LEARNING_PROVIDER_ID},
    "unlicensedLearners": [],
    "servicePlan": True,
    "roles": [ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE],
    "identities": [],
    "externalIdSpelling": "",
    "world": "",
}


def test_the_tenant_starts_ready_for_microsofts_examples(graph: Graph) -> None:
    assert graph.call("GET", "/_emulator/tenant").json == START


def test_a_part_of_the_tenant_is_replaced_completely_and_the_rest_stays(graph: Graph) -> None:
    changed = graph.patch_tenant(providers={LEARNING_PROVIDER_ID.upper(): {"syncEnabled": False}}).json

    assert changed == {**START, "providers": {LEARNING_PROVIDER_ID: {"syncEnabled": False}}}
    assert graph.call("DELETE", "/_emulator/tenant").json == START


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": {}},
        {"providers": {LEARNING_PROVIDER_ID: True}},
        {"providers": {LEARNING_PROVIDER_ID: {"syncEnabled": "yes"}}},
        {"contents": ["x"]},
        {"unlicensedLearners": [1]},
        {"servicePlan": "no"},
        {"roles": "all"},
        {"identities": "mine"},
        {"externalIdSpelling": "EXTERNALCOURSEACTIVITYID"},
        {"world": "upsideDown"},
    ],
)
def test_a_change_of_another_form_is_refused_and_changes_nothing(graph: Graph, changes: dict[str, Any]) -> None:
    answer = graph.patch_tenant(**{"servicePlan": False, **changes})

    assert answer.status == 400
    assert repr(next(iter(changes))) in answer.json["error"]["message"]
    assert graph.call("GET", "/_emulator/tenant").json == START


def test_a_role_that_is_taken_away_stays_in_tokens_that_were_issued_before(graph: Graph) -> None:
    """As in Azure, where a changed grant takes until the next token."""
    token, _ = graph.emulator.identity.issue(graph.emulator.tenant.roles, now=NOW)
    graph.patch_tenant(roles=[])

    assert graph.create(ASSIGNMENT, headers={"authorization": f"Bearer {token}"}).status == 201
    assert graph.create(ASSIGNMENT).status == 403


def test_created_activities_can_be_forgotten(graph: Graph) -> None:
    graph.create(ASSIGNMENT)

    assert graph.call("DELETE", "/_emulator/activities").json == {"activities": []}
    assert graph.find(ASSIGNMENT["externalCourseActivityId"]).status == 404


def test_calls_are_recorded_in_order_and_counted_by_operation(graph: Graph) -> None:
    graph.arm({"name": "disconnect"})
    graph.create(ASSIGNMENT)
    graph.find("unknown")
    graph.call("GET", "/msi/token?resource=x", headers={"authorization": ""})
    graph.call("GET", "/v1.0//employeeExperience")

    shown = graph.call("GET", "/_emulator/requests").json
    assert shown["counts"] == counts(create=1, find=1, token=1)
    keys = ("method", "path", "operation", "registrationId", "status")
    assert [tuple(call[key] for key in keys) for call in shown["requests"]] == [
        ("POST", ACTIVITIES, "create", LEARNING_PROVIDER_ID, None),
        ("GET", f"{ACTIVITIES}(externalcourseActivityId='unknown')", "find", LEARNING_PROVIDER_ID, 404),
        ("GET", "/msi/token", "token", None, 400),
        ("GET", "/v1.0//employeeExperience", None, None, 404),
    ]
    assert {call["time"] for call in shown["requests"]} == {NOW.isoformat()}
    assert {call["batched"] for call in shown["requests"]} == {False}


def test_recorded_calls_say_whether_there_was_a_token_but_never_which(graph: Graph) -> None:
    token, _ = graph.emulator.identity.issue([], now=NOW)
    graph.create(ASSIGNMENT, headers={"authorization": f"Bearer {token}"})

    answer = graph.call("GET", "/_emulator/requests")

    assert answer.json["requests"][0]["authorized"] is True
    assert token.encode() not in answer.response.body


def test_recorded_calls_can_be_forgotten(graph: Graph) -> None:
    graph.create(ASSIGNMENT)

    assert graph.call("DELETE", "/_emulator/requests").json == {"counts": counts(), "requests": []}


def test_what_does_not_exist_is_said_with_what_does(graph: Graph) -> None:
    missing = graph.call("GET", "/_emulator/nothing")
    wrong_method = graph.call("POST", "/_emulator/activities")
    not_json = graph.call("POST", "/_emulator/faults", b"{")

    assert (missing.status, wrong_method.status, not_json.status) == (404, 405, 400)
    assert "/_emulator/tenant" in missing.json["error"]["message"]
    assert "GET, DELETE" in wrong_method.json["error"]["message"]
    assert not_json.json["error"]["message"] == "The body is not JSON."
