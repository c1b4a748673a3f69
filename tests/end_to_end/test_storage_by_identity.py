"""Storage as in Azure: reached over https by a managed identity alone, through Microsoft's libraries."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from activities.app import build
from activities.errors import ErrorCode
from activities.settings import NAMES
from local.environment import STORAGE_ACCOUNT_KEY
from tests.end_to_end.batch_stack import activities, assert_report, ended, post
from tests.end_to_end.identity_stack import IdentityStack, identity_stack
from tests.end_to_end.queue_stack import assignment, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityStack]:
    with identity_stack(tmp_path_factory.mktemp("identity")) as stack:
        # The host asks for its own token when it looks into its queues first; no test may take that for its doing.
        wait_until(lambda: len(stack.token_calls()) > 0, stack.tail)
        yield stack


def create(stack: IdentityStack, body: Json) -> httpx.Response:
    return plain_http.post(f"{stack.hosts[-1].url}/api/activities", json=body, timeout=60)


def test_the_host_has_no_key_and_no_connection_string(stack: IdentityStack) -> None:
    assert "AzureWebJobsStorage" not in stack.environment
    process = Path(f"/proc/{stack.hosts[-1].pid}/environ")  # All that the process was given, where the system shows it.
    told = process.read_text(encoding="utf-8") if process.exists() else str(dict(stack.environment))
    assert "AzureWebJobsStorage__clientId" in told
    for secret in ("AccountKey", STORAGE_ACCOUNT_KEY, "SharedAccessSignature", "UseDevelopmentStorage"):
        assert secret not in told


def test_an_activity_with_an_id_is_created_once(stack: IdentityStack) -> None:
    body = assignment(externalCourseActivityId=str(uuid4()))
    assert [create(stack, body).status_code for _ in range(2)] == [201, 200]
    assert stack.contents()[body["learningContentId"]] == 1
    assert "activityledger" in stack.tables()


def test_a_message_is_worked_off(stack: IdentityStack) -> None:
    body = assignment()
    stack.send(json.dumps(body))
    wait_until(lambda: stack.contents()[body["learningContentId"]] == 1, stack.tail)
    stack.wait_until_empty()


def test_a_batch_is_worked_off_in_transactions(stack: IdentityStack) -> None:
    records = activities(45)
    report = ended(stack, post(stack, {"activities": records}))
    assert_report(report, 45)
    created = stack.contents()
    assert {created[record["learningContentId"]] for record in records} == {1}
    assert "activitybatches" in stack.tables()


def test_a_failure_is_listed_and_replayed(stack: IdentityStack) -> None:
    body = assignment()
    stack.change_tenant(unlicensedLearners=[body["learnerUserId"]])
    stack.send(json.dumps(body))
    wait_until(lambda: stack.count("-failed") == 1, stack.tail)
    (failure,) = stack.failures()
    assert failure["code"] == ErrorCode.LEARNER_NOT_LICENSED
    stack.change_tenant(unlicensedLearners=[])
    stack.replay({"ids": [failure["id"]]})
    wait_until(lambda: stack.contents()[body["learningContentId"]] == 1, stack.tail)
    assert stack.failures() == []


def test_the_app_is_healthy_and_each_token_is_asked_for_once(stack: IdentityStack) -> None:
    """By the app one for Graph and one for storage, and by the host one for all its queues."""
    for _ in range(3):
        assert create(stack, assignment(externalCourseActivityId=str(uuid4()))).status_code == 201
    assert plain_http.get(f"{stack.hosts[-1].url}/api/health").json()["status"] == "healthy"
    assert len(stack.token_calls()) - stack.asked_by_tests == 3


@pytest.mark.parametrize("setting", ["AZURE_CLIENT_ID", "AzureWebJobsStorage__clientId"])
async def test_an_identity_that_the_app_does_not_have_is_told_to_the_admin(
    stack: IdentityStack, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**stack.environment, setting: str(uuid4())}.items():
        monkeypatch.setenv(name, value)
    before = len(stack.token_calls())
    app = build()
    report = await app.health.report()
    await app.close()
    asked = stack.token_calls()[before:]
    stack.asked_by_tests += len(asked)
    assert report.failure is not None
    assert report.failure.code is ErrorCode.IDENTITY_UNAVAILABLE
    assert setting in report.failure.message
    assert asked[-1]["status"] == 400
