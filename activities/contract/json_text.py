"""Strict JSON: bytes from a caller to a value, with every way in which they can be wrong in words. No I/O."""

import json
import math
import re
from collections import Counter
from itertools import islice
from typing import Any, Never

from activities.contract import charsets, made_by_machines, values, wrappings
from activities.contract.limits import LARGEST_ACTIVITY_BYTES, MOST_LEVELS, MOST_VALUES
from activities.errors import ErrorCode, PermanentError

_NESTING = (dict, list)
# A text, also one without an end; or what a value begins with, or comes after.
_TEXT_OR_VALUE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([\[{,])', re.DOTALL)


def decode(
    body: bytes,
    *,
    largest_bytes: int = LARGEST_ACTIVITY_BYTES,
    expected: str = "the activity's properties",
    content_type: str = "",
) -> Any:
    """Return the JSON value that a body holds, whatever its Content-Type says and whatever was put around it.

    Args:
        body: What came.
        largest_bytes: The most that is read.
        expected: What should stand in the body, to tell those who sent nothing.
        content_type: What its sender calls it, for the charset of a body that is not in UTF-8.

    Raises:
        PermanentError: ``invalidJson`` with line and column, ``invalidRequest`` for another service's envelope, or
            ``requestTooLarge``.
    """
    if len(body) > largest_bytes:
        raise PermanentError(
            ErrorCode.REQUEST_TOO_LARGE,
            f"The body is too large: {len(body):,} bytes. It may have up to {largest_bytes:,}.",
        )
    value = _value(_decoded(body, content_type), expected)
    for _ in range(wrappings.MOST_LAYERS):
        if isinstance(value, str):
            # JSON in a JSON text.
            value = _value(value, expected)
        elif file := wrappings.file_in(value):
            value = _value(_decoded(file.body, file.content_type), expected)
        else:
            break
    wrappings.refuse_envelope(value)
    return value


def writable(value: Any) -> Any:
    """Return the value if it can be written as JSON again: what is stored, put back or told later has to be.

    Raises:
        PermanentError: ``invalidJson``.
    """
    layer = [value]
    for _ in range(MOST_LEVELS):
        if not all(math.isfinite(one) for one in layer if isinstance(one, float)):
            raise _invalid_json("The body holds a number that is too large.")
        nested = [one for one in layer if isinstance(one, _NESTING)]
        if not nested:
            return value
        layer = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
    raise _invalid_json("The body is nested too deeply.")


def has_more_values(text: str, *, than: int) -> bool:
    """Tell whether a JSON text holds more objects, lists and items of them than that, without making one of them."""
    if text.count("[") + text.count("{") + text.count(",") <= than:
        return False
    values_in_it = (found for found in _TEXT_OR_VALUE.finditer(text) if found.lastindex)
    return next(islice(values_in_it, than, None), None) is not None


def _value(text: str, expected: str) -> Any:
    inner = wrappings.out_of_text(text)
    for _ in range(wrappings.MOST_LAYERS):
        if inner is None:
            break
        text = _decoded(inner, "")
        inner = wrappings.out_of_text(text)
    return _parse(text, expected)


def _decoded(body: bytes, content_type: str) -> str:
    wrappings.refuse_packed(body)
    try:
        return charsets.decode(body, json.detect_encoding(body), content_type=content_type)
    except UnicodeDecodeError as error:
        raise _invalid_json(
            f"The body is not text in UTF-8 from byte {error.start + 1} on. Send JSON as text, not a file."
        ) from error


def _parse(text: str, expected: str) -> Any:
    # In a flow, the text of a file keeps its byte order mark; a line end before it counts as a line.
    text = text.strip(made_by_machines.INVISIBLE)
    if not text or text.isspace():
        raise _invalid_json(
            f"The body is empty. Put {expected} into the body as JSON; "
            'a request that is sent in chunks (without "Content-Length") arrives empty.'
        )
    if has_more_values(text, than=MOST_VALUES):
        message = f"The body holds more than {MOST_VALUES:,} values, far more than {expected} can have."
        raise PermanentError(ErrorCode.REQUEST_TOO_LARGE, message)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _invalid_json(
            f"The body is not valid JSON at line {error.lineno}, column {error.colno}: "
            f"{error.msg.lower().removesuffix(' at')}. In a flow, quotes and line breaks "
            "inside a token have to be escaped: build the body with Compose."
        ) from error
    except RecursionError as error:
        raise _invalid_json("The body is nested too deeply.") from error
    except ValueError as error:
        # Python refuses to read numbers of more than 4,300 digits.
        raise _invalid_json("The body holds a number with too many digits.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    properties = dict(pairs)
    if len(properties) < len(pairs):
        # Python keeps the last one and drops the others, and nothing that a caller sent may be dropped.
        twice = values.shown(next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1))
        raise _invalid_json(f'The body gives the property "{twice}" twice: send it once.', target=twice)
    return properties


def _no_constant(name: str) -> Never:
    raise _invalid_json(f"The body is not valid JSON: {name} is no number that JSON knows.")


# json.loads builds one for each text, which takes longer than to read a short one.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _invalid_json(message: str, *, target: str = "") -> PermanentError:
    return PermanentError(ErrorCode.INVALID_JSON, message, target=target)
