"""What stands in a message of the batch queue. Pure: written and read by the app itself alone."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.batches.chunks import Chunk
from activities.batches.results import BATCH_ID, Batch
from activities.errors import ErrorCode, PermanentError


@dataclass(frozen=True, slots=True)
class Task:
    """A message of the batch queue: work a chunk off or, without one, put a message there for every chunk.

    ``singly`` says that a bug was met with its records together: it must end only the record that it is about.
    ``client_id`` is that of the batch: a message says who sent it, so that no chunk has to read the batch for that.
    """

    batch_id: str
    accepted_at: datetime
    chunk: Chunk | None = None
    attempts: int = 0
    singly: bool = False
    client_id: str = ""

    def encode(self) -> str:
        """Return the message."""
        place = {"page": self.chunk.page, "part": self.chunk.part} if self.chunk else {}
        tried = {"attempts": self.attempts, "singly": self.singly, "clientId": self.client_id}
        return json.dumps({"batchId": self.batch_id, "acceptedAt": self.accepted_at.isoformat(), **tried, **place})

    @classmethod
    def of_batch(cls, batch: Batch, chunk: Chunk | None = None, *, attempts: int = 0) -> "Task":
        """Return the first message of a batch, or of one of its chunks."""
        return cls(batch.id, batch.created_at, chunk, attempts, client_id=batch.client_id)

    @classmethod
    def decode(cls, body: bytes) -> "Task":
        """Read a message.

        Raises:
            PermanentError: ``invalidJson``: the app did not write it.
        """
        try:
            said = json.loads(body)
            (batch_id,) = BATCH_ID.findall(said["batchId"])
            chunk = Chunk(batch_id, int(said["page"]), int(said["part"])) if "page" in said else None
            accepted_at = datetime.fromisoformat(said["acceptedAt"]).astimezone(UTC)
            # Messages of an earlier version do not say who sent the batch.
            client_id = str(said.get("clientId", ""))
            return cls(batch_id, accepted_at, chunk, int(said["attempts"]), bool(said["singly"]), client_id)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            message = "Only the app itself writes into the queue of batches; send batches to POST /api/batches."
            raise PermanentError(ErrorCode.INVALID_JSON, message) from error
