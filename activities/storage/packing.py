"""JSON values in properties of Table Storage's entities. Pure."""

import json
import zlib
from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from activities.storage.table_bytes import Entity

# Table Storage takes 64 KiB in a property, 1 MiB in an entity.
# Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
PROPERTY_BYTES = 60_000
MOST_PROPERTIES = 12  # Of one entity; in base64 just below 1 MiB, from which on aiohttp warns that sending blocks.


def packed(name: str, value: object) -> Entity:
    """Return properties ``name0``, ``name1``, … that hold a JSON value; ``unpacked`` reads it."""
    content = zlib.compress(json.dumps(value).encode())
    return {
        f"{name}{number}": content[begin : begin + PROPERTY_BYTES]
        for number, begin in enumerate(range(0, len(content), PROPERTY_BYTES))
    }


def unpacked(name: str, entity: Mapping[str, Any]) -> Any:
    """Return the JSON value that an entity's properties hold, or None where there are none."""
    names = takewhile(lambda part: part in entity, (f"{name}{number}" for number in count()))
    parts: list[bytes] = [entity[part] for part in names]
    return json.loads(zlib.decompress(b"".join(parts))) if parts else None
