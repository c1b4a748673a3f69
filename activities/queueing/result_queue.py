"""Tells on a queue what became of the records of the activity queue, for whoever sent them. Holds nothing up."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from typing import Any, Self

from activities import telemetry
from activities.contract import instructions, values
from activities.contract.activity import ActivityRequest
from activities.contract.limits import LARGEST_MESSAGE_BYTES
from activities.errors import ActivityError
from activities.execution.decisions import Done
from activities.execution.result import Result
from activities.storage.queues import Queue

RESULTS_KEPT_FOR = timedelta(days=30)
_PUTS_AT_ONCE = 16
# Storage has a limit for the message, and a second one for the XML around it, in which "&" becomes five characters.
_LARGEST_BYTES = LARGEST_MESSAGE_BYTES // 5
# Of each text of a larger one: all of them together then fit, even where JSON needs twelve bytes for a character.
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of one record: its result, and which operation it asked for; "" where it says none that there is."""

    result: Result
    operation: str = ""

    @classmethod
    def to_request(cls, index: int, end: Done | ActivityError, request: ActivityRequest) -> Self:
        """Return what is told of a request."""
        return cls(Result.of_request(index, end, request), request.operation)

    @classmethod
    def to_content(cls, index: int, error: ActivityError, content: Any) -> Self:
        """Return what is told of a record that no request could be read from."""
        return cls(Result.of_content(index, error, content), instructions.operation_in(content))

    @classmethod
    def to_message(cls, error: ActivityError) -> Self:
        """Return what is told of a message that no record could be read from."""
        return cls(Result.of_error(0, error))


class ResultQueue:
    """The results of one activity queue: one message for each record that came to its end."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def tell(self, answers: Sequence[Answer], *, message_id: str) -> None:
        """Tell what became of records of one message; what cannot be told is logged, and nobody waits for it.

        The first who find the queue closed speak for those behind them: a message is held up by one of them at most.
        """
        told = 0
        for some in batched(answers, _PUTS_AT_ONCE, strict=False):
            messages = [encode(answer, message_id=message_id) for answer in some]
            ends = await asyncio.gather(*map(self._queue.put, messages), return_exceptions=True)
            errors = [end for end in ends if isinstance(end, BaseException)]
            told += len(some) - len(errors)
            if errors:
                # Whoever forges what the app puts back may write anything in the place of the message's id.
                known = message_id if values.is_guid(message_id) else ""
                telemetry.failure("resultsNotTold", errors[0], messageId=known, count=len(answers) - told)
                return


def encode(answer: Answer, *, message_id: str) -> str:
    """Return the message for an answer: what a report says of it, the operation, and the sender's message.

    In a message that would be too large, every text is cut.
    """
    said = {**answer.result.to_json(), "operation": answer.operation, "messageId": message_id}
    message = json.dumps(said)
    if len(message) <= _LARGEST_BYTES:
        return message
    return json.dumps({name: one[:_LONGEST_TEXT] if isinstance(one, str) else one for name, one in said.items()})
