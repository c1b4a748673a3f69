"""What became of one record, as it is told to whoever sent it: in the report of a batch, on the queue of results.

Whoever has the address of a report can read it, and a queue has readers of its own: nothing in here names a learner.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from activities.contract import values
from activities.contract.models import ActivityRequest, Assignment
from activities.contract.operations import Outcome
from activities.errors import ActivityError, ErrorCode
from activities.execution.lifecycle import Done

# Of a text that no result repeats; a shorter one is part of other words.
_SHORTEST_SECRET = 4
# How it is told which other activity has the same external id; Graph's id of it begins with its learner's.
_OTHER_ACTIVITY = re.compile(r" \(id [^)]*\)")
# What a result is called in the report: https://learn.microsoft.com/power-automate, constant keys and no nulls.
_NAMES = {
    "index": "index",
    "outcome": "outcome",
    "id": "id",
    "external_id": "externalCourseActivityId",
    "error_code": "errorCode",
    "error_message": "errorMessage",
    "error_target": "errorTarget",
}


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one record; ``index`` is its place among the records that were sent, from 0."""

    index: int
    outcome: Outcome
    id: str = ""
    external_id: str = ""
    error_code: str = ""
    error_message: str = ""
    error_target: str = ""

    @classmethod
    def of_error(cls, index: int, error: ActivityError, *, external_id: str = "") -> Self:
        """Return the result of a record that was refused."""
        return cls(index, Outcome.FAILED, "", external_id, str(error.code), error.message, error.target)

    @classmethod
    def of_content(cls, index: int, error: ActivityError, content: Any) -> Self:
        """Return the result of a record that no request could be read from, with its external id if it has one."""
        said = content.get("externalCourseActivityId", "") if isinstance(content, dict) else ""
        try:
            external_id = values.text(said)
        except values.InvalidValueError:
            external_id = ""
        return cls.of_error(index, error, external_id=external_id)

    @classmethod
    def of_request(cls, index: int, end: Done | ActivityError, request: ActivityRequest) -> Self:
        """Return the result of an identified request, without people and notes in what Graph said."""
        external_id = request.external_id
        if isinstance(end, Done):
            return cls(index, end.outcome, _discreet(end.stored.id, request, "").strip(":"), external_id)
        result = cls.of_error(index, end, external_id=external_id)
        message = _discreet(result.error_message, request, "…")
        taken = end.code is ErrorCode.ACTIVITY_EXISTS
        return replace(result, error_message=_OTHER_ACTIVITY.sub("", message) if taken else message)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**{field: said[name] for field, name in _NAMES.items()} | {"outcome": Outcome(said["outcome"])})

    @property
    def failed(self) -> bool:
        """Whether the activity does not exist because of this record."""
        return self.outcome is Outcome.FAILED

    def to_json(self) -> dict[str, Any]:
        """Return the result as it stands in the report: always the same keys."""
        return {_NAMES[field.name]: getattr(self, field.name) for field in fields(self)}


def _discreet(said: str, request: ActivityRequest, instead: str) -> str:
    """Return what Graph said without people and notes; Graph's id of an activity begins with the learner's."""
    activity = request.activity
    secrets = [activity.learner_user_id]
    if isinstance(activity, Assignment):
        secrets += [activity.assigner_user_id or "", (activity.notes or {}).get("content", "")]
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            said = re.sub(re.escape(secret), instead, said, flags=re.IGNORECASE)
    return said
