"""What can be done with an activity, and what that can come to. Knows no activity."""

from enum import StrEnum


class Operation(StrEnum):
    """What a record asks for.

    To create an activity, to bring one to a state (making it if there is none), to change parts of it, to delete it.
    """

    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"
    DELETE = "delete"


class Outcome(StrEnum):
    """What became of one record. The order is that of finality: a later member replaces an earlier one."""

    FAILED = "failed"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    CREATED = "created"
    DELETED = "deleted"
