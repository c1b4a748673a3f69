"""A storage that does not let the app in says why, and the app says to its admin what to do about it.

Azurite knows no roles and no network rules: the answers are given as the service's pages show them.
https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from activities.errors import ErrorCode, TransientError
from activities.settings import Storage
from activities.storage.queues import Queue
from activities.storage.table_bytes import Operation, Verb
from activities.storage.tables import Table
from local.environment import STORAGE_ACCOUNT, STORAGE_ACCOUNT_KEY

ENTITY = {"PartitionKey": "p", "RowKey": "r"}
CALLS: dict[str, Callable[[Table, Queue], Awaitable[object]]] = {
    "create": lambda table, _: table.do(Operation(Verb.CREATE, ENTITY)),
    "transact": lambda table, _: table.transact([Operation(Verb.CREATE, ENTITY)]),
    "query": lambda table, _: anext(table.query("PartitionKey eq 'p'")),
    "put": lambda _, queue: queue.put("text"),
    "check": lambda _, queue: queue.check(),
}


@asynccontextmanager
async def refusing(status: int, code: str) -> AsyncIterator[tuple[Table, Queue]]:
    """Give a table and a queue of a storage that answers everything with one error, in each service's form."""

    async def refuse(request: web.BaseRequest) -> web.Response:
        headers = {"x-ms-error-code": code} if code else {}
        if "/queues/" in request.path:
            body = (
                f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'
            )
            return web.Response(status=status, text=body, content_type="application/xml", headers=headers)
        said = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "no"}}}
        return web.Response(status=status, text=json.dumps(said), content_type="application/json")

    async with RawTestServer(refuse) as server:
        account = f"DefaultEndpointsProtocol=http;AccountName={STORAGE_ACCOUNT};AccountKey={STORAGE_ACCOUNT_KEY};"
        urls = f"QueueEndpoint={server.make_url('/queues')};TableEndpoint={server.make_url('/tables')};"
        table = Table(Storage(account + urls), "activityledger", credential=None)
        queue = Queue(Storage(account + urls), "learning-activities", credential=None)
        try:
            yield table, queue
        finally:
            await table.close()
            await queue.close()


async def failure(call: str, status: int, code: str) -> TransientError:
    async with refusing(status, code) as (table, queue):
        with pytest.raises(TransientError) as caught:
            await CALLS[call](table, queue)
    assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
    return caught.value


@pytest.mark.parametrize("call", CALLS)
async def test_a_missing_role_is_named_whatever_was_asked_for(call: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="activities")
    error = await failure(call, 403, "AuthorizationPermissionMismatch")
    assert "Storage Queue Data Contributor" in error.message
    assert "Storage Table Data Contributor" in error.message
    assert '"status": 403, "storageCode": "AuthorizationPermissionMismatch"' in caplog.text


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "AuthorizationFailure", "network rules"),
        (403, "KeyBasedAuthenticationNotPermitted", "remove the setting AzureWebJobsStorage"),
        (403, "AuthenticationFailed", "settings that begin with AzureWebJobsStorage"),
        (401, "InvalidAuthenticationInfo", "settings that begin with AzureWebJobsStorage"),
        (403, "", "settings that begin with AzureWebJobsStorage"),
    ],
)
@pytest.mark.parametrize("call", ["transact", "put"])
async def test_every_refusal_says_who_has_to_do_what(call: str, status: int, code: str, advice: str) -> None:
    error = await failure(call, status, code)
    assert f"refuses the function app ({code or status})" in error.message
    assert "An admin has to" in error.message or "an admin has to" in error.message
    assert advice in error.message


async def test_a_refusal_is_not_asked_about_every_half_minute() -> None:
    refused, busy = await failure("put", 403, "AuthorizationFailure"), await failure("put", 409, "QueueBeingDeleted")
    assert refused.retry_after_seconds > busy.retry_after_seconds
    assert "usually passes within a minute" in busy.message
