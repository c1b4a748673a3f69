"""The envelope of many activities, ``{"activities": […]}``: the same in a queue message and in a batch. Pure."""

from typing import Any

from activities.contract import values
from activities.contract.validation import PROVIDER


def with_provider(record: object, registration_id: object) -> Any:
    """Return a record with the provider of its envelope, unless it names one of its own, or the envelope none."""
    if values.is_blank(registration_id) or not isinstance(record, dict):
        return record
    named = any(not values.is_blank(record.get(one)) for one in PROVIDER)
    return record if named else {**record, PROVIDER[0]: registration_id}
