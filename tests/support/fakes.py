"""Microsoft Graph, the ledger and the clock, in memory: what the use cases are tested against.

Held to the same contracts as the real ones by ``test_gateway_contract`` and ``test_ledger_contract``.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from activities.contract import values
from activities.contract.models import ActivityRequest, Defaults, StoredActivity
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.ledger import Claim, Completed, Released
from activities.execution.sending import Clock
from activities.graph import translation
from activities.graph.permissions import NEEDED_FOR

REGISTRATION_ID = "01e8f81b-3060-4dec-acf0-0389665a0a38"
OTHER_REGISTRATION_ID = "13727311-e7bb-470d-8b20-6a23d9030d70"
LEARNER_ID = "7ba2228a-e020-11ec-9d64-0242ac120002"
# As long as every send and every look-up takes, or until the caller's patience ends.
FOR_EVER = float("inf")


def activity_request(external_id: str | None = "course-1", **properties: Any) -> ActivityRequest:
    """Return a request for a self-initiated course; more properties in the wire's spelling."""
    record = {
        "@odata.type": "#microsoft.graph.learningSelfInitiatedCourse",
        "registrationId": REGISTRATION_ID,
        "learnerUserId": LEARNER_ID,
        "learningContentId": "content-1",
        "status": "inProgress",
        "externalCourseActivityId": external_id,
        **properties,
    }
    return parse_activity(record, kind=None, defaults=Defaults())


def assignment_request(external_id: str | None = "course-1", **properties: Any) -> ActivityRequest:
    """Return a request for an assignment; more properties in the wire's spelling."""
    assignment = {"@odata.type": "#microsoft.graph.learningAssignment", "assignmentType": "required"}
    return activity_request(external_id, **assignment, **properties)


class FakeTime:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def pass_by(self, seconds: float) -> None:
        """Let time pass without anybody having asked to wait."""
        self.seconds += seconds

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        """The clock as the use case takes it."""
        return Clock(now=lambda: self.seconds, sleep=self._sleep)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one call.

    Args:
        error: What the caller gets instead of the answer.
        executed: Whether Graph does its work nevertheless.
        seconds: How long it takes; at the caller's time-out the answer is lost.
        absent: For a look-up: the replica asked has not seen the activity yet.
    """

    error: ActivityError | None = None
    executed: bool = False
    seconds: float = 0.0
    absent: bool = False


@dataclass
class FakeGraph:
    """Implements ``GraphGateway``: keeps activities by provider and external id, and fails on demand.

    ``calls`` says in which order what was asked: "create" and "find" of one, "createBatch" and "findBatch" of several,
    "check", "close"; ``sizes`` of how many. As in the emulator the same external id twice makes two activities, so that
    a double becomes visible; a look-up gives the first; and each one in a batch has faults of its own.
    """

    time: FakeTime = field(default_factory=FakeTime)
    calls: list[str] = field(default_factory=list)
    stored: list[tuple[str, StoredActivity]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    identity_failure: ActivityError | None = None
    permissions: frozenset[str] | None = frozenset(NEEDED_FOR)
    # What ``check_open`` raises for a provider.
    closed: dict[str, TransientError] = field(default_factory=dict)
    # Called with "create" or "find" before each; None means that all goes well.
    choose_fault: Callable[[str], Fault | None] | None = None
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: {"create": deque(), "find": deque()})

    def arm(self, operation: str, faults: Iterable[Fault]) -> None:
        """Let the next calls of an operation come to this, one fault each."""
        self._faults[operation].extend(faults)

    async def create(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError]:
        """Store activities. See ``GraphGateway``."""
        return self._answer("create", requests, lambda one: self._create(one, timeout_seconds))

    async def find(
        self, requests: Sequence[ActivityRequest], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Find for each the first one that was stored. See ``GraphGateway``."""
        return self._answer("find", requests, lambda one: self._find(one, timeout_seconds))

    def check_open(self, registration_id: str) -> None:
        """Refuse as told. See ``GraphGateway``."""
        if registration_id in self.closed:
            raise self.closed[registration_id]

    async def check_identity(self) -> frozenset[str] | None:
        """Fail as told. See ``GraphGateway``."""
        self._begin("check")
        return self.permissions

    async def close(self) -> None:
        """Remember it. See ``GraphGateway``."""
        self.calls.append("close")

    def _answer[End](
        self, operation: str, requests: Sequence[ActivityRequest], do: Callable[[ActivityRequest], End]
    ) -> list[End | ActivityError]:
        """Do each; it takes as long as the longest."""
        if not requests:
            return []
        alone = len(requests) == 1
        self.sizes.append(len(requests))
        begun = latest = self.time.seconds
        ends: list[End | ActivityError] = []
        try:
            self._begin(operation if alone else f"{operation}Batch")
        except ActivityError as error:
            return [error] * len(requests)
        for request in requests:
            self.time.seconds = begun
            try:
                ends.append(do(request))
            except ActivityError as error:
                ends.append(error if alone else _in_batch(error))
            latest = max(latest, self.time.seconds)
        self.time.seconds = latest
        return ends

    def _create(self, request: ActivityRequest, timeout_seconds: float) -> StoredActivity:
        fault = self._fault("create")
        entity = {**request.activity.to_graph(), "id": f"{request.activity.learner_user_id}:{uuid4()}"}
        activity = StoredActivity(entity, str(uuid4()))
        if fault.executed or (fault.error is None and fault.seconds < timeout_seconds):
            self.stored.append((request.registration_id.casefold(), activity))
        self._end(fault, timeout_seconds)
        return activity

    def _find(self, request: ActivityRequest, timeout_seconds: float) -> StoredActivity | None:
        fault = self._fault("find")
        self._end(fault, timeout_seconds)
        key = (request.registration_id.casefold(), request.activity.external_course_activity_id)
        found = [one for provider, one in self.stored if (provider, one.entity["externalCourseActivityId"]) == key]
        return found[0] if found and not fault.absent else None

    def _begin(self, operation: str) -> None:
        self.calls.append(operation)
        if self.identity_failure is not None:
            raise self.identity_failure

    def _fault(self, operation: str) -> Fault:
        if self.choose_fault is not None:
            return self.choose_fault(operation) or Fault()
        armed = self._faults[operation]
        return armed.popleft() if armed else Fault()

    def _end(self, fault: Fault, timeout_seconds: float) -> None:
        self.time.pass_by(min(fault.seconds, timeout_seconds))
        if fault.seconds >= timeout_seconds:
            raise translation.unanswered()
        if fault.error is not None:
            raise fault.error


def _in_batch(error: ActivityError) -> ActivityError:
    """Return the error as it is in a batch, where Graph has been seen to execute what it throttles."""
    if not isinstance(error, TransientError) or error.code is not ErrorCode.THROTTLED:
        return error
    return TransientError(
        error.code, error.message, retry_after_seconds=error.retry_after_seconds, may_have_executed=True
    )


@dataclass
class _Record:
    """What the ledger knows of an activity: in progress until ``stored``."""

    content_hash: str
    etag: str
    lease_until: float
    stored: StoredActivity | None = None


@dataclass
class FakeLedger:
    """Implements ``Ledger``: keeps its records in memory, by its own clock, and fails on demand.

    ``calls`` says in which order what was asked: "claim", "renew", "settle", "check".
    """

    time: FakeTime = field(default_factory=FakeTime)
    lease_seconds: float = 60.0
    calls: list[str] = field(default_factory=list)
    # What each of these operations fails with, until it is taken out again.
    failures: dict[str, ActivityError] = field(default_factory=dict)
    _records: dict[tuple[str, str], _Record] = field(default_factory=dict)

    async def claim(self, wanted: Sequence[tuple[ActivityRequest, str]]) -> list[Claim | Completed | ActivityError]:
        """Claim activities. See ``Ledger``."""
        try:
            self._begin("claim")
        except ActivityError as error:
            return [error] * len(wanted)
        return [self._claim(*one) for one in wanted]

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        self._begin("renew")
        if self._holds(claim):
            self._write(claim, lease_until=self.time.seconds + self.lease_seconds)

    async def settle(self, ends: Sequence[tuple[Claim, StoredActivity | Released]]) -> None:
        """Complete or release several claims. See ``Ledger``."""
        self._begin("settle")
        for claim, end in ends:
            self._settle(claim, end)

    async def check(self) -> None:
        """Fail as told. See ``Ledger``."""
        self._begin("check")

    def _begin(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.failures:
            raise self.failures[operation]

    def _claim(self, request: ActivityRequest, content_hash: str) -> Claim | Completed | ActivityError:
        key = (request.registration_id.casefold(), request.activity.external_course_activity_id or "")
        claim = Claim(key, str(uuid4()), content_hash, etag="")
        record = self._records.get(key)
        if record is not None:
            if record.stored is not None:
                return self._completed(record, record.stored, content_hash)
            remaining = record.lease_until - self.time.seconds
            if remaining > 0:
                message = "Somebody else is at it."
                return TransientError(ErrorCode.CREATE_IN_PROGRESS, message, retry_after_seconds=min(remaining, 5.0))
            claim.left_behind = True
        self._write(claim, lease_until=self.time.seconds + self.lease_seconds)
        return claim

    def _settle(self, claim: Claim, end: StoredActivity | Released) -> None:
        if not self._holds(claim):
            return
        if isinstance(end, StoredActivity):
            self._write(claim, lease_until=0.0, stored=StoredActivity(end.entity))
        elif end.outcome_known:
            del self._records[claim.key]
        else:
            self._write(claim, lease_until=self.time.seconds)

    def _holds(self, claim: Claim) -> bool:
        record = self._records.get(claim.key)
        return record is not None and record.etag == claim.etag

    def _write(self, claim: Claim, *, lease_until: float, stored: StoredActivity | None = None) -> None:
        claim.etag = str(uuid4())
        self._records[claim.key] = _Record(claim.content_hash, claim.etag, lease_until, stored)

    def _completed(self, record: _Record, stored: StoredActivity, content_hash: str) -> Completed | PermanentError:
        if record.content_hash == content_hash:
            return Completed(stored)
        message = f"Created before (id {values.id_without_learner(stored.id)}), with other content."
        return PermanentError(ErrorCode.ACTIVITY_EXISTS, message, target="externalCourseActivityId")
