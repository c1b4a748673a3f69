"""Microsoft Graph and the managed-identity endpoint, emulated: `Emulator.handle(request)` returns the response.

A pure core over plain data, without sockets or clocks. `emulator_server` serves it, `emulator_transport` mounts it in
httpx, both behind `control`, which shows and changes what is in here. It covers what the product calls.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from local.emulators import course_catalogue, json_batch, people_emulator, token_endpoint
from local.emulators.applications import READY, Applications
from local.emulators.exchange import Ending, GraphError, Request, Response, json_response
from local.emulators.faults import Faults
from local.emulators.graph_errors import correlation_of, error_response
from local.emulators.identity_endpoint import Identity
from local.emulators.learning import CourseActivities
from local.emulators.schema import EXTERNAL_ID_SPELLINGS
from local.emulators.tenant import Tenant
from local.emulators.worlds import OtherWorlds, Play
from local.environment import IDENTITY_HEADER

_ALTERNATE_KEY = re.compile(rf"learningCourseActivities\(({'|'.join(EXTERNAL_ID_SPELLINGS)})='((?:[^']|'')*)'\)")
_ACTIVITIES = re.compile(rf"learningCourseActivities|{_ALTERNATE_KEY.pattern}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached Graph or the identity endpoint; `status` is None when nobody got an answer.

    A `$batch` request is one call, and so is each request in it, which is `batched`: those that are not are the HTTP
    requests, those for activities are what was asked for, however it came.
    """

    time: datetime
    method: str
    path: str
    operation: str
    registration_id: str
    status: int | None
    authorized: bool
    batched: bool

    def as_json(self) -> dict[str, Any]:
        """Return the call as `GET /_emulator/requests` shows it."""
        return {
            "time": self.time.isoformat(),
            "method": self.method,
            "path": self.path,
            "operation": self.operation or None,
            "registrationId": self.registration_id or None,
            "status": self.status,
            "authorized": self.authorized,
            "batched": self.batched,
        }


@dataclass(frozen=True, slots=True)
class _Operation:
    """What a request asks for: its name (empty when it is nothing we know), whose it is, and how to do it."""

    name: str
    registration_id: str
    execute: Callable[[], Response]


class Emulator:
    """Graph and identity of one tenant, and of its applications in others.

    Args:
        identity_header: what the app must send for a token, as IDENTITY_HEADER tells it.
        latency_seconds: how long every answer of Graph takes, that to a whole batch as well.
    """

    def __init__(self, *, identity_header: str = IDENTITY_HEADER, latency_seconds: float = 0) -> None:
        self.tenant = Tenant()
        self.applications = Applications.from_json(READY)
        self.activities = CourseActivities()
        self.worlds = OtherWorlds()
        self.people = people_emulator.People()
        self.courses = course_catalogue.Courses()
        self.faults = Faults()
        self.calls: list[Call] = []
        self.identity = Identity(identity_header)
        self._latency_seconds = latency_seconds

    def handle(self, request: Request) -> Response:
        """Answer one request, with whatever fault is armed for it."""
        operation = self._operation(request)
        fault = self.faults.take(operation.name, operation.registration_id, request.now)
        position = len(self.calls)
        response = (
            fault.apply(lambda: self._execute(operation, request), request.now)
            if fault
            else self._execute(operation, request)
        )
        if request.batched and response.ending is not Ending.ANSWER:
            # There is no connection of its own that could break or hang.
            response = replace(error_response(request, _NO_ANSWER), delay_seconds=response.delay_seconds)
        self.calls.insert(  # A batch comes before its requests.
            position,
            Call(
                time=request.now,
                method=request.method,
                path=request.path,
                operation=operation.name,
                registration_id=operation.registration_id,
                status=response.status if response.ending is Ending.ANSWER else None,
                authorized="authorization" in request.headers,
                batched=request.batched,
            ),
        )
        return response if request.batched or operation.name == "token" else self._as_graph(request, response)

    def _execute(self, operation: _Operation, request: Request) -> Response:
        """Do what Graph does in the tenant's world."""
        play = Play(operation.name, request, self.activities, lambda changed: self._operation(changed).execute())
        return self.worlds.answer(self.tenant.world, play)

    def _as_graph(self, request: Request, response: Response) -> Response:
        headers = {**correlation_of(request), **response.headers}
        return replace(response, headers=headers, delay_seconds=response.delay_seconds + self._latency_seconds)

    def _operation(self, request: Request) -> _Operation:
        # Split first, decode then: an external id may contain an encoded slash.
        match request.method, [unquote(segment) for segment in request.path.split("/")]:
            case ("GET", ["", "msi", "token"]) | ("POST", ["", _, "oauth2", "v2.0", "token"]):
                return _Operation("token", "", lambda: self._token(request))
            case "POST", ["", "v1.0", "$batch"] if not request.batched:
                return _Operation("batch", "", lambda: self._batch(request))
            case method, ["", "v1.0", "employeeExperience", "learningProviders", provider, *resource]:
                return self._of_provider(request, method, provider.lower(), resource)
            case "GET", ["", "v1.0", "employeeExperience", "learningCourseActivities", graph_id] if graph_id:
                return _Operation("get", "", lambda: self._get(request, graph_id))
            case _, ["", "v1.0", "employeeExperience", "learningCourseActivities", _]:
                return _Operation("", "", lambda: error_response(request, _WRONG_METHOD))
        return self._look_up(request)

    def _of_provider(self, request: Request, method: str, provider: str, resource: list[str]) -> _Operation:
        match method, resource:
            case "POST", ["learningCourseActivities"]:
                return _Operation("create", provider, lambda: self._create(request, provider))
            case "PATCH", ["learningCourseActivities", graph_id] if graph_id:
                return _Operation("update", provider, lambda: self._update(request, provider, graph_id))
            case "DELETE", ["learningCourseActivities", graph_id] if graph_id:
                return _Operation("delete", provider, lambda: self._delete(request, provider, graph_id))
            case "GET", [addressed] if key := _ALTERNATE_KEY.fullmatch(addressed):
                external_id = key[2].replace("''", "'")
                return _Operation("find", provider, lambda: self._find(request, provider, external_id))
            case _, [addressed, *_] if _ACTIVITIES.fullmatch(addressed):
                return _Operation("", provider, lambda: error_response(request, _WRONG_METHOD))
        return self._look_up(request)

    def _look_up(self, request: Request) -> _Operation:
        match request.method, [unquote(segment) for segment in request.path.split("/")]:
            case "GET", ["", "v1.0", "employeeExperience", "learningProviders", provider, resource] if (
                course_catalogue.is_about_contents(resource)
            ):
                registration_id = provider.lower()
                return _Operation(
                    "contents", registration_id, lambda: self._contents(request, registration_id, resource)
                )
            case "GET", _ if person := people_emulator.resource_in(request.path):
                return _Operation("people", "", lambda: self._people(request, person))
        return _Operation("", "", lambda: error_response(request, _WRONG_PATH))

    def _token(self, request: Request) -> Response:
        if request.method == "POST":
            return token_endpoint.answer(request, self.identity, self.applications.by_client_id)
        return self.identity.answer(request, self.tenant.granted, self.tenant.identities)

    def _create(self, request: Request, registration_id: str) -> Response:
        def create(tenant: Tenant, roles: frozenset[str]) -> dict[str, Any]:
            return self.activities.create(registration_id, request, tenant=tenant, roles=roles)

        return self._authorized(request, 201, create)

    def _update(self, request: Request, registration_id: str, graph_id: str) -> Response:
        def update(tenant: Tenant, roles: frozenset[str]) -> None:
            self.activities.update(registration_id, graph_id, request, tenant=tenant, roles=roles)

        return self._authorized(request, 204, update)

    def _delete(self, request: Request, registration_id: str, graph_id: str) -> Response:
        def delete(tenant: Tenant, roles: frozenset[str]) -> None:
            self.activities.delete(registration_id, graph_id, tenant=tenant, roles=roles)

        return self._authorized(request, 204, delete)

    def _get(self, request: Request, graph_id: str) -> Response:
        def get(tenant: Tenant, roles: frozenset[str]) -> dict[str, Any]:
            return self.activities.get(graph_id, tenant=tenant, roles=roles)

        return self._authorized(request, 200, get)

    def _find(self, request: Request, registration_id: str, external_id: str) -> Response:
        def find(tenant: Tenant, roles: frozenset[str]) -> dict[str, Any]:
            return self.activities.find(registration_id, external_id, tenant=tenant, roles=roles)

        return self._authorized(request, 200, find)

    def _people(self, request: Request, resource: str) -> Response:
        return self._authorized(request, 200, lambda _, roles: self.people.answer(resource, request.query, roles))

    def _contents(self, request: Request, registration_id: str, resource: str) -> Response:
        def answer(tenant: Tenant, roles: frozenset[str]) -> dict[str, Any]:
            return self.courses.answer(registration_id, resource, request, tenant=tenant, roles=roles)

        return self._authorized(request, 200, answer)

    def _batch(self, request: Request) -> Response:
        try:
            self.identity.roles_of(request.headers.get("authorization", ""), request.now)
            batched = json_batch.read(request)
        except GraphError as refusal:
            return error_response(request, refusal)
        return json_batch.to_response({request_id: self.handle(one) for request_id, one in batched.items()})

    def _authorized(
        self, request: Request, status: int, operation: Callable[[Tenant, frozenset[str]], dict[str, Any] | None]
    ) -> Response:
        try:
            caller = self.identity.grant_of(request.headers.get("authorization", ""), request.now)
            content = operation(self.applications.tenant_seen_by(caller, self.tenant), frozenset(caller.roles))
            return Response(status) if content is None else json_response(status, content)
        except GraphError as refusal:
            return error_response(request, refusal)


_WRONG_PATH = GraphError(404, "notFound", "There is no such resource.")
# As Graph's gateway answers: an error without words.
_NO_ANSWER = GraphError(504, "UnknownError", "")
_WRONG_METHOD = GraphError(
    405,
    "methodNotAllowed",
    "This method isn't supported for this entity type. See the Microsoft Graph documentation for the methods"
    " applicable to this entity.",
)
