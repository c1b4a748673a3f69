"""Erasing a learner over HTTP: who is meant, what is answered, and that every problem is told at once."""

import json
from typing import Any

import pytest

from activities.app import App
from activities.contract.learner import Learner
from activities.contract.models import Defaults
from activities.errors import PermanentError
from activities.health import Health
from activities.storage.outages import storage_unavailable
from activities.storage.retention import Retention
from activities.web import http
from activities.web.learners import erase_learner, parse_learner
from activities.web.runtime import Runtime
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


async def asked(retention: Retention, body: bytes) -> http.Response:
    graph = FakeGraph()
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
