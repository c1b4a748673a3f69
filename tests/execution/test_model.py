"""Whatever fails, whoever dies, in whatever order and how often things are said: what there is, is what was said last.

Several processes over the ledger's own code, on a table in memory; each request to storage and to Graph can fail, be
done without an answer, or be the last one of its process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.contract.activity import Operation, Outcome
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.decisions import Done, End
from activities.execution.sending import FOR_A_CALLER, FOR_A_CHUNK, FOR_A_MESSAGE, Effort
from tests.support.lives import LEASE_SECONDS, Lives, Said, name_of

ACTIVITIES, PROCESSES, LATEST = 3, 3, 30
REFUSED = {
    Operation.CREATE: {ErrorCode.ACTIVITY_EXISTS},
    Operation.UPSERT: set[ErrorCode](),
    Operation.UPDATE: {ErrorCode.ACTIVITY_NOT_FOUND},
    Operation.DELETE: set[ErrorCode](),
}
HAPPENED = {Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.DELETED}


@dataclass(frozen=True)
class Call:
    """What one process is told to do, and when it dies."""

    process: int
    records: list[int]
    effort: Effort
    dies_after: int | None
    executes_last: bool


@dataclass(frozen=True)
class Round:
    """What happens at the same time; then perhaps the leases end, and the state of an activity is forgotten."""

    calls: list[Call]
    leases_end: bool
    forgotten: int | None


said = st.builds(
    Said, st.integers(0, ACTIVITIES - 1), st.sampled_from(Operation), st.integers(0, LATEST), st.booleans()
)
calls = st.builds(
    Call,
    st.integers(0, PROCESSES - 1),
    st.lists(st.integers(0, 100), min_size=1, max_size=6),
    st.sampled_from([FOR_A_CALLER, FOR_A_CHUNK, FOR_A_MESSAGE]),
    st.none() | st.integers(0, 6),
    st.booleans(),
)
rounds = st.builds(
    Round, st.lists(calls, min_size=1, max_size=3), st.booleans(), st.none() | st.integers(0, ACTIVITIES - 1)
)


@settings(max_examples=300)
@given(
    st.lists(said, min_size=1, max_size=12),
    st.lists(rounds, max_size=8),
    st.lists(st.integers(0, 1000), min_size=1, max_size=60),
)
def test_what_there_is_in_the_end_is_what_was_said_last(
    records: list[Said], rounds: list[Round], chance: list[int]
) -> None:
    asyncio.run(_live_through(records, rounds, chance))


async def _live_through(records: list[Said], rounds: list[Round], chance: list[int]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # What belonged to the dead.
    luck = _luck(chance)
    lives = Lives(choose=lambda count: next(luck) % count)
    for one in rounds:
        await _live_round(lives, records, one)
    lives.choose = lambda _: 0
    lives.ledgers.clear()
    before = len(lives.ends)
    for _ in range(2):
        lives.time.pass_by(LEASE_SECONDS + 1)
        await lives.run(0, records, FOR_A_CHUNK)
    _check_never(lives)
    ends = defaultdict[int, list[tuple[Said, End]]](list)
    for record, end in lives.ends:
        ends[record.activity].append((record, end))
    for activity, its in ends.items():
        (percentage,) = [one["completionPercentage"] for one in lives.entities(activity)] or [None]
        assert percentage in model(its), its
    for record, end in lives.ends[before:]:
        assert not isinstance(end, TransientError), record
        if isinstance(end, ActivityError):
            assert end.code in REFUSED[record.operation]


async def _live_round(lives: Lives, records: list[Said], one: Round) -> None:
    for call in one.calls:
        if call.dies_after is not None:
            lives.kill(call.process, after=call.dies_after, executes_last=call.executes_last)
    sent = [[records[place % len(records)] for place in call.records] for call in one.calls]
    await asyncio.gather(
        *(lives.run(call.process, some, call.effort) for call, some in zip(one.calls, sent, strict=True))
    )
    _check_never(lives)
    if one.leases_end:
        lives.time.pass_by(LEASE_SECONDS + 1)
    if one.forgotten is not None:
        lives.forget(one.forgotten)


def model(ends: list[tuple[Said, End]]) -> set[int | None]:
    """Return what can be the end of an activity, given what its records were told."""
    happened = [(said, end.outcome) for said, end in ends if isinstance(end, Done) and end.outcome in HAPPENED]
    # The repeat of a create says only that it was created, or that it was deleted since.
    repeats = {said for said, outcome in happened if said.operation is Operation.CREATE and outcome != Outcome.CREATED}
    changes = {said for said, _ in happened} - repeats
    latest = max((said.time for said in changes), default=-1)
    if not changes:
        # Which of those that came to no end has made it, nobody was told.
        makers = {said for said, _ in ends if said.operation in {Operation.CREATE, Operation.UPSERT}}
        return (
            {said.percentage for said in makers}
            if Outcome.UNCHANGED in {outcome for _, outcome in happened}
            else {None}
        )
    return {said.percentage for said in changes if said.time == latest} | {
        said.percentage for said in repeats if said.time > latest
    }


def _check_never(lives: Lives) -> None:
    """See that nothing exists twice, that no state went backwards, and that no create brought anything back."""
    for activity in range(ACTIVITIES):
        assert len(lives.entities(activity)) <= 1
        percentages = [one["completionPercentage"] for one in lives.graph.written.get(name_of(activity), [])]
        assert [one for one in percentages[1:] if one >= 50] == []
        changes = [one for one in percentages if one < 50]
        assert changes == sorted(changes)


def _luck(chance: list[int]) -> Iterator[int]:
    while True:
        yield from chance
