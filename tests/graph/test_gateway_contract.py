"""One contract, two gateways: ``FakeGraph``, and the real one (azure-identity, msgraph-sdk) against the emulator.

What the use case is tested with must behave like what it runs with, for one request as for several: most rules are
asked of a request alone, and of the same with another in its company. Faults are used up in the order of the requests.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import sameness
from activities.execution.decisions import creation
from activities.execution.gateway import Write
from activities.execution.sending import FOR_A_CALLER, Sender
from tests.support.fakes import (
    LEARNER_ID,
    OTHER_REGISTRATION_ID,
    REGISTRATION_ID,
    FakeTime,
    activity_request,
    assignment_request,
    key_of,
)
from tests.support.gateways import GATEWAYS, Subject, subject_named
from tests.support.world import outcomes

type End = StoredActivity | ActivityError | None

COURSE = activity_request()
# Found by no look-up, and refused for nothing that this file lets Graph refuse.
COMPANY = activity_request("company", learnerUserId=str(uuid4()))
AWKWARD_IDS = ["it's", "''", "a/b", "..", "100%", "%2F", "a b#c?d=e&f", "Prüfung", "\N{GRADUATION CAP}", "(')", '"\\']


@pytest_asyncio.fixture(params=GATEWAYS)
async def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
    async with subject_named(request.param, monkeypatch) as given:
        yield given


@dataclass
class Caller:
    """Sends requests, alone or with others behind them."""

    subject: Subject
    company: Sequence[ActivityRequest]

    async def create(self, *requests: ActivityRequest) -> list[End]:
        return (await create(self.subject, *requests, *self.company))[: len(requests)]

    async def update(self, *requests: Write) -> list[ActivityError | None]:
        company = [update_of(address_of(await stored(self.subject, one))) for one in self.company]
        ends = await update(self.subject, *requests, *company)
        assert ends[len(requests) :] == [None] * len(company)
        return ends[: len(requests)]

    async def delete(self, *addresses: Write) -> list[bool | ActivityError]:
        company = [address_of(await stored(self.subject, one)) for one in self.company]
        ends = await delete(self.subject, *addresses, *company)
        assert ends[len(addresses) :] == [True] * len(company)
        return ends[: len(addresses)]

    async def find(self, *requests: ActivityRequest) -> list[End]:
        return (await find(self.subject, *requests, *self.company))[: len(requests)]

    def count(self) -> int:
        """Return how many were created, without the company of a single call."""
        return self.subject.count() - len(self.company)


@pytest.fixture(params=[[], [COMPANY]], ids=["alone", "in company"])
def caller(request: pytest.FixtureRequest, subject: Subject) -> Caller:
    return Caller(subject, request.param)


async def create(subject: Subject, *requests: ActivityRequest) -> list[End]:
    return [*await subject.gateway.write([creation(one).write for one in requests], timeout_seconds=5)]


async def update(subject: Subject, *updates: Write) -> list[ActivityError | None]:
    """Return None for what is done."""
    ends = await subject.gateway.write(updates, timeout_seconds=5)
    assert all(end.graph_request_id for end in ends if isinstance(end, StoredActivity))
    return [end if isinstance(end, ActivityError) else None for end in ends]


async def delete(subject: Subject, *deletions: Write) -> list[bool | ActivityError]:
    """Return whether there was anything to delete."""
    ends = await subject.gateway.write(deletions, timeout_seconds=5)
    return [
        isinstance(end, StoredActivity)
        if isinstance(end, StoredActivity) or end.code is ErrorCode.ACTIVITY_NOT_FOUND
        else end
        for end in ends
    ]


async def find(subject: Subject, *requests: ActivityRequest) -> list[End]:
    return await subject.gateway.find([key_of(one) for one in requests], timeout_seconds=5)


async def get(subject: Subject, *graph_ids: str) -> list[End]:
    return await subject.gateway.get(graph_ids, timeout_seconds=5)


async def stored(subject: Subject, request: ActivityRequest = COURSE) -> StoredActivity:
    """Create an activity without any fault, and return it."""
    (end,) = await create(subject, request)
    assert isinstance(end, StoredActivity)
    return end


def deletion(registration_id: str, graph_id: str) -> Write:
    return Write(Operation.DELETE, registration_id, graph_id=graph_id)


def address_of(activity: StoredActivity) -> Write:
    return deletion(REGISTRATION_ID, activity.id)


def update_of(address: Write, **state: Any) -> Write:
    """Return what brings a self-initiated course to its end."""
    kind = {"@odata.type": "#microsoft.graph.learningSelfInitiatedCourse", "status": "completed"}
    return Write(Operation.UPDATE, address.registration_id, {**kind, **state}, address.graph_id)


def courses(count: int) -> list[ActivityRequest]:
    return [activity_request(f"course-{number}") for number in range(count)]


def answers(ends: Sequence[End]) -> list[str]:
    """Return each end in a word: the external id, or the error's code."""
    return [
        "absent"
        if end is None
        else end.code
        if isinstance(end, ActivityError)
        else end.entity["externalCourseActivityId"]
        for end in ends
    ]


def ids(ends: Sequence[End]) -> list[str]:
    return [end.id for end in ends if isinstance(end, StoredActivity)]


def failures(ends: Sequence[object]) -> list[tuple[str, bool]]:
    """Return each code, and whether the activity might exist nevertheless."""
    return [(end.code, end.may_have_executed) for end in ends if isinstance(end, TransientError)]


FULL = {"completionPercentage": 20, "completedDateTime": None, "learningProviderId": REGISTRATION_ID}
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
async def test_what_is_created_is_told_as_it_was_sent_and_found_as_the_same(caller: Caller, kind: str) -> None:
    request = REQUESTS[kind]
    (stored,) = await caller.create(request)
    assert isinstance(stored, StoredActivity)
    assert stored.id
    assert stored.graph_request_id
    assert request.activity.to_graph().items() <= stored.entity.items()
    assert caller.count() == 1
    (found,) = await caller.find(request)
    assert isinstance(found, StoredActivity)
    assert found.id == stored.id
    assert sameness.differences(request.activity.to_graph(), found.entity) == []


async def test_what_was_created_alone_is_found_together_and_the_other_way_round(subject: Subject) -> None:
    first, second = courses(2)
    alone, together = await create(subject, first), await create(subject, second, COMPANY)
    assert ids(await find(subject, second)) == ids(together[:1])
    assert ids(await find(subject, first, second)) == ids([*alone, *together[:1]])


async def test_twenty_are_answered_in_the_order_of_the_requests(subject: Subject) -> None:
    """Graph answers in any order, and the emulator in the opposite one."""
    kinds = (activity_request, assignment_request)
    requests = [kinds[number % 2](f"course-{number}", notes=None) for number in range(20)]
    ends = await create(subject, *requests)
    assert answers(ends) == [f"course-{number}" for number in range(20)]
    assert all(end.graph_request_id for end in ends if isinstance(end, StoredActivity))
    assert subject.count() == len(set(ids(ends))) == 20
    assert ids(await find(subject, *requests[::-1])) == ids(ends)[::-1]


async def test_nothing_sent_is_nothing_answered(subject: Subject) -> None:
    assert await create(subject) == []
    assert await find(subject) == []
    assert answers(await create(subject, *courses(2))) == ["course-0", "course-1"]


async def test_any_external_id_can_be_found(caller: Caller) -> None:
    requests = [activity_request(external_id) for external_id in AWKWARD_IDS]
    assert answers(await caller.create(*requests)) == AWKWARD_IDS
    assert answers(await caller.find(*requests)) == AWKWARD_IDS
    for request in requests:
        assert answers(await caller.find(request)) == [request.activity.external_course_activity_id]


@pytest.mark.parametrize(
    "another", [{"external_id": "course-2"}, {"external_id": "Course-1"}, {"registrationId": OTHER_REGISTRATION_ID}]
)
async def test_another_id_or_another_provider_finds_nothing(caller: Caller, another: dict[str, str]) -> None:
    await caller.create(COURSE)
    assert await caller.find(activity_request(**another)) == [None]


async def test_each_provider_has_its_own_activities(caller: Caller) -> None:
    mine, other = COURSE, activity_request(registrationId=OTHER_REGISTRATION_ID)
    first, second = await caller.create(mine, other)
    found = await caller.find(other, mine, activity_request(registrationId=REGISTRATION_ID.upper()))
    assert ids(found) == ids([second, first, first])
    assert first != second


async def test_the_gateway_itself_prevents_no_double_and_finds_the_first(subject: Subject) -> None:
    """Nobody but the ledger does; in one batch as in two calls."""
    ends = [*await create(subject, COURSE), *await create(subject, COURSE, COURSE)]
    assert subject.count() == len(set(ids(ends))) == 3
    assert ids(await find(subject, COURSE)) == ids(ends[:1])


async def test_every_request_has_an_end_of_its_own(subject: Subject) -> None:
    subject.throttle(1.5)
    subject.fail("create")
    subject.lose("create", executed=False, hang=False)
    ends = await create(subject, *courses(5))
    assert answers(ends) == ["throttled", "graphFault", "outcomeUnknown", "course-3", "course-4"]
    assert subject.count() == 2


async def test_a_throttled_create_is_not_executed_and_says_for_how_long(subject: Subject) -> None:
    subject.throttle(1.5)
    (error,) = await create(subject, COURSE)
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after_seconds, error.may_have_executed) == (ErrorCode.THROTTLED, 1.5, False)
    assert subject.count() == 0


@pytest.mark.parametrize("executed", [True, False])
async def test_what_is_throttled_in_a_batch_says_for_how_long_and_may_have_been_executed(
    subject: Subject, *, executed: bool
) -> None:
    subject.throttle(1.5, executed=executed)
    subject.throttle(120, executed=executed)
    ends = await create(subject, *courses(3))
    assert [end.retry_after_seconds for end in ends if isinstance(end, TransientError)] == [1.5, 120]
    assert failures(ends) == [(ErrorCode.THROTTLED, True)] * 2
    assert [one is not None for one in await find(subject, *courses(3))] == [executed, executed, True]


async def test_a_refusal_is_permanent_and_only_that_requests(caller: Caller) -> None:
    caller.subject.take_licence()
    (refused,) = await caller.create(COURSE)
    assert isinstance(refused, PermanentError)
    assert refused.code is ErrorCode.LEARNER_NOT_LICENSED
    assert caller.count() == 0


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_a_lost_answer_leaves_only_that_outcome_open(caller: Caller, *, executed: bool, hang: bool) -> None:
    caller.subject.lose("create", executed=executed, hang=hang)
    assert failures(await caller.create(COURSE)) == [(ErrorCode.OUTCOME_UNKNOWN, True)]
    assert caller.count() == executed
    assert (await caller.find(COURSE) == [None]) is not executed


async def test_a_fault_of_graph_may_have_executed(caller: Caller) -> None:
    caller.subject.fail("create")
    assert failures(await caller.create(COURSE)) == [(ErrorCode.GRAPH_FAULT, True)]


@pytest.mark.parametrize(
    ("breaking", "code"),
    [
        (lambda subject: subject.lose("find", executed=False, hang=True), ErrorCode.OUTCOME_UNKNOWN),
        (lambda subject: subject.lose("find", executed=True, hang=False), ErrorCode.OUTCOME_UNKNOWN),
        (lambda subject: subject.fail("find"), ErrorCode.GRAPH_FAULT),
    ],
)
async def test_a_look_up_that_fails_does_not_say_absent(
    caller: Caller, breaking: Callable[[Subject], None], code: ErrorCode
) -> None:
    breaking(caller.subject)
    assert answers(await caller.find(COURSE)) == [code]


async def test_a_look_up_of_several_tells_found_from_absent_and_from_failed(subject: Subject) -> None:
    await create(subject, *courses(2))
    subject.fail("find")
    assert answers(await find(subject, *courses(3))) == ["graphFault", "course-1", "absent"]


async def test_without_a_token_nothing_is_sent(caller: Caller) -> None:
    caller.subject.stop_identity()
    ends = [*await caller.create(*courses(3)), *await caller.find(*courses(3))]
    assert failures(ends) == [(ErrorCode.IDENTITY_UNAVAILABLE, False)] * 6
    assert caller.subject.count() == 0
    with pytest.raises(TransientError) as caught:
        await caller.subject.gateway.check_identity()
    assert caught.value.code is ErrorCode.IDENTITY_UNAVAILABLE


async def test_a_working_identity_passes_its_check(subject: Subject) -> None:
    await subject.gateway.check_identity()


def test_a_gateway_that_knows_of_no_throttling_is_open(subject: Subject) -> None:
    subject.gateway.check_open(REGISTRATION_ID)


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_the_use_case_makes_one_activity_of_a_lost_answer(caller: Caller, *, executed: bool, hang: bool) -> None:
    caller.subject.lose("create", executed=executed, hang=hang)
    sends = {place: (one, creation(one)) for place, one in enumerate([COURSE, *caller.company])}
    ends = await Sender(graph=caller.subject.gateway, effort=FOR_A_CALLER, clock=FakeTime().clock).send(sends)
    assert outcomes([ends[place] for place in sends]) == ["created"] * len(sends)
    assert caller.count() == 1


CHANGES = {
    "assignment": {
        "status": "completed",
        "completionPercentage": 100,
        "completedDateTime": "2026-11-20T10:00:00Z",
        "assignedDateTime": "2026-11-02T10:00:00Z",
        "dueDateTime": {"dateTime": "2026-12-22T09:00:00", "timeZone": "UTC"},
        "notes": {"contentType": "text", "content": "Done\n\N{GRADUATION CAP}"},
    },
    "self-initiated course": {
        "status": "completed",
        "completionPercentage": 100,
        "completedDateTime": "2026-11-20T10:00:00Z",
        "startedDateTime": "2026-11-02T10:00:00Z",
    },
}


@pytest.mark.parametrize("kind", CHANGES)
async def test_an_update_changes_what_may_change_and_a_second_one_nothing_more(caller: Caller, kind: str) -> None:
    created = await stored(caller.subject, REQUESTS[kind])
    state = {"@odata.type": created.entity["@odata.type"], **CHANGES[kind]}
    wanted = Write(Operation.UPDATE, REGISTRATION_ID.upper(), state, created.id)
    assert await caller.update(wanted) == [None]
    (changed,) = await caller.find(REQUESTS[kind])
    assert isinstance(changed, StoredActivity)
    assert changed.entity == {**created.entity, **state}
    assert await update(caller.subject, wanted) == [None]
    (again,) = await get(caller.subject, created.id)
    assert isinstance(again, StoredActivity)
    assert again.entity == changed.entity


async def test_what_may_not_change_is_no_reason_to_refuse_an_update_and_stays(caller: Caller) -> None:
    """The example on Microsoft's page sends the whole activity."""
    created = await stored(caller.subject)
    fixed = {"learnerUserId": str(uuid4()), "learningContentId": "another", "externalCourseActivityId": "another"}
    assert await caller.update(update_of(address_of(created), **fixed)) == [None]
    (found,) = await find(caller.subject, COURSE)
    assert isinstance(found, StoredActivity)
    assert found.entity == {**created.entity, "status": "completed"}


@pytest.mark.parametrize("state", [{"status": None}, {"@odata.type": "#microsoft.graph.learningAssignment"}])
async def test_an_update_without_a_status_or_of_another_kind_changes_nothing(
    caller: Caller, state: dict[str, Any]
) -> None:
    created = await stored(caller.subject)
    (refused,) = await caller.update(update_of(address_of(created), completionPercentage=5, **state))
    assert isinstance(refused, PermanentError)
    (found,) = await get(caller.subject, created.id)
    assert isinstance(found, StoredActivity)
    assert found.entity == created.entity


UNKNOWN = [
    deletion(REGISTRATION_ID, f"{LEARNER_ID}:{uuid4()}"),
    deletion(REGISTRATION_ID, "a'b/c d%2F"),
]


@pytest.mark.parametrize("address", UNKNOWN, ids=["of the usual form", "of another form"])
async def test_what_graph_does_not_have_is_told_from_a_failure(caller: Caller, address: Write) -> None:
    (refused,) = await caller.update(update_of(address))
    assert isinstance(refused, PermanentError)
    assert refused.code is ErrorCode.ACTIVITY_NOT_FOUND
    assert await caller.delete(address) == [False]
    assert await get(caller.subject, address.graph_id) == [None]


async def test_what_is_deleted_is_gone_and_a_second_deletion_no_failure(caller: Caller) -> None:
    created, other = await stored(caller.subject), await stored(caller.subject, activity_request("other"))
    assert await caller.delete(address_of(created)) == [True]
    assert await caller.delete(address_of(created)) == [False]
    assert await find(caller.subject, COURSE) == [None]
    assert answers(await get(caller.subject, created.id, other.id)) == ["absent", "other"]
    assert ids(await find(caller.subject, activity_request("other"))) == [other.id]
    (refused,) = await caller.update(update_of(address_of(created)))
    assert refused is not None
    assert refused.code is ErrorCode.ACTIVITY_NOT_FOUND


async def test_of_doubles_the_second_is_found_when_the_first_is_deleted(subject: Subject) -> None:
    first, second = ids(await create(subject, COURSE, COURSE))
    assert await delete(subject, deletion(REGISTRATION_ID, first)) == [True]
    assert ids(await find(subject, COURSE)) == [second]


async def test_another_provider_can_neither_change_nor_delete(caller: Caller) -> None:
    created = await stored(caller.subject)
    foreign = deletion(OTHER_REGISTRATION_ID, created.id)
    (refused,) = await caller.update(update_of(foreign))
    assert refused is not None
    assert refused.code is ErrorCode.ACTIVITY_NOT_FOUND
    assert await caller.delete(foreign) == [False]
    (found,) = await get(caller.subject, created.id)
    assert isinstance(found, StoredActivity)
    assert found.entity == created.entity


async def test_twenty_changes_and_deletions_are_answered_in_the_order_of_the_requests(subject: Subject) -> None:
    ends = await create(subject, *courses(20))
    addresses = [deletion(REGISTRATION_ID, one) for one in ids(ends)]
    gone, left = addresses[::2], addresses[1::2]
    assert await delete(subject, *gone) == [True] * 10
    updates = [update_of(one, completionPercentage=place) for place, one in enumerate(addresses)]
    ended = await update(subject, *updates)
    assert [end if end is None else end.code for end in ended] == [ErrorCode.ACTIVITY_NOT_FOUND, None] * 10
    read = await get(subject, *(one.graph_id for one in addresses))
    assert [one is None for one in read] == [True, False] * 10
    percentages = [one.entity["completionPercentage"] for one in read if isinstance(one, StoredActivity)]
    assert percentages == list(range(1, 20, 2))
    assert ids(read) == [one.graph_id for one in left]


@pytest.mark.parametrize("hang", [True, False])
@pytest.mark.parametrize("executed", [True, False])
async def test_a_lost_answer_to_a_change_or_deletion_leaves_its_outcome_open(
    caller: Caller, *, executed: bool, hang: bool
) -> None:
    address = address_of(await stored(caller.subject))
    caller.subject.lose("update", executed=executed, hang=hang)
    assert failures(await caller.update(update_of(address))) == [(ErrorCode.OUTCOME_UNKNOWN, True)]
    (found,) = await get(caller.subject, address.graph_id)
    assert isinstance(found, StoredActivity)
    assert (found.entity["status"] == "completed") is executed
    caller.subject.lose("delete", executed=executed, hang=hang)
    assert failures(await caller.delete(address)) == [(ErrorCode.OUTCOME_UNKNOWN, True)]
    assert (await get(caller.subject, address.graph_id) == [None]) is executed
    assert await caller.delete(address) == [not executed]


async def test_a_fault_of_graph_leaves_the_outcome_of_a_change_open_and_tells_nothing_of_absence(
    caller: Caller,
) -> None:
    address = address_of(await stored(caller.subject))
    for operation in ("update", "delete", "get"):
        caller.subject.fail(operation)
    ends = [*await caller.update(update_of(address)), *await caller.delete(address)]
    assert failures([*ends, *await get(caller.subject, address.graph_id)]) == [(ErrorCode.GRAPH_FAULT, True)] * 3


async def test_without_a_token_nothing_is_changed(subject: Subject) -> None:
    subject.stop_identity()
    updated = await update(subject, update_of(UNKNOWN[0]))
    deleted = await delete(subject, *UNKNOWN)
    read = await get(subject, UNKNOWN[0].graph_id)
    assert failures([*updated, *deleted, *read]) == [(ErrorCode.IDENTITY_UNAVAILABLE, False)] * 4
