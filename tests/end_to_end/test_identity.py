"""Trouble with the managed identity, as a caller and an admin see it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.environment import app_environment
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Stack, assert_discreet, own_example
from tests.support.error_shape import assert_error


@pytest.fixture
def fresh(running_stack: Stack, tmp_path: Path, storage_ports: tuple[int, int, int]) -> Iterator[Stack]:
    """A host of its own, which has no token yet, in front of the emulator of all."""
    running_stack.reset()
    environment = app_environment(running_stack.graph_url, storage_ports=storage_ports)
    log = tmp_path / "host.log"
    with started_host(env=environment, log=log) as host:
        stack = Stack(host.url, running_stack.graph_url, log)
        yield stack
    assert_discreet(stack)


@pytest.mark.parametrize(
    "fault",
    [{"status": 400, "body": {"message": "No User Assigned or Delegated Managed Identity found"}}, {"hang": True}],
)
def test_an_identity_that_fails_or_hangs_is_a_503_within_ten_seconds(fresh: Stack, fault: dict[str, object]) -> None:
    fresh.arm({"operation": "token", "times": 20, **fault})
    response = fresh.post("activities", own_example("assignment.request"))
    assert_error(response, 503, "identityUnavailable")
    assert response.elapsed.total_seconds() < 10
    assert "admin" in response.json()["error"]["message"]
    assert "create" not in fresh.calls()


def test_health_asks_for_a_token_once_however_often_it_is_asked(fresh: Stack) -> None:
    fresh.arm({"operation": "token", "times": 99, "status": 400, "body": {"message": "no"}})
    answers = [fresh.get("health") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["status"] == "unhealthy"
    assert answers[0].json()["error"]["code"] == "identityUnavailable"
    assert fresh.calls().count("token") == 1


def test_one_token_serves_all_requests(fresh: Stack) -> None:
    for _ in range(5):
        assert fresh.post("activities", own_example("self-initiated.request")).status_code == 201
    assert fresh.get("health").json()["status"] == "healthy"
    assert fresh.calls().count("token") == 1


def test_a_missing_permission_is_named(fresh: Stack) -> None:
    """The token of an identity without the role is fine; only Graph says what is missing."""
    fresh.change_tenant(roles=["LearningSelfInitiatedCourse.ReadWrite.All"])
    response = fresh.post("activities", own_example("assignment.request"))
    assert_error(response, 424, "graphPermissionMissing")
    message = response.json()["error"]["message"]
    assert "LearningAssignedCourse.ReadWrite.All" in message
    assert "LearningSelfInitiatedCourse" not in message
    health = fresh.get("health")
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    missing = [one["permission"] for one in health.json()["missingPermissions"]]
    assert missing == [
        "LearningAssignedCourse.ReadWrite.All",
        "LearningAssignedCourse.Read.All",
        "LearningSelfInitiatedCourse.Read.All",
    ]
