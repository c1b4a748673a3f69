"""What OData accepts in Graph's JSON, whatever the resource: an object, and values of the types that properties have.

Each check raises `GraphError`, in Graph's words.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.emulators.exchange import GraphError, Request

_DATE_TIME_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:\d\d)")
_INT32_LIMIT = 2**31


def parse_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        GraphError: it says that it is something else, or it is.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise GraphError(415, "UnsupportedMediaType", "The Content-Type must be application/json.")
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise malformed(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid"
            " JSON format."
        )
    return content


def text(name: str, value: Any) -> None:
    """Check a text."""
    if not isinstance(value, str):
        raise _unconvertible(value, "Edm.String") if not isinstance(value, dict | list) else _unexpected(name)


def int32(name: str, value: Any) -> None:
    """Check a whole number of 32 bits."""
    if isinstance(value, dict | list):
        raise _unexpected(name)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT32_LIMIT <= value < _INT32_LIMIT:
        raise _unconvertible(value, "Edm.Int32")


def date_time_offset(name: str, value: Any) -> None:
    """Check a moment with its offset."""
    text(name, value)
    if not _DATE_TIME_OFFSET.fullmatch(value):
        raise _unconvertible(value, "Edm.DateTimeOffset")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise _unconvertible(value, "Edm.DateTimeOffset") from None


def one_of(type_name: str, *members: str) -> Callable[[str, Any], None]:
    """Return the check of an enumeration."""

    def check(name: str, value: Any) -> None:
        text(name, value)
        if value not in members:
            raise _unconvertible(value, f"microsoft.graph.{type_name}")

    return check


def complex_type(type_name: str, **members: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    """Return the check of an object with these members."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise malformed(
                f"An unexpected 'PrimitiveValue' node was found when reading from the JSON reader at '{name}'. A"
                " 'StartObject' node was expected."
            )
        for member, content in value.items():
            if member.startswith("@"):
                continue
            if member not in members:
                raise unknown(member, f"microsoft.graph.{type_name}")
            if content is not None:
                members[member](member, content)

    return check


def malformed(message: str) -> GraphError:
    """Return the refusal of what OData cannot read."""
    return GraphError(400, "BadRequest", message)


def unknown(name: str, type_name: str) -> GraphError:
    """Return the refusal of a property that a type does not have."""
    return malformed(
        f"The property '{name}' does not exist on type '{type_name}'. Make sure to only use property names that are"
        " defined by the type."
    )


def _unconvertible(value: Any, type_name: str) -> GraphError:
    literal = value if isinstance(value, str) else json.dumps(value)
    return malformed(f"Cannot convert the literal '{literal}' to the expected type '{type_name}'.")


def _unexpected(name: str) -> GraphError:
    return malformed(
        f"An unexpected 'StartObject' node was found when reading from the JSON reader at '{name}'. A"
        " 'PrimitiveValue' node was expected."
    )
