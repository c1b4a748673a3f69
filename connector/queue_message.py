"""What may stand in a message of the queue, as a JSON Schema that needs no other file.

The records are those of the OpenAPI document: here it is only their envelope that has no name, because a message has no
report. Source: https://json-schema.org/draft/2020-12
"""

from typing import Any

from activities.contract.envelope import ACTIVITIES
from activities.contract.models import Assignment
from activities.contract.validation import PROVIDER
from connector import components
from connector.batch_schemas import any_record
from connector.schemas import Schema, listing, operation, properties_of, record

_COMPONENTS = "#/components/schemas/"


def build() -> Schema:
    """Return the schema of one record, of a list of them, and of the envelope."""
    schemas = {**components.by_name(), "Record": any_record(), "Envelope": _envelope()}
    root = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Queue Message",
        "description": "One activity, a list of activities, or an envelope that names the provider of all of them.",
        "anyOf": [
            _ref("Record"),
            listing("Activities", "Only the activities.", _ref("Record"), minItems=1),
            _ref("Envelope"),
        ],
    }
    return {**_standalone(root), "$defs": {name: _standalone(schemas[name]) for name in _reached(root, schemas)}}


def _envelope() -> Schema:
    provider = properties_of(Assignment)[PROVIDER[0]]
    said = {**provider, "description": "The provider's registration ID, a GUID, for all activities that name none."}
    return record(
        "Envelope",
        "Activities of one provider.",
        {
            ACTIVITIES: listing("Activities", "The activities.", _ref("Record"), minItems=1),
            **dict.fromkeys(PROVIDER, said),
            **operation(" with all activities that do not say it themselves"),
        },
        required=(ACTIVITIES,),
        additionalProperties=False,
        **{"not": {"required": list(PROVIDER)}},
    )


def _ref(name: str) -> Schema:
    return {"$ref": f"{_COMPONENTS}{name}"}


def _reached(schema: Schema, components: dict[str, Schema]) -> list[str]:
    """Return the components that a schema refers to, directly or through others."""
    reached: list[str] = []
    waiting = [schema]
    while waiting:
        for name in _named(waiting.pop()):
            if name not in reached:
                reached.append(name)
                waiting.append(components[name])
    return sorted(reached)


def _named(part: Any) -> list[str]:
    match part:
        case {"$ref": str(reference)}:
            return [reference.removeprefix(_COMPONENTS)]
        case dict():
            return [name for one in part.values() for name in _named(one)]
        case list():
            return [name for one in part for name in _named(one)]
    return []


def _standalone(part: Any) -> Any:
    """Return a part with references into this file, and without the keyword that only OpenAPI knows."""
    match part:
        case {"$ref": str(reference)}:
            return {"$ref": reference.replace(_COMPONENTS, "#/$defs/")}
        case dict():
            return {name: _standalone(one) for name, one in part.items() if name != "discriminator"}
        case list():
            return [_standalone(one) for one in part]
    return part
