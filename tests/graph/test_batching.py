"""Requests to Graph go together as long as it takes batches, what it does not take goes singly, and nothing twice."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import creation
from activities.graph import translation
from activities.graph.batching import GIVEN_UP_SECONDS, SINGLES_AT_ONCE, Batching, Part, encode
from activities.graph.sdk import Answer
from tests.support.fakes import activity_request, key_of
from tests.support.gateways import Emulated

PARTS = [Part("POST", f"/{place}", {}, b"{}") for place in range(3)]
REQUESTS = [activity_request(f"course-{number}") for number in range(10)]
# Graph's code says that it does no batches here; the last one says so of a request inside.
CODES = ["notSupported", "NotImplemented", "methodNotAllowed", "ResourceNotFound", "BatchingNotSupported"]
# Whatever it is, nothing was done, and the next batch may be another matter.
OTHER_CODES = ["BadRequest", "badRequest", "Forbidden", "invalidBatch", "UnknownError", ""]
SENTENCE = "This resource is not supported in a batch."
REFUSALS = [400, 403, 404, 405, 415, 501]
NO_REFUSALS = [401, 408, 424, 429, 500, 502, 503, 504]


def refusal(code: str, status: int = 400) -> Answer:
    """Return an answer with this code; its sentence is about batches, which says nothing."""
    return Answer(status, {}, json.dumps({"error": {"code": code, "message": SENTENCE}}).encode())


class Door:
    """Answers batches with ``answers`` or, after the last, that everything was created; ``sizes`` of what was sent."""

    def __init__(self, *answers: Answer, most_bytes: float = float("inf")) -> None:
        self.answers = list(answers)
        self.sizes: list[int] = []
        self.seconds = 0.0
        self.most_bytes = most_bytes
        self.batching = Batching(self._post, now=lambda: self.seconds)

    async def _post(self, body: bytes, timeout_seconds: float) -> Answer:
        assert timeout_seconds == 5
        requests = json.loads(body)["requests"]
        self.sizes.append(len(requests))
        if len(body) > self.most_bytes:
            return Answer(413, {}, b"")
        if self.answers:
            return self.answers.pop(0)
        return whole(*({"id": one["id"], "status": 201, "body": {"id": one["url"]}} for one in requests))

    async def together(self, parts: Sequence[Part] = tuple(PARTS)) -> list[Answer | ActivityError | None]:
        return await self.batching.together(parts, timeout_seconds=5)


def whole(*responses: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps({"responses": responses}).encode())


def refusals_in(log: pytest.LogCaptureFixture) -> int:
    return sum(record.getMessage().startswith("batchingRefused") for record in log.records)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "activities")
    return caplog


def places(ends: Sequence[Answer | ActivityError | None]) -> list[str]:
    """Return the paths of those that were done, in their order."""
    return [json.loads(end.body)["id"] for end in ends if isinstance(end, Answer)]


class TestRefusal:
    @pytest.mark.parametrize("code", CODES)
    async def test_graphs_code_for_it_is_believed_for_ten_minutes_and_told_once(
        self, log: pytest.LogCaptureFixture, code: str
    ) -> None:
        door = Door(refusal(code))
        assert [await door.together() for _ in range(3)] == [[None] * 3] * 3
        door.seconds = GIVEN_UP_SECONDS - 1
        assert await door.together() == [None] * 3
        assert (len(door.sizes), refusals_in(log)) == (1, 1)
        door.seconds = GIVEN_UP_SECONDS
        assert places(await door.together()) == ["/0", "/1", "/2"]

    async def test_it_is_told_again_when_it_is_still_so(self, log: pytest.LogCaptureFixture) -> None:
        door = Door(*[refusal("notSupported")] * 2)
        await door.together()
        door.seconds = GIVEN_UP_SECONDS
        assert await door.together() == await door.together() == [None] * 3
        assert (len(door.sizes), refusals_in(log)) == (2, 2)

    @pytest.mark.parametrize("code", OTHER_CODES)
    async def test_without_such_a_code_only_this_one_is_sent_singly(
        self, log: pytest.LogCaptureFixture, code: str
    ) -> None:
        """Whatever the sentence says."""
        door = Door(refusal(code))
        assert await door.together() == [None] * 3
        assert places(await door.together()) == ["/0", "/1", "/2"]
        assert refusals_in(log) == 0

    @pytest.mark.parametrize("status", REFUSALS)
    async def test_a_status_without_words_refuses_only_this_one(
        self, log: pytest.LogCaptureFixture, status: int
    ) -> None:
        door = Door(Answer(status, {}, b"<html>not supported in a batch</html>"))
        assert await door.together() == [None] * 3
        assert places(await door.together()) == ["/0", "/1", "/2"]
        assert refusals_in(log) == 0

    @pytest.mark.parametrize("status", NO_REFUSALS)
    async def test_another_failure_is_none(self, log: pytest.LogCaptureFixture, status: int) -> None:
        door = Door(refusal("notSupported", status))
        ends = await door.together()
        assert all(isinstance(end, TransientError) for end in ends)
        assert places(await door.together()) == ["/0", "/1", "/2"]
        assert refusals_in(log) == 0

    async def test_no_answer_at_all_is_none(self, log: pytest.LogCaptureFixture) -> None:
        failures = [translation.unreachable(), translation.unanswered()]

        async def post(_: bytes, __: float) -> TransientError:
            return failures.pop()

        batching = Batching(post)
        for code in (ErrorCode.OUTCOME_UNKNOWN, ErrorCode.GRAPH_UNAVAILABLE):
            ends = await batching.together(PARTS, timeout_seconds=5)
            assert [end.code for end in ends if isinstance(end, TransientError)] == [code] * 3
        assert refusals_in(log) == 0

    async def test_several_batches_under_way_tell_it_once(self, log: pytest.LogCaptureFixture) -> None:
        sent, answered = [0], asyncio.Event()

        async def post(_: bytes, __: float) -> Answer:
            sent[0] += 1
            if sent[0] == 5:
                answered.set()
            await answered.wait()
            return refusal("notSupported")

        batching = Batching(post)
        many = await asyncio.gather(*(batching.together(PARTS, timeout_seconds=5) for _ in range(5)))
        assert many == [[None] * 3] * 5
        assert await batching.together(PARTS, timeout_seconds=5) == [None] * 3
        assert (sent[0], refusals_in(log)) == (5, 1)

    async def test_one_that_may_not_be_in_a_batch_is_sent_by_itself_and_so_are_those_after_it(
        self, log: pytest.LogCaptureFixture
    ) -> None:
        """It was not done; the others of the same batch were."""
        body = json.loads(refusal("BatchingNotSupported").body)
        refused = {"id": "1", "status": 400, "body": body}
        door = Door(whole({"id": "0", "status": 201}, refused, {"id": "2", "status": 201}))
        first, second, third = await door.together()
        assert [one.status for one in (first, third) if isinstance(one, Answer)] == [201, 201]
        assert second is None
        assert await door.together() == [None] * 3
        assert refusals_in(log) == 1

    @pytest.mark.parametrize("code", ["BadRequest", "notSupported", "methodNotAllowed", "notFound"])
    async def test_what_is_said_of_one_inside_is_about_that_one(self, log: pytest.LogCaptureFixture, code: str) -> None:
        """Notes and ids that Graph quotes can hold any words."""
        refused = {"id": "1", "status": 400, "body": json.loads(refusal(code).body)}
        door = Door(whole({"id": "0", "status": 201}, refused, {"id": "2", "status": 201}))
        assert [end.status for end in await door.together() if isinstance(end, Answer)] == [201, 400, 201]
        assert places(await door.together()) == ["/0", "/1", "/2"]
        assert refusals_in(log) == 0


class TestSize:
    async def test_what_graph_finds_too_large_is_sent_in_halves_and_in_order(self) -> None:
        parts = [Part("POST", f"/{place}", {}, b'"%s"' % (b"x" * 100)) for place in range(8)]
        door = Door(most_bytes=len(encode(parts[:3])))
        assert places(await door.together(parts)) == [f"/{place}" for place in range(8)]
        assert sorted(door.sizes) == [2, 2, 2, 2, 4, 4, 8]

    async def test_one_that_is_too_large_even_by_itself_is_sent_outside_of_a_batch(self) -> None:
        large = Part("POST", "/large", {}, b'"%s"' % (b"x" * 1000))
        door = Door(most_bytes=500)
        ends = await door.together([large, *PARTS])
        assert ends[:2] == [None, None]  # And the one that was alone with it.
        assert places(ends) == ["/1", "/2"]

    async def test_no_batch_is_larger_than_three_megabytes(self) -> None:
        parts = [Part("POST", f"/{place}", {}, b'"%s"' % (b"x" * 400_000)) for place in range(20)]
        door = Door(most_bytes=3_000_000)
        assert places(await door.together(parts)) == [f"/{place}" for place in range(20)]
        assert door.sizes == [5] * 4

    async def test_one_request_needs_no_batch(self) -> None:
        door = Door()
        assert await door.together(PARTS[:1]) == [None]
        assert door.sizes == []


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

    @pytest.mark.parametrize(
        "fault", [{"name": "batch-refused"}, *({"status": status, "times": 2} for status in REFUSALS)]
    )
    async def test_each_is_created_singly_and_once(self, emulator: Emulated, fault: dict[str, Any]) -> None:
        emulator.emulator.faults.arm({"operation": "batch", **fault})
        wanted = [request.activity.external_course_activity_id for request in REQUESTS]
        assert external_ids(await create(emulator)) == wanted
        assert emulator.count() == len(REQUESTS)
        found = await emulator.gateway.find([key_of(one) for one in REQUESTS], timeout_seconds=5)
        assert external_ids(found) == wanted
        again = [] if "name" in fault else ["batch"]
        assert http_requests(emulator) == ["batch"] + ["create"] * 10 + again + ["find"] * 10

    async def test_what_is_too_large_together_is_created_in_two_batches(self, emulator: Emulated) -> None:
        emulator.emulator.faults.arm({"operation": "batch", "status": 413})
        assert len(external_ids(await create(emulator))) == emulator.count() == 10
        assert http_requests(emulator) == ["batch"] * 3

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

    async def test_one_that_is_refused_inside_a_batch_is_created_by_itself(self, emulator: Emulated) -> None:
        emulator.emulator.faults.arm({"status": 400, "body": json.loads(refusal("BatchingNotSupported").body)})
        assert len(external_ids(await create(emulator))) == emulator.count() == 10
        assert http_requests(emulator) == ["batch", "create"]
