"""The health check: anonymous, so it may be asked as often as anybody likes, and must not ask as often itself."""

import asyncio
from dataclasses import replace

import pytest

from activities.errors import ErrorCode, TransientError
from activities.graph.permissions import NEEDED_FOR
from activities.health import FRESH_SECONDS, Health
from tests.support.fakes import FakeGraph, FakeLedger

NO_TOKEN = TransientError(ErrorCode.IDENTITY_UNAVAILABLE, "no token", retry_after_seconds=30)
NO_STORAGE = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "no storage", retry_after_seconds=30)


def health(graph: FakeGraph) -> Health:
    return Health(graph, FakeLedger(), now=graph.time.clock.now)


async def test_the_identity_is_checked() -> None:
    graph = FakeGraph()
    assert (await health(graph).report()).failure is None
    assert graph.calls == ["check"]


async def test_identity_and_storage_are_checked_once_each() -> None:
    graph, ledger = FakeGraph(), FakeLedger()
    asked = Health(graph, ledger, now=graph.time.clock.now)
    assert {(await asked.report()).failure for _ in range(3)} == {None}
    assert (graph.calls, ledger.calls) == (["check"], ["check"])


async def test_storage_that_fails_is_reported() -> None:
    ledger = FakeLedger(failures={"check": NO_STORAGE})
    assert (await Health(FakeGraph(), ledger).report()).failure is NO_STORAGE


async def test_queues_that_refuse_the_app_are_reported_although_the_tables_do_not() -> None:
    class Refusing:
        async def check(self) -> None:
            raise NO_STORAGE

    assert (await Health(FakeGraph(), FakeLedger(), Refusing()).report()).failure is NO_STORAGE


async def test_storage_that_is_not_set_is_reported() -> None:
    """Requests that can be repeated would all be refused."""
    failure = (await Health(FakeGraph(), None).report()).failure
    assert failure is not None
    assert failure.code is ErrorCode.STORAGE_UNAVAILABLE


async def test_a_missing_permission_is_named_and_no_failure_while_something_can_be_created() -> None:
    """An app for assignments alone does not need the permissions of self-initiated courses."""
    graph = FakeGraph(
        permissions=frozenset({"LearningAssignedCourse.ReadWrite.All", "LearningAssignedCourse.Read.All"})
    )
    report = await health(graph).report()
    assert report.failure is None
    assert report.missing_permissions == (
        "LearningSelfInitiatedCourse.ReadWrite.All",
        "LearningSelfInitiatedCourse.Read.All",
    )


async def test_permissions_that_not_everybody_needs_are_told_and_never_missing() -> None:
    graph = FakeGraph(permissions=frozenset({*NEEDED_FOR, "User.ReadBasic.All"}))
    report = await health(graph).report()
    assert (report.failure, report.missing_permissions) == (None, ())
    assert dict(report.optional_permissions) == {
        "User.ReadBasic.All": True,
        "User.Read.All": False,
        "LearningContent.Read.All": False,
    }


async def test_an_identity_that_may_create_nothing_is_a_failure() -> None:
    report = await health(FakeGraph(permissions=frozenset({"LearningAssignedCourse.Read.All"}))).report()
    assert report.failure is not None
    assert report.failure.code is ErrorCode.GRAPH_PERMISSION_MISSING


async def test_a_token_that_does_not_tell_its_permissions_is_no_failure() -> None:
    report = await health(FakeGraph(permissions=None)).report()
    assert (report.failure, report.missing_permissions) == (None, ())


async def test_missing_permissions_are_told_also_when_storage_fails() -> None:
    asked = Health(FakeGraph(permissions=frozenset()), FakeLedger(failures={"check": NO_STORAGE}))
    report = await asked.report()
    assert report.failure is NO_STORAGE
    assert len(report.missing_permissions) == 4


async def test_who_asks_while_a_slow_storage_is_asked_gets_the_last_answer_marked_as_old() -> None:
    """The route is anonymous: callers who wait would pile up behind a storage that does not answer."""

    class Slow:
        def __init__(self) -> None:
            self.answering = asyncio.Event()
            self.answering.set()

        async def check(self) -> None:
            await self.answering.wait()

    graph, storage = FakeGraph(), Slow()
    asked = Health(graph, storage, now=graph.time.clock.now)
    first = await asked.report()
    graph.time.pass_by(FRESH_SECONDS + 1)
    storage.answering.clear()
    checking = asyncio.create_task(asked.report())
    await asyncio.sleep(0)
    meanwhile = await asyncio.gather(*(asked.report() for _ in range(20)))
    assert set(meanwhile) == {replace(first, old=True)}
    storage.answering.set()
    assert not (await checking).old
    assert await asked.report() is await checking


async def test_it_is_checked_at_most_every_30_seconds() -> None:
    graph = FakeGraph()
    asked = health(graph)
    first = await asked.report()
    for seconds in (0, 10, 19.9):
        graph.time.pass_by(seconds)
        assert await asked.report() is first
    assert graph.calls == ["check"]
    graph.time.pass_by(1)
    assert await asked.report() is not first
    assert graph.calls == ["check", "check"]


async def test_all_who_ask_during_a_check_get_its_result() -> None:
    answer = asyncio.Event()

    class Slow(FakeGraph):
        async def check_identity(self) -> None:
            await super().check_identity()
            await answer.wait()

    graph = Slow()
    asked = health(graph)
    asking = [asyncio.create_task(asked.report()) for _ in range(20)]
    await asyncio.sleep(0)
    answer.set()
    reports = await asyncio.gather(*asking)
    assert graph.calls == ["check"]
    assert len({id(report) for report in reports}) == 1


async def test_a_failure_is_reported_kept_as_long_and_then_checked_again() -> None:
    graph = FakeGraph(identity_failure=NO_TOKEN)
    asked = health(graph)
    assert (await asked.report()).failure is NO_TOKEN
    graph.identity_failure = None
    assert (await asked.report()).failure is NO_TOKEN
    graph.time.pass_by(FRESH_SECONDS + 1)
    assert (await asked.report()).failure is None
    graph.identity_failure = NO_TOKEN
    graph.time.pass_by(FRESH_SECONDS + 1)
    assert (await asked.report()).failure is NO_TOKEN


@pytest.mark.parametrize("interruption", [asyncio.CancelledError(), ZeroDivisionError()])
async def test_a_check_that_was_interrupted_does_not_make_an_old_result_fresh(interruption: BaseException) -> None:
    class Interrupted(FakeGraph):
        interrupt = False

        async def check_identity(self) -> None:
            await super().check_identity()
            if self.interrupt:
                raise interruption

    graph = Interrupted()
    asked = health(graph)
    first = await asked.report()
    graph.time.pass_by(FRESH_SECONDS + 1)
    graph.interrupt = True
    with pytest.raises(type(interruption)):
        await asked.report()
    graph.interrupt = False
    assert await asked.report() is not first


async def test_a_bug_is_not_reported_as_a_failing_identity() -> None:
    class Buggy(FakeGraph):
        async def check_identity(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await health(Buggy()).report()
