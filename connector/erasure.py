"""The schemas of erasing a learner: whom, and how much there was."""

from connector.schemas import Schema, flag, number, record, text


def selection() -> Schema:
    """Return the body of the request."""
    description = "The learner's object ID in Microsoft Entra, or an address under which records were sent."
    learner = text("Learner", description, "7ba2228a-e020-11ec-9d64-0242ac120002")
    return record("Learner Selection", "Whom to erase.", {"learnerUserId": learner}, additionalProperties=False)


def answer() -> Schema:
    """Return the good answer."""
    properties = {
        "batchCount": number("Batch Count", "How many records of batches were erased.", 3),
        "failureCount": number("Failure Count", "How many failures were erased.", 1),
        "queueCount": number("Queue Count", "How many messages on the queue of failures were erased.", 1),
        "ledgerCount": number("Ledger Count", "How many activities of the ledger forgot whose they are.", 12),
        "moreToErase": flag(
            "More To Erase", "Whether time was up or something was being worked on; then erase again.", example=False
        ),
    }
    return record("Erased Learner", "What was erased of a learner.", properties)
