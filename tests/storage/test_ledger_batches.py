"""One contract, two ledgers, for what is claimed and settled together; for single claims: ``test_ledger_contract``."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.execution.gateway import StoredActivity
from activities.execution.ledger import Claim, Completed, Released
from tests.support.fakes import OTHER_REGISTRATION_ID, activity_request
from tests.support.ledgers import CONTENT, LEDGERS, Subject, in_progress, stored, subject_for

type End = Claim | Completed | ActivityError


@pytest_asyncio.fixture(params=LEDGERS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with subject_for(request) as given:
        yield given


def wanted(count: int) -> list[ActivityRequest]:
    """Return activities that nobody has asked for before."""
    return [activity_request(str(uuid4())) for _ in range(count)]


async def claim_all(subject: Subject, requests: list[ActivityRequest]) -> list[End]:
    return await subject.ledger.claim_all([(request, CONTENT) for request in requests])


async def held(subject: Subject, requests: list[ActivityRequest], *, left_behind: bool = False) -> list[Claim]:
    """Claim what must be free."""
    claims = [end for end in await claim_all(subject, requests) if isinstance(end, Claim)]
    assert [claim.left_behind for claim in claims] == [left_behind] * len(requests)
    return claims


async def test_twenty_new_activities_can_be_claimed_and_completed(subject: Subject) -> None:
    requests = wanted(20)
    claims = await held(subject, requests)
    assert len({claim.owner for claim in claims}) == len({claim.key for claim in claims}) == 20
    answers = [stored(request) for request in requests]
    await subject.ledger.settle(list(zip(claims, answers, strict=True)))
    known = await claim_all(subject, requests[::-1])
    assert [end.stored.entity for end in known if isinstance(end, Completed)] == [
        answer.entity for answer in answers[::-1]
    ]


async def test_what_is_claimed_together_is_claimed(subject: Subject) -> None:
    requests = wanted(3)
    await held(subject, requests)
    for request in requests:
        await in_progress(subject.ledger.claim(request, CONTENT))


async def test_every_activity_has_an_end_of_its_own(subject: Subject) -> None:
    new, completed, other_content, taken, abandoned = requests = wanted(5)
    first = stored(completed)
    await subject.held(abandoned)
    subject.expire()
    await subject.ledger.complete(await subject.held(completed), first)
    await subject.ledger.complete(await subject.held(other_content), second := stored(other_content))
    await subject.held(taken)
    ends = await subject.ledger.claim_all(
        [(request, "another hash" if request is other_content else CONTENT) for request in requests]
    )
    assert isinstance(ends[0], Claim)
    assert not ends[0].left_behind
    assert isinstance(ends[1], Completed)
    assert ends[1].stored.entity == first.entity
    assert isinstance(ends[2], PermanentError)
    assert ends[2].code is ErrorCode.ACTIVITY_EXISTS
    assert second.id in ends[2].message
    assert isinstance(ends[3], ActivityError)
    assert ends[3].code is ErrorCode.CREATE_IN_PROGRESS
    assert isinstance(ends[4], Claim)
    assert ends[4].left_behind
    answers = {new: stored(new), abandoned: stored(abandoned)}
    await subject.ledger.settle([(ends[0], answers[new]), (ends[4], answers[abandoned])])
    for request, answer in answers.items():
        assert (await subject.answer(request)).entity == answer.entity


async def test_several_providers_are_claimed_and_settled_together(subject: Subject) -> None:
    mine = wanted(2)
    others = [
        activity_request(one.activity.external_course_activity_id, registrationId=OTHER_REGISTRATION_ID) for one in mine
    ]
    requests = [mine[0], others[1], others[0], mine[1]]
    answers = [stored(request) for request in requests]
    await subject.ledger.settle(list(zip(await held(subject, requests), answers, strict=True)))
    assert [(await subject.answer(request)).id for request in requests] == [answer.id for answer in answers]


async def test_each_claim_comes_to_the_end_that_it_is_given(subject: Subject) -> None:
    created, refused, unknown = requests = wanted(3)
    claims = await held(subject, requests)
    ends: list[StoredActivity | Released] = [
        stored(created),
        Released(outcome_known=True),
        Released(outcome_known=False),
    ]
    await subject.ledger.settle(list(zip(claims, ends, strict=True)))
    assert isinstance(await subject.ledger.claim(created, CONTENT), Completed)
    assert isinstance(await subject.ledger.claim(refused, "a corrected request"), Claim)
    await subject.held(unknown, left_behind=True)


async def test_a_claim_that_was_renewed_is_settled(subject: Subject) -> None:
    requests = wanted(2)
    claims = await held(subject, requests)
    await subject.ledger.renew(claims[0])
    await subject.ledger.settle([(claim, stored(request)) for claim, request in zip(claims, requests, strict=True)])
    for request in requests:
        await subject.answer(request)


@pytest.mark.parametrize(
    "late", [stored(activity_request()), Released(outcome_known=True), Released(outcome_known=False)]
)
async def test_who_lost_one_of_its_leases_still_settles_the_others(
    subject: Subject, late: StoredActivity | Released
) -> None:
    lost, kept = requests = wanted(2)
    claims = await held(subject, requests)
    subject.expire()
    claim = await subject.held(lost, left_behind=True)
    await subject.ledger.settle([(claims[0], late), (claims[1], answer := stored(kept))])
    assert (await subject.answer(kept)).id == answer.id
    await in_progress(subject.ledger.claim(lost, CONTENT))
    await subject.ledger.complete(claim, first := stored(lost))
    await subject.ledger.settle([(claims[0], late)])
    assert (await subject.answer(lost)).id == first.id


async def test_who_lost_a_lease_brings_nothing_back(subject: Subject) -> None:
    requests = wanted(2)
    claims = await held(subject, requests)
    subject.expire()
    await subject.ledger.release(await subject.held(requests[0], left_behind=True), outcome_known=True)
    await subject.ledger.settle([(claims[0], stored(requests[0])), (claims[1], Released(outcome_known=True))])
    await held(subject, requests)


@pytest.mark.parametrize("left_behind", [False, True])
async def test_of_several_who_claim_overlapping_lists_exactly_one_gets_each(
    subject: Subject, *, left_behind: bool
) -> None:
    requests = wanted(8)
    if left_behind:
        await held(subject, requests)
        subject.expire()
    lists = [requests[:5], requests[3:], requests[::-1], requests]
    ends = [end for some in await asyncio.gather(*(claim_all(subject, one) for one in lists)) for end in some]
    claims = [end for end in ends if isinstance(end, Claim)]
    assert sorted(claim.key for claim in claims) == sorted({claim.key for claim in claims})
    assert len(claims) == 8
    assert {claim.left_behind for claim in claims} == {left_behind}
    errors = [end for end in ends if isinstance(end, ActivityError)]
    assert {error.code for error in errors} == {ErrorCode.CREATE_IN_PROGRESS}
    assert len(errors) == sum(map(len, lists)) - 8


async def test_nothing_is_claimed_and_nothing_settled(subject: Subject) -> None:
    assert await claim_all(subject, []) == []
    await subject.ledger.settle([])
