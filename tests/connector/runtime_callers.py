"""Flows with a connection: what they send, the way to the app, and what their designer has promised of the answers."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import jsonschema

from tests.connector.runtime import Connection, Connector, HostPolicy
from tests.end_to_end.flow_engine import Action, FlowEngine
from tests.end_to_end.keyed_stack import KEY
from tests.end_to_end.queue_stack import QueueStack, learner
from tests.support.principals import principal

type Json = dict[str, Any]

APP = "contoso-viva-learning.azurewebsites.net"
TOKEN = "token-of-the-signed-in"


class Way(httpx.BaseTransport):
    """The way to the app: one name that is known, and what signs people in before it."""

    def __init__(self, url: str) -> None:
        self._app, self._transport = httpx.URL(url), httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == APP, f"no such host: {request.url}"
        if request.headers.pop("Authorization", "") == f"Bearer {TOKEN}":
            request.headers["X-MS-CLIENT-PRINCIPAL"] = principal()
        request.url = self._app.copy_with(raw_path=request.url.raw_path)
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True, slots=True)
class Caller:
    """A flow with a connection."""

    connection: Connection
    way: Way
    stack: QueueStack

    def run(self, operation: str, **inputs: Any) -> Action:
        return FlowEngine({}, transport=self.way).run(self.connection.request(operation, inputs))

    def outputs(self, operation: str, **inputs: Any) -> Json:
        """Run an action that succeeds, and hold what it gives against what the designer shows."""
        action = self.run(operation, **inputs)
        assert action.outputs is not None
        self.holds(operation, action.outputs)
        return action.body

    def holds(self, operation: str, answer: httpx.Response) -> None:
        """Check that an answer is what the designer shows of it."""
        assert answer.is_success, answer.text
        shown = self.connection.connector.designer_outputs(operation)
        assert shown is not None, f"the designer shows no outputs of {operation}"
        definitions = self.connection.connector.definition["definitions"]
        jsonschema.validate(answer.json(), {**shown, "definitions": definitions})


def connected(
    connectors: dict[str, Connector], folder: str, sign_in: str, host_policy: HostPolicy, key: str = KEY
) -> Connection:
    by_token = sign_in == "entra-id"
    values = {"hostName": APP} if by_token else {"hostName": APP, "api_key": key}
    return Connection(connectors[folder], sign_in, values, host_policy, TOKEN if by_token else "")


def activity(**properties: object) -> Json:
    return {"learnerUserId": learner(), "learningContentId": f"content-{uuid4()}", **properties}


def rows(caller: Caller, count: int) -> list[Json]:
    connector = caller.connection.connector
    array = connector.definition["definitions"]["Batch"]["properties"]["activities"]
    status = {"status": "notStarted"}
    return [
        connector.row(array, **activity(**status, type="assignment", assignmentType="required"))
        if number % 2
        else connector.row(array, **activity(**status, type="selfInitiatedCourse"))
        for number in range(count)
    ]
