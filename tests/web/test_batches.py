"""``POST /api/batches``: answered at once or accepted for good, and accepted once however often it is sent."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from activities.app import App, Store
from activities.batches import accepting
from activities.batches.accepting import LARGEST_INLINE, BatchAcceptor
from activities.batches.task import Task
from activities.contract.models import Defaults
from activities.errors import ErrorCode, TransientError
from activities.execution import sending
from activities.health import Health
from activities.settings import SignIn
from activities.storage.queues import Receipt
from activities.web import batches
from activities.web.http import Request, Response
from activities.web.runtime import Runtime
from tests.support.batch_stage import URL, Ports, Stage, batch_stage, body_of, course, courses
from tests.support.error_shape import assert_error
from tests.support.fakes import OTHER_REGISTRATION_ID, Fault
from tests.support.principals import APPLICATION, MANAGE, WRITE, application, header
from tests.support.stores import DEFAULTS

THROTTLED = TransientError(ErrorCode.THROTTLED, "Wait.", retry_after_seconds=90.0)
LATER = {"prefer": "respond-async"}
KEY = {"repeatability-request-id": "run-1"}
EXTERNAL_ID = "externalCourseActivityId"
OTHER_APPLICATION = "00000000-0000-0000-0000-000000000001"
LIMITED = replace(DEFAULTS, registration_ids_of_clients={APPLICATION: frozenset({OTHER_REGISTRATION_ID})})


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before a look-up have their own tests."""
    monkeypatch.setattr(sending, "LOOK_UP_PAUSES_SECONDS", (0.0, 0.0))


@pytest_asyncio.fixture
async def stage(storage_ports: Ports) -> AsyncIterator[Stage]:
    async with batch_stage(storage_ports) as one:
        yield one


def assert_accepted(response: Any, total: int) -> str:
    """Check that a batch was accepted and is told truthfully; return its id."""
    assert response.status == 202, response.body
    said = body_of(response)
    assert response.headers["Location"] == f"{URL}/{said['batchId']}"
    assert response.headers["Operation-Location"] == f"{URL}/{said['batchId']}/status"
    assert 1 <= int(response.headers["Retry-After"]) <= 300
    assert (said["status"], said["total"], said["allSucceeded"]) == ("running", total, False)
    assert "KEY" not in f"{response.body!r}{dict(response.headers)}"
    batch_id: str = said["batchId"]
    return batch_id


class TestAtOnce:
    @pytest.mark.parametrize("count", [1, 20])
    async def test_up_to_twenty_are_answered_with_their_results(self, stage: Stage, count: int) -> None:
        response = await stage.posts(courses(count))
        assert response.status == 200
        said = body_of(response)
        assert (said["succeededCount"], said["failedCount"], said["allSucceeded"]) == (count, 0, True)
        assert [(one["index"], one["outcome"]) for one in said["results"]] == [(n, "created") for n in range(count)]
        assert stage.graph.sizes == [count]
        assert stage.queue.messages == []
        assert body_of(await stage.gets(said["batchId"])) == said

    @pytest.mark.parametrize("invalid", [1, 100, LARGEST_INLINE - 20])
    async def test_invalid_records_among_them_are_told_in_their_places(self, stage: Stage, invalid: int) -> None:
        """They cost no call to Graph, so there may be more of them."""
        wrong = [course(number, status="maybe") for number in range(invalid)]
        response = await stage.posts([*wrong[: invalid // 2], *courses(20), *wrong[invalid // 2 :]])
        assert response.status == 200
        said = body_of(response)
        assert (said["succeededCount"], said["failedCount"], said["allSucceeded"]) == (20, invalid, False)
        assert [one["index"] for one in said["results"]] == list(range(invalid + 20))
        places = range(invalid // 2, invalid // 2 + 20)
        assert [one["index"] for one in said["results"] if one["outcome"] == "created"] == list(places)
        again = body_of(await stage.gets(said["batchId"]))
        assert again == said

    async def test_a_batch_of_which_everything_failed_is_answered_with_200_too(self, stage: Stage) -> None:
        said = body_of(await stage.posts([{}, 5]))
        assert (said["status"], said["failedCount"]) == ("completed", 2)

    async def test_what_is_throttled_is_left_to_the_queue_with_the_delay(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(), Fault(THROTTLED)])
        response = await stage.posts(courses(3))
        batch_id = assert_accepted(response, 3)
        assert [one["index"] for one in body_of(response)["results"]] == [0, 2]
        (delay,) = stage.queue.delays
        assert 90 <= delay <= 108
        running = await stage.gets(batch_id)
        assert_accepted(running, 3)
        assert 80 < int(running.headers["Retry-After"]) <= 108
        await stage.run_dry()
        said = body_of(await stage.gets(batch_id))
        assert (said["status"], said["succeededCount"]) == ("completed", 3)
        assert stage.graph.contents == ["content-0", "content-1", "content-2"]

    async def test_what_is_throttled_in_several_chunks_is_left_to_the_queue_chunk_by_chunk(self, stage: Stage) -> None:
        wrong = [course(status="maybe")] * 20
        stage.graph.arm("create", [Fault(THROTTLED), Fault(), Fault(THROTTLED)])
        batch_id = assert_accepted(await stage.posts([course(0), *wrong, course(1), *wrong, course(2)]), 43)
        tasks = [Task.decode(message.delivery.body) for message in stage.queue.messages]
        assert [task.chunk and task.chunk.part for task in tasks] == [0, 2]
        await stage.run_dry()
        said = body_of(await stage.gets(batch_id))
        assert (said["succeededCount"], said["failedCount"]) == (3, 40)

    async def test_a_bug_does_not_take_the_report_away(self, stage: Stage) -> None:
        """Without one, a flow would send everything again under other ids."""

        def choose(_: str) -> Fault | None:
            if len(stage.graph.calls) == 1:
                raise LookupError("SECRET")
            return None

        stage.graph.choose_fault = choose
        batch_id = assert_accepted(await stage.posts(courses(2)), 2)
        await stage.run_dry()
        assert body_of(await stage.gets(batch_id))["allSucceeded"]

    async def test_each_record_has_the_provider_of_the_settings_or_of_the_envelope(self, stage: Stage) -> None:
        provider = "13727311-e7bb-470d-8b20-6a23d9030d70"
        await stage.asks(batches.create_batch, {"activities": courses(1), "registrationId": provider})
        await stage.posts(courses(1))
        assert [one[0] for one in stage.graph.stored] == [provider, "01e8f81b-3060-4dec-acf0-0389665a0a38"]

    async def test_an_envelope_that_is_wrong_leaves_nothing_behind(self, stage: Stage) -> None:
        assert_error(await stage.posts([], KEY), 400, "invalidRequest")
        assert_error(await stage.posts(b"no JSON", KEY), 400, "invalidJson")
        assert_error(await stage.posts([1] * 10_001, KEY), 413, "requestTooLarge")
        assert (stage.life.count, stage.graph.calls) == (0, [])


class TestLater:
    async def test_more_than_twenty_are_accepted_and_worked_off(self, stage: Stage) -> None:
        response = await stage.posts(courses(21))
        batch_id = assert_accepted(response, 21)
        assert body_of(response)["results"] == []
        assert stage.graph.calls == []
        assert_accepted(await stage.gets(batch_id), 21)
        await stage.run_dry()
        done = await stage.gets(batch_id)
        assert (done.status, body_of(done)["succeededCount"]) == (200, 21)
        assert "Location" not in done.headers

    async def test_a_large_batch_is_not_looked_through(self, stage: Stage) -> None:
        wrong = [course(status="maybe")] * (LARGEST_INLINE + 1)
        batch_id = assert_accepted(await stage.posts(wrong), len(wrong))
        await stage.run_dry()
        assert body_of(await stage.gets(batch_id))["failedCount"] == len(wrong)

    @pytest.mark.parametrize(
        "prefer", ["respond-async", "Respond-Async", "return=minimal, respond-async", "respond-async; x=1,wait=10"]
    )
    async def test_who_prefers_so_is_answered_before_anything_is_created(self, stage: Stage, prefer: str) -> None:
        batch_id = assert_accepted(await stage.posts(courses(1), {"prefer": prefer}), 1)
        assert stage.graph.calls == []
        await stage.run_dry()
        assert body_of(await stage.gets(batch_id))["allSucceeded"]

    @pytest.mark.parametrize("prefer", ["", "wait=10", "respond-asynchronously", "x=respond-async"])
    async def test_another_preference_changes_nothing(self, stage: Stage, prefer: str) -> None:
        assert (await stage.posts(courses(1), {"prefer": prefer})).status == 200


class TestDurable:
    @pytest.mark.parametrize("done", [False, True], ids=["it is not done", "its answer is lost"])
    @pytest.mark.parametrize(
        ("headers", "faults"),
        [(LATER, []), ({}, []), ({}, [Fault(), Fault(THROTTLED)])],
        ids=["later", "at once", "throttled"],
    )
    async def test_whatever_request_to_storage_fails_a_batch_is_accepted_completely_or_not_and_repeated_safely(
        self,
        storage_ports: Ports,
        headers: dict[str, str],
        faults: list[Fault],
        monkeypatch: pytest.MonkeyPatch,
        *,
        done: bool,
    ) -> None:
        monkeypatch.setattr(accepting, "ACCEPTING_SECONDS", 0.0)  # Whoever accepted it first is dead by then.
        for left in range(20):
            async with batch_stage(storage_ports) as stage:
                stage.graph.arm("create", faults)
                stage.life.left, stage.life.storage_fails, stage.life.done = left, True, done
                response = await stage.posts(courses(2), {**headers, **KEY})
                failed, stage.life.left, stage.life.storage_fails = stage.life.left == 0, None, False
                stage.time.pass_by(61)  # The leases of what was claimed are over.
                if response.status in {200, 202}:
                    said = body_of(response)
                    kept = await stage.batches.get(said["batchId"]) is not None
                    told_all = said["succeededCount"] + said["failedCount"] == 2
                    assert told_all if response.status == 200 else kept and stage.queue.messages, left
                    assert said["succeededCount"] <= len(stage.graph.stored)
                else:
                    assert_error(response, 503, "storageUnavailable")
                response = await stage.posts(courses(2), {**headers, **KEY})
                assert response.status in {200, 202}
                await stage.run_dry()
                final = await stage.gets(body_of(response)["batchId"])
                assert final.status == 200, left
                # What the caller was told to send again is sent again, as it was told.
                failures = [one for one in body_of(final)["results"] if one["outcome"] == "failed"]
                assert {one["errorCode"] for one in failures} <= {"storageUnavailable"}
                again = [course(one["index"], externalCourseActivityId=one[EXTERNAL_ID]) for one in failures]
                assert not again or body_of(await stage.posts(again))["allSucceeded"]
                await stage.run_dry()
                assert stage.graph.contents == ["content-0", "content-1"], left
            if not failed:
                break
        assert 2 <= left < 19

    @pytest.mark.parametrize("faults", [[], [Fault(THROTTLED)]], ids=["later", "throttled"])
    async def test_a_worker_that_gets_the_message_at_once_finds_the_batch(
        self, stage: Stage, faults: list[Fault], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put = stage.queue.put

        async def put_and_deliver(text: str, *, delay_seconds: float = 0.0) -> Receipt:
            sent = await put(text, delay_seconds=delay_seconds)
            await stage.run_dry()
            return sent

        monkeypatch.setattr(stage.queue, "put", put_and_deliver)
        stage.graph.arm("create", faults)
        batch_id = assert_accepted(await stage.posts(courses(2), {} if faults else LATER), 2)
        assert body_of(await stage.gets(batch_id))["succeededCount"] == 2

    async def test_without_a_storage_account_it_says_so(self, stage: Stage) -> None:
        runtime = Runtime(lambda: App(Defaults(), stage.graph, Health(stage.graph, None)))
        body = json.dumps({"activities": courses(1)}).encode()
        for use_case in (batches.create_batch, batches.get_batch, batches.get_batch_status):
            assert_error(await runtime.answer(Request(body), use_case), 503, "storageUnavailable")
        assert stage.graph.calls == []


class TestTheSameKeyAgain:
    @pytest.mark.parametrize("name", ["repeatability-request-id", "idempotency-key"])
    async def test_it_gets_the_same_report(self, stage: Stage, name: str) -> None:
        first = await stage.posts(courses(2), {name: "run-1"})
        again = await stage.posts(courses(2), {name: "run-1"})
        assert (first.status, again.status) == (200, 200)
        assert body_of(again) == body_of(first)
        assert len(stage.graph.stored) == 2
        other = await stage.posts(courses(2), {name: "run-2"})
        assert body_of(other)["batchId"] != body_of(first)["batchId"]
        assert len(stage.graph.stored) == 4

    async def test_while_it_runs_it_is_accepted_again_under_the_same_address(self, stage: Stage) -> None:
        first = assert_accepted(await stage.posts(courses(25), KEY), 25)
        assert assert_accepted(await stage.posts(courses(25), KEY), 25) == first
        await stage.run_dry()
        again = await stage.posts(courses(25), KEY)
        assert (again.status, body_of(again)["succeededCount"]) == (200, 25)
        assert len(stage.graph.stored) == 25

    async def test_a_message_that_was_lost_is_put_into_the_queue_again(self, stage: Stage) -> None:
        assert_accepted(await stage.posts(courses(25), KEY), 25)
        stage.queue.messages.clear()
        batch_id = assert_accepted(await stage.posts(courses(25), KEY), 25)
        await stage.run_dry()
        assert body_of(await stage.gets(batch_id))["allSucceeded"]

    async def test_the_next_page_of_its_report_is_where_the_report_is(self, stage: Stage) -> None:
        wrong = [course(status="maybe")] * 1_001
        for _ in range(2):
            response = await stage.posts(wrong, KEY, {"name": "x"})
            await stage.run_dry()
        said = body_of(response)
        assert len(said["results"]) == 1_000
        assert said["nextLink"] == f"{URL}/{said['batchId']}?after=999"

    async def test_while_it_is_being_accepted_it_is_to_come_later(self, stage: Stage) -> None:
        stage.life.left, stage.life.storage_fails = 2, True
        assert_error(await stage.posts(courses(25), KEY), 503, "storageUnavailable")
        stage.life.left = None
        assert_error(await stage.posts(courses(25), KEY), 503, "createInProgress")
        assert stage.queue.messages == []

    @pytest.mark.parametrize("query", [{}, {"name": "another"}])
    async def test_with_something_else_it_is_refused(self, stage: Stage, query: dict[str, str]) -> None:
        assert (await stage.posts(courses(1), KEY)).status == 200
        error = assert_error(await stage.posts(courses(1 if query else 2), KEY, query), 400, "invalidRequest")
        assert error["target"] == "Repeatability-Request-ID"
        assert len(stage.graph.stored) == 1

    async def test_another_function_key_is_the_same_request(self, stage: Stage) -> None:
        first = await stage.posts(courses(1), KEY, {"code": "one"})
        again = await stage.posts(courses(1), KEY, {"Code": "two"})
        assert body_of(again) == body_of(first)


class TestAmbiguous:
    """What is said when storage fails, or only says so, is true."""

    DOWN = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0)

    @pytest.mark.parametrize("done", [False, True], ids=["it is not done", "its answer is lost"])
    async def test_a_batch_whose_message_may_be_there_goes_away(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, *, done: bool
    ) -> None:
        put = stage.queue.put

        async def fail(text: str, *, delay_seconds: float = 0.0) -> Receipt:
            if done:
                await put(text, delay_seconds=delay_seconds)
            raise self.DOWN

        with monkeypatch.context() as patch:
            patch.setattr(stage.queue, "put", fail)
            error = assert_error(await stage.posts(courses(21)), 503, "storageUnavailable")
        assert "may be carried out nevertheless" in error["message"]
        assert len(stage.queue.messages) == done
        batch_id = assert_accepted(await stage.posts(courses(21)), 21)
        await stage.run_dry()
        assert body_of(await stage.gets(batch_id))["allSucceeded"]
        assert len(stage.graph.stored) == 21

    @pytest.mark.parametrize("requests", [1, 2], ids=["nor settled", "settled"])
    async def test_what_graph_did_is_answered_also_if_it_cannot_be_kept(self, stage: Stage, requests: int) -> None:
        stage.life.left, stage.life.storage_fails = requests, True
        response = await stage.posts([*courses(3), course(status="maybe")])
        stage.life.left = None
        said = body_of(response)
        assert (response.status, said["succeededCount"], said["failedCount"]) == (200, 3, 1)
        assert len(stage.graph.stored) == 3
        assert (await stage.gets(said["batchId"])).status == 404

    @pytest.mark.parametrize("told", [True, False])
    async def test_what_has_to_wait_and_cannot_be_kept_has_come_to_its_end(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, *, told: bool
    ) -> None:
        """The report says so, too, if it can; whoever finds the message nevertheless leaves these records alone."""
        put = stage.queue.put

        async def fail(text: str, *, delay_seconds: float = 0.0) -> Receipt:
            await put(text, delay_seconds=delay_seconds)
            if not told:
                stage.life.left, stage.life.storage_fails = 0, True
            raise self.DOWN

        stage.graph.arm("create", [Fault(), Fault(THROTTLED)])
        with monkeypatch.context() as patch:
            patch.setattr(stage.queue, "put", fail)
            response = await stage.posts(courses(2))
        stage.life.left = None
        said = body_of(response)
        assert (response.status, said["status"]) == (200, "completed")
        assert [one["errorCode"] for one in said["results"]] == ["", "storageUnavailable"]
        waiting = said["results"][1]
        assert waiting[EXTERNAL_ID]
        assert "throttled" in waiting["errorMessage"]
        assert "nothing was created" not in waiting["errorMessage"]
        if told:
            await stage.run_dry()
            assert body_of(await stage.gets(said["batchId"]))["results"] == said["results"]
            assert len(stage.graph.stored) == 1
        again = await stage.posts([course(1, externalCourseActivityId=waiting[EXTERNAL_ID])])
        assert body_of(again)["allSucceeded"]
        await stage.run_dry()
        assert stage.graph.contents == ["content-0", "content-1"]

    async def test_where_nothing_was_sent_the_whole_batch_is_refused(self, stage: Stage) -> None:
        stage.life.left, stage.life.storage_fails = 0, True
        assert_error(await stage.posts(courses(2)), 503, "storageUnavailable")
        assert stage.graph.calls == []


class TestCallers:
    """Where Microsoft Entra ID lets callers in, a batch is its client's."""

    async def sends(
        self, stage: Stage, contents: object, client_id: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a batch by a client, of which the first may write to one other provider only."""
        said = {"x-ms-client-principal": header(application(WRITE, client_id=client_id)), **(headers or {})}
        body = json.dumps({"activities": contents}).encode()
        request = Request(body, said, URL, function="create_batch")
        return await self.runtime(stage).answer(request, batches.create_batch)

    async def deletes(self, stage: Stage, batch_id: str, client_id: str, *, role: str = WRITE) -> Response:
        """Delete a batch by a client."""
        said = {"x-ms-client-principal": header(application(role, client_id=client_id))}
        route = {"batchId": batch_id}
        request = Request(b"", said, f"{URL}/{batch_id}", route=route, function="delete_batch")
        return await self.runtime(stage).answer(request, batches.delete_batch)

    def runtime(self, stage: Stage) -> Runtime:
        sign_in = SignIn(frozenset({APPLICATION, OTHER_APPLICATION}))
        app = App(LIMITED, stage.graph, Health(stage.graph, None), lambda: self.store(stage), sign_in=sign_in)
        return Runtime(lambda: app)

    def store(self, stage: Stage) -> Store:
        worker = stage.worker = replace(stage.worker, defaults=LIMITED)
        return replace(stage.store, batch_worker=worker, batch_acceptor=BatchAcceptor(stage.batches, worker))

    @pytest.mark.parametrize("headers", [{}, LATER], ids=["at once", "later"])
    async def test_a_record_for_a_provider_that_is_not_the_clients_fails_by_itself(
        self, stage: Stage, headers: dict[str, str]
    ) -> None:
        contents = [course(0), course(1, registrationId=OTHER_REGISTRATION_ID)]
        response = await self.sends(stage, contents, APPLICATION, headers)
        await stage.run_dry()
        said = body_of(await stage.gets(body_of(response)["batchId"]))
        assert [one["errorCode"] for one in said["results"]] == ["notAllowed", ""]
        assert [one[0] for one in stage.graph.stored] == [OTHER_REGISTRATION_ID]

    @pytest.mark.parametrize("headers", [{}, LATER], ids=["at once", "later"])
    async def test_a_client_that_is_not_named_writes_to_all(self, stage: Stage, headers: dict[str, str]) -> None:
        response = await self.sends(stage, courses(2), OTHER_APPLICATION, headers)
        await stage.run_dry()
        assert body_of(await stage.gets(body_of(response)["batchId"]))["allSucceeded"]

    async def test_only_its_own_batches_are_deleted_by_a_client_that_is_limited(self, stage: Stage) -> None:
        """Those of others can be for providers that are not its own; who is not limited may delete any."""
        ids = [
            body_of(await self.sends(stage, courses(1), client_id))["batchId"]
            for client_id in (APPLICATION, OTHER_APPLICATION, APPLICATION)
        ]
        mine, others, also_mine = ids
        assert_error(await self.deletes(stage, others, APPLICATION), 403, "notAllowed")
        assert (await stage.gets(others)).status == 200
        assert (await self.deletes(stage, mine, APPLICATION)).status == 200
        assert (await self.deletes(stage, also_mine, OTHER_APPLICATION)).status == 200

    async def test_who_may_only_manage_failures_deletes_no_batch(self, stage: Stage) -> None:
        batch_id = body_of(await self.sends(stage, courses(1), OTHER_APPLICATION))["batchId"]
        assert_error(await self.deletes(stage, batch_id, OTHER_APPLICATION, role=MANAGE), 403, "notAllowed")
        assert (await stage.gets(batch_id)).status == 200

    async def test_what_is_put_into_the_queue_again_is_still_the_clients(self, stage: Stage) -> None:
        stage.graph.arm("create", [Fault(THROTTLED)])
        contents = [course(0, registrationId=OTHER_REGISTRATION_ID)]
        assert_accepted(await self.sends(stage, contents, APPLICATION, KEY), 1)
        assert [Task.decode(one.delivery.body).client_id for one in stage.queue.messages] == [APPLICATION]
        stage.queue.messages.clear()
        batch_id = assert_accepted(await self.sends(stage, contents, APPLICATION, KEY), 1)
        assert [Task.decode(one.delivery.body).client_id for one in stage.queue.messages] == [APPLICATION]
        found = await stage.batches.get(batch_id)
        assert found is not None
        assert found[0].client_id == APPLICATION

    async def test_a_key_belongs_to_its_client(self, stage: Stage) -> None:
        contents = [course(0, registrationId=OTHER_REGISTRATION_ID)]
        first, second = [await self.sends(stage, contents, one, KEY) for one in (APPLICATION, OTHER_APPLICATION)]
        assert (first.status, second.status) == (200, 200)
        assert body_of(first)["batchId"] != body_of(second)["batchId"]
        again = await self.sends(stage, contents, APPLICATION, KEY)
        assert body_of(again)["batchId"] == body_of(first)["batchId"]


@pytest.mark.parametrize("base", ["https://api.contoso.com", "https://api.contoso.com/learning"])
async def test_behind_a_gateway_every_address_is_the_gateways(stage: Stage, base: str) -> None:
    app = App(DEFAULTS, stage.graph, Health(stage.graph, None), lambda: stage.store, public_base_url=base)
    runtime = Runtime(lambda: app)
    body = json.dumps({"activities": [course(status="maybe")] * 1_001}).encode()
    accepted = await runtime.answer(Request(body, url=f"{URL}?code=KEY"), batches.create_batch)
    batch_id = body_of(accepted)["batchId"]
    report = f"{base}/api/batches/{batch_id}"
    assert accepted.headers["Location"] == report
    assert accepted.headers["Operation-Location"] == f"{report}/status"
    await stage.run_dry()
    asked = Request(url=f"{URL}/{batch_id}", route={"batchId": batch_id})
    assert body_of(await runtime.answer(asked, batches.get_batch))["nextLink"] == f"{report}?after=999"
    status = replace(asked, url=f"{asked.url}/status")
    said = body_of(await runtime.answer(status, batches.get_batch_status))
    assert said["resourceLocation"] == said["error"]["target"] == report
    page = await runtime.answer(replace(asked, headers={"accept": "text/html"}), batches.get_batch)
    assert f'"{report}'.encode() in page.body
    assert URL.encode() not in page.body


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/csv"])
async def test_every_form_of_a_report_is_for_whoever_asked_alone(stage: Stage, accept: str) -> None:
    batch_id = body_of(await stage.posts([{}]))["batchId"]
    for one in (batch_id, "0" * 32):
        response = await stage.gets(one, {"accept": accept}, {"format": "csv"} if accept == "text/csv" else None)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Vary"] == "Accept"
