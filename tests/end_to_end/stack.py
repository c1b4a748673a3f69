"""What an end-to-end test talks to, and what it may not find in the log afterwards."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from local.lifecycle import ROOT
from tests.support import plain_http

SAMPLES = ROOT / "tests" / "samples"
# What may be logged of a body: which provider it is for, and the contract's own words.
LOGGABLE = (
    "registrationId",
    "learningProviderId",
    "@odata.type",
    "status",
    "assignmentType",
    "contentType",
    "timeZone",
)
SHORTEST_SECRET = 6

type Json = dict[str, Any]


def example(name: str, **properties: Any) -> Json:
    """Return one of Microsoft's example bodies with other or further properties."""
    body: Json = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return {**body, **properties}


def own_example(name: str, **properties: Any) -> Json:
    """Return an example body with an external id of its own: the page gives all of them the same one."""
    return example(name, externalCourseActivityId=str(uuid4()), **properties)


@dataclass
class Stack:
    """A Functions host, the Graph and identity emulator behind it, and everything that was said to the host."""

    host_url: str
    graph_url: str
    log: Path
    said: set[str] = field(default_factory=set)

    def post(self, route: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a request as a flow does: JSON, or bytes as they are."""
        return self.send("POST", route, body, headers)

    def send(self, method: str, route: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a request with a body by any method."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.said |= _secrets(body)
        url = f"{self.host_url}/api/{route}"
        return plain_http.request(method, url, content=content, headers=headers, timeout=100)

    def get(self, route: str, **query: str) -> httpx.Response:
        """Read from the app."""
        self.said |= _secrets(query)
        return plain_http.get(f"{self.host_url}/api/{route}", params=query, timeout=30)

    def delete(self, route: str, headers: Mapping[str, str] | None = None, **query: str) -> httpx.Response:
        """Delete something."""
        self.said |= _secrets(query)
        return plain_http.delete(f"{self.host_url}/api/{route}", params=query, headers=headers, timeout=100)

    def arm(self, *faults: Json) -> None:
        """Tell the emulator what goes wrong next."""
        plain_http.post(f"{self.graph_url}/_emulator/faults", json=list(faults)).raise_for_status()

    def change_tenant(self, **changes: Any) -> None:
        """Tell the emulator what is registered, licensed and permitted."""
        plain_http.patch(f"{self.graph_url}/_emulator/tenant", json=changes).raise_for_status()

    def stored(self) -> list[Json]:
        """Return what Graph received and executed."""
        activities = plain_http.get(f"{self.graph_url}/_emulator/activities").json()["activities"]
        return [activity["received"] for activity in activities]

    def calls(self) -> list[str]:
        """Return the operations that Graph and the identity endpoint were asked for, in order."""
        requests = plain_http.get(f"{self.graph_url}/_emulator/requests").json()["requests"]
        return [request["operation"] for request in requests]

    def graph_calls(self) -> list[str]:
        """Return the operations that Graph was asked for; the first test of a host asks for a token, too."""
        return [call for call in self.calls() if call != "token"]

    def reset(self) -> None:
        """Bring the emulator back to its beginning."""
        for resource in ("faults", "tenant", "activities", "requests"):
            plain_http.delete(f"{self.graph_url}/_emulator/{resource}").raise_for_status()


def _secrets(value: object) -> set[str]:
    """Return every text in a body that must not be logged."""
    match value:
        case dict():
            return set[str]().union(*(_secrets(part) for name, part in value.items() if name not in LOGGABLE))
        case list():
            return set[str]().union(*(_secrets(part) for part in value))
        case str() if len(value) >= SHORTEST_SECRET:
            return {value}
    return set()


def assert_discreet(stack: Stack) -> None:
    """Check that a host's whole log holds nothing that a caller wrote, and no token, and that an event is one line."""
    log = stack.log.read_text(encoding="utf-8")
    for fields in re.findall(r" (?:INFO|ERROR) activities \w+ (.*)", log):
        json.loads(fields)
    if stack.said:
        assert " activities " in log, "the log has none of the app's events: is it captured?"
    assert "eyJ" not in log, "a token begins like this"
    assert [said for said in stack.said if said in log] == []
