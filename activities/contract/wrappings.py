"""What tools put around a value or a body on its way: opened where what is inside has one meaning, else named. Pure.

Nothing here knows an activity: what comes out is checked like everything else.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from activities.contract import made_by_machines
from activities.errors import ErrorCode, PermanentError

NESTING = (dict, list)  # What can be around a value.
MOST_LAYERS = 5  # Two make a mistake, and there are three kinds of them.
_BASE64_IN_LINES = re.compile(r"[A-Za-z0-9+/=\s]+\Z")
_BASE64_OR_BYTES = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:b['\"]|[A-Za-z0-9+/=\s]+\Z)")
_TRIED_FIRST = 200  # Characters; most texts are none of it, and a body may have 16 MiB.
_BYTES_OF_PYTHON = re.compile(r"b(['\"])(.*)\1", re.DOTALL)  # str(b"…"), where .decode() was forgotten.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# Only texts in it: what comes is read before it is known to be small.
_FILE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+\{(?:\s*+\"\$content(?:-type)?\"\s*+:\s*+" + _STRING + rb"\s*+,?){1,2}\s*+\}\s*+"
)
_GZIP = b"\x1f\x8b"
_NO_UTF_8 = (_GZIP, b"\xff\xfe", b"\xfe\xff")
_JSON = ("{", "[", '"')
_BEGINNINGS = (*_JSON, "b'", 'b"')

# https://learn.microsoft.com/azure/logic-apps/logic-apps-content-type
_CONTENT, _CONTENT_TYPE = "$content", "$content-type"
# The names around a value, by the one that holds it. A choice, a lookup, a link of SharePoint:
# https://learn.microsoft.com/connectors/sharepointonline/#get-item
_VALUE_FRAMES = {
    "Value": frozenset({"@odata.type", "Id", "Value"}),
    "value": frozenset({"@odata.type", "id", "Id", "value"}),
    "Url": frozenset({"@odata.type", "Url", "Description"}),
    "url": frozenset({"@odata.type", "url", "description"}),
}
# Envelopes by the names that all of their kind have; what belongs in their place. Sources:
# https://learn.microsoft.com/azure/event-grid/event-schema
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes
# https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#outputs
_ENVELOPES = (
    (frozenset({"eventType", "subject", "data"}), 'an event of Event Grid: put what stands in its "data" in its place'),
    (frozenset({"specversion", "source"}), 'an event (CloudEvents): put what stands in its "data" in its place'),
    (
        frozenset({"statusCode", "headers", "body"}),
        "all that an action of a flow put out: put its body in its place, in a flow with body('…')",
    ),
)
_OF_ODATA_LIST = frozenset({"@odata.context", "@odata.nextLink", "@odata.count", "value"})
_ODATA_LIST = 'a list as an action answers it: send what stands in its "value"'


@dataclass(frozen=True, slots=True)
class File:
    """A file out of a wrapping, and what its wrapping calls it, if anything."""

    body: bytes
    content_type: str = ""


def opened(value: object) -> object:
    """Return the value that a SharePoint column wraps, or the value as it is; a list of one choice is that choice."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        inner = opened(value[0])
        return value if inner is value[0] else inner
    if isinstance(value, dict):
        for holder, known in _VALUE_FRAMES.items():
            if holder in value and value.keys() <= known:
                return value[holder]
    return value


def file_in(value: object) -> File | None:
    """Return the file that a flow holds as ``{"$content-type": …, "$content": "<base64>"}``.

    Raises:
        PermanentError: ``invalidJson``: it is one, but its content is no base64.
    """
    if not isinstance(value, dict) or _CONTENT not in value or not value.keys() <= {_CONTENT, _CONTENT_TYPE}:
        return None
    content = value[_CONTENT]
    try:
        body = base64.b64decode(content if isinstance(content, str) else "?", validate=True)
    except ValueError as error:
        message = (
            f'The body is a file as a flow holds it, but its "{_CONTENT}" is not base64: send the file as it came.'
        )
        raise PermanentError(ErrorCode.INVALID_JSON, message) from error
    return File(body, str(value.get(_CONTENT_TYPE) or ""))


def out_of_text(text: str) -> bytes | None:
    """Return what a text holds in base64, or as Python writes bytes (``b'…'``); None where it is just a text.

    Much is base64 by accident: what comes out has to begin like JSON, or be several lines of text.

    Raises:
        PermanentError: ``invalidJson``: bytes as Python writes them that nobody can read without Python.
    """
    if text.startswith(_JSON):
        return None
    said = made_by_machines.trimmed(text)
    if said.startswith(_JSON):
        return None
    if found := _BYTES_OF_PYTHON.fullmatch(said):
        if "\\" in found[2]:
            message = (
                "The body is bytes as Python writes them (b'…'): send the bytes themselves, or what .decode() gives."
            )
            raise PermanentError(ErrorCode.INVALID_JSON, message)
        return found[2].encode()
    if not _BASE64_IN_LINES.match(said, 0, _TRIED_FIRST):
        return None
    # Some encoders put line breaks in.
    letters = "".join(said.split())
    try:
        inner = base64.b64decode(letters, validate=True)
    except binascii.Error:
        return None
    return inner if _is_meant(inner) else None


def out_of_file(body: bytes) -> File | None:
    """Return the file out of a body that is, as a whole, a flow's file, base64 or Python's bytes; else None.

    Raises:
        PermanentError: ``invalidJson``: it is one of them, but broken.
    """
    if _FILE.fullmatch(body):
        try:
            return file_in(json.loads(body))
        except ValueError:
            return None
    # Most bodies are none of it, and may have 16 MiB.
    if not _BASE64_OR_BYTES.match(body, 0, _TRIED_FIRST) or not body.isascii():
        return None
    inner = out_of_text(body.decode("ascii"))
    return None if inner is None else File(inner)


def refuse_packed(body: bytes) -> None:
    """Refuse a body that is compressed.

    Raises:
        PermanentError: ``invalidJson``.
    """
    if body.startswith(_GZIP):
        message = "The body is compressed (gzip): send it without compression."
        raise PermanentError(ErrorCode.INVALID_JSON, message)


def refuse_envelope(value: Any) -> None:
    """Refuse what came in the envelope of another service: whoever sends it means what is inside.

    Raises:
        PermanentError: ``invalidRequest`` with what belongs in its place.
    """
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        for names, what in _ENVELOPES:
            if names <= first.keys():
                raise PermanentError(ErrorCode.INVALID_REQUEST, f"The body is {what}.")
        if isinstance(first.get("value"), list) and first.keys() <= _OF_ODATA_LIST:
            raise PermanentError(ErrorCode.INVALID_REQUEST, f"The body is {_ODATA_LIST}.")


def _is_meant(inner: bytes) -> bool:
    if inner.startswith(_NO_UTF_8):
        return True
    try:
        text = made_by_machines.trimmed(inner.decode())
    except UnicodeDecodeError:
        return False
    lines = text.splitlines()
    has_lines = len(lines) > 1 and all(line.replace("\t", " ").isprintable() for line in lines)
    return text.startswith(_BEGINNINGS) or has_lines or out_of_text(text) is not None
