"""The routes of the tenant check: what is asked for, how far it is, what is answered."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.app import App
from activities.contract.models import Defaults
from activities.errors import PermanentError
from activities.execution.tenant.assumptions import ASSUMPTIONS, Name
from activities.execution.tenant.checks import TenantChecks
from activities.execution.tenant.findings import Checked, Finding, in_order
from activities.execution.tenant.subject import Order, Subject
from activities.graph.permissions import NEEDED_FOR
from activities.health import Health
from activities.queueing.messages import Delivery
from activities.web import http, tenant_check
from activities.web.about import get_health
from activities.web.runtime import Runtime, UseCase
from tests.support.directories import FakeDirectory
from tests.support.error_shape import assert_error
from tests.support.fakes import LEARNER_ID, OTHER_REGISTRATION_ID, REGISTRATION_ID, FakeGraph, FakeLedger
from tests.support.stores import store_of
from tests.support.tenant_checks import FakeCheckMemory

COURSE = "57baf9dc-e020-11ec-9d64-0242ac120002"
BODY = {"learnerUserId": LEARNER_ID, "learningContentId": COURSE}
URL = "https://app.test/api/tenant-check"
DEFAULTS = Defaults(registration_id=REGISTRATION_ID)


class Stage:
    """The app with a check that is asked for over HTTP; ``sent`` has the messages of the queue."""

    def __init__(self, defaults: Defaults = DEFAULTS) -> None:
        self.graph, self.memory, self.sent = FakeGraph(), FakeCheckMemory(), list[str]()
        checks = TenantChecks(self.graph, FakeDirectory, self.memory, self._put, NEEDED_FOR, self.graph.time.clock)
        store = store_of(graph=self.graph, tenant_checks=checks)
        health = Health(self.graph, FakeLedger(), last_check=checks.last_result)
        self.app = App(defaults, self.graph, health, lambda: store)
        self.runtime = Runtime(lambda: self.app)

    async def _put(self, text: str) -> None:
        self.sent.append(text)

    async def ask(self, use_case: UseCase, body: object = None, url: str = URL, **query: str) -> http.Response:
        """Send a request."""
        said = b"" if body is None else json.dumps(body).encode()
        return await self.runtime.answer(http.Request(said, url=url, query=query), use_case)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_a_check_goes_on_behind_the_answer_and_its_result_is_kept(stage: Stage) -> None:
    begun = await stage.ask(tenant_check.check_tenant, BODY)
    assert (begun.status, begun.headers["Location"]) == (202, f"{URL}/last")
    assert int(begun.headers["Retry-After"]) > 0
    told = json.loads(begun.body)
    assert (told["status"], told["done"], told["total"]) == ("running", 0, len(ASSUMPTIONS))
    under_way = await stage.ask(tenant_check.get_tenant_check, url=f"{URL}/last?code=secret")
    assert (under_way.status, under_way.headers["Location"]) == (202, f"{URL}/last")
    (message,) = stage.sent
    await stage.app.create_from_batches(Delivery(message.encode(), "1", datetime.now(UTC)))
    ended = await stage.ask(tenant_check.get_tenant_check, url=f"{URL}/last")
    result = json.loads(ended.body)
    assert (ended.status, result["status"], result["leftovers"]) == (200, "completed", [])
    assert [one["name"] for one in result["checks"]] == list(ASSUMPTIONS)
    assert stage.memory.told == sorted(stage.memory.told)
    assert stage.graph.stored == []


async def test_with_wait_the_answer_is_the_result(stage: Stage) -> None:
    response = await stage.ask(tenant_check.check_tenant, BODY, wait="true")
    assert (response.status, json.loads(response.body)["status"], stage.sent) == (200, "completed", [])


async def test_a_message_that_comes_twice_checks_nothing_twice_at_a_time(stage: Stage) -> None:
    await stage.ask(tenant_check.check_tenant, BODY)
    other = Order("another", Subject(REGISTRATION_ID, LEARNER_ID, COURSE))
    await stage.app.create_from_batches(Delivery(other.encode().encode(), "1", datetime.now(UTC)))
    assert stage.graph.calls == []


async def test_before_the_first_check_there_is_no_result(stage: Stage) -> None:
    response = await stage.ask(tenant_check.get_tenant_check)
    assert_error(response, 404, "notFound")


async def test_health_names_the_last_check(stage: Stage) -> None:
    found = {Name.FIND_BY_ID: Finding(Name.FIND_BY_ID, "It was found.", holds=True)}
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    stage.memory.checked = Checked(moment, in_order(found, why_not="Not tried."))
    told = json.loads((await stage.ask(get_health)).body)["tenantCheck"]
    assert told == {"checkedAt": "2026-11-22T00:00:00+00:00", "holding": 1, "total": len(ASSUMPTIONS)}


async def test_the_page_is_for_everybody_and_holds_nothing_of_the_tenant(stage: Stage) -> None:
    response = await stage.ask(tenant_check.open_tenant_check)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (await Stage(Defaults()).ask(tenant_check.open_tenant_check)).body == response.body
    assert stage.graph.calls == []


def test_every_field_is_read() -> None:
    whole = {
        **BODY,
        "registrationId": OTHER_REGISTRATION_ID,
        "assignerUserId": LEARNER_ID,
        "unlicensedLearnerUserId": LEARNER_ID,
        "foreignLearningContentId": "x",
        "learningContentExternalId": "",
    }
    expected = Subject(OTHER_REGISTRATION_ID, LEARNER_ID, COURSE, "", LEARNER_ID, LEARNER_ID, "x")
    assert tenant_check.parse_subject(whole, DEFAULTS) == expected
    by_own_id = {"learnerUserId": LEARNER_ID, "learningContentExternalId": " SAFETY-1 "}
    assert tenant_check.parse_subject(by_own_id, DEFAULTS).learning_content_external_id == "SAFETY-1"


@pytest.mark.parametrize(
    ("body", "targets"),
    [
        ({}, ["learnerUserId", "learningContentId"]),
        ({**BODY, "learningContentExternalId": "SAFETY-1"}, ["learningContentId"]),
        ({**BODY, "learnerUserId": "ann@contoso.com"}, ["learnerUserId"]),
        ({**BODY, "learnerUserID": LEARNER_ID}, ["learnerUserID"]),
        ({**BODY, "registrationId": "none"}, ["registrationId"]),
        ({**BODY, "assignerUserId": "x", "unlicensedLearnerUserId": 1}, ["assignerUserId", "unlicensedLearnerUserId"]),
        ([], [""]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(body: Any, targets: list[str]) -> None:
    with pytest.raises(PermanentError) as refused:
        tenant_check.parse_subject(body, DEFAULTS)
    assert [one.target for one in refused.value.problems] == targets


def test_a_client_that_may_not_write_to_the_provider_may_not_check_it() -> None:
    limited = replace(DEFAULTS, client_id="a", registration_ids_of_clients={"a": frozenset({OTHER_REGISTRATION_ID})})
    with pytest.raises(PermanentError, match="CLIENT_APPLICATION_PROVIDERS"):
        tenant_check.parse_subject(BODY, limited)
