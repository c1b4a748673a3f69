"""What an admin sees and does over HTTP about the queue's failures."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from activities.app import App
from activities.contract.models import Defaults
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.patience import PATIENCE
from activities.health import Health
from activities.queueing.messages import Failure, decode
from activities.queueing.put_back import Record
from activities.web import failures, http
from activities.web.runtime import Runtime, UseCase
from tests.support.error_shape import assert_error
from tests.support.fakes import FakeGraph
from tests.support.queue_fakes import KEY, FakeFailures, FakeQueue
from tests.support.stores import store_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "https://contoso.azurewebsites.net/api/failures"


def failed(number: int, code: ErrorCode = ErrorCode.INVALID_REQUEST, content: object = None) -> Failure:
    record = Record(content or {"number": number}, f"message-{number}:0", NOW, NOW + PATIENCE, attempts=1)
    return Failure.of_record(record, PermanentError(code, "Wrong."), now=NOW + timedelta(seconds=number))


class Operator:
    """Somebody who looks at the failures of an app and puts them back."""

    def __init__(self) -> None:
        self.queue = FakeQueue()
        self.failures = FakeFailures(self.queue)
        graph = FakeGraph()
        store = store_of(graph=graph, failures=self.failures, queue=self.queue)
        self.runtime = Runtime(lambda: App(Defaults(), graph, Health(graph, None), lambda: store))

    async def has(self, *failures: Failure) -> None:
        for failure in failures:
            await self.failures.add(failure)

    async def asks(self, use_case: UseCase, body: bytes = b"", query: Mapping[str, str] | None = None) -> http.Response:
        return await self.runtime.answer(http.Request(body, {}, f"{URL}?code=KEY&top=2", query or {}), use_case)

    async def lists(self, **query: str) -> dict[str, Any]:
        response = await self.asks(failures.list_failures, query=query)
        assert response.status == 200, response.body
        said: dict[str, Any] = json.loads(response.body)
        assert {"failures"} <= said.keys() <= {"failures", "nextLink"}
        return said

    async def replays(self, body: object) -> dict[str, Any]:
        response = await self.asks(failures.replay_failures, json.dumps(body).encode())
        assert response.status == 200, response.body
        said: dict[str, Any] = json.loads(response.body)
        return said

    async def discards(self, body: object) -> dict[str, Any]:
        response = await self.asks(failures.discard_failures, json.dumps(body).encode())
        assert response.status == 200, response.body
        said: dict[str, Any] = json.loads(response.body)
        return said

    @property
    def put_back(self) -> list[int]:
        """The numbers of the failures that stand in the activity queue."""
        deliveries = [message.delivery for message in self.queue.messages]
        records = [decode(one, now=NOW, patience=PATIENCE, key=KEY)[0] for one in deliveries]
        return sorted(record.content["number"] for record in records)


@pytest.fixture
def operator() -> Operator:
    return Operator()


class TestListing:
    async def test_without_failures_there_is_an_empty_list(self, operator: Operator) -> None:
        assert await operator.lists() == {"failures": []}

    async def test_each_failure_is_told_as_on_the_queue(self, operator: Operator) -> None:
        await operator.has(failed(1), failed(2))
        assert await operator.lists() == {"failures": [failed(2).to_json(), failed(1).to_json()]}

    async def test_an_error_code_filters(self, operator: Operator) -> None:
        await operator.has(failed(1), failed(2, ErrorCode.THROTTLED), failed(3))
        said = await operator.lists(errorCode="throttled")
        assert said == {"failures": [failed(2, ErrorCode.THROTTLED).to_json()]}

    @pytest.mark.parametrize("key_name", ["code", "Code", "CODE"])
    async def test_the_next_link_leads_to_the_next_page_without_the_function_key(
        self, operator: Operator, key_name: str
    ) -> None:
        await operator.has(*(failed(number) for number in range(5)), failed(9, ErrorCode.THROTTLED))
        query = {key_name: "KEY", "top": "2", "errorCode": "invalidRequest"}
        found: list[str] = []
        for _ in range(3):
            said = await operator.lists(**query)
            found += [one["id"] for one in said["failures"]]
            if "nextLink" in said:
                link = urlsplit(said["nextLink"])
                assert f"{link.scheme}://{link.netloc}{link.path}" == URL
                assert "KEY" not in said["nextLink"]
                query = {name: value for name, (value,) in parse_qs(link.query, strict_parsing=True).items()}
        assert "nextLink" not in said
        assert found == [failed(number).id for number in (4, 3, 2, 1, 0)]

    async def test_names_of_the_query_are_understood_in_any_case(self, operator: Operator) -> None:
        """As the Functions host takes them; the next page has one place to begin, however it is spelled."""
        await operator.has(*(failed(number) for number in range(3)), failed(9, ErrorCode.THROTTLED))
        first = await operator.lists(Top="1", ERRORCODE="invalidRequest")
        after = parse_qs(urlsplit(first["nextLink"]).query)["after"]
        second = await operator.lists(TOP="1", errorcode="invalidRequest", After=after[0])
        assert [one["id"] for one in first["failures"] + second["failures"]] == [failed(2).id, failed(1).id]
        query = parse_qs(urlsplit(second["nextLink"]).query)
        assert [name for name in query if name.casefold() == "after"] == ["after"]

    @pytest.mark.parametrize("top", ["0", "-1", "1001", "ten", "1.5", "\u0661", "99999999999999999999"])
    async def test_a_page_has_a_size_that_can_be_read(self, operator: Operator, top: str) -> None:
        response = await operator.asks(failures.list_failures, query={"top": top})
        assert assert_error(response, 400, "invalidRequest")["target"] == "top"

    async def test_without_a_size_a_page_has_fifty(self, operator: Operator) -> None:
        await operator.has(*(failed(number) for number in range(60)))
        assert len((await operator.lists())["failures"]) == 50
        assert len((await operator.lists(top=" 60 "))["failures"]) == 60


class TestReplaying:
    async def test_an_empty_object_puts_everything_back(
        self, operator: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "LARGEST_PAGE", 2)
        await operator.has(*(failed(number) for number in range(5)))
        assert await operator.replays({}) == {"replayedCount": 5, "moreToReplay": False}
        assert operator.put_back == [0, 1, 2, 3, 4]
        assert operator.failures.kept == {}
        assert await operator.replays({}) == {"replayedCount": 0, "moreToReplay": False}

    async def test_a_code_puts_back_what_failed_with_it(self, operator: Operator) -> None:
        await operator.has(failed(1), failed(2, ErrorCode.THROTTLED), failed(3))
        assert await operator.replays({"code": "invalidRequest"}) == {"replayedCount": 2, "moreToReplay": False}
        assert operator.put_back == [1, 3]

    async def test_ids_put_back_just_those_and_each_once(self, operator: Operator) -> None:
        await operator.has(*(failed(number) for number in range(3)))
        ids = [failed(1).id, "nobody", failed(1).id]
        assert await operator.replays({"ids": ids}) == {"replayedCount": 1, "moreToReplay": False}
        assert operator.put_back == [1]

    @pytest.mark.parametrize("body", [b"[]", b'{"code": ""}', b'{"ids": []}', b'{"all": true}', b'"all"', b"null"])
    async def test_a_body_that_says_something_else_replays_nothing(self, operator: Operator, body: bytes) -> None:
        await operator.has(failed(1))
        response = await operator.asks(failures.replay_failures, body)
        assert json.loads(response.body)["error"]["code"] in {"invalidRequest", "invalidJson"}
        assert response.status == 400
        assert operator.put_back == []

    async def test_an_empty_body_is_not_taken_for_everything(self, operator: Operator) -> None:
        await operator.has(failed(1))
        assert_error(await operator.asks(failures.replay_failures), 400, "invalidJson")
        assert operator.put_back == []

    async def test_what_is_left_when_the_time_is_over_is_said_and_replayed_by_the_next_request(
        self, operator: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await operator.has(*(failed(number) for number in range(3)))
        monkeypatch.setattr(failures, "SELECTION_SECONDS", -1.0)
        assert await operator.replays({}) == {"replayedCount": 0, "moreToReplay": True}
        monkeypatch.undo()
        assert await operator.replays({}) == {"replayedCount": 3, "moreToReplay": False}

    async def test_one_that_fits_into_no_message_does_not_keep_the_others(self, operator: Operator) -> None:
        def refuse(failure: Failure) -> None:
            if failure.id == failed(1).id:
                raise PermanentError(ErrorCode.REQUEST_TOO_LARGE, "Too large.")

        operator.failures.before_replay = refuse
        await operator.has(*(failed(number) for number in range(3)))
        assert await operator.replays({}) == {"replayedCount": 2, "moreToReplay": False}
        assert operator.put_back == [0, 2]
        assert (await operator.lists())["failures"] == [failed(1).to_json()]

    async def test_without_storage_it_is_tried_again_later(self, operator: Operator) -> None:
        await operator.has(failed(1))
        operator.queue.error = TransientError(ErrorCode.STORAGE_UNAVAILABLE, "Down.", retry_after_seconds=30.0)
        assert_error(await operator.asks(failures.replay_failures, b"{}"), 503, "storageUnavailable")
        operator.queue.error = None
        assert (await operator.replays({}))["replayedCount"] == 1


class TestDiscarding:
    @pytest.mark.parametrize(
        ("body", "left"),
        [({}, []), ({"code": "throttled"}, [3, 1]), ({"ids": [failed(1).id, "nobody", failed(1).id]}, [3, 2])],
        ids=["all", "a code", "ids"],
    )
    async def test_what_is_selected_as_for_a_replay_goes_and_is_not_put_back(
        self, operator: Operator, body: object, left: list[int]
    ) -> None:
        await operator.has(failed(1), failed(2, ErrorCode.THROTTLED), failed(3))
        assert await operator.discards(body) == {"discardedCount": 3 - len(left), "moreToDiscard": False}
        assert [one["activity"]["number"] for one in (await operator.lists())["failures"]] == left
        assert operator.put_back == []
        assert (await operator.discards(body))["discardedCount"] == 0

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"code": ""}', b'{"ids": []}', b'{"all": true}', b"null"])
    async def test_without_a_selection_nothing_goes(self, operator: Operator, body: bytes) -> None:
        await operator.has(failed(1))
        response = await operator.asks(failures.discard_failures, body)
        assert_error(response, 400, json.loads(response.body)["error"]["code"])
        assert operator.failures.kept.keys() == {failed(1).id}

    async def test_what_is_left_when_the_time_is_over_is_said(
        self, operator: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await operator.has(failed(1))
        monkeypatch.setattr(failures, "SELECTION_SECONDS", -1.0)
        assert await operator.discards({}) == {"discardedCount": 0, "moreToDiscard": True}


@pytest.mark.parametrize("use_case", [failures.list_failures, failures.replay_failures, failures.discard_failures])
async def test_an_app_without_a_storage_account_says_so(use_case: UseCase) -> None:
    graph = FakeGraph()
    runtime = Runtime(lambda: App(Defaults(), graph, Health(graph, None)))
    assert_error(await runtime.answer(http.Request(b"{}"), use_case), 503, "storageUnavailable")
