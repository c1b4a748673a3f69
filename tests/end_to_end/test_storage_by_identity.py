"""Storage as in Azure: reached over https by a managed identity alone, without any key, through Microsoft's libraries.

Azurite looks at a token's claims, not at its signature or at roles: https://github.com/Azure/Azurite#oauth-configuration
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient

from activities.app import build
from activities.errors import ErrorCode
from activities.settings import NAMES
from local.environment import CLIENT_ID, STORAGE_ACCOUNT, STORAGE_ACCOUNT_KEY, app_environment, storage_options
from local.lifecycle import free_ports
from local.stack.certificates import CERTIFICATE
from local.stack.processes import started
from tests.end_to_end.batch_stack import activities, assert_report, ended, post
from tests.end_to_end.queue_stack import QueueStack, assignment, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http


class IdentityStack(QueueStack):
    """A stack whose Azurite speaks https; the test itself comes from outside, with the key that the app has not."""

    asked_by_tests = 0
    """How many of the calls for a token were none of the host's."""

    def queue(self, suffix: str = "") -> QueueClient:
        """Return a queue of the app. See ``QueueStack``."""
        return QueueClient(
            self.environment["AzureWebJobsStorage__queueServiceUri"],
            f"{self.environment['ACTIVITY_QUEUE']}{suffix}",
            credential={"account_name": STORAGE_ACCOUNT, "account_key": STORAGE_ACCOUNT_KEY},
            connection_verify=self.environment["SSL_CERT_FILE"],
        )

    def tables(self) -> set[str]:
        """Return the names of the tables that the app has made."""
        with TableServiceClient(
            self.environment["AzureWebJobsStorage__tableServiceUri"],
            credential=AzureNamedKeyCredential(STORAGE_ACCOUNT, STORAGE_ACCOUNT_KEY),
            connection_verify=self.environment["SSL_CERT_FILE"],
        ) as service:
            return {table.name for table in service.list_tables()}

    def token_calls(self) -> list[Json]:
        """Return the calls for a token."""
        calls = plain_http.get(f"{self.graph_url}/_emulator/requests").json()["requests"]
        return [call for call in calls if call["operation"] == "token"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityStack]:
    logs = tmp_path_factory.mktemp("identity")
    ports = free_ports([0, 0, 0])
    storage_ports = (ports[0], ports[1], ports[2])
    with (
        started("storage", "--https", str(logs), *storage_options(storage_ports), log=logs / "azurite.log"),
        started("graph", "--port", "0", log=logs / "graph.log") as graph,
    ):
        environment = app_environment(graph.url, storage_ports=storage_ports, certificate=logs / CERTIFICATE)
        stack = IdentityStack(graph.url, "", environment, logs)
        stack.change_tenant(identities=[CLIENT_ID])
        with stack.queue() as queue, suppress(ResourceExistsError):
            queue.create_queue()
        with stack.host():
            yield stack
    stack.assert_discreet()


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
