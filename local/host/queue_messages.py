"""What a function sees of a queue message, without any I/O.

The body reaches the worker as text, or as bytes where the binding's `dataType` is binary. Beside it goes trigger
metadata, in which top-level properties of a JSON object overwrite what the queue said: a body with an `id` changes
`msg.id`. What is odd here is so in the real host:
https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs (ApplyBindingData) and
https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs

A raw message can hold any text that XML can carry: the service's messages are XML. Other text (U+0000 to U+001F but
tab and line ends, U+FFFE, U+FFFF, lone surrogates) is refused by Azure when it is sent; Azurite takes some of it and
then answers 500 to everyone who receives from that queue. Bytes travel as base64 only.
"""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from azure.storage.queue import QueueMessage

from local.host.protos import TypedData

_DOTNET_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)?")
_NEVER = datetime.max.replace(tzinfo=UTC)
_LARGEST_PLAIN_NUMBER = 1e15


class UndecodableBodyError(Exception):
    """A body is not base64 although host.json says so: no attempt can ever succeed."""


class NotTextError(Exception):
    """A body is not UTF-8 although the function asks for text."""


def decode_body(text: str, *, is_base64: bool) -> bytes:
    """Return a message's body from its text on the wire.

    Raises:
        UndecodableBodyError: the text is not base64 as .NET reads it: strict, white space aside.
    """
    if not is_base64:
        return text.encode()
    try:
        return base64.b64decode(text.translate(_DOTNET_WHITE_SPACE), validate=True)
    except ValueError as error:
        raise UndecodableBodyError(str(error)) from error


def to_input(body: bytes, binding: dict[str, Any]) -> TypedData:
    """Return the body as the worker gets it for a trigger.

    Raises:
        NotTextError: the binding is for text, and this is none.
    """
    if str(binding.get("dataType", "")).lower() in {"binary", "2"}:
        return TypedData(bytes=body)
    try:
        return TypedData(string=body.decode())
    except UnicodeDecodeError as error:
        raise NotTextError(f"the body is not UTF-8, and dataType is not binary: {error}") from error


def to_trigger_metadata(message: QueueMessage, data: TypedData) -> dict[str, TypedData]:
    """Return a message's trigger metadata, after its body has overwritten what it names."""
    metadata = {
        "DequeueCount": TypedData(json=str(message.dequeue_count)),
        "ExpirationTime": _time(message.expires_on or _NEVER),
        "Id": TypedData(string=message.id),
        "InsertionTime": _time(message.inserted_on or datetime.now(UTC)),
        "NextVisibleTime": _time(message.next_visible_on or _NEVER),
        "PopReceipt": TypedData(string=message.pop_receipt),
    }
    # Only text is looked into: of a binary function's messages, the queue's own metadata are safe.
    if data.WhichOneof("data") == "string":
        metadata["QueueTrigger"] = TypedData(string=data.string)
        spelled = {name.lower(): name for name in metadata}
        for name, value in _top_level_properties(data.string):
            # The first spelling stays, as in a .NET dictionary that compares names without case.
            metadata[spelled.setdefault(name.lower(), name)] = value
    return metadata


def _time(moment: datetime) -> TypedData:
    return TypedData(json=f'"{moment.isoformat()}"')


def _top_level_properties(body: str) -> Iterator[tuple[str, TypedData]]:
    if not body.strip().startswith("{"):
        return
    try:
        parsed: dict[str, Any] = json.loads(body)
    except (ValueError, RecursionError):
        return
    for name, value in parsed.items():
        if isinstance(value, dict):
            yield name, TypedData(json=json.dumps(value, separators=(",", ":"), ensure_ascii=False))
        elif value is not None and not isinstance(value, list):
            yield name, TypedData(string=_as_dotnet_text(value))


def _as_dotnet_text(value: str | bool | float) -> str:  # noqa: FBT001 - A JSON value.
    """Return what .NET makes of a JSON value that is cast to a string: what looks like a date has been read as one."""
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            return value
        try:
            moment = datetime.fromisoformat(value)
            # The local time zone of a host in Azure is UTC.
            return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%m/%d/%Y %H:%M:%S")
        except (ValueError, OverflowError):  # No date of the calendar, or none in UTC.
            return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_PLAIN_NUMBER:
        return str(int(value))
    return str(value)
