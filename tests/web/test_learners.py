"""Erasing a learner over HTTP: who is meant, what is answered, and that every problem is told at once."""

import json
from typing import Any

import pytest

from activities.app import App
from activities.contract.learner import Learner
from activities.contract.models import Defaults
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.health import Health
from activities.storage.outages import storage_unavailable
from activities.storage.retention import Retention
from activities.web import http
from activities.web.learners import erase_learner, parse_learner
from activities.web.runtime import Runtime
from local.emulators.people_emulator import READ_BASIC
from tests.support.directories import ALL_ROLES, FakeDirectory
from tests.support.error_shape import assert_error
from tests.support.fakes import FakeGraph
from tests.support.stores import store_of

ID = "7ba2228a-e020-11ec-9d64-0242ac120002"
ERASED = {"batchCount": 1, "failureCount": 2, "queueCount": 3, "ledgerCount": 4, "moreToErase": False}


class Erasing(Retention):
    """What remembers whom it should erase."""

    def __init__(self) -> None:
        self.learners: list[Learner] = []
        self.fails = False

    async def erase(self, learner: Learner) -> dict[str, Any]:
        """Erase. See ``Retention``."""
        self.learners.append(learner)
        if self.fails:
            raise storage_unavailable()
        return ERASED


@pytest.fixture
def retention() -> Erasing:
    return Erasing()


async def asked(retention: Retention, body: bytes, directory: FakeDirectory | None = None) -> http.Response:
    graph = FakeGraph(directory=directory or FakeDirectory())
    store = store_of(graph=graph, retention=retention)
    runtime = Runtime(lambda: App(Defaults(), graph, Health(graph, None), lambda: store))
    return await runtime.answer(http.Request(body), erase_learner)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (ID.upper(), ID),
        (f" {ID} ", ID),
        ("Ann.Smith@Contoso.com", "ann.smith@contoso.com"),
        ("ann_fabrikam.com#EXT#@contoso.onmicrosoft.com", "ann_fabrikam.com#ext#@contoso.onmicrosoft.com"),
    ],
)
async def test_a_learner_is_meant_by_id_or_by_address(retention: Erasing, said: str, meant: str) -> None:
    response = await asked(retention, json.dumps({"learnerUserId": said}).encode())
    assert (response.status, json.loads(response.body)) == (200, ERASED)
    assert retention.learners == [Learner(frozenset({meant}))]


ANN = {
    "id": ID,
    "userPrincipalName": "Ann@contoso.com",
    "mail": "Ann.Smith@contoso.com",
    "proxyAddresses": ["smtp:ann.jones@contoso.com"],
    "employeeId": "E42",
}
BASIC_NAMES = {ID, "ann@contoso.com", "ann.smith@contoso.com"}


@pytest.mark.parametrize("said", [ID.upper(), "ann.smith@contoso.com", "ANN@contoso.com"])
@pytest.mark.parametrize(
    ("roles", "meant"),
    [
        (ALL_ROLES, Learner.of({*BASIC_NAMES, "ann.jones@contoso.com"}, employee_id="E42")),
        ((READ_BASIC,), Learner.of(BASIC_NAMES)),
    ],
)
async def test_a_learner_is_meant_by_every_name_that_the_app_may_see(
    retention: Erasing, said: str, roles: tuple[str, ...], meant: Learner
) -> None:
    directory = FakeDirectory(people=[ANN], roles=frozenset(roles))
    assert (await asked(retention, json.dumps({"learnerUserId": said}).encode(), directory)).status == 200
    assert retention.learners == [meant]


async def test_without_a_permission_a_learner_is_meant_by_what_was_said(retention: Erasing) -> None:
    directory = FakeDirectory(people=[ANN], roles=frozenset())
    assert (await asked(retention, b'{"learnerUserId": "ann@contoso.com"}', directory)).status == 200
    assert retention.learners == [Learner.of(["ann@contoso.com"])]


async def test_nothing_is_erased_by_half_while_graph_cannot_tell_who_it_is(retention: Erasing) -> None:
    busy = TransientError(ErrorCode.THROTTLED, "busy", retry_after_seconds=7)
    directory = FakeDirectory(people=[ANN], failures={False: busy})
    response = await asked(retention, b'{"learnerUserId": "ann@contoso.com"}', directory)
    assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert retention.learners == []


@pytest.mark.parametrize(
    ("value", "targets"),
    [
        ({}, ["learnerUserId"]),
        ({"learnerUserId": ""}, ["learnerUserId"]),
        ({"learnerUserId": None}, ["learnerUserId"]),
        ({"learnerUserId": 5}, ["learnerUserId"]),
        ({"learnerUserId": "ann"}, ["learnerUserId"]),
        ({"learnerUserId": "@"}, ["learnerUserId"]),
        ({"learnerUserId": "a b@contoso.com"}, ["learnerUserId"]),
        ({"learnerUserId": "a" * 100_000 + "@contoso.com"}, ["learnerUserId"]),
        ({"learnerUserId": [ID]}, ["learnerUserId"]),
        ({"learnerUserID": ID, "more": 1}, ["learnerUserID", "more", "learnerUserId"]),
        ({"learnerUserId": ID, "all": True}, ["all"]),
        ([], [""]),
        (None, [""]),
    ],
)
def test_every_problem_is_told_at_once(value: Any, targets: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_learner(value)
    assert [problem.target for problem in caught.value.problems] == targets


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(PermanentError, match='did you mean "learnerUserId"'):
        parse_learner({"learnerUserID": ID})


async def test_an_empty_body_erases_nobody(retention: Erasing) -> None:
    assert_error(await asked(retention, b""), 400, "invalidJson")
    assert retention.learners == []


async def test_without_storage_it_is_tried_again_later(retention: Erasing) -> None:
    retention.fails = True
    body = json.dumps({"learnerUserId": ID}).encode()
    assert_error(await asked(retention, body), 503, "storageUnavailable")
