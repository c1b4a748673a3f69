"""Many activities in one call: accepted at once, worked off in chunks, told in one report.

The operations are imported by whoever asks for one first: page, sheets and reports have no part in a single create.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from activities.batches.operations import (
        create_batch,
        create_from_batches,
        delete_expired_batches,
        get_batch,
        get_batch_status,
    )

__all__ = ["create_batch", "create_from_batches", "delete_expired_batches", "get_batch", "get_batch_status"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("activities.batches.operations"), name)
    raise AttributeError(name)
