"""Plays Microsoft Graph as it would be if one thing were otherwise: around what it does as the API pages say.

Which worlds there are, `world_names` says. Those that are only another state of the tenant are `tenant`'s.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from local.emulators.exchange import GraphError, Request, Response, json_response
from local.emulators.graph_errors import error_response
from local.emulators.learning import (
    FOREIGN_CONTENT,
    NO_ACCESS,
    NO_ACTIVITY,
    NOT_LICENSED,
    NOT_REGISTERED,
    CourseActivities,
    StoredActivity,
)
from local.emulators.schema import external_id_of

# How long what is new stays unseen, and what is gone seen.
LATE = timedelta(seconds=1)
_NOT_CHANGEABLE = ("assignmentType", "assignerUserId", "learnerUserId", "learningContentId")
_NOT_GIVEN_BACK = ("notes", "dueDateTime", "startedDateTime")
_NO_PRIVILEGES = "Insufficient privileges to complete the operation."
_FORBIDDEN = GraphError(403, "Forbidden", NO_ACCESS)


@dataclass(frozen=True, slots=True)
class Play:
    """One request: its operation, and how to do it, or what it was changed to, as the pages say."""

    operation: str
    request: Request
    activities: CourseActivities
    execute: Callable[[Request], Response]

    def go(self) -> Response:
        """Do it."""
        return self.execute(self.request)

    @property
    def body(self) -> dict[str, Any]:
        """What was sent."""
        sent = json.loads(self.request.body)
        return sent if isinstance(sent, dict) else {}

    @property
    def graph_id(self) -> str:
        """Graph's id at the end of the path."""
        return unquote(self.request.path.rpartition("/")[2])


@dataclass
class OtherWorlds:
    """The worlds, and what they remember: when an activity was made or deleted, and what it was."""

    _made: dict[str, datetime] = field(default_factory=dict)
    _gone: dict[str, tuple[datetime, StoredActivity]] = field(default_factory=dict)

    def answer(self, world: str, play: Play) -> Response:
        """Answer one request in a world."""
        try:
            return self._played(world, play)
        except GraphError as refusal:
            return error_response(play.request, refusal)

    def _played(self, world: str, play: Play) -> Response:  # noqa: C901, PLR0911, PLR0912 (one line for each world)
        match world, play.operation:
            case "providerAcceptsIdentity", "create" | "update" | "delete" | "find":
                raise GraphError(400, "badRequest", NOT_REGISTERED)
            case "createAnswersActivity", "create":
                return _without_body(play.go())
            case "createReturnsProperties", "create":
                return _without_properties(play.go())
            case "externalIdTwice", "create" if _taken(play):
                raise GraphError(409, "conflict", "An activity with this external ID exists.")
            case "externalIdTwice-same", "create" if taken := _taken(play):
                return json_response(201, taken.entity)
            case ("findByExternalId" | "findByExternalId-findById", "find") | (
                "findById" | "findByExternalId-findById",
                "get",
            ):
                raise _FORBIDDEN
            case "seenAtOnce", "create" | "find" | "get":
                return self._seen_late(play)
            case "updateAnswersNothing", "update":
                return _with_activity(play.go(), play)
            case "nullClears", "update":
                return play.execute(_with_body(play, {k: v for k, v in play.body.items() if v is not None}))
            case "fixedPropertiesIgnored", "update" if set(_NOT_CHANGEABLE) & play.body.keys():
                raise GraphError(400, "badRequest", "Input field assignmentType is invalid")
            case "batchAccepted", "batch":
                raise GraphError(400, "notSupported", "The request is not supported by the system.")
            case "goneAtOnce", "delete" | "find" | "get":
                return self._gone_late(play)
            case "deletedTwiceNotFound", "delete":
                answer = play.go()
                return Response(204) if answer.status == 404 else answer  # noqa: PLR2004 - An HTTP status.
            case ("peopleByAddress", "people") if "employeeId" not in play.request.query.get("$filter", ""):
                raise GraphError(403, "Authorization_RequestDenied", _NO_PRIVILEGES)
            case ("peopleByEmployeeId", "people") if "employeeId" in play.request.query.get("$filter", ""):
                raise GraphError(403, "Authorization_RequestDenied", _NO_PRIVILEGES)
            case "contentsByExternalId", "contents":
                raise GraphError(403, "Authorization_RequestDenied", _NO_PRIVILEGES)
            case "unlicensedLearnerRefused", "create":
                return _in_other_words(play.go(), NOT_LICENSED)
            case "foreignContentRefused", "create":
                return _in_other_words(play.go(), FOREIGN_CONTENT)
        return play.go()

    def _seen_late(self, play: Play) -> Response:
        answer, now = play.go(), play.request.now
        graph_id = str(_entity(answer).get("id", ""))
        if play.operation == "create":
            self._made[graph_id] = now
        elif graph_id in self._made and now < self._made[graph_id] + LATE:
            raise GraphError(404, "notFound", NO_ACTIVITY)
        return answer

    def _gone_late(self, play: Play) -> Response:
        now = play.request.now
        if play.operation == "delete":
            going = [one for one in play.activities.stored if one.id == play.graph_id]
            answer = play.go()
            self._gone |= {one.id: (now, one) for one in going if answer.status == 204}  # noqa: PLR2004 - An HTTP status.
            return answer
        answer = play.go()
        if answer.status == 404:  # noqa: PLR2004 - An HTTP status.
            for since, one in self._gone.values():
                asked = (one.id == play.graph_id, f"'{external_id_of(one.entity)}'" in play.request.path)
                if any(asked) and now < since + LATE:
                    return json_response(200, one.entity)
        return answer


def _taken(play: Play) -> StoredActivity | None:
    said = external_id_of(play.body)
    return next((one for one in play.activities.stored if said and external_id_of(one.entity) == said), None)


def _entity(answer: Response) -> dict[str, Any]:
    content = json.loads(answer.body) if answer.body else {}
    return content if isinstance(content, dict) else {}


def _without_body(answer: Response) -> Response:
    return Response(answer.status) if answer.status == 201 else answer  # noqa: PLR2004 - An HTTP status.


def _without_properties(answer: Response) -> Response:
    left = {name: value for name, value in _entity(answer).items() if name not in _NOT_GIVEN_BACK}
    return json_response(answer.status, left)


def _with_activity(answer: Response, play: Play) -> Response:
    now = next((one for one in play.activities.stored if one.id == play.graph_id), None)
    return json_response(200, now.entity) if answer.status == 204 and now else answer  # noqa: PLR2004 - An HTTP status.


def _with_body(play: Play, body: dict[str, Any]) -> Request:
    return replace(play.request, body=json.dumps(body).encode())


def _in_other_words(answer: Response, words: str) -> Response:
    said = answer.body.decode()
    return replace(answer, body=said.replace(words, "This can't be done.").encode())
