"""One attempt at some records of a batch: checked, carried out, and told without people and notes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from activities import telemetry
from activities.batches.records import SentRecord
from activities.contract.activity import ActivityRequest, Operation
from activities.contract.instructions import OPERATION, operation_in
from activities.contract.models import Defaults
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import once, patience
from activities.execution.decisions import Done, End, Known, plan
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Claim, Ledger, Released
from activities.execution.result import Result
from activities.execution.sending import FOR_A_CHUNK, Sender

_OUTCOME_UNKNOWN = PermanentError(
    ErrorCode.OUTCOME_UNKNOWN,
    "The function app was ended again and again while it worked on this record and its neighbours, so it does not know "
    "whether it was carried out. Send the record again, with this externalCourseActivityId.",
)
_NEVER_SENT = PermanentError(
    ErrorCode.INTERNAL_ERROR,
    "The function app was ended again and again before it sent this record to Microsoft Graph. Send the record again, "
    "with this externalCourseActivityId.",
)


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

    @property
    def came_to_nothing(self) -> bool:
        """Whether storage or a token was missing before anything was sent, so that no record has to be told of."""
        codes = {error.code for error in self.waiting.values()}
        before = codes <= {ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.IDENTITY_UNAVAILABLE}
        return bool(codes) and before and all(result.failed for result in self.results)

    def add(self, other: "Round") -> None:
        """Add what another attempt of the same round came to."""
        self.results += other.results
        self.waiting |= other.waiting
        self.sent |= other.sent

    def delay_seconds(self, *, attempts: int, jitter: patience.Jitter) -> float:
        """Return how long the records wait that wait, after so many attempts."""
        errors = self.waiting.values()
        return max((patience.delay_seconds(one, attempts=attempts, jitter=jitter) for one in errors), default=0.0)


def check(
    records: Iterable[SentRecord], *, batch_id: str, accepted_at: datetime, defaults: Defaults
) -> tuple[list[Result], dict[int, ActivityRequest]]:
    """Return the results of the records that cannot be carried out, and the requests of the others by their index."""
    refused: list[Result] = []
    requests: dict[int, ActivityRequest] = {}
    for record in records:
        try:
            if record.problem:
                raise record.problem  # noqa: TRY301 (it ends as what is found here does)
            wanted = _parsed(record, defaults)
            # Of records about one activity, the later one is the newer one.
            dated = replace(wanted, arrived_at=accepted_at + timedelta(microseconds=record.index))
            requests[record.index] = _identified(record, dated, batch_id)
        except PermanentError as error:
            refused.append(Result.of_content(record.index, error, record.content))
        except Exception as error:  # noqa: BLE001 (a bug must end neither the batch nor the record's neighbours)
            telemetry.failure("internalError", error)
            refused.append(Result.of_error(record.index, patience.bug()))
    return refused, requests


def _parsed(record: SentRecord, defaults: Defaults) -> ActivityRequest:
    if record.of_file and operation_in(record.content) == Operation.UPSERT:
        # It needs no external id: one is derived.
        wanted = parse_activity({**record.content, OPERATION: Operation.CREATE}, kind=None, defaults=defaults)
        return replace(wanted, operation=Operation.UPSERT)
    return parse_activity(record.content, kind=None, defaults=defaults)


def _identified(record: SentRecord, request: ActivityRequest, batch_id: str) -> ActivityRequest:
    if request.external_id:
        return request
    key = record.idempotency_key(batch_id, request.activity.to_graph())
    return once.identify(request, idempotency_key=key)


async def carry_out(requests: Mapping[int, ActivityRequest], *, graph: GraphGateway, ledger: Ledger) -> Round:
    """Carry out up to twenty requests, each once; none of a provider that Graph throttles. After a bug, all wait."""
    done = Round()
    some = list(requests.values())
    done.sent = len(once.shut_out(some, graph)) < len(some)
    try:
        ends = await once.carry_out(some, sender=Sender(graph=graph, effort=FOR_A_CHUNK), ledger=ledger)
    except Exception as error:  # noqa: BLE001 (a bug must not keep the batch from coming to its end)
        telemetry.failure("internalError", error)
        ends = [patience.bug()] * len(some)
    for (index, request), end in zip(requests.items(), ends, strict=True):
        if isinstance(end, TransientError):
            done.waiting[index] = end
        else:
            done.results.append(Result.of_request(index, end, request))
    return done


async def give_up(requests: Mapping[int, ActivityRequest], *, ledger: Ledger) -> Round:
    """Return what is known of records whose process died again and again: what nobody ever claimed was never sent.

    Raises:
        TransientError: ``storageUnavailable``.
    """
    done = Round()
    # One after the other: the same activity may stand there twice.
    for index, request in requests.items():
        (end,) = await ledger.claim([request])
        match end:
            case Known():
                known = plan(request, end)
                said: End = known if isinstance(known, Done | ActivityError) else _OUTCOME_UNKNOWN
            case Claim():
                await ledger.settle([(end, Released(outcome_known=not end.left_behind))])
                said = _OUTCOME_UNKNOWN if end.left_behind else _NEVER_SENT
            case TransientError(code=ErrorCode.STORAGE_UNAVAILABLE):
                raise end
            case TransientError():
                said = _OUTCOME_UNKNOWN  # Whoever died holds it still.
            case _:
                said = end
        done.results.append(Result.of_request(index, said, request))
    return done
