"""What becomes of a queue message: carried out, put back with a delay, or set aside with a readable reason. Never lost.

The host deletes a message when the function returns, so whatever a record still needs is written to a queue before. It
gives a message up that it has delivered some times: while tables do not answer, a message is put back, too.
Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from activities import telemetry
from activities.contract.activity import ActivityRequest
from activities.contract.advice import advice_on
from activities.contract.limits import MOST_RECORDS_OF_MESSAGE
from activities.contract.models import Defaults
from activities.contract.validation import parse_activity
from activities.errors import ActivityError, ErrorCode, PermanentError, TransientError
from activities.execution import identifying, once, patience
from activities.execution.decisions import Done
from activities.execution.gateway import GraphGateway
from activities.execution.ledger import Ledger
from activities.execution.patience import PATIENCE
from activities.execution.sending import FOR_A_MESSAGE, Sender
from activities.queueing import put_back
from activities.queueing.failures import Failures, text_of
from activities.queueing.messages import Delivery, Failure, decode, no_file
from activities.queueing.put_back import Record, encode, split
from activities.queueing.result_queue import Answer, ResultQueue
from activities.queueing.signing_key import SigningKey
from activities.storage.queues import Queue

# Where an admin has to act first, the first tries cover a grant that takes its time.
_ADMIN_ATTEMPTS, _ADMIN_DELAY_SECONDS = 3, 300.0
# What stops every record alike, before anything is sent.
_FOR_ALL = frozenset({ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.IDENTITY_UNAVAILABLE})


# What a record came to, put into words only if somebody wants to know.
type _Ended = Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class QueueWorker:
    """Handles the deliveries of the activity queue.

    Args:
        queue: The activity queue, to put records back into.
        failures: Where records go that are refused for good.
        signing_key: What tells the app's own messages from those that only look like them.
        results: Where it is told what became of each record, if somebody wants to know.
        now: The clock.
        jitter: A random number from 0 to 1, so that what was put back together does not come back together.
        read_file: Returns the records of a sheet in a message.
    """

    defaults: Defaults
    graph: GraphGateway
    ledger: Ledger
    queue: Queue
    failures: Failures
    signing_key: SigningKey
    results: ResultQueue | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: patience.Jitter = patience.random_jitter
    read_file: Callable[[bytes], list[Any] | None] = no_file

    async def handle(self, delivery: Delivery) -> None:
        """Bring every record of a message to one of its three ends; one bad record does not stop the others.

        Raises:
            TransientError: ``storageUnavailable``: an end could not even be put off, because the queue does not answer
                either; the host delivers again, and the ledger makes what was done already harmless.
        """
        delivery = delivery.as_first_delivered(self.now())
        key = await self.signing_key.get() if delivery.says_put_back else None
        try:
            records = decode(delivery, now=self.now(), patience=PATIENCE, key=key, read_file=self.read_file)
        except PermanentError as error:
            await self._refuse(delivery, error)
            return
        ended: list[_Ended] = []
        try:
            some = await self._without_the_rest(records)
            for place, record in enumerate(some):
                try:
                    ended += await self._handle(record.tried())
                except TransientError as error:
                    # It would stop each of the others, too, and take as long each time.
                    await self._put_off([record.tried(), *some[place + 1 :]], error)
                    return
        finally:
            await self._tell(ended, message_id=records[0].message_id)

    async def _refuse(self, delivery: Delivery, error: PermanentError) -> None:
        """Set a message aside that cannot be read or, while that is not possible, put it back under its name."""
        telemetry.event("messageRefused", code=error.code)
        try:
            await self.failures.add(Failure.of_message(delivery, error, now=self.now()))
        except TransientError as outage:
            delay = patience.delay_seconds(outage, attempts=1, jitter=self.jitter)
            telemetry.event("putBack", code=outage.code, delaySeconds=round(delay))
            first_seen = delivery.first_seen(self.now())
            message = put_back.encode_unread(delivery.body, origin=delivery.name, first_seen=first_seen)
            await self.queue.put(message or text_of(delivery.body), delay_seconds=delay)
            return
        await self._tell([partial(Answer.to_message, error)], message_id=delivery.name)

    async def _put_off(self, records: Sequence[Record], outage: TransientError) -> None:
        """Put records back, whatever their deadline, until storage answers: nothing else can be done with them."""
        key = await self.signing_key.get()
        for record in records:
            try:
                message = encode(record, key=key)
            except PermanentError:
                raise outage from None
            delay_seconds = patience.delay_seconds(outage, attempts=record.attempts, jitter=self.jitter)
            await self._put(record, message, outage, delay_seconds)

    async def _without_the_rest(self, records: list[Record]) -> list[Record]:
        """Return as many records as one message may have, after the others have been put into messages of their own."""
        if len(records) <= MOST_RECORDS_OF_MESSAGE:
            return records
        first, messages = split(records, key=await self.signing_key.get())
        telemetry.event("messageSplit", records=len(records), messages=len(messages))
        for message in messages:
            await self.queue.put(message)
        return first

    async def _tell(self, ended: Sequence[_Ended], *, message_id: str) -> None:
        if self.results is not None:
            await self.results.tell([answer() for answer in ended], message_id=message_id)

    async def _handle(self, record: Record) -> list[_Ended]:
        """Carry a record out, put it back or set it aside; what was put back has not come to its end.

        Raises:
            TransientError: ``storageUnavailable``, ``identityUnavailable``: the ledger does not answer, there is no
                token, or an end could not be written down.
        """
        request: ActivityRequest | None = None
        refusal: ActivityError | None
        try:
            wanted = parse_activity(record.content, kind=None, defaults=self.defaults)
            dated = replace(wanted, arrived_at=record.arrived_at)
            request = identifying.identify(dated, idempotency_key=f"queue:{record.origin}")
            return [partial(Answer.to_request, record.index, await self._carry_out(record, request), request)]
        except (PermanentError, TransientError) as error:
            delay_seconds = self._delay_seconds(record, error)
            if delay_seconds is not None and error.code in _FOR_ALL:
                raise
            if delay_seconds is None:
                refusal = await self._set_aside(record, error)
            else:
                refusal = await self._put_back(record, error, delay_seconds)
        except Exception as error:  # noqa: BLE001 (a bug must not take the message's other records with it)
            telemetry.failure("internalError", error)
            refusal = await self._after_bug(record)
        if refusal is None:
            return []
        if request is None:
            return [partial(Answer.to_content, record.index, refusal, record.content)]
        return [partial(Answer.to_request, record.index, refusal, request)]

    async def _carry_out(self, record: Record, identified: ActivityRequest) -> Done:
        sender = Sender(graph=self.graph, effort=FOR_A_MESSAGE)
        (end,) = await once.carry_out([identified], sender=sender, ledger=self.ledger)
        if isinstance(end, ActivityError):
            raise end
        telemetry.event(
            "activityAnswered",
            outcome=end.outcome,
            registrationId=identified.registration_id,
            graphRequestId=end.stored.graph_request_id,
            attempts=record.attempts,
            ageSeconds=self._age_seconds(record),
        )
        return end

    def _delay_seconds(self, record: Record, error: PermanentError | TransientError) -> float | None:
        """Return how long the record waits before it is tried again, or None when it is not."""
        if isinstance(error, TransientError):
            delay = patience.delay_seconds(error, attempts=record.attempts, jitter=self.jitter)
        elif advice_on(error.code).waited_for and record.attempts < _ADMIN_ATTEMPTS:
            delay = patience.spread(_ADMIN_DELAY_SECONDS, jitter=self.jitter)
        else:
            return None
        return delay if self.now() + timedelta(seconds=delay) < record.deadline else None

    async def _after_bug(self, record: Record) -> ActivityError | None:
        error = patience.bug()
        if record.attempts < patience.BUG_ATTEMPTS and (delay := self._delay_seconds(record, error)) is not None:
            return await self._put_back(record, error, delay)
        return await self._set_aside(record, error)

    async def _put_back(self, record: Record, error: ActivityError, delay_seconds: float) -> ActivityError | None:
        """Put a record back; return what it was set aside with, if it is too large."""
        try:
            message = encode(record, key=await self.signing_key.get())
        except PermanentError as too_large:
            return await self._set_aside(record, too_large)
        await self._put(record, message, error, delay_seconds)
        return None

    async def _put(self, record: Record, message: str, error: ActivityError, delay_seconds: float) -> None:
        telemetry.event(
            "putBack",
            code=error.code,
            attempts=record.attempts,
            ageSeconds=self._age_seconds(record),
            delaySeconds=round(delay_seconds),
        )
        await self.queue.put(message, delay_seconds=delay_seconds)

    async def _set_aside(self, record: Record, error: ActivityError) -> ActivityError:
        telemetry.event("setAside", code=error.code, attempts=record.attempts, ageSeconds=self._age_seconds(record))
        await self.failures.add(Failure.of_record(record, error, now=self.now()))
        return error

    def _age_seconds(self, record: Record) -> int:
        return round((self.now() - record.first_seen).total_seconds())
