"""Whether something that somebody sent is about one learner, however it is spelled and wherever it stands. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from activities.contract import values

_LEARNER, _EMPLOYEE = "learneruserid", "learneremployeeid"
_ASSIGNER = "assigneruserid"


@dataclass(frozen=True)
class Learner:
    """A learner by all names that are known: an id, addresses, and an employee id, which means nobody elsewhere."""

    names: frozenset[str]
    employee_id: str = ""

    @classmethod
    def of(cls, names: Iterable[str], *, employee_id: str = "") -> "Learner":
        """Return the learner of these names, in any spelling."""
        return cls(frozenset(name.strip().casefold() for name in names), employee_id.strip().casefold())

    @property
    def ids(self) -> list[str]:
        """The names that are ids."""
        return sorted(filter(values.is_guid, self.names))

    def is_meant_by(self, record: Any) -> bool:
        """Tell whether a record is about the learner.

        What it says as its learner decides. Where it says nothing there, it is the learner's if the learner is named
        anywhere else: under a name that is wrong, in Graph's id of the activity, in a text. Whoever assigned it is not.
        """
        if not isinstance(record, dict):
            return self._is_named_in(record)
        said = {name.casefold(): value for name, value in record.items() if not values.is_blank(value)}
        if _LEARNER in said:
            return self._is_named_in(said[_LEARNER])
        if _EMPLOYEE in said:
            return self.employee_id != "" and str(said[_EMPLOYEE]).strip().casefold() == self.employee_id
        return self._is_named_in({name: one for name, one in record.items() if name.casefold() != _ASSIGNER})

    def is_meant_by_body(self, body: bytes) -> bool:
        """Tell whether a message that could not be read names the learner: as it is, as JSON, or in base64."""
        return self._is_named_in(list(_readings(body)))

    def is_named_in(self, text: str) -> bool:
        """Tell whether a text names the learner; a longer address that ends with the learner's is another one."""
        return self._pattern.search(text.casefold()) is not None

    def _is_named_in(self, value: Any) -> bool:
        match value:
            case str():
                return self.is_named_in(value)
            case dict():
                return any(self.is_named_in(name) or self._is_named_in(one) for name, one in value.items())
            case list():
                return any(map(self._is_named_in, value))
        return False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(map(re.escape, sorted(self.names)))
        return re.compile(rf"(?<![\w.+-])(?:{names})(?![\w-]|\.\w)")


def _readings(body: bytes) -> Iterator[Any]:
    """Yield what a body can be read as."""
    yield body.decode("utf-8", errors="replace")
    for content in (body, _from_base64(body)):
        try:
            yield json.loads(content)
        except (ValueError, RecursionError):
            yield content.decode("utf-8", errors="replace")


def _from_base64(body: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return b""
