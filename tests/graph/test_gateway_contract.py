"""One contract, two gateways: ``FakeGraph``, and the real one (azure-identity, msgraph-sdk) against the emulator.

What the use case is tested with must behave like what it runs with.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sameness, sending
from activities.execution.sending import Outcome
from tests.support.fakes import (
    LEARNER_ID,
    OTHER_REGISTRATION_ID,
    REGISTRATION_ID,
    FakeTime,
    activity_request,
    assignment_request,
)
from tests.support.gateways import GATEWAYS, Subject, subject_named


@pytest_asyncio.fixture(params=GATEWAYS)
async def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    async with subject_named(request.param, monkeypatch) as given:
        yield given


async def failure(call: Awaitable[object]) -> ActivityError:
    with pytest.raises(ActivityError) as caught:
        await call
    return caught.value


FULL = {
    "completionPercentage": 20,
    "completedDateTime": None,
    "learningProviderId": REGISTRATION_ID,
}
REQUESTS = {
    "assignment": assignment_request(
        "course-1",
        notes="Read\nthis: \N{GRADUATION CAP}",
        dueDateTime="2026-11-22T10:00:00+01:00",
        assignedDateTime="2026-11-01T10:00:00.1234567Z",
        assignerUserId=LEARNER_ID,
        **FULL,
    ),
    "self-initiated course": activity_request("course-1", startedDateTime="2026-11-01", **FULL),
}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_what_is_created_is_told_as_it_was_sent_and_with_an_id(subject: Subject, kind: str) -> None:
    request = REQUESTS[kind]
    stored = await subject.gateway.create_activity(request, timeout_seconds=5)
    assert stored.id
    assert stored.graph_request_id
    assert request.activity.to_graph().items() <= stored.entity.items()
    assert subject.count() == 1


@pytest.mark.parametrize("kind", REQUESTS)
async def test_what_was_created_is_found_and_is_the_same(subject: Subject, kind: str) -> None:
    request = REQUESTS[kind]
    stored = await subject.gateway.create_activity(request, timeout_seconds=5)
    found = await subject.gateway.find_activity(REGISTRATION_ID.upper(), "course-1", timeout_seconds=5)
    assert found is not None
    assert found.id == stored.id
    assert sameness.differences(request.activity.to_graph(), found.entity) == []


@pytest.mark.parametrize("external_id", ["it's", "a/b", "100%", "a b#c?d=e&f", "Prüfung", "\N{GRADUATION CAP}", "(')"])
async def test_any_external_id_can_be_found(subject: Subject, external_id: str) -> None:
    stored = await subject.gateway.create_activity(activity_request(external_id), timeout_seconds=5)
    found = await subject.gateway.find_activity(REGISTRATION_ID, external_id, timeout_seconds=5)
    assert found is not None
    assert found.id == stored.id


@pytest.mark.parametrize(
    ("registration_id", "external_id"),
    [(REGISTRATION_ID, "course-2"), (REGISTRATION_ID, "Course-1"), (OTHER_REGISTRATION_ID, "course-1")],
)
async def test_another_id_or_another_provider_finds_nothing(
    subject: Subject, registration_id: str, external_id: str
) -> None:
    await subject.gateway.create_activity(activity_request("course-1"), timeout_seconds=5)
    assert await subject.gateway.find_activity(registration_id, external_id, timeout_seconds=5) is None


async def test_the_gateway_itself_prevents_no_double_and_finds_the_first(subject: Subject) -> None:
    first, second = [await subject.gateway.create_activity(activity_request(), timeout_seconds=5) for _ in range(2)]
    found = await subject.gateway.find_activity(REGISTRATION_ID, "course-1", timeout_seconds=5)
    assert found is not None
    assert first.id == found.id != second.id


async def test_a_throttled_create_is_not_executed_and_says_for_how_long(subject: Subject) -> None:
    subject.throttle(1.5)
    error = await failure(subject.gateway.create_activity(activity_request(), timeout_seconds=5))
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_seconds, error.may_have_executed) == (ErrorCode.THROTTLED, 1.5, False)
    assert subject.count() == 0


async def test_a_refused_create_is_permanent(subject: Subject) -> None:
    subject.take_licence()
    error = await failure(subject.gateway.create_activity(activity_request(), timeout_seconds=5))
    assert isinstance(error, PermanentError)
    assert error.code is ErrorCode.LEARNER_NOT_LICENSED
    assert subject.count() == 0


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_a_lost_answer_leaves_the_outcome_open(subject: Subject, *, executed: bool, hang: bool) -> None:
    subject.lose("create", executed=executed, hang=hang)
    error = await failure(subject.gateway.create_activity(activity_request(), timeout_seconds=5))
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
    assert (await subject.gateway.find_activity(REGISTRATION_ID, "course-1", timeout_seconds=5) is None) is not executed


@pytest.mark.parametrize(
    "breaking",
    [
        lambda subject: subject.lose("find", executed=False, hang=True),
        lambda subject: subject.lose("find", executed=True, hang=False),
        lambda subject: subject.fail("find"),
    ],
)
async def test_a_look_up_that_fails_does_not_say_absent(subject: Subject, breaking: Callable[[Subject], None]) -> None:
    breaking(subject)
    await failure(subject.gateway.find_activity(REGISTRATION_ID, "course-1", timeout_seconds=5))


async def test_a_fault_of_graph_may_have_executed(subject: Subject) -> None:
    subject.fail("create")
    error = await failure(subject.gateway.create_activity(activity_request(), timeout_seconds=5))
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.GRAPH_FAULT, True)


async def test_without_a_token_nothing_is_sent(subject: Subject) -> None:
    subject.stop_identity()
    calls: list[Awaitable[Any]] = [
        subject.gateway.check_identity(),
        subject.gateway.create_activity(activity_request(), timeout_seconds=5),
        subject.gateway.find_activity(REGISTRATION_ID, "course-1", timeout_seconds=5),
    ]
    errors = [await failure(call) for call in calls]
    assert {error.code for error in errors} == {ErrorCode.IDENTITY_UNAVAILABLE}
    assert subject.count() == 0


async def test_a_working_identity_passes_its_check(subject: Subject) -> None:
    await subject.gateway.check_identity()


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_the_use_case_makes_one_activity_of_a_lost_answer(
    subject: Subject, *, executed: bool, hang: bool
) -> None:
    subject.lose("create", executed=executed, hang=hang)
    created = await sending.create(activity_request(), graph=subject.gateway, clock=FakeTime().clock)
    assert created.outcome is Outcome.CREATED
    assert subject.count() == 1
