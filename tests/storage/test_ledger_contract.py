"""One contract, two ledgers: ``FakeLedger``, and the real one (azure-data-tables) against Azurite.

What ``once`` is tested with must behave like what it runs with, for one activity as for several.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.contract.limits import LONGEST_TEXT
from activities.contract.models import Defaults
from activities.contract.validation import parse_activity
from activities.errors import ErrorCode
from activities.execution.decisions import Known
from activities.execution.ledger import Claim, Ledger, Released
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, activity_request
from tests.support.ledgers import (
    LEASE_SECONDS,
    LEDGERS,
    Subject,
    claim,
    codes_in,
    corrected,
    held,
    in_progress,
    remembered,
    settle,
    stored,
    subject_for,
    wanted,
)

FREE, UNKNOWN = Released(outcome_known=True), Released(outcome_known=False)


@pytest_asyncio.fixture(params=LEDGERS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with subject_for(request) as given:
        yield given


@pytest.fixture
def ledger(subject: Subject) -> Ledger:
    return subject.ledger


@pytest.fixture(params=[1, 3])
def requests(request: pytest.FixtureRequest) -> list[ActivityRequest]:
    """One activity, or several, that nobody has asked for before."""
    return wanted(request.param)


@pytest.fixture
def request_() -> ActivityRequest:
    """An activity that nobody has asked for before."""
    return wanted(1)[0]


async def test_new_activities_can_be_claimed_and_completed(ledger: Ledger) -> None:
    for requests in (wanted(1), wanted(20)):
        claims = await held(ledger, *requests)
        assert len({one.owner for one in claims}) == len({one.request.key for one in claims}) == len(requests)
        answers = [stored(request) for request in requests]
        await settle(ledger, claims, *answers)
        known = await remembered(ledger, *requests[::-1])
        assert [one.entity for one in known] == [answer.entity for answer in answers[::-1]]


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
    await settle(subject.ledger, await held(subject.ledger, request_), first)
    for _ in range(2):
        (answer,) = await remembered(subject.ledger, request_)
        assert json.dumps(answer.entity) == json.dumps(first.entity)
    subject.expire()
    (answer,) = await remembered(subject.ledger, request_)
    assert answer.entity == first.entity


async def test_other_content_is_told_the_first(ledger: Ledger, requests: list[ActivityRequest]) -> None:
    answers = [stored(request) for request in requests]
    await settle(ledger, await held(ledger, *requests), *answers)
    for end, answer in zip(await claim(ledger, *map(corrected, requests)), answers, strict=True):
        assert isinstance(end, Known)
        assert end.entity == answer.entity


async def test_every_activity_has_an_end_of_its_own(subject: Subject) -> None:
    ledger = subject.ledger
    new, completed, other_content, taken, abandoned = requests = wanted(5)
    await held(ledger, abandoned)
    subject.expire()
    await settle(
        ledger, await held(ledger, completed, other_content), first := stored(completed), stored(other_content)
    )
    await held(ledger, taken)
    ends = await claim(ledger, *(corrected(one) if one is other_content else one for one in requests))
    assert isinstance(ends[0], Claim)
    assert not ends[0].left_behind
    assert isinstance(ends[1], Known)
    assert ends[1].entity == first.entity
    assert isinstance(ends[2], Known)
    assert codes_in(ends[3:4]) == [ErrorCode.CREATE_IN_PROGRESS]
    assert isinstance(ends[4], Claim)
    assert ends[4].left_behind
    answers = [stored(new), stored(abandoned)]
    await settle(ledger, [ends[0], ends[4]], *answers)
    known = await remembered(ledger, new, abandoned)
    assert [one.entity for one in known] == [answer.entity for answer in answers]


async def test_several_providers_are_claimed_and_settled_together(ledger: Ledger) -> None:
    mine = wanted(2)
    others = [
        activity_request(one.activity.external_course_activity_id, registrationId=OTHER_REGISTRATION_ID) for one in mine
    ]
    requests = [mine[0], others[1], others[0], mine[1]]
    answers = [stored(request) for request in requests]
    await settle(ledger, await held(ledger, *requests), *answers)
    assert [one.id for one in await remembered(ledger, *requests)] == [answer.id for answer in answers]


@pytest.mark.parametrize("same", [True, False])
async def test_while_somebody_is_at_it_others_are_told_when_to_come_back(
    subject: Subject, requests: list[ActivityRequest], *, same: bool
) -> None:
    others = requests if same else list(map(corrected, requests))
    await held(subject.ledger, *requests)
    for error in await in_progress(subject.ledger, *others):
        assert 1 <= error.retry_after_seconds <= 5
    subject.time.pass_by(LEASE_SECONDS - 2)
    for error in await in_progress(subject.ledger, *others):
        assert 0 < error.retry_after_seconds <= 2


async def test_a_lease_that_is_renewed_does_not_run_out(subject: Subject, requests: list[ActivityRequest]) -> None:
    claims = await held(subject.ledger, *requests)
    for _ in range(3):
        subject.time.pass_by(LEASE_SECONDS - 1)
        for one in claims:
            await subject.ledger.renew(one)
    subject.time.pass_by(LEASE_SECONDS - 1)
    await in_progress(subject.ledger, *requests)
    answers = [stored(request) for request in requests]
    await settle(subject.ledger, claims, *answers)
    assert [one.id for one in await remembered(subject.ledger, *requests)] == [answer.id for answer in answers]


async def test_a_lease_that_ran_out_was_left_behind(subject: Subject, requests: list[ActivityRequest]) -> None:
    await held(subject.ledger, *requests)
    subject.expire()
    claims = await held(subject.ledger, *requests, left_behind=True)
    await in_progress(subject.ledger, *requests)
    await subject.ledger.renew(claims[0])
    answers = [stored(request) for request in requests]
    await settle(subject.ledger, claims, *answers)
    assert [one.id for one in await remembered(subject.ledger, *requests)] == [answer.id for answer in answers]


async def test_who_takes_over_can_leave_it_behind_too(subject: Subject, requests: list[ActivityRequest]) -> None:
    for left_behind in (False, True, True):
        await held(subject.ledger, *requests, left_behind=left_behind)
        subject.expire()


async def test_the_content_counts_of_who_took_over(subject: Subject, request_: ActivityRequest) -> None:
    await claim(subject.ledger, corrected(request_))
    subject.expire()
    await settle(subject.ledger, await held(subject.ledger, request_, left_behind=True), first := stored(request_))
    assert [one.id for one in await remembered(subject.ledger, request_)] == [first.id]


async def test_each_claim_comes_to_the_end_that_it_is_given(ledger: Ledger) -> None:
    created, refused, unknown = requests = wanted(3)
    await settle(ledger, await held(ledger, *requests), stored(created), FREE, UNKNOWN)
    await remembered(ledger, created)
    assert isinstance((await claim(ledger, corrected(refused)))[0], Claim)
    await held(ledger, unknown, left_behind=True)


@pytest.mark.parametrize("left_behind", [False, True])
async def test_a_release_lets_anybody_begin_anew(
    subject: Subject, requests: list[ActivityRequest], *, left_behind: bool
) -> None:
    claims = await held(subject.ledger, *requests)
    if left_behind:
        subject.expire()
        claims = await held(subject.ledger, *requests, left_behind=True)
    await subject.ledger.renew(claims[0])
    await settle(subject.ledger, claims, *[FREE] * len(claims))
    assert codes_in(await claim(subject.ledger, *map(corrected, requests))) == []


async def test_a_release_without_a_known_outcome_is_left_behind_at_once(
    ledger: Ledger, requests: list[ActivityRequest]
) -> None:
    claims = await held(ledger, *requests)
    for _ in range(2):
        await settle(ledger, claims, *[UNKNOWN] * len(claims))
        claims = await held(ledger, *requests, left_behind=True)


LATE: dict[str, Callable[[Ledger, Claim, ActivityRequest], Awaitable[None]]] = {
    "completes": lambda ledger, late, request: settle(ledger, [late], stored(request)),
    "releases": lambda ledger, late, _: settle(ledger, [late], FREE),
    "leaves it open": lambda ledger, late, _: settle(ledger, [late], UNKNOWN),
    "renews": lambda ledger, late, _: ledger.renew(late),
}


@pytest.mark.parametrize("late", LATE)
async def test_who_lost_the_lease_takes_nothing_from_the_one_who_has_it(
    subject: Subject, request_: ActivityRequest, late: str
) -> None:
    (lost,) = await held(subject.ledger, request_)
    subject.expire()
    claims = await held(subject.ledger, request_, left_behind=True)
    await LATE[late](subject.ledger, lost, request_)
    await in_progress(subject.ledger, request_)
    await settle(subject.ledger, claims, first := stored(request_))
    await LATE[late](subject.ledger, lost, request_)
    assert [one.id for one in await remembered(subject.ledger, request_)] == [first.id]


@pytest.mark.parametrize("late", LATE)
async def test_who_lost_the_lease_brings_nothing_back(subject: Subject, request_: ActivityRequest, late: str) -> None:
    (lost,) = await held(subject.ledger, request_)
    subject.expire()
    await settle(subject.ledger, await held(subject.ledger, request_, left_behind=True), FREE)
    await LATE[late](subject.ledger, lost, request_)
    await held(subject.ledger, request_)


@pytest.mark.parametrize("late", [stored(activity_request()), FREE, UNKNOWN])
async def test_who_lost_one_of_its_leases_still_settles_the_others(
    subject: Subject, late: StoredActivity | Released
) -> None:
    ledger = subject.ledger
    lost, kept = requests = wanted(2)
    claims = await held(ledger, *requests)
    subject.expire()
    taken_over = await held(ledger, lost, left_behind=True)
    await settle(ledger, claims, late, answer := stored(kept))
    assert [one.id for one in await remembered(ledger, kept)] == [answer.id]
    await in_progress(ledger, lost)
    await settle(ledger, taken_over, first := stored(lost))
    await settle(ledger, claims[:1], late)
    assert [one.id for one in await remembered(ledger, lost)] == [first.id]


async def test_who_lost_a_lease_among_several_brings_nothing_back(subject: Subject) -> None:
    requests = wanted(2)
    claims = await held(subject.ledger, *requests)
    subject.expire()
    await settle(subject.ledger, await held(subject.ledger, requests[0], left_behind=True), FREE)
    await settle(subject.ledger, claims, stored(requests[0]), FREE)
    await held(subject.ledger, *requests)


@pytest.mark.parametrize(
    "external_id",
    [
        "Prüfung \N{GRADUATION CAP}",
        "a/b\\c",
        "#?%2F&",
        "..",
        "it's",
        "'",
        "a\tb\nc",
        "x" * (LONGEST_TEXT - 1),  # The test makes another one, one longer.
        "x" * (LONGEST_TEXT - 2) + "y",
    ],
    ids=[
        "unicode",
        "slashes",
        "reserved",
        "dots",
        "apostrophe",
        "quote",
        "controls",
        "longest",
        "longest but for its end",
    ],
)
async def test_any_external_id_is_a_key(ledger: Ledger, external_id: str) -> None:
    request = activity_request(external_id, registrationId=str(uuid4()))
    await settle(ledger, await held(ledger, request), first := stored(request))
    assert [one.entity for one in await remembered(ledger, request)] == [first.entity]
    await held(ledger, activity_request(f"{external_id}.", registrationId=request.registration_id))


async def test_external_ids_that_differ_in_case_are_two(ledger: Ledger, request_: ActivityRequest) -> None:
    external_id = request_.activity.external_course_activity_id or ""
    await held(ledger, request_, activity_request(f"A{external_id}"), activity_request(f"a{external_id}"))


async def test_each_provider_has_its_own_activities(ledger: Ledger, request_: ActivityRequest) -> None:
    external_id = request_.activity.external_course_activity_id
    await held(ledger, request_)
    await held(ledger, activity_request(external_id, registrationId=OTHER_REGISTRATION_ID))
    await in_progress(ledger, activity_request(external_id, registrationId=REGISTRATION_ID.upper()))


@pytest.mark.parametrize("left_behind", [False, True])
@pytest.mark.parametrize("overlapping", [False, True])
async def test_of_many_who_claim_at_the_same_moment_exactly_one_gets_each(
    subject: Subject, *, overlapping: bool, left_behind: bool
) -> None:
    requests = wanted(8 if overlapping else 1)
    lists = [requests[:5], requests[3:], requests[::-1], requests] if overlapping else [requests] * 30
    if left_behind:
        await held(subject.ledger, *requests)
        subject.expire()
    ends = [end for some in await asyncio.gather(*(claim(subject.ledger, *one) for one in lists)) for end in some]
    claims = [end for end in ends if isinstance(end, Claim)]
    assert len(claims) == len({one.request.key for one in claims}) == len(requests)
    assert {one.left_behind for one in claims} == {left_behind}
    assert codes_in(ends) == [ErrorCode.CREATE_IN_PROGRESS] * (sum(map(len, lists)) - len(requests))


async def test_nothing_is_claimed_and_nothing_settled(ledger: Ledger) -> None:
    assert await claim(ledger) == []
    await ledger.settle([])


async def test_storage_that_answers_passes_its_check(ledger: Ledger) -> None:
    await ledger.check()


def change(request: ActivityRequest, *, minutes: int, **properties: object) -> ActivityRequest:
    """Return an update of a request's activity, so many minutes later."""
    record = {"externalCourseActivityId": request.external_id, "registrationId": request.registration_id, **properties}
    wanted = parse_activity(record, kind=None, defaults=Defaults(), operation=Operation.UPDATE)
    return replace(wanted, as_of=request.true_at + timedelta(minutes=minutes))


class TestChanging:
    """An activity that is known: who wants another state has to claim it, who wants what it is has not."""

    async def test_a_change_claims_what_is_known_and_the_next_one_is_told_what_it_has_become(
        self, ledger: Ledger, requests: list[ActivityRequest]
    ) -> None:
        await settle(ledger, await held(ledger, *requests), *(answers := [stored(one) for one in requests]))
        changes = [change(one, minutes=1, status="completed") for one in requests]
        claims = await held(ledger, *changes)
        assert [one.known.entity for one in claims if one.known] == [answer.entity for answer in answers]
        await in_progress(ledger, *requests)
        done = [
            Known(one.true_at, {**a.entity, "status": "completed"}, "hash")
            for one, a in zip(changes, answers, strict=True)
        ]
        await ledger.settle(list(zip(claims, done, strict=True)))
        assert await claim(ledger, *changes) == done

    async def test_a_change_that_is_given_up_leaves_what_was_known(
        self, ledger: Ledger, requests: list[ActivityRequest]
    ) -> None:
        await settle(ledger, await held(ledger, *requests), *(answers := [stored(one) for one in requests]))
        changes = [change(one, minutes=1, status="completed") for one in requests]
        await settle(ledger, await held(ledger, *changes), *[FREE] * len(changes))
        assert [one.entity for one in await remembered(ledger, *requests)] == [answer.entity for answer in answers]
        claims = await held(ledger, *changes)
        await settle(ledger, claims, *[UNKNOWN] * len(changes))
        again = await held(ledger, *changes, left_behind=True)
        assert [one.known.entity for one in again if one.known] == [answer.entity for answer in answers]

    async def test_who_takes_over_knows_what_the_dead_one_was_about(
        self, subject: Subject, request_: ActivityRequest
    ) -> None:
        await settle(subject.ledger, await held(subject.ledger, request_), stored(request_))
        newer = change(request_, minutes=9, status="completed")
        await held(subject.ledger, newer)
        subject.expire()
        (claim,) = await held(subject.ledger, change(request_, minutes=5, completionPercentage=50), left_behind=True)
        assert claim.left is not None
        assert claim.left.as_of == newer.true_at

    async def test_an_older_change_is_told_the_newer_state(self, ledger: Ledger, request_: ActivityRequest) -> None:
        await settle(ledger, await held(ledger, request_), first := stored(request_))
        (known,) = await claim(ledger, change(request_, minutes=-1, status="completed"))
        assert isinstance(known, Known)
        assert known.entity == first.entity

    async def test_what_is_so_already_is_so_at_the_later_time(
        self, ledger: Ledger, requests: list[ActivityRequest]
    ) -> None:
        await settle(ledger, await held(ledger, *requests), *[stored(one) for one in requests])
        for minutes in (5, 3):
            for known in await claim(ledger, *(change(one, minutes=minutes, status="inProgress") for one in requests)):
                assert isinstance(known, Known)
        for known, one in zip(await claim(ledger, *requests), requests, strict=True):
            assert isinstance(known, Known)
            assert known.as_of == one.true_at + timedelta(minutes=5)

    async def test_what_was_deleted_is_remembered_without_its_state(
        self, ledger: Ledger, request_: ActivityRequest
    ) -> None:
        await settle(ledger, await held(ledger, request_), stored(request_))
        deletion = replace(request_, operation=Operation.DELETE, as_of=request_.true_at + timedelta(minutes=1))
        claims = await held(ledger, deletion)
        await ledger.settle([(claims[0], gone := Known(deletion.true_at, deleted=True))])
        assert await claim(ledger, request_) == [gone]
        assert await claim(ledger, deletion) == [gone]
