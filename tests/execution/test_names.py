"""People and courses by their own names: which ids they stand for, what is asked for and when, and what is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import names
from activities.execution.directory import ContentList, Finding, Name
from activities.execution.names import (
    FOUND_SECONDS,
    MOST_CONTENTS,
    MOST_KEPT,
    MOST_PEOPLE,
    NOT_FOUND_SECONDS,
    Ids,
    NameResolver,
    Names,
)
from tests.support.directories import FakeDirectory
from tests.support.fakes import OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeTime

SECRET = "secret.person@contoso.com"


@dataclass
class Stage:
    """A resolver over people ``p0``… and courses ``LP0``…, and the time."""

    directory: FakeDirectory = field(default_factory=FakeDirectory)
    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        self.directory.people = [
            {"id": f"id-{one}", "userPrincipalName": f"p{one}@contoso.com", "employeeId": str(one)}
            for one in range(1000)
        ]
        self.directory.contents = [
            {"learningProviderId": REGISTRATION_ID, "id": f"c-{one}", "externalId": f"LP{one}", "title": "A"}
            for one in range(1000)
        ]
        self.resolver = NameResolver(lambda: self.directory, now=lambda: self.time.seconds)

    async def resolve(self, *records: Names, ahead: Sequence[Names] = ()) -> list[Ids | ActivityError]:
        return await self.resolver.resolve(records, ahead=ahead)

    async def error(self, record: Names) -> ActivityError:
        (end,) = await self.resolve(record)
        assert isinstance(end, ActivityError)
        return end

    @property
    def asked(self) -> list[list[str]]:
        """The texts of each look-up."""
        return [[name.text for name in call] for call in self.directory.asked]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def record(
    learner: int | str | None = None,
    course: int | str | None = None,
    assigner: int | None = None,
    employee: int | str | None = None,
    provider: str = REGISTRATION_ID,
) -> Names:
    return Names(
        registration_id=provider,
        learner_address=f"p{learner}@contoso.com" if isinstance(learner, int) else learner,
        learner_employee_id=None if employee is None else str(employee),
        assigner_address=None if assigner is None else f"p{assigner}@contoso.com",
        content_external_id=f"LP{course}" if isinstance(course, int) else course,
    )


async def test_every_name_of_a_record_becomes_an_id_in_one_look_up(stage: Stage) -> None:
    assert await stage.resolve(record(1, 2, assigner=3), record(employee=4), record(course=5)) == [
        Ids("id-1", "id-3", "c-2"),
        Ids("id-4"),
        Ids(learning_content_id="c-5"),
    ]
    assert len(stage.asked) == 1


async def test_records_without_names_open_no_directory() -> None:
    def open_directory() -> FakeDirectory:
        raise AssertionError("opened")

    assert await NameResolver(open_directory).resolve([record(), record()]) == [Ids(), Ids()]


async def test_one_name_is_asked_for_once_however_it_is_spelled_and_wherever_it_stands(stage: Stage) -> None:
    ends = await stage.resolve(record(1, assigner=1), record(" P1@Contoso.com "), record(1, 7), record(assigner=1))
    assert ends == [Ids("id-1", "id-1"), Ids("id-1"), Ids("id-1", None, "c-7"), Ids(None, "id-1")]
    assert stage.asked == [["p1@contoso.com", "LP7"]]


async def test_another_provider_has_contents_and_a_tenant_of_its_own(stage: Stage) -> None:
    there, here = record(1, 1, provider=OTHER_REGISTRATION_ID), record(1, 1, provider=REGISTRATION_ID.upper())
    ends = await stage.resolve(there, here)
    assert isinstance(ends[0], PermanentError)
    assert ends[1] == Ids("id-1", None, "c-1")
    assert len(stage.asked[0]) == 4


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "code", "target", "said"),
        [
            (record("x@contoso.com"), "learnerNotFound", "learnerUserId", "guest"),
            (record("a b@contoso.com"), "learnerNotFound", "learnerUserId", "holds a space"),
            (record("a_b.com#EXT#@contoso.com"), "learnerNotFound", "learnerUserId", "no guest with"),
            (record("x" * 121), "learnerNotFound", "learnerUserId", "Check the spelling"),
            (record("\ud800@contoso.com"), "learnerNotFound", "learnerUserId", "Check the spelling"),
            (record(""), "learnerNotFound", "learnerUserId", "Check the spelling"),
            (record(employee="x"), "learnerNotFound", "learnerEmployeeId", "leading zeros"),
            (record(assigner=5000), "learnerNotFound", "assignerUserId", "Check the spelling"),
            (record(course="x"), "contentNotFound", "learningContentExternalId", "no content with the id"),
            (record(course="lp-off"), "contentNotFound", "learningContentExternalId", "not active"),
            (record("twin@contoso.com"), "learnerAmbiguous", "learnerUserId", "More than one person has the address"),
            (record(employee="twin"), "learnerAmbiguous", "learnerEmployeeId", "employee id"),
        ],
    )
    async def test_a_name_without_an_id_is_refused_with_the_nearest_reason_and_never_repeated(
        self, stage: Stage, wrong: Names, code: str, target: str, said: str
    ) -> None:
        twins = [
            {"id": one, "userPrincipalName": f"{one}@x", "mail": "twin@contoso.com", "employeeId": "twin"}
            for one in "ab"
        ]
        stage.directory.people += twins
        stage.directory.contents += [
            {"learningProviderId": REGISTRATION_ID, "id": "h", "externalId": "lp-off", "title": "A", "isActive": False}
        ]
        error = await stage.error(wrong)
        assert isinstance(error, PermanentError)
        assert (error.code, error.target) == (code, target)
        assert said in error.message
        texts = [name.text for name in wrong.by_property().values() if len(name.text) > 5]
        assert [text for text in texts if text in error.message.casefold()] == []

    async def test_what_can_be_no_name_is_not_asked_for(self, stage: Stage) -> None:
        await stage.resolve(record("a b@contoso.com", "\ud800"), record("x" * 121), record("", employee=""))
        assert stage.asked == []

    async def test_everything_that_is_wrong_with_a_record_is_said_at_once(self, stage: Stage) -> None:
        error = await stage.error(record("x@contoso.com", "x", assigner=5000))
        assert error.code == "learnerNotFound"
        assert error.target == ""
        assert [(one.code, one.target) for one in error.problems] == [
            ("learnerNotFound", "learnerUserId"),
            ("learnerNotFound", "assignerUserId"),
            ("contentNotFound", "learningContentExternalId"),
        ]
        assert all(one.message in error.message for one in error.problems)

    async def test_a_missing_permission_is_told_once_and_names_what_it_is_for(self, stage: Stage) -> None:
        stage.directory.roles = frozenset()
        error = await stage.error(record(1, assigner=2))
        assert error.code is ErrorCode.GRAPH_PERMISSION_MISSING
        assert error.problems == ()
        assert "User.ReadBasic.All, which finding people by their e-mail address needs" in error.message

    async def test_of_two_missing_permissions_both_are_told_and_nobody_asks_again_at_once(self, stage: Stage) -> None:
        stage.directory.roles = frozenset()
        for _ in range(2):
            error = await stage.error(record(1, 2))
            assert error.code is ErrorCode.GRAPH_PERMISSION_MISSING
            assert "User.ReadBasic.All" in error.message
            assert "LearningContent.Read.All" in error.message
            assert len(error.problems) == 2
        assert len(stage.asked) == 1

    async def test_what_has_to_wait_is_no_refusal_unless_something_else_is(self, stage: Stage) -> None:
        busy = TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=7)
        stage.directory.failures = {False: busy}
        assert await stage.resolve(record(1, 1), record(course=2)) == [busy, Ids(learning_content_id="c-2")]
        stage.directory.failures = {False: busy}
        assert (await stage.error(record(3, "x"))).code is ErrorCode.CONTENT_NOT_FOUND

    async def test_of_two_waits_the_longer_one_counts(self, stage: Stage) -> None:
        stage.directory.failures = {
            one: TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=seconds)
            for one, seconds in ((False, 7), (True, 9))
        }
        error = await stage.error(record(1, 1))
        assert isinstance(error, TransientError)
        assert error.retry_after_seconds == 9


class TestWhatIsKept:
    @pytest.mark.parametrize(
        ("one", "seconds"),
        [(record(1, 1), FOUND_SECONDS), (record("x@contoso.com", "x"), NOT_FOUND_SECONDS)],
    )
    async def test_what_was_found_is_kept_for_an_hour_and_what_was_not_for_a_minute(
        self, stage: Stage, one: Names, seconds: float
    ) -> None:
        for later, calls in ((0, 1), (seconds - 1, 1), (1, 2)):
            stage.time.seconds += later
            await stage.resolve(one)
            assert len(stage.asked) == calls

    async def test_somebody_new_is_found_after_a_minute(self, stage: Stage) -> None:
        await stage.error(record("new@contoso.com"))
        stage.directory.people.append({"id": "new", "userPrincipalName": "new@contoso.com"})
        stage.time.seconds += NOT_FOUND_SECONDS
        assert await stage.resolve(record("new@contoso.com")) == [Ids("new")]

    async def test_what_has_to_wait_is_asked_for_again(self, stage: Stage) -> None:
        stage.directory.failures = {False: TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=7)}
        await stage.error(record(1))
        assert await stage.resolve(record(1)) == [Ids("id-1")]

    async def test_no_more_is_kept_than_there_is_room_for_and_the_longest_unused_goes_first(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert MOST_KEPT >= 10_000
        monkeypatch.setattr(names, "MOST_KEPT", 3)
        await stage.resolve(record(1), record(2), record(3))
        await stage.resolve(record(1))
        await stage.resolve(record(4))
        stage.directory.asked.clear()
        await stage.resolve(record(1), record(3), record(4), record(2))
        assert stage.asked == [["p2@contoso.com"]]

    async def test_nobodys_address_is_shown_by_what_is_kept_or_passed_on(self, stage: Stage) -> None:
        one = record(SECRET, employee="secret-7")
        shown = [repr(one), repr(one.by_property()), repr(await stage.error(one)), str(await stage.error(one))]
        assert [text for text in shown if "secret" in text] == []


@dataclass
class SlowDirectory:
    """Answers when it is let; ``directory`` knows what."""

    directory: FakeDirectory
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None

    async def find(self, names: Sequence[Name], *, timeout_seconds: float) -> list[Finding]:
        found = await self.directory.find(names, timeout_seconds=timeout_seconds)
        await self.answering.wait()
        if self.failure:
            raise self.failure
        return found

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> ContentList:
        return await self.directory.contents_of(registration_id, timeout_seconds=timeout_seconds)


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


class TestTwoAtOnce:
    async def test_they_never_ask_for_the_same_name(self, stage: Stage) -> None:
        slow = SlowDirectory(stage.directory)
        resolver = NameResolver(lambda: slow)
        first = asyncio.create_task(resolver.resolve([record(1, 1), record(2)]))
        await turns()
        second = asyncio.create_task(resolver.resolve([record(2, 1), record(3)]))
        await turns()
        assert stage.asked == [["p1@contoso.com", "LP1", "p2@contoso.com"], ["p3@contoso.com"]]
        slow.answering.set()
        assert await first == [Ids("id-1", None, "c-1"), Ids("id-2")]
        assert await second == [Ids("id-2", None, "c-1"), Ids("id-3")]

    async def test_who_goes_away_takes_nobodys_answer_along(self, stage: Stage) -> None:
        slow = SlowDirectory(stage.directory)
        resolver = NameResolver(lambda: slow)
        first = asyncio.create_task(resolver.resolve([record(1)]))
        await turns()
        second = asyncio.create_task(resolver.resolve([record(1)]))
        await turns()
        first.cancel()
        slow.answering.set()
        assert await second == [Ids("id-1")]
        assert first.cancelled() or first.cancelling()
        assert len(stage.asked) == 1

    async def test_a_bug_is_told_to_all_and_not_kept(self, stage: Stage) -> None:
        slow = SlowDirectory(stage.directory, failure=RuntimeError("a bug"))
        slow.answering.set()
        resolver = NameResolver(lambda: slow)
        ends = await asyncio.gather(*(resolver.resolve([record(1)]) for _ in range(2)), return_exceptions=True)
        assert [str(end) for end in ends] == ["a bug", "a bug"]
        slow.failure = None
        assert await resolver.resolve([record(1)]) == [Ids("id-1")]


class TestLookingAhead:
    async def test_names_that_will_be_needed_fill_a_call_that_is_made_anyway(self, stage: Stage) -> None:
        soon = [record(number, number) for number in range(100)]
        await stage.resolve(record(500), ahead=soon)
        assert stage.asked[0][:2] == ["p500@contoso.com", "p0@contoso.com"]
        assert [len(call) for call in stage.asked] == [MOST_PEOPLE + MOST_CONTENTS]

    async def test_they_are_no_more_than_twenty_records_can_have(self, stage: Stage) -> None:
        """A look-up of so many makes at most three calls."""
        await stage.resolve(record(500), ahead=[record(course=number) for number in range(100)])
        await stage.resolve(record(course=500), ahead=[record(number) for number in range(100)])
        assert [len(call) for call in stage.asked] == [1 + MOST_CONTENTS, 1 + MOST_PEOPLE]

    async def test_no_call_is_made_for_them_alone(self, stage: Stage) -> None:
        await stage.resolve(record(1))
        await stage.resolve(record(1), ahead=[record(2)])
        await stage.resolve(record(), ahead=[record(2)])
        assert len(stage.asked) == 1

    async def test_twenty_records_full_of_names_leave_no_room(self, stage: Stage) -> None:
        full = [record(number, number, assigner=100 + number) for number in range(20)]
        await stage.resolve(*full, ahead=[record(500)])
        assert [len(call) for call in stage.asked] == [MOST_PEOPLE + MOST_CONTENTS]
