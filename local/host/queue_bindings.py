"""Which queue of which storage account a queue trigger reads, from its binding and the app's settings.

It opens no connection. What cannot be resolved ends the start: the real host goes on without that function and says so
in a log only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.host.app_settings import fill_in
from local.host.queue_connections import DEFAULT_CONNECTION, QueueConnection, resolve
from local.host.worker_library import Function
from local.lifecycle import StartError

# https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
LONGEST_QUEUE_NAME = 63
_QUEUE_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])+")
_SHORTEST_QUEUE_NAME = 3
_POISON = "-poison"


@dataclass(frozen=True, slots=True)
class QueueBinding:
    """A function with the queue that triggers it."""

    function: Function
    queue: str
    connection: QueueConnection

    @property
    def poison_queue(self) -> str | None:
        """Where messages go that always fail; a poison queue has none of its own, nor has one with too long a name."""
        name = f"{self.queue}{_POISON}"
        return None if self.queue.endswith(_POISON) or len(name) > LONGEST_QUEUE_NAME else name


def bind_queue(function: Function, environ: Mapping[str, str]) -> QueueBinding:
    """Return the binding of a function with a queue trigger.

    Raises:
        StartError: a setting that it names is missing, or it names no possible queue.
    """
    trigger = function.trigger
    queue = _queue_name(function.name, str(trigger.get("queueName", "")), environ)
    connection = resolve(function.name, trigger.get("connection") or DEFAULT_CONNECTION, environ)
    return QueueBinding(function=function, queue=queue, connection=connection)


def _queue_name(function: str, template: str, environ: Mapping[str, str]) -> str:
    name = fill_in(template, environ, use=f"The function {function} listens to the queue {template}").lower()
    if not (_QUEUE_NAME.fullmatch(name) and _SHORTEST_QUEUE_NAME <= len(name) <= LONGEST_QUEUE_NAME):
        raise StartError(
            f"The function {function} listens to the queue {name!r}, which is no possible name of a queue."
        )
    return name
