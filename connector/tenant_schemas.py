"""The schemas of the tenant check: whom and what it is made with, and what was found."""

from activities.execution.tenant.assumptions import ASSUMPTIONS, Name
from connector.schemas import Schema, listing, number, record, text

_PERSON = "7ba2228a-e020-11ec-9d64-0242ac120002"
_COURSE = "57baf9dc-e020-11ec-9d64-0242ac120002"
_MOMENT = "2026-11-22T17:02:00+00:00"


def order() -> Schema:
    """Return the body of the request."""
    properties = {
        "learnerUserId": text("Learner", "The object ID of a test person with a licence.", _PERSON, format="uuid"),
        "learningContentId": text("Learning Content ID", "A course of the provider.", _COURSE),
        "learningContentExternalId": text("Own ID of the Course", "The same by the provider's own ID.", "SAFETY-1"),
        "registrationId": text("Registration ID", "The provider, if not the app's own.", _COURSE, format="uuid"),
        "assignerUserId": text("Assigner", "The object ID of who assigns.", _PERSON, format="uuid"),
        "unlicensedLearnerUserId": text("Unlicensed", "Somebody without a licence.", _PERSON, format="uuid"),
        "foreignLearningContentId": text("Foreign Content", "A course of another provider.", _COURSE),
    }
    said = "Whom and what everything is tried with; the course by one of its two IDs."
    return record("Tenant Check Order", said, properties, required=("learnerUserId",), additionalProperties=False)


def result() -> Schema:
    """Return what is answered of a check that has come to its end."""
    first = next(iter(ASSUMPTIONS.values()))
    finding = record(
        "Checked Assumption",
        "One thing that the app takes for granted.",
        {
            "name": text("Name", "What it is called.", str(Name.TOKEN_ROLES), enum=[str(one) for one in Name]),
            "assumed": text("Assumed", "What is taken for granted.", first.assumed),
            "observed": text("Observed", "What was seen; it names nobody.", "It was found."),
            "holds": {
                "type": ["boolean", "null"],
                "title": "Holds",
                "description": "Whether it is so; null where that could not be told.",
                "examples": [True],
            },
            "consequence": text("Consequence", "What follows; empty unless it does not hold.", first.consequence),
            "action": text("Action", "What an admin can do; empty unless it does not hold.", first.action),
        },
    )
    left = text("Left", "An external ID.", "tenant-check-4f1c9a7be2d0-1")
    properties = {
        "status": text("Status", "Whether it came to its end by itself.", "completed", enum=["completed", "brokenOff"]),
        "checkedAt": text("Checked At", "When it began.", _MOMENT, format="date-time"),
        "summary": text("Summary", "The result in a few sentences.", "20 of 21 assumptions hold."),
        "checks": listing("Checks", "What was found, one for each assumption.", finding),
        "leftovers": listing("Leftovers", "The external IDs of test activities that may still be there.", left),
    }
    return record("Tenant Check", "The result of a tenant check.", properties)


def progress() -> Schema:
    """Return what is answered of a check that is under way."""
    properties = {
        "status": text("Status", "That it runs.", "running", enum=["running"]),
        "checkedAt": text("Checked At", "When it began.", _MOMENT, format="date-time"),
        "done": number("Done", "How many assumptions were tried.", 7),
        "total": number("Total", "How many there are.", len(ASSUMPTIONS)),
    }
    return record("Tenant Check Progress", "How far a tenant check is.", properties)


def told_by_health() -> Schema:
    """Return what the health says of the last check."""
    properties = {
        "checkedAt": text("Checked At", "When it began.", _MOMENT, format="date-time"),
        "holding": number("Holding", "How many assumptions hold.", len(ASSUMPTIONS)),
        "total": number("Total", "How many there are.", len(ASSUMPTIONS)),
    }
    return record("Last Tenant Check", "There if the tenant was checked in the last 30 days.", properties)
