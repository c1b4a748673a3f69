"""The types of an activity's properties: what is taken in which form, and what the API's documents say of it."""

from collections.abc import Callable
from datetime import tzinfo
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from activities.contract import values
from activities.contract.dates import InvalidDateError
from activities.contract.limits import LONGEST_TEXT


class Zoned(Protocol):
    """What a date without an offset needs to be read."""

    @property
    def zone(self) -> tzinfo:
        """The time zone that such a date is meant in."""


def form(parse: Callable[..., object], *, zoned: bool = False, longest: int = LONGEST_TEXT) -> BeforeValidator:
    """Return what turns the forms in which flows send a value into the contract's; null stays null."""

    def validate(value: object, info: ValidationInfo[Zoned]) -> object:
        if value is None:
            return None
        try:
            if isinstance(value, str):
                values.bounded(value, longest=longest)
            return parse(value, zone=info.context.zone) if zoned else parse(value)
        except (values.InvalidValueError, InvalidDateError) as error:
            raise PydanticCustomError("form", "{reason}", {"reason": str(error)}) from error

    return BeforeValidator(validate)


# "unknownFutureValue" stands on the API page as OData's place-holder for later values; nobody can mean it.
Status = Literal["notStarted", "inProgress", "completed"]
AssignmentType = Literal["required", "recommended"]
# What the API's documents say of a text; it is checked by its form, not by this.
_UUID, _DATE_TIME = (WithJsonSchema({"type": "string", "format": name}) for name in ("uuid", "date-time"))
PERSON = r"@|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
Text = Annotated[str, form(values.text)]
Person = Annotated[str, form(values.person)]
Guid = Annotated[str, form(values.guid), _UUID]
DateTimeOffset = Annotated[str, form(values.date_time_offset, zoned=True), _DATE_TIME]
