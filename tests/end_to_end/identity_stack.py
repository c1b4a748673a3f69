"""A stack as in Azure: storage is reached over https by an identity alone, and no process has a key.

Azurite looks at a token's claims, not at its signature or at roles: https://github.com/Azure/Azurite#oauth-configuration
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient

from local.environment import CLIENT_ID, STORAGE_ACCOUNT, STORAGE_ACCOUNT_KEY, app_environment, storage_options
from local.lifecycle import free_ports
from local.stack.certificates import CERTIFICATE
from local.stack.processes import started
from tests.end_to_end.queue_stack import QueueStack
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


@contextmanager
def identity_stack(logs: Path, settings: Mapping[str, str] | None = None) -> Iterator[IdentityStack]:
    """Run such a stack with one host, and read its log when the tests are done; certificates are in ``logs``."""
    ports = free_ports([0, 0, 0])
    storage_ports = (ports[0], ports[1], ports[2])
    with (
        started("storage", "--https", str(logs), *storage_options(storage_ports), log=logs / "azurite.log"),
        started("graph", "--port", "0", log=logs / "graph.log") as graph,
    ):
        environment = app_environment(graph.url, storage_ports=storage_ports, certificate=logs / CERTIFICATE)
        stack = IdentityStack(graph.url, "", {**environment, **(settings or {})}, logs)
        stack.change_tenant(identities=[CLIENT_ID])
        with stack.queue() as queue, suppress(ResourceExistsError):
            queue.create_queue()
        with stack.host():
            yield stack
    stack.assert_discreet()
