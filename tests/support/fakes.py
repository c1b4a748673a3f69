"""Microsoft Graph, the ledger and the clock, in memory: what the use cases are tested against.

Held to the same contracts as the real ones by ``test_gateway_contract`` and ``test_ledger_contract``.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from activities.contract.activity import ActivityRequest, Operation, StoredActivity
from activities.contract.models import Defaults, Json
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution.decisions import Done, Known, advances, meant, plan
from activities.execution.gateway import ExternalKey, Write
from activities.execution.ledger import Claim, Released
from activities.execution.sameness import KIND, kind_of
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


def key_of(request: ActivityRequest) -> ExternalKey:
    """Return what a request's activity is found by."""
    return ExternalKey(request.registration_id, request.external_id)


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

    def lets_execute(self, timeout_seconds: float) -> bool:
        """Say whether Graph does its work."""
        return self.executed or (self.error is None and self.seconds < timeout_seconds)


@dataclass
class FakeGraph:
    """Implements ``GraphGateway``: keeps activities by provider and external id, and fails on demand.

    ``calls`` says in which order what was asked: "create", "update", "delete", "find", "get" of one, "createBatch" and
    so on of several, "writeBatch" of several that differ, "check", "close"; ``sizes`` of how many. As in the emulator
    the same external id twice makes two activities, so that a double becomes visible; a look-up gives the first; and
    each one in a batch has faults of its own. ``written`` holds every state that an activity has had, by external id.
    """

    time: FakeTime = field(default_factory=FakeTime)
    calls: list[str] = field(default_factory=list)
    stored: list[tuple[str, StoredActivity]] = field(default_factory=list)
    written: dict[str, list[Json]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    identity_failure: ActivityError | None = None
    permissions: frozenset[str] | None = frozenset(NEEDED_FOR)
    # What ``check_open`` raises for a provider.
    closed: dict[str, TransientError] = field(default_factory=dict)
    # Called with "create", "update", "delete" or "find" before each; None means that all goes well.
    choose_fault: Callable[[str], Fault | None] | None = None
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))

    def arm(self, operation: str, faults: Iterable[Fault]) -> None:
        """Let the next calls of an operation come to this, one fault each."""
        self._faults[operation].extend(faults)

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Change activities. See ``GraphGateway``."""
        operations = {str(one.operation) for one in writes}
        name = operations.pop() if len(operations) == 1 else "write"
        return self._answer(name, writes, lambda one: self._write(one, timeout_seconds))

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Find for each the first one that was stored. See ``GraphGateway``."""
        return self._answer("find", keys, lambda one: self._find(one, timeout_seconds))

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Find each by its id. See ``GraphGateway``."""
        return self._answer("get", graph_ids, lambda one: self._get(one, timeout_seconds))

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

    def _answer[Asked, End](
        self, operation: str, asked: Sequence[Asked], do: Callable[[Asked], End]
    ) -> list[End | ActivityError]:
        """Do each; it takes as long as the longest."""
        if not asked:
            return []
        alone = len(asked) == 1
        self.sizes.append(len(asked))
        begun = latest = self.time.seconds
        ends: list[End | ActivityError] = []
        try:
            self._begin(operation if alone else f"{operation}Batch")
        except ActivityError as error:
            return [error] * len(asked)
        for one in asked:
            self.time.seconds = begun
            try:
                ends.append(do(one))
            except ActivityError as error:
                ends.append(error if alone else _in_batch(error))
            latest = max(latest, self.time.seconds)
        self.time.seconds = latest
        return ends

    def _write(self, write: Write, timeout_seconds: float) -> StoredActivity:
        fault = self._fault(str(write.operation))
        end = self._execute(write) if fault.lets_execute(timeout_seconds) else StoredActivity({})
        self._end(fault, timeout_seconds)
        if isinstance(end, ActivityError):
            raise end
        return end

    def _execute(self, write: Write) -> StoredActivity | PermanentError:
        provider = write.registration_id.casefold()
        if write.operation is Operation.CREATE:
            graph_id = f"{write.body['learnerUserId']}:{uuid4()}"
            entity = {**write.body, "learningProviderId": write.registration_id, "id": graph_id}
            self.stored.append((provider, StoredActivity(entity, str(uuid4()))))
            self._note(entity)
            return self.stored[-1][1]
        places = [place for place, one in enumerate(self.stored) if (one[0], one[1].id) == (provider, write.graph_id)]
        if not places:
            return translation.absent()
        old = self.stored[places[0]][1].entity
        if write.operation is Operation.DELETE:
            del self.stored[places[0]]
            return StoredActivity({}, str(uuid4()))
        if write.body.get(KIND) != old[KIND] or not write.body.get("status"):
            return PermanentError(ErrorCode.REJECTED_BY_GRAPH, "Of another kind, or without a status.")
        entity = {**old, **{name: value for name, value in write.body.items() if name in kind_of(old).changeable}}
        self.stored[places[0]] = (provider, StoredActivity(entity, str(uuid4())))
        self._note(entity)
        return StoredActivity({}, str(uuid4()))

    def _note(self, entity: Json) -> None:
        self.written.setdefault(entity.get("externalCourseActivityId", ""), []).append(entity)

    def _find(self, key: ExternalKey, timeout_seconds: float) -> StoredActivity | None:
        fault = self._fault("find")
        self._end(fault, timeout_seconds)
        wanted = (key.registration_id.casefold(), key.external_id)
        found = [one for provider, one in self.stored if (provider, one.external_id) == wanted]
        return found[0] if found and not fault.absent else None

    def _get(self, graph_id: str, timeout_seconds: float) -> StoredActivity | None:
        fault = self._fault("get")
        self._end(fault, timeout_seconds)
        found = [one for _, one in self.stored if one.id == graph_id]
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
class _Row:
    """What the ledger knows of an activity: somebody is at it as long as there is a lease."""

    etag: str
    known: Known | None = None
    lease_until: float | None = None
    claimed: Known | None = None


@dataclass
class FakeLedger:
    """Implements ``Ledger``: keeps its rows in memory, by its own clock, and fails on demand.

    ``calls`` says in which order what was asked: "claim", "renew", "settle", "check".
    """

    time: FakeTime = field(default_factory=FakeTime)
    lease_seconds: float = 60.0
    calls: list[str] = field(default_factory=list)
    # What each of these operations fails with, until it is taken out again.
    failures: dict[str, ActivityError] = field(default_factory=dict)
    _rows: dict[tuple[str, str], _Row] = field(default_factory=dict)

    async def claim(self, requests: Sequence[ActivityRequest]) -> list[Claim | Known | ActivityError]:
        """Claim activities. See ``Ledger``."""
        try:
            self._begin("claim")
        except ActivityError as error:
            return [error] * len(requests)
        return [self._claim(one) for one in requests]

    async def renew(self, claim: Claim) -> None:
        """Extend a lease. See ``Ledger``."""
        self._begin("renew")
        if self._holds(claim):
            row = self._rows[claim.request.key]
            self._write(claim, replace(row, lease_until=self.time.seconds + self.lease_seconds))

    async def settle(self, ends: Sequence[tuple[Claim, Known | Released]]) -> None:
        """Complete or release several claims. See ``Ledger``."""
        self._begin("settle")
        for claim, end in ends:
            if self._holds(claim):
                self._settle(claim, end)

    async def check(self) -> None:
        """Fail as told. See ``Ledger``."""
        self._begin("check")

    def forget(self, request: ActivityRequest) -> None:
        """Let the time of an activity's state be over."""
        row = self._rows[request.key]
        if row.known is not None:
            row.known = replace(row.known, entity=None, created_as="")

    def _begin(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.failures:
            raise self.failures[operation]

    def _claim(self, request: ActivityRequest) -> Claim | Known | ActivityError:
        claim = Claim(request, str(uuid4()))
        row = self._rows.get(request.key, _Row(""))
        if row.lease_until is not None:
            remaining = row.lease_until - self.time.seconds
            if remaining > 0:
                message = "Somebody else is at it."
                return TransientError(ErrorCode.CREATE_IN_PROGRESS, message, retry_after_seconds=min(remaining, 5.0))
            claim.left = row.claimed
        elif row.known is not None:
            end = plan(request, row.known)
            if isinstance(end, Done) and advances(end, row.known):
                row.known = replace(row.known, as_of=request.true_at)
            if isinstance(end, Done | ActivityError):
                return row.known
        claim.known = row.known
        lease_until = self.time.seconds + self.lease_seconds
        claimed = meant(request, claim.known, claim.left)
        self._write(claim, replace(row, lease_until=lease_until, claimed=claimed))
        return claim

    def _settle(self, claim: Claim, end: Known | Released) -> None:
        row = self._rows[claim.request.key]
        if isinstance(end, Known):
            self._write(claim, _Row("", end))
        elif not end.outcome_known:
            self._write(claim, replace(row, lease_until=self.time.seconds))
        elif claim.known is not None:
            self._write(claim, _Row("", claim.known))
        else:
            del self._rows[claim.request.key]

    def _holds(self, claim: Claim) -> bool:
        row = self._rows.get(claim.request.key)
        return row is not None and row.etag == claim.etag

    def _write(self, claim: Claim, row: _Row) -> None:
        claim.etag = row.etag = str(uuid4())
        self._rows[claim.request.key] = row
