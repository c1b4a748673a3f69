"""One contract, two ledgers: ``FakeLedger``, and the real one (azure-data-tables) against Azurite.

What ``create_once`` is tested with must behave like what it runs with.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.models import ActivityRequest
from activities.errors import ActivityError, ErrorCode, PermanentError
from activities.execution.ledger import Claim, Ledger
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, activity_request
from tests.support.ledgers import CONTENT, LEASE_SECONDS, LEDGERS, Subject, in_progress, stored, subject_for


@pytest_asyncio.fixture(params=LEDGERS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with subject_for(request) as given:
        yield given


@pytest.fixture
def request_() -> ActivityRequest:
    """An activity that nobody has asked for before."""
    return activity_request(str(uuid4()))


async def test_a_new_activity_can_be_claimed(subject: Subject, request_: ActivityRequest) -> None:
    await subject.held(request_)


def incompressible(size: int) -> str:
    return hashlib.shake_256().hexdigest(size // 2)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"notes": {"contentType": "text", "content": "Prüfung \N{GRADUATION CAP} \u0000 \ud800"}},
        {"z": None, "a": [1, 2.5, True, {"b": []}], "dueDateTime": {"timeZone": "UTC", "dateTime": "2026-11-22"}},
        {"notes": "a" * 5_000_000},
        {"notes": incompressible(200_000)},
        {"notes": incompressible(1_200_000)},
    ],
    ids=["plain", "any character", "any JSON", "large", "more than a property", "many properties"],
)
async def test_a_completed_activity_is_told_exactly_as_the_first_time(
    subject: Subject, request_: ActivityRequest, properties: dict[str, Any]
) -> None:
    first = stored(request_, **properties)
    await subject.ledger.complete(await subject.held(request_), first)
    for _ in range(2):
        assert json.dumps((await subject.answer(request_)).entity) == json.dumps(first.entity)
    subject.expire()
    assert (await subject.answer(request_)).entity == first.entity


async def test_an_answer_that_nothing_can_hold_is_told_by_its_id(subject: Subject, request_: ActivityRequest) -> None:
    first = stored(request_, notes=incompressible(4_000_000))
    await subject.ledger.complete(await subject.held(request_), first)
    answer = await subject.answer(request_)
    assert answer.id == first.id
    assert request_.activity.to_graph().items() <= answer.entity.items()


async def test_other_content_is_refused_with_the_id_of_the_first(subject: Subject, request_: ActivityRequest) -> None:
    first = stored(request_)
    await subject.ledger.complete(await subject.held(request_), first)
    with pytest.raises(PermanentError) as caught:
        await subject.ledger.claim(request_, "another hash")
    assert (caught.value.code, caught.value.target) == (ErrorCode.ACTIVITY_EXISTS, "externalCourseActivityId")
    assert first.id in caught.value.message


@pytest.mark.parametrize("content", [CONTENT, "another hash"])
async def test_while_somebody_is_at_it_others_are_told_when_to_come_back(
    subject: Subject, request_: ActivityRequest, content: str
) -> None:
    await subject.held(request_)
    assert 1 <= (await in_progress(subject.ledger.claim(request_, content))).retry_after_seconds <= 5
    subject.time.pass_by(LEASE_SECONDS - 2)
    assert 0 < (await in_progress(subject.ledger.claim(request_, content))).retry_after_seconds <= 2


async def test_a_lease_that_is_renewed_does_not_run_out(subject: Subject, request_: ActivityRequest) -> None:
    claim = await subject.held(request_)
    for _ in range(3):
        subject.time.pass_by(LEASE_SECONDS - 1)
        await subject.ledger.renew(claim)
    subject.time.pass_by(LEASE_SECONDS - 1)
    await in_progress(subject.ledger.claim(request_, CONTENT))
    await subject.ledger.complete(claim, first := stored(request_))
    assert (await subject.answer(request_)).id == first.id


async def test_a_lease_that_ran_out_was_left_behind(subject: Subject, request_: ActivityRequest) -> None:
    await subject.held(request_)
    subject.expire()
    claim = await subject.held(request_, left_behind=True)
    await in_progress(subject.ledger.claim(request_, CONTENT))
    await subject.ledger.renew(claim)
    await subject.ledger.complete(claim, first := stored(request_))
    assert (await subject.answer(request_)).id == first.id


async def test_who_takes_over_can_leave_it_behind_too(subject: Subject, request_: ActivityRequest) -> None:
    for left_behind in (False, True, True):
        await subject.held(request_, left_behind=left_behind)
        subject.expire()


async def test_the_content_counts_of_who_took_over(subject: Subject, request_: ActivityRequest) -> None:
    await subject.ledger.claim(request_, "another hash")
    subject.expire()
    await subject.ledger.complete(await subject.held(request_, left_behind=True), first := stored(request_))
    assert (await subject.answer(request_)).id == first.id
    with pytest.raises(PermanentError):
        await subject.ledger.claim(request_, "another hash")


@pytest.mark.parametrize("left_behind", [False, True])
async def test_a_release_lets_anybody_begin_anew(
    subject: Subject, request_: ActivityRequest, *, left_behind: bool
) -> None:
    claim = await subject.held(request_)
    if left_behind:
        subject.expire()
        claim = await subject.held(request_, left_behind=True)
    await subject.ledger.renew(claim)
    await subject.ledger.release(claim, outcome_known=True)
    assert isinstance(await subject.ledger.claim(request_, "a corrected request"), Claim)


async def test_a_release_without_a_known_outcome_is_left_behind_at_once(
    subject: Subject, request_: ActivityRequest
) -> None:
    claim = await subject.held(request_)
    for _ in range(2):
        await subject.ledger.release(claim, outcome_known=False)
        claim = await subject.held(request_, left_behind=True)


LATE: dict[str, Callable[[Ledger, Claim, ActivityRequest], Awaitable[None]]] = {
    "completes": lambda ledger, claim, request: ledger.complete(claim, stored(request)),
    "releases": lambda ledger, claim, _: ledger.release(claim, outcome_known=True),
    "leaves it open": lambda ledger, claim, _: ledger.release(claim, outcome_known=False),
    "renews": lambda ledger, claim, _: ledger.renew(claim),
}


@pytest.mark.parametrize("late", LATE)
async def test_who_lost_the_lease_takes_nothing_from_the_one_who_has_it(
    subject: Subject, request_: ActivityRequest, late: str
) -> None:
    lost = await subject.held(request_)
    subject.expire()
    claim = await subject.held(request_, left_behind=True)
    await LATE[late](subject.ledger, lost, request_)
    await in_progress(subject.ledger.claim(request_, CONTENT))
    await subject.ledger.complete(claim, first := stored(request_))
    await LATE[late](subject.ledger, lost, request_)
    assert (await subject.answer(request_)).id == first.id


@pytest.mark.parametrize("late", LATE)
async def test_who_lost_the_lease_brings_nothing_back(subject: Subject, request_: ActivityRequest, late: str) -> None:
    lost = await subject.held(request_)
    subject.expire()
    await subject.ledger.release(await subject.held(request_, left_behind=True), outcome_known=True)
    await LATE[late](subject.ledger, lost, request_)
    await subject.held(request_)


@pytest.mark.parametrize(
    "external_id",
    ["Prüfung \N{GRADUATION CAP}", "a/b\\c", "#?%2F&", "..", "it's", "'", "a\tb\nc", "x" * 10_000, "x" * 9_999 + "y"],
    ids=["unicode", "slashes", "reserved", "dots", "apostrophe", "quote", "controls", "10,000 x", "9,999 x and y"],
)
async def test_any_external_id_is_a_key(subject: Subject, external_id: str) -> None:
    request = activity_request(external_id, registrationId=str(uuid4()))
    await subject.ledger.complete(await subject.held(request), first := stored(request))
    assert (await subject.answer(request)).entity == first.entity
    await subject.held(activity_request(f"{external_id}.", registrationId=request.registration_id))


async def test_external_ids_that_differ_in_case_are_two(subject: Subject, request_: ActivityRequest) -> None:
    external_id = request_.activity.external_course_activity_id or ""
    await subject.held(request_)
    await subject.held(activity_request(f"A{external_id}"))
    await subject.held(activity_request(f"a{external_id}"))


async def test_each_provider_has_its_own_activities(subject: Subject, request_: ActivityRequest) -> None:
    external_id = request_.activity.external_course_activity_id
    await subject.held(request_)
    await subject.held(activity_request(external_id, registrationId=OTHER_REGISTRATION_ID))
    same = activity_request(external_id, registrationId=REGISTRATION_ID.upper())
    await in_progress(subject.ledger.claim(same, CONTENT))


@pytest.mark.parametrize("left_behind", [False, True])
async def test_of_many_who_claim_at_the_same_moment_exactly_one_wins(
    subject: Subject, request_: ActivityRequest, *, left_behind: bool
) -> None:
    if left_behind:
        await subject.held(request_)
        subject.expire()
    ends = await asyncio.gather(*(subject.ledger.claim(request_, CONTENT) for _ in range(30)), return_exceptions=True)
    (claim,) = [end for end in ends if isinstance(end, Claim)]
    assert claim.left_behind is left_behind
    errors = [end for end in ends if isinstance(end, ActivityError)]
    assert [error.code for error in errors] == [ErrorCode.CREATE_IN_PROGRESS] * 29


async def test_storage_that_answers_passes_its_check(subject: Subject) -> None:
    await subject.ledger.check()
