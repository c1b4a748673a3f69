"""Components of what is done with failures of the queue: which are meant, and how many there were."""

from connector.schemas import Schema, flag, listing, number, record, text


def selection() -> Schema:
    """Return the component of which failures are meant."""
    code = text("Error Code", "Only the failures with this error code.", "contentNotOwnedByProvider")
    failure_id = text("Failure ID", "The ID of a failure.", "5db4f7926ca010edbf92504b390fe31b")
    ids = listing("Failure IDs", "Only the failures with these IDs.", failure_id, minItems=1)
    return record(
        "Selection",
        "Which failures are meant: without a property all of them, otherwise send one of the two.",
        {"code": code, "ids": ids},
        required=(),
        maxProperties=1,
        additionalProperties=False,
    )


def replayed() -> Schema:
    """Return the component of what was put back."""
    properties = {
        "replayedCount": number("Replayed Count", "How many failures were put back into the queue.", 12),
        "moreToReplay": flag(
            "More To Replay", "Whether time was up before all were replayed; then replay again.", example=False
        ),
    }
    return record("Replayed", "What was put back into the queue.", properties)


def discarded() -> Schema:
    """Return the component of what was thrown away."""
    properties = {
        "discardedCount": number("Discarded Count", "How many failures were thrown away.", 12),
        "moreToDiscard": flag(
            "More To Discard", "Whether time was up before all were discarded; then discard again.", example=False
        ),
    }
    return record("Discarded", "What was thrown away.", properties)
