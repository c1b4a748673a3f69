"""What became of one record, as it is told to whoever sent it: in the report of a batch, on the queue of results.

Whoever has the address of a report can read it, and a queue has readers of its own: nothing in here names a learner, so
nothing is in Microsoft Graph's own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from activities.contract import values
from activities.contract.activity import ActivityRequest, Outcome, id_without_learner
from activities.contract.advice import advice_on
from activities.contract.validation import ALL_NAMES
from activities.errors import ActivityError
from activities.execution.decisions import Done

_BY_LOWER_CASE = {name.casefold(): name for name in ALL_NAMES}
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
        message, target = _discreet(error)
        return cls(index, Outcome.FAILED, "", external_id, str(error.code), message, target)

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
        """Return the result of an identified request."""
        if isinstance(end, Done):
            return cls(index, end.outcome, id_without_learner(end.stored.id), request.external_id)
        return cls.of_error(index, end, external_id=request.external_id)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**{field: said[name] for field, name in _NAMES.items()} | {"outcome": Outcome(said["outcome"])})

    @property
    def failed(self) -> bool:
        """Whether nothing came of this record."""
        return self.outcome is Outcome.FAILED

    def to_json(self) -> dict[str, Any]:
        """Return the result as it stands in the report: always the same keys."""
        return {_NAMES[field.name]: getattr(self, field.name) for field in fields(self)}


def _discreet(error: ActivityError) -> tuple[str, str]:
    """Return message and target of an error; of somebody else's words only the properties that they name."""
    ours = advice_on(error.code).in_reports
    if not ours:
        return error.message, error.target
    named = [_BY_LOWER_CASE.get(one.target.casefold(), "") for one in error.problems]
    properties = ", ".join(dict.fromkeys(filter(None, named)))
    message = f"{ours} Microsoft Graph names: {properties}." if properties else ours
    return message, _BY_LOWER_CASE.get(error.target.casefold(), "")
