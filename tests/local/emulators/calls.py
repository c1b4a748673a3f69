"""What the emulators' tests share: an emulator, a way to call it, and Microsoft's example requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.emulators.control import Control
from local.emulators.exchange import Ending, Request, Response
from local.emulators.faults import OPERATIONS
from local.emulators.graph_emulator import Emulator
from local.environment import LEARNING_PROVIDER_ID

SAMPLES = Path(__file__).parents[2] / "samples"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACTIVITIES = f"/v1.0/employeeExperience/learningProviders/{LEARNING_PROVIDER_ID}/learningCourseActivities"


def counts(**called: int) -> dict[str, int]:
    """Return how often each operation was called: those that are not named, never."""
    return {**dict.fromkeys(OPERATIONS, 0), **called}


def sample(name: str) -> dict[str, Any]:
    """Return one of Microsoft's examples."""
    content: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True)
class Answer:
    """A response as a test looks at it; `error` is Graph's error object without what differs from call to call."""

    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def ending(self) -> Ending:
        return self.response.ending

    @property
    def json(self) -> Any:
        return json.loads(self.response.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return {name: value for name, value in error.items() if name != "innerError"}


class Graph:
    """An emulator without a socket, called with a token that carries the tenant's roles."""

    def __init__(self, *, latency_seconds: float = 0) -> None:
        self.emulator = Emulator(latency_seconds=latency_seconds)
        self._control = Control(self.emulator)
        self._now = NOW

    def at(self, now: datetime) -> "Graph":
        """Let it be so late."""
        self._now = now
        return self

    def call(
        self, method: str, target: str, content: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Call any address; `content` is sent as JSON unless it is bytes."""
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        token, _ = self.emulator.identity.issue(self.emulator.tenant.roles, now=self._now)
        defaults = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent = {**defaults, **(headers or {})}
        request = Request.from_wire(method, target, headers=sent.items(), body=body, now=self._now)
        return Answer(self._control.handle(request))

    def create(self, activity: Any, *, target: str = ACTIVITIES, headers: Mapping[str, str] | None = None) -> Answer:
        """Create an activity."""
        return self.call("POST", target, activity, headers=headers)

    def find(self, external_id: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Look an activity up; `external_id` as it stands in the address."""
        return self.call("GET", f"{ACTIVITIES}(externalcourseActivityId='{external_id}')", headers=headers)

    def batch(self, *requests: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send requests as one batch."""
        return self.call("POST", "/v1.0/$batch", {"requests": list(requests)}, headers=headers)

    def patch_tenant(self, **changes: Any) -> Answer:
        """Change the tenant."""
        return self.call("PATCH", "/_emulator/tenant", changes)

    def arm(self, *faults: dict[str, Any]) -> Answer:
        """Arm faults."""
        return self.call("POST", "/_emulator/faults", list(faults))

    @property
    def stored(self) -> list[dict[str, Any]]:
        """What was created."""
        activities: list[dict[str, Any]] = self.call("GET", "/_emulator/activities").json["activities"]
        return activities
