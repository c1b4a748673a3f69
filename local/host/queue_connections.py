"""The storage account behind a trigger's `connection`: a connection string, or an address and a managed identity.

It resolves settings and opens clients; it reads no queue.
https://learn.microsoft.com/azure/azure-functions/functions-reference#connections
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.storage.queue.aio import QueueServiceClient

from local.lifecycle import StartError

DEFAULT_CONNECTION = "AzureWebJobsStorage"
# What says where the queues are, in the order in which the real host looks: with an account's name, no address counts.
_ADDRESSES = ("accountName", "queueServiceUri", "serviceUri")

# The SDK logs every request; a host that polls would write little else.
_quiet = logging.getLogger("local.queues.requests")
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class QueueConnection:
    """Where the queues are and who asks: a connection string, or a URL and the client id of an identity.

    Without a client id, it is the system-assigned identity; `setting` is the name of all this among the settings.
    """

    setting: str
    connection_string: str = ""
    url: str = ""
    client_id: str | None = None


def resolve(function: str, setting: str, environ: Mapping[str, str]) -> QueueConnection:
    """Return the connection that a function's trigger names.

    Raises:
        StartError: its settings are missing, or ask for what this host does not do.
    """
    if value := environ.get(setting):
        return QueueConnection(setting, value)
    said = {
        name.removeprefix(f"{setting}__"): value for name, value in environ.items() if name.startswith(f"{setting}__")
    }
    if not any(said.values()):
        raise StartError(
            f"The function {function} reads a queue of the storage account {setting}: set {setting} to a connection "
            f"string, or {setting}__accountName and {setting}__credential=managedidentity."
        )
    credential = said.get("credential") or "managedidentity"
    if credential.lower() != "managedidentity":
        raise StartError(
            f"The function {function} connects with {setting}__credential={credential}, which the local host does not "
            "support: set it to managedidentity."
        )
    where = next((name for name in _ADDRESSES if said.get(name)), None)
    if where is None:
        names = ", ".join(f"{setting}__{name}" for name in _ADDRESSES)
        raise StartError(
            f"The function {function} connects with an identity, but to which storage account? Set one of {names}."
        )
    url = f"https://{said[where]}.queue.core.windows.net" if where == "accountName" else said[where]
    return QueueConnection(setting, url=url, client_id=said.get("clientId") or None)


def open_service(connection: QueueConnection) -> QueueServiceClient:
    """Return a client for all queues of a connection; it asks for a token once, however many queues are read.

    Raises:
        StartError: the connection string or the address cannot be used.
    """
    # The next poll is the retry.
    options: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 10, "logger": _quiet}
    try:
        if connection.connection_string:
            return QueueServiceClient.from_connection_string(connection.connection_string, **options)
        # A host with a connection string need not import it, which takes 0.1 s.
        from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415

        credential = ManagedIdentityCredential(client_id=connection.client_id, logger=_quiet)
        return QueueServiceClient(connection.url, credential=credential, **options)
    except ValueError as error:
        raise StartError(f"The connection {connection.setting} cannot be used: {error}") from error
