"""One activity over HTTP after its create: brought to a state, changed, found, deleted; named by either of its ids."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from activities.app import App
from activities.contract.models import Assignment, CourseActivity, Defaults, SelfInitiatedCourse
from activities.errors import ErrorCode, TransientError
from activities.execution.decisions import creation
from activities.health import Health
from activities.web import activities, http
from activities.web.runtime import Runtime, UseCase
from tests.support.error_shape import assert_error
from tests.support.fakes import (
    LEARNER_ID,
    OTHER_REGISTRATION_ID,
    REGISTRATION_ID,
    FakeGraph,
    FakeLedger,
    Fault,
    activity_request,
    assignment_request,
)
from tests.support.stores import store_of

EXTERNAL_ID = "course-1"
WHOLE = {
    "learnerUserId": LEARNER_ID,
    "learningContentId": "content-1",
    "assignmentType": "required",
    "status": "inProgress",
    "externalCourseActivityId": EXTERNAL_ID,
}
OF_EITHER_KIND = pytest.mark.parametrize("kind", [None, Assignment])
DELETED = {"id": "", "externalCourseActivityId": EXTERNAL_ID, "registrationId": REGISTRATION_ID}


@dataclass
class Service:
    """The app, and Graph and the ledger in memory behind it."""

    graph: FakeGraph = field(default_factory=FakeGraph)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    defaults: Defaults = field(default_factory=lambda: Defaults(registration_id=REGISTRATION_ID))

    async def answer(self, use_case: UseCase, body: object = None, **query: str) -> http.Response:
        """Answer a request."""
        store = store_of(graph=self.graph, ledger=self.ledger)
        runtime = Runtime(lambda: App(self.defaults, self.graph, Health(self.graph, None), lambda: store))
        content = b"" if body is None else json.dumps(body).encode()
        return await runtime.answer(http.Request(content, query=query), use_case)

    async def put(self, request: Any, external_id: str | None = EXTERNAL_ID) -> str:
        """Let Graph have an activity that the ledger does not know, and return its id."""
        write = creation(request).write
        if external_id is None:
            write.body.pop("externalCourseActivityId")
        (stored,) = await self.graph.write([write], timeout_seconds=1)
        self.graph.calls.clear()
        return getattr(stored, "id", "")

    def states(self) -> list[tuple[str, int | None]]:
        """Return status and percentage of what Graph has."""
        return [(one.entity["status"], one.entity.get("completionPercentage")) for _, one in self.graph.stored]


@pytest.fixture
def service() -> Service:
    return Service()


def said(response: http.Response) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.body)
    return body


def outcome_of(response: http.Response) -> tuple[int, str]:
    """Return the status and the outcome, of the header or of the flat answer."""
    return response.status, response.headers.get("x-ms-outcome") or said(response)["outcome"]


class TestBringingToAState:
    @OF_EITHER_KIND
    async def test_it_is_created_then_updated_then_unchanged(
        self, service: Service, kind: type[CourseActivity] | None
    ) -> None:
        body = WHOLE if kind else {**WHOLE, "type": "assignment"}
        sent = [{**body, "completionPercentage": percentage} for percentage in (10, 20, 20)]
        seen = [await service.answer(activities.upsert(kind), one) for one in sent]
        assert [outcome_of(one) for one in seen] == [(201, "created"), (200, "updated"), (200, "unchanged")]
        assert [said(one)["completionPercentage"] for one in seen] == [10, 20, 20]
        assert service.states() == [("inProgress", 20)]

    @OF_EITHER_KIND
    async def test_what_is_older_is_answered_with_the_newer_state(
        self, service: Service, kind: type[CourseActivity] | None
    ) -> None:
        body = WHOLE if kind else {**WHOLE, "type": "assignment"}
        newer = {**body, "status": "completed", "asOfDateTime": "2026-11-02T10:00:00Z"}
        await service.answer(activities.upsert(kind), newer)
        response = await service.answer(activities.upsert(kind), {**body, "asOfDateTime": "2026-11-01T10:00:00Z"})
        assert outcome_of(response) == (200, "superseded")
        assert said(response)["status"] == "completed"

    async def test_it_needs_the_external_id_and_takes_none_of_graphs(self, service: Service) -> None:
        without = {name: value for name, value in WHOLE.items() if name != "externalCourseActivityId"}
        error = assert_error(await service.answer(activities.upsert(Assignment), without), 400, "invalidRequest")
        assert [one["target"] for one in error["details"]] == ["externalCourseActivityId"]
        error = assert_error(
            await service.answer(activities.upsert(Assignment), {**WHOLE, "id": "a"}), 400, "invalidRequest"
        )
        assert [one["target"] for one in error["details"]] == ["id"]

    @OF_EITHER_KIND
    async def test_a_create_after_a_delete_says_so_with_the_same_keys(
        self, service: Service, kind: type[CourseActivity] | None
    ) -> None:
        body = WHOLE if kind else {**WHOLE, "type": "assignment"}
        created = await service.answer(activities.create(kind), body)
        await service.answer(activities.delete_activity, externalCourseActivityId=EXTERNAL_ID)
        again = await service.answer(activities.create(kind), body)
        assert outcome_of(again) == (200, "deleted")
        assert service.graph.stored == []
        assert kind is None or said(again).keys() == said(created).keys()

    @pytest.mark.parametrize("verb", [activities.create, activities.upsert, activities.update])
    async def test_the_verb_says_the_operation_and_not_the_body(
        self, service: Service, verb: Callable[[Any], UseCase]
    ) -> None:
        response = await service.answer(verb(Assignment), {**WHOLE, "operation": "delete"})
        error = assert_error(response, 400, "invalidRequest")
        assert [one["target"] for one in error["details"]] == ["operation"]
        assert "PATCH updates" in error["message"]


class TestUpdating:
    @OF_EITHER_KIND
    async def test_by_the_external_id_only_what_is_sent_changes(
        self, service: Service, kind: type[CourseActivity] | None
    ) -> None:
        await service.put(assignment_request(completionPercentage=10))
        body = {"externalCourseActivityId": EXTERNAL_ID, "status": "completed"}
        response = await service.answer(activities.update(kind), body)
        assert outcome_of(response) == (200, "updated")
        assert said(response)["completionPercentage"] == 10
        assert said(response)["learnerUserId"] == LEARNER_ID
        assert service.states() == [("completed", 10)]

    async def test_the_flat_answer_has_the_keys_of_a_create(self, service: Service) -> None:
        created = await service.answer(activities.create(Assignment), WHOLE)
        body = {"externalCourseActivityId": EXTERNAL_ID, "status": "completed"}
        assert said(await service.answer(activities.update(Assignment), body)) == {
            **said(created),
            "outcome": "updated",
            "status": "completed",
        }

    @OF_EITHER_KIND
    async def test_by_graphs_id_it_is_the_same_activity(
        self, service: Service, kind: type[CourseActivity] | None
    ) -> None:
        """Also for the ledger: what was brought about under one id is known under the other."""
        graph_id = await service.put(assignment_request())
        body = {"id": graph_id, "status": "completed"}
        response = await service.answer(activities.update(kind), body)
        assert outcome_of(response) == (200, "updated")
        assert said(response)["externalCourseActivityId"] == EXTERNAL_ID
        service.graph.calls.clear()
        same = {"externalCourseActivityId": EXTERNAL_ID, "status": "completed"}
        assert outcome_of(await service.answer(activities.update(kind), same)) == (200, "unchanged")
        assert service.graph.calls == []

    async def test_an_activity_without_an_external_id_has_a_state_and_an_order_of_its_own(
        self, service: Service
    ) -> None:
        first, second = [await service.put(assignment_request(), None) for _ in range(2)]
        newer = {"id": first, "status": "completed", "asOfDateTime": "2026-11-02T10:00:00Z"}
        older = {"id": first, "status": "notStarted", "asOfDateTime": "2026-11-01T10:00:00Z"}
        assert outcome_of(await service.answer(activities.update(Assignment), newer)) == (200, "updated")
        assert outcome_of(await service.answer(activities.update(Assignment), older)) == (200, "superseded")
        other = {**older, "id": second}
        response = await service.answer(activities.update(Assignment), other)
        assert outcome_of(response) == (200, "updated")
        assert said(response)["externalCourseActivityId"] == ""
        assert service.states() == [("completed", None), ("notStarted", None)]

    async def test_both_spellings_of_the_external_id_are_understood(self, service: Service) -> None:
        graph_id = await service.put(assignment_request())
        provider, stored = service.graph.stored[0]
        spelled = {**stored.entity, "externalcourseActivityId": stored.entity["externalCourseActivityId"]}
        del spelled["externalCourseActivityId"]
        service.graph.stored[0] = (provider, replace(stored, entity=spelled))
        response = await service.answer(activities.update(Assignment), {"id": graph_id, "status": "completed"})
        assert said(response)["externalCourseActivityId"] == EXTERNAL_ID

    @pytest.mark.parametrize(
        ("name", "kind"), [("externalCourseActivityId", SelfInitiatedCourse), ("id", SelfInitiatedCourse)]
    )
    async def test_what_is_of_another_kind_is_not_found(
        self, service: Service, name: str, kind: type[CourseActivity]
    ) -> None:
        named = {"id": await service.put(assignment_request()), "externalCourseActivityId": EXTERNAL_ID}
        body = {name: named[name], "status": "completed"}
        error = assert_error(await service.answer(activities.update(kind), body), 404, "activityNotFound")
        assert error["target"] == name
        assert service.states() == [("inProgress", None)]

    async def test_what_is_another_providers_is_not_found_by_its_id(self, service: Service) -> None:
        """By its own id, Graph finds the activities of every provider."""
        graph_id = await service.put(assignment_request(registrationId=OTHER_REGISTRATION_ID))
        response = await service.answer(activities.update(Assignment), {"id": graph_id, "status": "completed"})
        assert_error(response, 404, "activityNotFound")
        assert service.states() == [("inProgress", None)]

    @pytest.mark.parametrize("named", [{"id": "a:b"}, {"externalCourseActivityId": "other"}])
    async def test_what_is_not_there_is_not_found(self, service: Service, named: dict[str, str]) -> None:
        response = await service.answer(activities.update(Assignment), {**named, "status": "completed"})
        assert_error(response, 404, "activityNotFound")

    @pytest.mark.parametrize(
        ("body", "target"),
        [
            ({"status": "completed"}, "externalCourseActivityId"),
            ({"status": "completed", "id": "a", "externalCourseActivityId": "b"}, "id"),
            ({"status": "completed", "id": {}}, "id"),
        ],
    )
    async def test_exactly_one_id_says_which_activity_is_meant(
        self, service: Service, body: dict[str, Any], target: str
    ) -> None:
        error = assert_error(await service.answer(activities.update(Assignment), body), 400, "invalidRequest")
        assert target in [one["target"] for one in error["details"]]
        assert service.graph.calls == []

    async def test_what_no_update_changes_is_refused_with_its_name(self, service: Service) -> None:
        await service.put(assignment_request())
        body = {"externalCourseActivityId": EXTERNAL_ID, "learningContentId": "content-2"}
        error = assert_error(await service.answer(activities.update(Assignment), body), 409, "notChangeable")
        assert error["target"] == "learningContentId"


class TestFinding:
    @pytest.mark.parametrize("name", ["id", "externalCourseActivityId"])
    async def test_by_either_id_it_is_told_as_graph_has_it(self, service: Service, name: str) -> None:
        named = {"id": await service.put(assignment_request()), "externalCourseActivityId": EXTERNAL_ID}
        response = await service.answer(activities.find(None), **{name: named[name]})
        assert response.status == 200
        assert said(response) == service.graph.stored[0][1].entity

    @pytest.mark.parametrize("name", ["id", "externalCourseActivityId"])
    async def test_of_a_kind_the_answer_is_flat(self, service: Service, name: str) -> None:
        created = said(await service.answer(activities.create(Assignment), WHOLE))
        named = {"id": created["id"], "externalCourseActivityId": EXTERNAL_ID}
        found = said(await service.answer(activities.find(Assignment), **{name: named[name]}))
        assert found == {**created, "outcome": "unchanged"}

    @pytest.mark.parametrize("name", ["id", "externalCourseActivityId"])
    async def test_what_is_of_another_kind_or_not_there_is_not_found(self, service: Service, name: str) -> None:
        named = {"id": await service.put(activity_request()), "externalCourseActivityId": EXTERNAL_ID}
        response = await service.answer(activities.find(Assignment), **{name: named[name]})
        assert assert_error(response, 404, "activityNotFound")["target"] == name
        assert_error(await service.answer(activities.find(None), **{name: "other"}), 404, "activityNotFound")

    async def test_another_providers_is_found_only_under_that_provider(self, service: Service) -> None:
        graph_id = await service.put(assignment_request(registrationId=OTHER_REGISTRATION_ID))
        for named in ({"id": graph_id}, {"externalCourseActivityId": EXTERNAL_ID}):
            assert_error(await service.answer(activities.find(None), **named), 404, "activityNotFound")
            assert (
                await service.answer(activities.find(None), **named, registrationId=OTHER_REGISTRATION_ID)
            ).status == 200

    @pytest.mark.parametrize("query", [{}, {"id": " "}, {"id": "a", "externalCourseActivityId": "b"}])
    @pytest.mark.parametrize(
        "use_case", [activities.find(None), activities.find(Assignment), activities.delete_activity]
    )
    async def test_neither_id_or_both_say_nothing(
        self, service: Service, use_case: UseCase, query: dict[str, str]
    ) -> None:
        assert_error(await service.answer(use_case, **query), 400, "invalidRequest")
        assert service.graph.calls == []

    async def test_names_of_the_query_have_any_case(self, service: Service) -> None:
        await service.put(assignment_request())
        assert (await service.answer(activities.find(None), EXTERNALCOURSEACTIVITYID=EXTERNAL_ID)).status == 200

    async def test_a_client_reads_only_the_providers_that_it_may_write_to(self, service: Service) -> None:
        service.defaults = replace(service.defaults, registration_ids_of_clients={"": frozenset()})
        for use_case in (activities.find(None), activities.delete_activity):
            response = await service.answer(use_case, externalCourseActivityId=EXTERNAL_ID)
            assert_error(response, 403, "notAllowed")

    async def test_why_graph_cannot_tell_is_passed_on(self, service: Service) -> None:
        error = TransientError(ErrorCode.GRAPH_FAULT, "broken", retry_after_seconds=30)
        service.graph.arm("find", [Fault(error)])
        response = await service.answer(activities.find(None), externalCourseActivityId=EXTERNAL_ID)
        assert_error(response, 502, "graphFault")
        service.graph.closed[REGISTRATION_ID] = TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=7)
        response = await service.answer(activities.find(None), id="a:b")
        assert_error(response, 429, "throttled")


class TestDeleting:
    @pytest.mark.parametrize("name", ["id", "externalCourseActivityId"])
    async def test_it_is_deleted_once_and_gone_after_that(self, service: Service, name: str) -> None:
        named = {"id": await service.put(assignment_request()), "externalCourseActivityId": EXTERNAL_ID}
        query = {name: named[name]}
        first, again = [await service.answer(activities.delete_activity, **query) for _ in range(2)]
        assert service.graph.stored == []
        assert [outcome_of(one) for one in (first, again)] == [(200, "deleted"), (200, "unchanged")]
        assert said(first).keys() == said(again).keys() == {"outcome", *DELETED}
        assert all(isinstance(value, str) for one in (first, again) for value in said(one).values())

    async def test_what_never_was_is_no_error(self, service: Service) -> None:
        response = await service.answer(activities.delete_activity, externalCourseActivityId=EXTERNAL_ID)
        assert (response.status, said(response)) == (200, {"outcome": "unchanged", **DELETED})

    async def test_an_older_deletion_leaves_what_is_newer(self, service: Service) -> None:
        newer = {**WHOLE, "asOfDateTime": "2026-11-02T10:00:00Z"}
        created = said(await service.answer(activities.upsert(Assignment), newer))
        query = {"externalCourseActivityId": EXTERNAL_ID, "asOfDateTime": "2026-11-01T10:00:00Z"}
        response = await service.answer(activities.delete_activity, **query)
        assert said(response) == {"outcome": "superseded", **DELETED, "id": created["id"]}
        assert len(service.graph.stored) == 1

    async def test_another_providers_stays(self, service: Service) -> None:
        graph_id = await service.put(assignment_request(registrationId=OTHER_REGISTRATION_ID))
        assert_error(await service.answer(activities.delete_activity, id=graph_id), 404, "activityNotFound")
        assert len(service.graph.stored) == 1

    async def test_it_works_without_an_external_id(self, service: Service) -> None:
        graph_id = await service.put(assignment_request(), None)
        response = await service.answer(activities.delete_activity, id=graph_id)
        assert said(response) == {"outcome": "deleted", **DELETED, "id": graph_id, "externalCourseActivityId": ""}
        assert service.graph.stored == []
