"""The connection to one table: Microsoft's client, and the part of its pipeline that an operation as bytes needs.

A module of its own, because importing azure-data-tables takes as long as a dozen creates: whoever does without a table
does not import it.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import AsyncPipeline, policies
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.data.tables.aio import TableClient

from activities.settings import Storage

# The waits of the library's own retry would add up to more than the time that storage has.
_OPTIONS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.3, "connection_timeout": 3}
# What an operation does without: half of what one costs. What signs, dates and repeats it remains.
_IDLE = (
    policies.AsyncRedirectPolicy,
    policies.ContentDecodePolicy,
    policies.CustomHookPolicy,
    policies.DistributedTracingPolicy,
    policies.HttpLoggingPolicy,
    policies.NetworkTraceLoggingPolicy,
    policies.ProxyPolicy,
    policies.RequestIdPolicy,
    policies.UserAgentPolicy,
)
# The library repeats no POST whose answer was lost. The app can: an entity tells whose it is, so whoever finds it
# there, or changed, can see that it was their own.
_REPEATED = frozenset({"POST", "PUT", "DELETE"})


class TableConnection:
    """One table as the library sees it (``client``), its address, and a way to send bytes."""

    def __init__(self, storage: Storage, name: str, *, credential: AsyncTokenCredential | None) -> None:
        # By default a thread looks for a proxy and a password file at every request, which takes as long as the rest.
        transport = AioHttpTransport(use_env_settings=False)
        options: dict[str, Any] = {**_OPTIONS, "transport": transport}
        self.client = (
            TableClient.from_connection_string(storage.connection_string, name, **options)
            if storage.connection_string
            else TableClient(storage.table_url, name, credential=credential, **options)
        )
        self.account_url = self.client.url.partition("?")[0].rstrip("/")
        self.table_url = f"{self.account_url}/{name}"
        # The library has no public way to send bytes, nor to sign them. Copies, because a policy knows its successor.
        kept = [copy(policy) for policy in self.client._policies if not isinstance(policy, _IDLE)]  # noqa: SLF001
        self._pipeline = AsyncPipeline[HttpRequest, AsyncHttpResponse](transport, kept)

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: str) -> tuple[int, str, bytes]:
        """Send a request, again if its answer is lost, and return status, etag and body of the answer.

        Raises:
            AzureError: whatever the library raises.
        """
        version = {"x-ms-version": self.client.api_version}
        request = HttpRequest(method, url, headers={**headers, **version}, content=content.encode() or None)
        answered = await self._pipeline.run(request, stream=True, retry_on_methods=_REPEATED)
        response = answered.http_response
        return response.status_code, str(response.headers.get("etag", "")), await response.read()

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
