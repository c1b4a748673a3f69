"""The schema of a provider's courses, and the drop-down of a form that is filled with them.

Sources: https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions#x-ms-dynamic-values
https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions#x-ms-dynamic-list
"""

from activities.execution.directory import Content
from connector.schemas import Schema, flag, listing, record, text

OPERATION = "ListLearningContents"
CONTENTS = (
    Content("57baf9dc-e020-11ec-9d64-0242ac120002", "LP4471", "Safety at work", is_active=True),
    Content("8d2c1f6a-e020-11ec-9d64-0242ac120002", "LP4472", "Data protection", is_active=True),
)
_SHOWN = "displayName"
# By which property the designer offers the courses of what the form says elsewhere.
_PROVIDER = "registrationId"


def answer() -> Schema:
    """Return the good answer."""
    first = CONTENTS[0]
    course = record(
        "Course",
        "One course.",
        {
            "id": text("Learning Content ID", "The ID of the learning content in Viva Learning.", first.id),
            "externalId": text("Course ID in the LMS", "The learning provider's own ID of the course.", "LP4471"),
            "title": text("Title", "The title of the course.", first.title),
            _SHOWN: text("Display Name", "Title and own ID, as a list shows them.", f"{first.title} (LP4471)"),
        },
    )
    properties = {
        "value": listing("Courses", "The courses that are active, by their titles.", course),
        "truncated": flag("Truncated", "Whether there are more than were read.", example=False),
    }
    return record("Learning Contents", "The courses of a learning provider.", properties)


def dropdown() -> Schema:
    """Return what lets a field be chosen from the provider's courses, in both forms that designers know."""
    return {
        "x-ms-dynamic-values": {
            "operationId": OPERATION,
            "value-collection": "value",
            "value-path": "id",
            "value-title": _SHOWN,
            "parameters": {_PROVIDER: {"parameter": _PROVIDER}},
        },
        "x-ms-dynamic-list": {
            "operationId": OPERATION,
            "itemsPath": "value",
            "itemValuePath": "id",
            "itemTitlePath": _SHOWN,
            "parameters": {_PROVIDER: {"parameterReference": f"body/{_PROVIDER}"}},
        },
    }
