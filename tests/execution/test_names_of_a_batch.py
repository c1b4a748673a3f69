"""What a large batch about a few people and courses costs in look-ups, in any order of its rows.

Counted at the emulator, through the SDK's request builders: each call is an HTTP request.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import batched

import pytest
import pytest_asyncio

from activities.errors import ActivityError
from activities.execution.names import NameResolver, Names
from tests.support.directories import Emulated, emulated_directory
from tests.support.fakes import REGISTRATION_ID

CHUNK, PAGE = 20, 100
ROWS, PEOPLE, COURSES = 10_000, 500, 50
MOST_CALLS = 250

type Rows = list[Names]


@pytest_asyncio.fixture
async def tenant(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    async with emulated_directory(monkeypatch) as given:
        given.add_people(
            *({"id": f"id-{one}", "userPrincipalName": f"p{one}@contoso.com"} for one in range(PEOPLE)),
        )
        given.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(COURSES)))
        yield given


def row(number: int) -> Names:
    return Names(
        registration_id=REGISTRATION_ID,
        learner_address=f"p{number % PEOPLE}@contoso.com",
        assigner_address=f"p{number % 9}@contoso.com",
        content_external_id=f"LP{number // PEOPLE * 7 % COURSES}",
    )


def by_learner(rows: Rows) -> Rows:
    """Return the worst order: each chunk has one person who was in none before."""
    return sorted(rows, key=lambda one: str(one.learner_address))


def by_course(rows: Rows) -> Rows:
    return sorted(rows, key=lambda one: str(one.content_external_id))


def mixed(rows: Rows) -> Rows:
    return [rows[place * 7919 % len(rows)] for place in range(len(rows))]


@pytest.mark.parametrize(("at_once", "unknown"), [(1, 0), (16, 25)])
@pytest.mark.parametrize("order", [list, by_learner, by_course, mixed])
async def test_ten_thousand_rows_about_500_people_and_50_courses_make_at_most_250_calls(
    tenant: Emulated, order: Callable[[Rows], Rows], at_once: int, unknown: int
) -> None:
    """Chunks of twenty are worked off, each of which sees the page of a hundred that it belongs to."""
    del tenant.emulator.people.everybody[PEOPLE - unknown :]
    rows = order([row(number) for number in range(ROWS)])
    assert len(rows) == ROWS
    resolver = NameResolver(lambda: tenant.directory)
    pages = batched(rows, PAGE, strict=True)
    chunks = [(chunk, page) for page in pages for chunk in batched(page, CHUNK, strict=True)]
    failed = 0
    for together in batched(chunks, at_once, strict=False):
        ends = await asyncio.gather(*(resolver.resolve(chunk, ahead=page) for chunk, page in together))
        failed += sum(isinstance(end, ActivityError) for some in ends for end in some)
    assert failed == unknown * ROWS / PEOPLE
    assert len(tenant.network.calls) <= MOST_CALLS
