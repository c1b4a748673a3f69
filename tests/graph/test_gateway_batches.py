"""One contract, two gateways, for what is sent together. Like ``test_gateway_contract`` for what is sent singly.

Faults are used up in the order of the requests: the first armed one becomes the first request's.
"""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sameness
from activities.execution.gateway import StoredActivity
from tests.support.fakes import (
    LEARNER_ID,
    OTHER_REGISTRATION_ID,
    REGISTRATION_ID,
    activity_request,
    assignment_request,
)
from tests.support.gateways import GATEWAYS, Subject, subject_named

type End = StoredActivity | ActivityError | None

AWKWARD_IDS = ["it's", "''", "a/b", "..", "100%", "%2F", "a b#c?d=e&f", "Prüfung", "\N{GRADUATION CAP}", "(')", '"\\']


@pytest_asyncio.fixture(params=GATEWAYS)
async def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    async with subject_named(request.param, monkeypatch) as given:
        yield given


async def create(subject: Subject, *requests: ActivityRequest) -> list[StoredActivity | ActivityError]:
    return await subject.gateway.create_activities(requests, timeout_seconds=5)


async def find(subject: Subject, *requests: ActivityRequest) -> list[End]:
    return await subject.gateway.find_activities(requests, timeout_seconds=5)


def courses(count: int) -> list[ActivityRequest]:
    return [activity_request(f"course-{number}") for number in range(count)]


def said(end: End) -> str:
    """Return an answer in a word: the external id, or the error's code."""
    if end is None:
        return "absent"
    return end.code if isinstance(end, ActivityError) else str(end.entity["externalCourseActivityId"])


def transient(end: End) -> TransientError:
    assert isinstance(end, TransientError)
    return end


async def test_twenty_are_answered_in_the_order_of_the_requests(subject: Subject) -> None:
    """Graph answers in any order, and the emulator in the opposite one."""
    kinds = (activity_request, assignment_request)
    requests = [kinds[number % 2](f"course-{number}", notes=None) for number in range(20)]
    ends = await create(subject, *requests)
    assert [said(end) for end in ends] == [f"course-{number}" for number in range(20)]
    for request, end in zip(requests, ends, strict=True):
        assert isinstance(end, StoredActivity)
        assert request.activity.to_graph().items() <= end.entity.items()
        assert end.id
        assert end.graph_request_id
    assert subject.count() == 20
    found = await find(subject, *requests[::-1])
    assert [one.id for one in found[::-1] if isinstance(one, StoredActivity)] == [
        end.id for end in ends if isinstance(end, StoredActivity)
    ]


async def test_what_stands_in_one_batch_twice_is_sent_twice(subject: Subject) -> None:
    """As singly: nobody but the ledger prevents doubles."""
    await create(subject, *courses(1) * 2)
    assert subject.count() == 2


async def test_nothing_sent_is_nothing_answered(subject: Subject) -> None:
    assert await create(subject) == []
    assert await find(subject) == []
    assert [said(end) for end in await create(subject, *courses(2))] == ["course-0", "course-1"]


async def test_each_provider_in_a_batch_has_its_own_activities(subject: Subject) -> None:
    mine, other = activity_request(), activity_request(registrationId=OTHER_REGISTRATION_ID)
    first, second = await create(subject, mine, other)
    found = await find(subject, other, mine, activity_request(registrationId=REGISTRATION_ID.upper()))
    assert [end.id for end in (second, first, first) if isinstance(end, StoredActivity)] == [
        end.id for end in found if isinstance(end, StoredActivity)
    ]
    assert first != second


async def test_every_request_has_an_end_of_its_own(subject: Subject) -> None:
    subject.throttle(1.5)
    subject.fail("create")
    subject.lose("create", executed=False, hang=False)
    assert [said(end) for end in await create(subject, *courses(5))] == [
        "throttled",
        "graphFault",
        "outcomeUnknown",
        "course-3",
        "course-4",
    ]
    assert subject.count() == 2


@pytest.mark.parametrize("executed", [True, False])
async def test_what_is_throttled_in_a_batch_says_for_how_long_and_may_have_been_executed(
    subject: Subject, *, executed: bool
) -> None:
    subject.throttle(1.5, executed=executed)
    subject.throttle(120, executed=executed)
    ends = await create(subject, *courses(3))
    assert [transient(end).retry_after_seconds for end in ends[:2]] == [1.5, 120]
    assert [transient(end).may_have_executed for end in ends[:2]] == [True, True]
    found = await find(subject, *courses(3))
    assert [one is not None for one in found] == [executed, executed, True]


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_a_lost_answer_in_a_batch_leaves_only_that_outcome_open(
    subject: Subject, *, executed: bool, hang: bool
) -> None:
    subject.lose("create", executed=executed, hang=hang)
    lost, created = await create(subject, *courses(2))
    assert (transient(lost).code, transient(lost).may_have_executed) == (ErrorCode.OUTCOME_UNKNOWN, True)
    assert said(created) == "course-1"
    assert [one is not None for one in await find(subject, *courses(2))] == [executed, True]


async def test_a_fault_of_graph_in_a_batch_may_have_executed(subject: Subject) -> None:
    subject.fail("create")
    (end,) = await create(subject, *courses(1))
    assert (transient(end).code, transient(end).may_have_executed) == (ErrorCode.GRAPH_FAULT, True)


async def test_a_refusal_in_a_batch_is_permanent_and_only_that_records(subject: Subject) -> None:
    subject.take_licence()
    refused, created = await create(subject, activity_request(), activity_request("other", learnerUserId=str(uuid4())))
    assert isinstance(refused, PermanentError)
    assert refused.code is ErrorCode.LEARNER_NOT_LICENSED
    assert said(created) == "other"
    assert subject.count() == 1


async def test_a_look_up_of_several_tells_found_from_absent(subject: Subject) -> None:
    await create(subject, *courses(2))
    wanted = [*courses(2), activity_request("course-2"), activity_request("Course-1")]
    assert [said(end) for end in await find(subject, *wanted)] == ["course-0", "course-1", "absent", "absent"]


async def test_a_look_up_that_fails_in_a_batch_does_not_say_absent(subject: Subject) -> None:
    await create(subject, *courses(1))
    subject.fail("find")
    subject.lose("find", executed=False, hang=False)
    subject.lose("find", executed=True, hang=True)
    broken, lost, late, absent = await find(subject, *courses(4))
    assert (transient(broken).code, said(absent)) == (ErrorCode.GRAPH_FAULT, "absent")
    assert {said(lost), said(late)} == {"outcomeUnknown"}


async def test_any_external_id_can_be_found_together_with_others(subject: Subject) -> None:
    requests = [activity_request(external_id) for external_id in AWKWARD_IDS]
    stored = await create(subject, *requests)
    found = await find(subject, *requests)
    assert [said(end) for end in found] == AWKWARD_IDS
    assert [said(end) for end in stored] == AWKWARD_IDS


async def test_what_was_created_together_is_found_singly_and_the_other_way_round(subject: Subject) -> None:
    request = assignment_request(notes="Read this", dueDateTime="2026-11-22T10:00:00+01:00", assignerUserId=LEARNER_ID)
    (together,) = await create(subject, request)
    assert isinstance(together, StoredActivity)
    found = await subject.gateway.find_activity(REGISTRATION_ID, "course-1", timeout_seconds=5)
    assert found is not None
    assert found.id == together.id
    assert sameness.differences(request.activity.to_graph(), found.entity) == []
    singly = await subject.gateway.create_activity(activity_request("single"), timeout_seconds=5)
    (found,) = [end for end in await find(subject, activity_request("single")) if isinstance(end, StoredActivity)]
    assert found.id == singly.id


async def test_without_a_token_nothing_of_a_batch_is_sent(subject: Subject) -> None:
    subject.stop_identity()
    ends: list[End] = [*await create(subject, *courses(3)), *await find(subject, *courses(3))]
    assert [said(end) for end in ends] == ["identityUnavailable"] * 6
    assert not any(transient(end).may_have_executed for end in ends)
    assert subject.count() == 0


def test_a_gateway_that_knows_of_no_throttling_is_open(subject: Subject) -> None:
    subject.gateway.check_open(REGISTRATION_ID)
