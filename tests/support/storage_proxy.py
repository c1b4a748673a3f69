"""Azure Storage as it really is: a proxy in front of Azurite that fails by rules, in ways that Azurite does not know.

Sources:
    https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions (a failure inside a 202)
    https://learn.microsoft.com/azure/storage/tables/scalability-targets (entities a second in a partition)
    https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
"""

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import web
from yarl import URL

from local.lifecycle import url_of

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}
_PARTITION = re.compile(r"""PartitionKey(?:='|%3D%27|": ?")([^'"%]*)""")
_INNER_OPERATION = re.compile(rb"^(?:POST|PUT|DELETE) http", re.MULTILINE)

type PassOn = Callable[[], Awaitable[web.StreamResponse]]


async def forwarded(
    request: web.BaseRequest, body: bytes, *, target: str, client: aiohttp.ClientSession
) -> web.Response:
    """Answer what the server behind answers."""
    url = URL(target + request.raw_path, encoded=True)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    # The content type is signed: none may be added.
    async with client.request(
        request.method, url, headers=headers, data=body or None, skip_auto_headers=("Content-Type",)
    ) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        return web.Response(status=answer.status, headers=kept, body=await answer.read())


@dataclass(frozen=True, slots=True)
class Asked:
    """What storage is asked for; ``service`` is "table" or "queue"."""

    service: str
    method: str
    path: str
    body: bytes

    @property
    def transaction(self) -> bool:
        """Whether it is several operations in one."""
        return self.path.partition("?")[0].endswith("/$batch")

    @property
    def writes(self) -> bool:
        """Whether entities are written."""
        return self.service == "table" and self.method != "GET" and not self.path.endswith("/Tables")

    @property
    def puts(self) -> bool:
        """Whether a message is put into a queue; by the app: the host itself does so only with poison."""
        return self.service == "queue" and self.method == "POST" and "-poison/" not in self.path

    @property
    def entities(self) -> Counter[str]:
        """How many entities of which partition it writes."""
        if not self.writes:
            return Counter()
        said = _PARTITION.search(self.path) or _PARTITION.search(self.body.decode(errors="replace"))
        return Counter({said[1] if said else "": len(_INNER_OPERATION.findall(self.body)) or 1})


@dataclass(slots=True)
class Fault:
    """One way to fail.

    Args:
        code: What storage calls it.
        status: Of the answer.
        when: Which requests it can meet.
        every: It meets each that can be met, every second one, and so on.
        times: How many it meets; None means all.
        executed: Whether storage does the work nevertheless.
        inside: Whether the failure stands inside a 202: only where the request is a transaction.
    """

    code: str
    status: HTTPStatus
    when: Callable[[Asked], bool] = lambda _: True
    every: int = 1
    times: int | None = None
    executed: bool = False
    inside: bool = False
    met: int = 0
    _seen: int = 0

    def meets(self, asked: Asked) -> bool:
        """Whether it meets this request; counts it."""
        if self.met == self.times or (self.inside and not asked.transaction) or not self.when(asked):
            return False
        self._seen += 1
        if self._seen % self.every:
            return False
        self.met += 1
        return True

    def answer(self) -> web.Response:
        """Return what storage says."""
        said = {"odata.error": {"code": self.code, "message": {"lang": "en-US", "value": f"{self.code}\nRequestId:0"}}}
        if not self.inside:
            return web.json_response(said, status=self.status, headers={"x-ms-error-code": self.code})
        inner = (
            "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
            "--changesetresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: application/json\r\n\r\n"
            f"{json.dumps(said)}\r\n--changesetresponse_1--\r\n--batchresponse_1--\r\n"
        )
        headers = {"Content-Type": "multipart/mixed; boundary=batchresponse_1"}
        return web.Response(status=HTTPStatus.ACCEPTED, body=inner.encode(), headers=headers)


@dataclass
class StorageProxy:
    """Everything that is asked of tables and queues goes through it; ``faults`` say what fails.

    Args:
        faults: The first that meets a request answers it.
        asked: How many requests there were to tables ("table"), and how many that put a message ("put").
        entities_a_second: How many entities of one partition are written in one second; the service's limit is 2,000.
    """

    ports: tuple[int, int, int]
    faults: list[Fault] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    entities_a_second: int = 2000
    throttled: int = 0
    _written: Counter[tuple[str, int]] = field(default_factory=Counter)

    def begin_bad_day(self, *, entities_a_second: int) -> None:
        """Do from now on what Azure's storage does; ``entities_a_second`` is what a partition takes."""
        self.faults, self.entities_a_second = _faults_of_a_bad_day(), entities_a_second

    def assert_met(self) -> None:
        """Check that every fault has met a request."""
        assert [fault for fault in self.faults if not fault.met] == []

    def fault_for(self, asked: Asked) -> Fault | None:
        """Return what fails of a request, if anything."""
        second = int(time.monotonic())
        for partition, entities in asked.entities.items():
            if self._written[partition, second] + entities > self.entities_a_second:
                self.throttled += 1
                return Fault("ServerBusy", HTTPStatus.SERVICE_UNAVAILABLE, inside=asked.transaction)
            self._written[partition, second] += entities
        return next((fault for fault in list(self.faults) if fault.meets(asked)), None)

    async def answer(self, asked: Asked, pass_on: PassOn) -> web.StreamResponse:
        """Answer a request by the rules, or as Azurite does."""
        self.asked.update({"table": asked.service == "table", "put": asked.puts})
        fault = self.fault_for(asked)
        if fault is None:
            return await pass_on()
        if fault.executed:
            await pass_on()
        return fault.answer()


def _faults_of_a_bad_day() -> list[Fault]:
    """Return what storage does to an app again and again, and nothing that keeps anybody waiting for long."""
    busy, broken = HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INTERNAL_SERVER_ERROR
    return [
        Fault("ServerBusy", busy, every=9, inside=True),
        Fault("OperationTimedOut", broken, every=13, executed=True, inside=True),
        Fault("OperationTimedOut", broken, lambda asked: asked.writes, every=17, executed=True),
        Fault("ServerBusy", busy, lambda asked: asked.service == "table", every=23),
        Fault("InternalError", broken, lambda asked: asked.puts, every=19, executed=True),
        Fault("TableBeingDeleted", HTTPStatus.CONFLICT, lambda asked: asked.writes, every=40, times=2),
    ]


@contextmanager
def storage_proxy(azurite: tuple[int, int, int]) -> Iterator[StorageProxy]:
    """Serve a proxy in front of Azurite's tables and queues, in a thread of its own, also for tests that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="storage proxy")
    thread.start()
    blob, *behind = azurite
    proxy = StorageProxy(azurite)
    try:
        runners, client = asyncio.run_coroutine_threadsafe(_serve(proxy, behind), loop).result()
        queue, table = (runner.addresses[0][1] for runner in runners)
        proxy.ports = (blob, queue, table)
        try:
            yield proxy
        finally:
            asyncio.run_coroutine_threadsafe(_stop(runners, client), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(proxy: StorageProxy, ports: list[int]) -> tuple[list[web.ServerRunner], aiohttp.ClientSession]:
    # Azurite closes what was idle for five seconds, perhaps at the moment when it would be used again.
    client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), auto_decompress=False)
    runners = []
    for service, port in zip(("queue", "table"), ports, strict=True):
        handler = _handler(proxy, service, target=url_of(port), client=client)
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
    return runners, client


def _handler(
    proxy: StorageProxy, service: str, *, target: str, client: aiohttp.ClientSession
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()  # However large it is.
        asked = Asked(service, request.method, request.raw_path, body)
        return await proxy.answer(asked, lambda: forwarded(request, body, target=target, client=client))

    return handle


async def _stop(runners: list[web.ServerRunner], client: aiohttp.ClientSession) -> None:
    for runner in runners:
        await runner.cleanup()
    await client.close()
