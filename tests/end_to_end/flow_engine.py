"""A client that behaves as the engine under Power Automate and Logic Apps does with an HTTP action.

Its rules:

1. 408, 429, 5xx, and no answer at all: the same request again, as often as the retry policy allows. 4 times is the
   default of Logic Apps, 2 (low), 8 or 12 that of Power Automate.
2. Every other answer is final at once; the action fails if it is no 2xx.
3. Between two attempts it waits exponentially longer, 5 to 45 s. Whether it heeds a ``Retry-After`` there is not
   documented, so both is possible; and an attempt can come at once.
4. 202 with ``Location``: it asks there until the answer is no 202, after as many seconds as ``Retry-After`` says, else
   after one. What it got last is the output of the action.
5. It follows ``Location`` without the credentials of the first request.
6. Every attempt has the same body and headers; those that the maker wrote, and the engine's own about the run.

Its own pauses are scaled down, to a five-hundredth if not said otherwise; what the app asks for in ``Retry-After`` is
waited in full.

Sources: https://learn.microsoft.com/azure/logic-apps/error-exception-handling#retry-policies,
https://learn.microsoft.com/azure/logic-apps/logic-apps-create-api-app#async-pattern,
https://learn.microsoft.com/power-automate/limits-and-config#retry-policy
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

import httpx

from tests.support.plain_http import NO_CERTIFICATES

FIRST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 7.5, 5.0, 45.0
POLL_SECONDS = 1.0
IMPATIENT_SECONDS = 0.3
# The engine's own limit is 120 s.
PATIENT_SECONDS = 60.0
MOST_POLLS = 120


class Mishap(StrEnum):
    """What happens to an attempt on its way."""

    NONE = "none"
    REQUEST_LOST = "the request never arrives"
    ANSWER_LOST = "the app does its work and answers, and nobody gets it"
    IMPATIENT = "the connection is closed while the app works"
    FRONT_END_408 = "the app does its work, and something in between answers 408"
    FRONT_END_504 = "the app does its work, and something in between answers 504"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is repeated, and when; `scale` is what a second of the engine's own pauses lasts."""

    retries: int = 4
    heeds_retry_after: bool = False
    scale: float = 0.002

    def pause_seconds(self, answer: httpx.Response | None, retry: int) -> float:
        """Return how long to wait before a repetition; the first one is number 0."""
        if self.heeds_retry_after and answer is not None and "Retry-After" in answer.headers:
            return float(answer.headers["Retry-After"])
        pause: float = FIRST_PAUSE_SECONDS * 2**retry
        return self.scale * min(max(pause, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


LOGIC_APPS = RetryPolicy()
POWER_AUTOMATE = RetryPolicy(retries=12, scale=0.01)
"""Its own pauses come to five seconds in all."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as the engine saw it: the status, 0 for no answer; and what the app had answered, if it did."""

    url: str
    status: int
    answered: httpx.Response | None


@dataclass(slots=True)
class Action:
    """What an action came to: its output, and everything that happened until then."""

    attempts: list[Attempt] = field(default_factory=list)
    outputs: httpx.Response | None = None
    """None when no attempt got an answer."""

    @property
    def succeeded(self) -> bool:
        """Whether the action is green in the flow's run."""
        return self.outputs is not None and self.outputs.is_success

    @property
    def statuses(self) -> list[int]:
        """What the engine saw, in order; 0 is no answer."""
        return [attempt.status for attempt in self.attempts]

    @property
    def body(self) -> dict[str, Any]:
        """What the next action of the flow works with."""
        assert self.succeeded, self.attempts
        assert self.outputs is not None
        said: dict[str, Any] = self.outputs.json()
        return said


class FlowEngine:
    """An engine with one connection.

    Args:
        credentials: The headers that the connection adds, and polls leave out.
        policy: When a request is repeated.
        mishaps: What happens to the attempts, in order; nothing to all that follow.
        transport: What carries the requests, for tests of the engine itself.
        sleep: What passes the time, likewise; in seconds.
    """

    def __init__(
        self,
        credentials: Mapping[str, str],
        *,
        policy: RetryPolicy = LOGIC_APPS,
        mishaps: Iterable[Mishap] = (),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials
        self._policy = policy
        self._mishaps = iter(mishaps)
        self._transport = transport
        self._sleep = sleep

    def post(self, url: str, body: object, headers: Mapping[str, str] | None = None) -> Action:
        """Run an action that posts, to its end.

        Args:
            url: Where to.
            body: Sent as JSON.
            headers: What the maker wrote into the action.
        """
        return self.run(httpx.Request("POST", url, json=body, headers=headers))

    def run(self, request: httpx.Request) -> Action:
        """Run an action that sends a request, to its end."""
        action = Action()
        run_id = f"08584{uuid4().int % 10**21:021}CU01"
        own = {
            "User-Agent": "azure-logic-apps/1.0,(workflow b9f8a1; version 08584)",
            "x-ms-workflow-run-id": run_id,
            "x-ms-client-tracking-id": run_id,
            "x-ms-client-request-id": str(uuid4()),
        }
        request.headers = httpx.Headers({**own, **self._credentials, **request.headers})
        answer = self._repeated(request, action)
        polls = 0
        while answer is not None and answer.status_code == httpx.codes.ACCEPTED:
            assert polls < MOST_POLLS, answer.text
            self._sleep(float(answer.headers.get("Retry-After", POLL_SECONDS)))
            # Absolute by contract: the engine resolves nothing.
            answer = self._repeated(httpx.Request("GET", answer.headers["Location"], headers=own), action)
            polls += 1
        action.outputs = answer
        return action

    def _repeated(self, request: httpx.Request, action: Action) -> httpx.Response | None:
        """Send a request until its answer is final or the policy is at its end."""
        answer = self._attempt(request, action)
        for retry in range(self._policy.retries):
            if answer is not None and not _is_transient(answer.status_code):
                break
            self._sleep(self._policy.pause_seconds(answer, retry))
            answer = self._attempt(request, action)
        return answer

    def _attempt(self, request: httpx.Request, action: Action) -> httpx.Response | None:
        mishap = next(self._mishaps, Mishap.NONE)
        answered = None if mishap is Mishap.REQUEST_LOST else self._answer(request, mishap)
        seen = _as_seen(answered, mishap)
        action.attempts.append(Attempt(str(request.url), seen.status_code if seen is not None else 0, answered))
        return seen

    def _answer(self, request: httpx.Request, mishap: Mishap) -> httpx.Response | None:
        timeout = IMPATIENT_SECONDS if mishap is Mishap.IMPATIENT else PATIENT_SECONDS
        # One connection each: the engine's attempts come from different machines.
        with httpx.Client(transport=self._transport, verify=NO_CERTIFICATES, timeout=timeout) as client:
            try:
                return client.request(request.method, request.url, content=request.content, headers=request.headers)
            except httpx.TransportError:
                return None


def _as_seen(answered: httpx.Response | None, mishap: Mishap) -> httpx.Response | None:
    """Return what reaches the engine of an answer."""
    match mishap:
        case Mishap.ANSWER_LOST:
            return None
        case Mishap.FRONT_END_408:
            return httpx.Response(408)
        case Mishap.FRONT_END_504:
            return httpx.Response(504)
    return answered


def _is_transient(status: int) -> bool:
    return status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS} or httpx.codes.is_server_error(status)
