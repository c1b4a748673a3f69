"""Requests to Graph go together as long as it takes batches; where it does not, singly, and nothing is done twice."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from activities.contract.models import StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.lifecycle import creation
from activities.graph import translation
from activities.graph.batching import SINGLES_AT_ONCE, Batching, Part
from activities.graph.sdk import Answer
from tests.support.fakes import activity_request, key_of
from tests.support.gateways import Emulated

PARTS = [Part("POST", f"/{place}", {}, b"{}") for place in range(3)]
REQUESTS = [activity_request(f"course-{number}") for number in range(10)]
REFUSAL = {"error": {"code": "BadRequest", "message": "This resource is not supported in a batch."}}
REFUSALS = [400, 403, 404, 405, 413, 415, 501]
NO_REFUSALS = [401, 408, 424, 429, 500, 502, 503, 504]


class Door:
    """Answers batches with ``answers`` or, after the last, that everything was created."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent = 0
        self.batching = Batching(self._post)

    async def _post(self, body: bytes, timeout_seconds: float) -> Answer:
        assert timeout_seconds == 5
        self.sent += 1
        if self.answers:
            return self.answers.pop(0)
        return whole(*({"id": one["id"], "status": 201} for one in json.loads(body)["requests"]))

    async def together(self, parts: Sequence[Part] = tuple(PARTS)) -> list[Answer | ActivityError] | None:
        return await self.batching.together(parts, timeout_seconds=5)


def whole(*responses: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps({"responses": responses}).encode())


def refusals_in(log: pytest.LogCaptureFixture) -> int:
    return sum(record.getMessage().startswith("batchingRefused") for record in log.records)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "activities")
    return caplog


class TestRefusal:
    @pytest.mark.parametrize("status", REFUSALS)
    async def test_it_is_found_out_once_and_told_once(self, log: pytest.LogCaptureFixture, status: int) -> None:
        door = Door(Answer(status, {}, b""))
        assert [await door.together() for _ in range(3)] == [None] * 3
        assert (door.sent, refusals_in(log)) == (1, 1)

    @pytest.mark.parametrize("status", NO_REFUSALS)
    async def test_another_failure_is_none(self, log: pytest.LogCaptureFixture, status: int) -> None:
        door = Door(Answer(status, {}, b""))
        ends = await door.together()
        assert ends is not None
        assert all(isinstance(end, TransientError) for end in ends)
        assert await door.together() is not None
        assert (door.sent, refusals_in(log)) == (2, 0)

    async def test_no_answer_at_all_is_none(self, log: pytest.LogCaptureFixture) -> None:
        failures = [translation.unreachable(), translation.unanswered()]

        async def post(_: bytes, __: float) -> TransientError:
            return failures.pop()

        batching = Batching(post)
        for code in (ErrorCode.OUTCOME_UNKNOWN, ErrorCode.GRAPH_UNAVAILABLE):
            ends = await batching.together(PARTS, timeout_seconds=5)
            assert [end.code for end in ends or [] if isinstance(end, TransientError)] == [code] * 3
        assert refusals_in(log) == 0

    async def test_several_batches_under_way_tell_it_once(self, log: pytest.LogCaptureFixture) -> None:
        door = Door(*[Answer(400, {}, b"")] * 5)
        answered = asyncio.Event()

        async def post(_: bytes, __: float) -> Answer:
            door.sent += 1
            if door.sent == 5:
                answered.set()
            await answered.wait()
            return door.answers.pop()

        door.batching = Batching(post)
        assert await asyncio.gather(*(door.together() for _ in range(5))) == [None] * 5
        assert await door.together() is None
        assert (door.sent, refusals_in(log)) == (5, 1)

    async def test_what_is_refused_inside_a_batch_was_not_done_and_is_sent_singly_the_next_time(
        self, log: pytest.LogCaptureFixture
    ) -> None:
        refused = {"id": "1", "status": 400, "body": REFUSAL}
        door = Door(whole({"id": "0", "status": 201}, refused, {"id": "2", "status": 201}))
        first, second, third = await door.together() or []
        assert [one.status for one in (first, third) if isinstance(one, Answer)] == [201, 201]
        assert isinstance(second, TransientError)
        assert (second.code, second.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)
        assert await door.together() is None
        assert refusals_in(log) == 1


class TestSingly:
    async def test_only_a_few_are_under_way_at_a_time_over_all_batches(self) -> None:
        batching = Door().batching
        running = most = 0

        async def call(number: int) -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(3):
                await asyncio.sleep(0)
            running -= 1
            return number

        ends = await asyncio.gather(*(batching.singly(call(number) for number in range(20)) for _ in range(3)))
        assert ends == [list(range(20))] * 3
        assert most == SINGLES_AT_ONCE

    async def test_a_bug_is_no_end(self) -> None:
        async def call() -> int:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Door().batching.singly([call()])


async def create(emulator: Emulated) -> list[StoredActivity | ActivityError]:
    return await emulator.gateway.write([creation(one).write for one in REQUESTS], timeout_seconds=5)


def http_requests(emulator: Emulated) -> list[str]:
    return [call.operation for call in emulator.emulator.calls if not call.batched and call.operation != "token"]


def external_ids(ends: Sequence[object]) -> list[str]:
    return [end.entity["externalCourseActivityId"] for end in ends if isinstance(end, StoredActivity)]


class TestWithGraph:
    """The real gateway where the emulated Graph takes no batches."""

    @pytest.mark.parametrize("fault", [{"name": "batch-refused"}, *({"status": status} for status in REFUSALS)])
    async def test_each_is_created_singly_and_once(
        self, emulator: Emulated, log: pytest.LogCaptureFixture, fault: dict[str, Any]
    ) -> None:
        emulator.emulator.faults.arm({"operation": "batch", **fault})
        wanted = [request.activity.external_course_activity_id for request in REQUESTS]
        assert external_ids(await create(emulator)) == wanted
        assert emulator.count() == len(REQUESTS)
        found = await emulator.gateway.find([key_of(one) for one in REQUESTS], timeout_seconds=5)
        assert external_ids(found) == wanted
        assert http_requests(emulator) == ["batch"] + ["create"] * 10 + ["find"] * 10
        assert refusals_in(log) == 1

    async def test_look_ups_that_are_refused_together_are_made_singly(self, emulator: Emulated) -> None:
        emulator.emulator.faults.arm({"name": "batch-refused"})
        assert await emulator.gateway.find([key_of(one) for one in REQUESTS], timeout_seconds=5) == [None] * 10
        assert http_requests(emulator) == ["batch"] + ["find"] * 10

    async def test_a_failure_among_the_single_ones_is_only_its_own(self, emulator: Emulated) -> None:
        emulator.emulator.faults.arm({"name": "batch-refused"})
        emulator.throttle(1.5)
        throttled, *created = await create(emulator)
        assert isinstance(throttled, TransientError)
        # Outside of a batch Graph executes nothing that it throttles.
        assert (throttled.code, throttled.may_have_executed) == (ErrorCode.THROTTLED, False)
        assert len(external_ids(created)) == emulator.count() == 9

    async def test_what_is_refused_inside_a_batch_is_created_by_the_next_attempt(self, emulator: Emulated) -> None:
        emulator.emulator.faults.arm({"status": 400, "body": REFUSAL})
        refused, *created = await create(emulator)
        assert isinstance(refused, TransientError)
        assert len(external_ids(created)) == emulator.count() == 9
        (again,) = await emulator.gateway.write([creation(REQUESTS[0]).write], timeout_seconds=5)
        assert isinstance(again, StoredActivity)
        assert http_requests(emulator) == ["batch", "create"]
        assert emulator.count() == 10
