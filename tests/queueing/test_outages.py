"""Tables that fail or refuse the app for five minutes while its queues work, as Azure's do: no message is lost.

The tables are real, behind a proxy that fails as Azure's do; the queue and its time are in memory.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from http import HTTPStatus
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.execution.patience import PATIENCE
from activities.queueing.failures import Failures
from activities.queueing.messages import Failure
from activities.queueing.signing_key import SigningKey
from activities.queueing.worker import QueueWorker
from activities.settings import Storage
from activities.storage import outages
from activities.storage.ledger import TableLedger
from activities.storage.tables import Table
from local.environment import storage_connection_string
from tests.support.ledgers import app_key
from tests.support.queue_fakes import FakeQueue
from tests.support.queue_stage import COURSE, Stage, delivery
from tests.support.storage_proxy import Fault, StorageProxy, storage_proxy

OUTAGE_SECONDS = 300.0
MOST_DELIVERIES = 100
LOST_ANSWERS = 3
FAULTS = {
    "roles that have not spread": Fault("AuthorizationPermissionMismatch", HTTPStatus.FORBIDDEN),
    "busy": Fault("ServerBusy", HTTPStatus.SERVICE_UNAVAILABLE),
    "broken": Fault("InternalError", HTTPStatus.INTERNAL_SERVER_ERROR, executed=True),
    "being deleted": Fault("TableBeingDeleted", HTTPStatus.CONFLICT),
}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long they are has a test of its own."""
    monkeypatch.setattr(outages, "PAUSES_SECONDS", (0.001, 0.001))


@pytest.fixture(scope="module")
def proxy(storage_ports: tuple[int, int, int]) -> Iterator[StorageProxy]:
    with storage_proxy(storage_ports) as one:
        yield one


@pytest_asyncio.fixture
async def worker(proxy: StorageProxy, stage: Stage) -> AsyncIterator[QueueWorker]:
    """Give the stage's worker, with a ledger, failures and a key in a table."""
    proxy.faults = []
    async with AsyncExitStack() as stack:
        table = Table(Storage(storage_connection_string(*proxy.ports)), f"t{uuid4().hex}", credential=None)
        stack.push_async_callback(table.close)
        key = SigningKey(table)
        failures = Failures(table, queue=stage.queue, failed_queue=FakeQueue(), patience=PATIENCE, signing_key=key)
        yield replace(
            stage.worker,
            ledger=TableLedger(table, key=app_key, lease_seconds=1, now=stage.queue.now),
            failures=failures,
            signing_key=key,
        )


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_message_is_lost_and_nothing_is_done_twice(
    proxy: StorageProxy, stage: Stage, worker: QueueWorker, fault: str
) -> None:
    outage = replace(FAULTS[fault])
    proxy.faults = [outage]
    records = [{**COURSE, "externalCourseActivityId": f"course-{number}"} for number in range(3)]
    texts = [json.dumps([*records, {"bad": 1}]), "no JSON", json.dumps({**COURSE, "externalCourseActivityId": "last"})]
    for number, text in enumerate(texts):
        await worker.handle(delivery(text, f"message-{number}"))
    for deliveries, again in enumerate(stage.queue.received()):
        assert deliveries < MOST_DELIVERIES, "it comes back for ever"
        if stage.queue.time.seconds > OUTAGE_SECONDS:
            proxy.faults = []
        await worker.handle(again)
    assert outage.met
    names = [activity.entity["externalCourseActivityId"] for _, activity in stage.graph.stored]
    assert sorted(names) == ["course-0", "course-1", "course-2", "last"]
    listed, _ = await worker.failures.page(code=None, size=9, after="")
    assert sorted(failure.code for failure in listed) == ["invalidJson", "invalidRequest"]


async def test_what_cannot_be_read_is_told_under_one_id_however_often_its_end_is_not_written_down(
    stage: Stage, worker: QueueWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told, and then storage did not say so: what is put back is the same failure, and not another one."""
    add, told = worker.failures.add, []

    async def add_and_lose_the_answer(failure: Failure) -> None:
        await add(failure)
        told.append(failure)
        if len(told) < LOST_ANSWERS:
            raise outages.storage_unavailable()

    monkeypatch.setattr(worker.failures, "add", add_and_lose_the_answer)
    first = delivery("no JSON", "message-1")
    await worker.handle(first)
    for again in stage.queue.received():
        await worker.handle(again)
    assert len(told) == LOST_ANSWERS
    assert {(one.id, one.body, one.first_seen) for one in told} == {(told[0].id, first.body, told[0].first_seen)}
    listed, _ = await worker.failures.page(code=None, size=9, after="")
    assert [one.id for one in listed] == [told[0].id]
