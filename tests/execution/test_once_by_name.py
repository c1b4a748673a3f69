"""Requests that name people and courses otherwise than by ids: carried out, remembered and compared by ids alone."""

from dataclasses import dataclass, field

import pytest

from activities.contract.activity import ActivityRequest
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution import once
from activities.execution.decisions import Done
from activities.execution.directory import Name
from activities.execution.sending import FOR_A_CHUNK, Sender
from tests.support.directories import FakeDirectory
from tests.support.fakes import LEARNER_ID, REGISTRATION_ID, FakeGraph, FakeLedger, activity_request, assignment_request

ANNA = {
    "id": LEARNER_ID,
    "userPrincipalName": "anna@contoso.com",
    "mail": "anna.berg@contoso.com",
    "employeeId": "0042",
}
ASSIGNER = {"id": "decade00-e020-11ec-9d64-0242ac120002", "userPrincipalName": "boss@contoso.com"}
COURSE = {"learningProviderId": REGISTRATION_ID, "id": "content-1", "externalId": "LP4471", "title": "Safety"}
NAMES = [
    {"learnerUserId": "anna@contoso.com"},
    {"learnerUserId": "Anna.Berg@Contoso.com"},
    {"learnerUserId": None, "learnerEmployeeId": "0042"},
    {"learningContentId": None, "learningContentExternalId": "LP4471"},
]


@dataclass
class Tenant:
    """Graph, a directory and a ledger."""

    directory: FakeDirectory = field(default_factory=lambda: FakeDirectory([ANNA, ASSIGNER], [COURSE]))
    ledger: FakeLedger = field(default_factory=FakeLedger)

    def __post_init__(self) -> None:
        self.graph = FakeGraph(directory=self.directory)

    async def ends(self, *requests: ActivityRequest) -> list[str]:
        sender = Sender(graph=self.graph, effort=FOR_A_CHUNK)
        ends = await once.carry_out(requests, sender=sender, ledger=self.ledger)
        return [str(end.outcome if isinstance(end, Done) else end.code) for end in ends]

    @property
    def asked(self) -> list[Name]:
        return [name for some in self.directory.asked for name in some]


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.mark.parametrize("first", [{}, *NAMES])
@pytest.mark.parametrize("second", [{}, *NAMES])
async def test_the_same_under_another_name_is_the_same_request(
    tenant: Tenant, first: dict[str, str], second: dict[str, str]
) -> None:
    assert await tenant.ends(activity_request(**first)) == ["created"]
    assert await tenant.ends(activity_request(**second)) == ["unchanged"]
    assert await tenant.ends(activity_request(**second), activity_request(**first)) == ["unchanged"] * 2


async def test_graph_and_the_ledger_get_ids_for_everybody(tenant: Tenant) -> None:
    names = {"learnerUserId": "anna@contoso.com", "assignerUserId": "boss@contoso.com"}
    course = {"learningContentId": None, "learningContentExternalId": "LP4471"}
    assert await tenant.ends(assignment_request(**names, **course)) == ["created"]
    ((_, stored),) = tenant.graph.stored
    said = [stored.entity[name] for name in ("learnerUserId", "assignerUserId", "learningContentId")]
    assert said == [LEARNER_ID, ASSIGNER["id"], "content-1"]
    assert not {"learnerEmployeeId", "learningContentExternalId"} & stored.entity.keys()
    assert "contoso" not in repr(tenant.ledger)


async def test_a_request_with_ids_asks_nobody(tenant: Tenant) -> None:
    assert await tenant.ends(activity_request("a"), assignment_request("b", assignerUserId=ASSIGNER["id"])) == [
        "created",
        "created",
    ]
    assert tenant.asked == []


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({"learnerUserId": "nobody@contoso.com"}, ErrorCode.LEARNER_NOT_FOUND),
        ({"learningContentId": None, "learningContentExternalId": "LP0"}, ErrorCode.CONTENT_NOT_FOUND),
    ],
)
async def test_who_is_not_found_is_neither_claimed_nor_sent_and_the_others_are(
    tenant: Tenant, names: dict[str, str], code: ErrorCode
) -> None:
    assert await tenant.ends(activity_request("a", **names), activity_request("b")) == [code, "created"]
    assert len(tenant.graph.stored) == 1
    assert await tenant.ends(activity_request("a")) == ["created"], "a claim would be in the way"


async def test_while_a_provider_is_throttled_nobody_is_looked_up_for_it(tenant: Tenant) -> None:
    busy = TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=7)
    tenant.graph.closed[REGISTRATION_ID] = busy
    assert await tenant.ends(activity_request(learnerUserId="anna@contoso.com")) == ["throttled"]
    assert (tenant.asked, tenant.ledger.calls) == ([], [])


async def test_what_comes_later_about_an_activity_waits_for_a_name_that_could_not_be_looked_up(tenant: Tenant) -> None:
    tenant.directory.failures = {False: TransientError(ErrorCode.GRAPH_UNAVAILABLE, "broken", retry_after_seconds=5)}
    ends = await tenant.ends(
        activity_request("a", learnerUserId="anna@contoso.com"), activity_request("a"), activity_request("b")
    )
    assert ends == ["graphUnavailable", "graphUnavailable", "created"]


async def test_no_error_repeats_a_name(tenant: Tenant) -> None:
    sender = Sender(graph=tenant.graph, effort=FOR_A_CHUNK)
    request = activity_request(
        learnerUserId="nobody@contoso.com", learningContentId=None, learningContentExternalId="L0"
    )
    (end,) = await once.carry_out([request], sender=sender, ledger=tenant.ledger)
    assert isinstance(end, ActivityError)
    told = f"{end.message} {[problem.message for problem in end.problems]}"
    assert "nobody" not in told
    assert [problem.target for problem in end.problems] == ["learnerUserId", "learningContentExternalId"]
