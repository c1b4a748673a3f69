"""One record of a batch, from the file or body to the last attempt at it: made once, stored and read as it is. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from activities.contract.models import Json
from activities.errors import ErrorCode, PermanentError


@dataclass(frozen=True, slots=True)
class Resent:
    """The failed record of an earlier batch that a row corrects; ``token`` proves that the row comes from its download.

    The token is not stored: it is of use only when the row comes in.
    """

    batch_id: str
    index: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """One record as it was sent; nothing of its content is checked.

    Args:
        index: Its place among the records, from 0; of a sheet, among all rows below the first, blank ones included.
        content: What JSON gave, or the cells of a row by the contract's names.
        problem: Why its row cannot be read; then nothing is to be done with its content.
        resends: Which earlier record it corrects.
        of_file: Whether it is a row of a file, which people send again.
    """

    index: int
    content: Any
    problem: PermanentError | None = None
    resends: Resent | None = None
    of_file: bool = False

    def idempotency_key(self, batch_id: str, activity: Json) -> str:
        """Return what it is known by in a batch if it has no external id.

        A row of a file is known by whom and what it is about, so that the same list sent twice makes nothing twice; any
        other record by its place. What an earlier version kept of a corrected row is the record that it corrects.

        Args:
            batch_id: The batch.
            activity: What the record says, in Graph's words.
        """
        if self.of_file:
            learner = str(activity["learnerUserId"]).casefold()
            return json.dumps(["file", activity["@odata.type"], learner, activity["learningContentId"]])
        meant = self.resends or Resent(batch_id, self.index)
        return f"batch:{meant.batch_id}:{meant.index}"

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is stored; ``from_json`` reads it."""
        stored: dict[str, Any] = {"index": self.index, "content": self.content}
        if self.problem:
            stored["problem"] = {name: getattr(self.problem, name) for name in ("code", "message", "target")}
        if self.resends:
            stored["resends"] = [self.resends.batch_id, self.resends.index]
        if self.of_file:
            stored["ofFile"] = True
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read a record that was stored."""
        problem = stored.get("problem")
        refusal = (
            PermanentError(ErrorCode(problem["code"]), problem["message"], target=problem["target"])
            if problem
            else None
        )
        resends = Resent(*stored["resends"]) if "resends" in stored else None
        return cls(stored["index"], stored["content"], refusal, resends, "ofFile" in stored)
