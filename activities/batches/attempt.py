"""One attempt at some records of a batch: checked, carried out, and told without people and notes."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from activities import telemetry
from activities.batches.chunks import Sent
from activities.batches.results import Outcome, Result
from activities.contract import values
from activities.contract.models import ActivityRequest, Assignment, Defaults
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import once, patience
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Ledger
from activities.execution.sending import FOR_A_CHUNK, Creation, Sender

# Of a text that no report repeats; a shorter one is part of other words.
_SHORTEST_SECRET = 4
# How it is told which other activity has the same external id; Graph's id of it begins with its learner's.
_OTHER_ACTIVITY = re.compile(r" \(id [^)]*\)")


@dataclass(slots=True)
class Round:
    """What one attempt came to: the results there are, and why the other records still wait, by their index.

    ``sent`` says whether anything was tried at all: while Graph throttles, nothing is.
    """

    results: list[Result] = field(default_factory=list)
    waiting: dict[int, TransientError] = field(default_factory=dict)
    sent: bool = False

    @property
    def throttled(self) -> bool:
        """Whether it is Graph that a record waits for."""
        return any(error.code is ErrorCode.THROTTLED for error in self.waiting.values())

    @property
    def waiting_by_code(self) -> Counter[str]:
        """How many records wait for what."""
        return Counter(str(error.code) for error in self.waiting.values())

    @property
    def met_bug(self) -> bool:
        """Whether a record waits because of an exception that nobody expected."""
        return any(error.code is ErrorCode.INTERNAL_ERROR for error in self.waiting.values())

    def add(self, other: "Round") -> None:
        """Add what another attempt of the same round came to."""
        self.results += other.results
        self.waiting |= other.waiting
        self.sent |= other.sent

    def delay_seconds(self, *, attempts: int, jitter: patience.Jitter) -> float:
        """Return how long the records wait that wait, after so many attempts."""
        errors = self.waiting.values()
        return max((patience.delay_seconds(one, attempts=attempts, jitter=jitter) for one in errors), default=0.0)


def idempotency_key(batch_id: str, index: int) -> str:
    """Return what a record is known by that has no external id."""
    return f"batch:{batch_id}:{index}"


def check(
    records: Iterable[Sent], *, batch_id: str, defaults: Defaults
) -> tuple[list[Result], dict[int, ActivityRequest]]:
    """Return the results of the records that cannot be created, and the requests of the others by their index."""
    refused: list[Result] = []
    requests: dict[int, ActivityRequest] = {}
    for sent in records:
        index, content = sent["index"], sent["content"]
        try:
            wanted = _parsed(sent, defaults)
            key = sent.get("key") or idempotency_key(batch_id, index)
            requests[index] = once.identify(wanted, idempotency_key=key)
        except PermanentError as error:
            refused.append(Result.of_error(index, error, external_id=_external_id(content)))
        except Exception as error:  # noqa: BLE001 (a bug must end neither the batch nor the record's neighbours)
            telemetry.failure("internalError", error)
            refused.append(Result.of_error(index, patience.bug()))
    return refused, requests


async def create(requests: Mapping[int, ActivityRequest], *, graph: GraphGateway, ledger: Ledger) -> Round:
    """Create up to twenty activities, each once; none of a provider that Graph throttles. After a bug, all wait."""
    done = Round()
    some = list(requests.values())
    done.sent = len(once.shut_out(some, graph)) < len(some)
    try:
        ends = await once.create(some, sender=Sender(graph=graph, effort=FOR_A_CHUNK), ledger=ledger)
    except Exception as error:  # noqa: BLE001 (a bug must not keep the batch from coming to its end)
        telemetry.failure("internalError", error)
        ends = [patience.bug()] * len(some)
    for (index, request), end in zip(requests.items(), ends, strict=True):
        if isinstance(end, TransientError):
            done.waiting[index] = end
        else:
            done.results.append(result_of(index, request, end))
    return done


def _parsed(sent: Sent, defaults: Defaults) -> ActivityRequest:
    if problem := sent.get("problem"):
        raise PermanentError(ErrorCode(problem["code"]), problem["message"], target=problem["target"])
    return parse_activity(sent["content"], kind=None, defaults=defaults)


def result_of(index: int, request: ActivityRequest, end: Creation | ActivityError) -> Result:
    """Return what a report says of a record that has come to its end."""
    external_id = request.activity.external_course_activity_id or ""
    if isinstance(end, Creation):
        return Result(index, Outcome(end.outcome), _discreet(end.stored.id, request, "").strip(":"), external_id)
    result = Result.of_error(index, end, external_id=external_id)
    message = _discreet(result.error_message, request, "…")
    return replace(result, error_message=_OTHER_ACTIVITY.sub("", message) if _is_taken(end) else message)


def lost(index: int, request: ActivityRequest) -> Result:
    """Return the result of a record whose process died again and again."""
    message = (
        "The function app was ended again and again while it worked on this record and its neighbours, so it does not "
        "know whether the activity exists. Send the record again, with this externalCourseActivityId."
    )
    error = PermanentError(ErrorCode.OUTCOME_UNKNOWN, message)
    return Result.of_error(index, error, external_id=request.activity.external_course_activity_id or "")


def _discreet(text: str, request: ActivityRequest, instead: str) -> str:
    """Return what Graph said without people and notes to them: everybody with its address can read the report.

    Graph's id of an activity begins with the learner's.
    """
    activity = request.activity
    secrets = [activity.learner_user_id]
    if isinstance(activity, Assignment):
        secrets += [activity.assigner_user_id or "", (activity.notes or {}).get("content", "")]
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = re.sub(re.escape(secret), instead, text, flags=re.IGNORECASE)
    return text


def _is_taken(end: ActivityError) -> bool:
    return end.code is ErrorCode.ACTIVITY_EXISTS


def _external_id(content: Any) -> str:
    external_id = content.get("externalCourseActivityId", "") if isinstance(content, dict) else ""
    try:
        return values.text(external_id)
    except values.InvalidValueError:
        return ""
