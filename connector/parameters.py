"""The parameters in addresses and headers, in words for makers."""

from dataclasses import dataclass

from activities.contract import instructions, limits
from activities.web import repeating
from activities.web.http import LARGEST_PAGE, PAGE_SIZE
from connector import schemas
from connector.schemas import Schema, flag, number, text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Args:
        name: As the wire has it.
        place: ``path``, ``query`` or ``header``.
        schema: With title, description and an example.
        in_connector: Whether makers see it.
        important: Whether they see it at once, and not among the advanced ones.
    """

    name: str
    place: str
    schema: Schema
    in_connector: bool = True
    important: bool = False

    @property
    def required(self) -> bool:
        """Only a part of the address has to be there."""
        return self.place == "path"


_PROVIDER = schemas.properties_of(schemas.KINDS[0])["registrationId"]
_PROVIDER_ID = text(
    "Registration ID",
    "The provider's registration ID, a GUID, for a file or a bare list.",
    _PROVIDER["examples"][0],
    format="uuid",
)

REPEATABILITY = Parameter(
    repeating.REQUEST_ID,
    "header",
    text(
        "Repeatability Request ID",
        "A text that stays the same when this request is repeated, so that nothing is created twice, such as "
        "workflow()?['run']?['name'] with the item's ID behind it inside a loop.",
        "08584994738460000000000000000CU01-item-42",
    ),
)
FIRST_SENT = Parameter(
    repeating.FIRST_SENT,
    "header",
    text(
        "Repeatability First Sent",
        "When the request was sent for the first time, beside Repeatability-Request-ID: one from before what is "
        "remembered is refused.",
        "Sun, 22 Nov 2026 17:02:00 GMT",
    ),
    in_connector=False,
)
IDEMPOTENCY = Parameter(
    "Idempotency-Key",
    "header",
    text("Idempotency Key", "Another name of Repeatability-Request-ID, which wins if both are sent.", "item-42"),
    in_connector=False,
)
CLIENT_REQUEST = Parameter(
    "x-ms-client-request-id",
    "header",
    text("Client Request ID", "Your own ID of this request; the answer and the app's log repeat it.", "item-42"),
    in_connector=False,
)
PREFER = Parameter(
    "Prefer",
    "header",
    text("Prefer", "With respond-async, 202 is answered even for a small batch.", "respond-async"),
    in_connector=False,
)
NAME = Parameter(
    "name",
    "query",
    text(
        "Name",
        "What the report is headed with, for a file or a bare list.",
        "Safety training",
        maxLength=limits.LONGEST_BATCH_NAME,
    ),
    in_connector=False,
)
PROVIDER = Parameter("registrationId", "query", _PROVIDER_ID, in_connector=False)
PROVIDER_OF_COURSES = Parameter("registrationId", "query", {**_PROVIDER_ID, "description": _PROVIDER["description"]})
SEARCH = Parameter(
    "search", "query", text("Search", "Words that the title has to hold, in any case and order.", "safety")
)
EXTERNAL_ID_OF_COURSE = Parameter(
    "externalId",
    "query",
    text("Course ID in the LMS", "The learning provider's own ID of the one course that is wanted.", "LP4471"),
)
EXTERNAL_ID = Parameter(
    "externalCourseActivityId",
    "query",
    text("External ID", "Your own ID of the activity; leave it empty if you give the ID.", "safety-2026-0042"),
    important=True,
)
GRAPH_ID = Parameter(
    "id",
    "query",
    text(
        "ID",
        "The ID that Microsoft Graph gave to the activity, as a whole; leave it empty if you give the external ID.",
        "7ba2228a-e020-11ec-9d64-0242ac120002:749c8786-99bb-4b3b-8d5d-586428f6aaa3",
    ),
)
PROVIDER_OF_ACTIVITY = Parameter(
    "registrationId",
    "query",
    text("Registration ID", _PROVIDER["description"], _PROVIDER["examples"][0], format="uuid"),
    important=True,
)
AS_OF = Parameter(instructions.AS_OF, "query", text("As Of", schemas.WHEN, "2024-11-22T17:02:00Z", format="date-time"))
BATCH_ID = Parameter(
    "batchId",
    "path",
    text("Batch ID", "The ID that Send many activities gave.", "0b7c3b1e5d0f4a2c9e6d8f7a1b2c3d4e"),
)
FAILED_ONLY = Parameter(
    "failedOnly", "query", flag("Failed Only", "Whether only the failed ones are wanted.", example=True)
)
AFTER_INDEX = Parameter(
    "after",
    "query",
    number("After", "The index after which the page begins; the next link has it.", 999, minimum=0),
)
FORMAT = Parameter(
    "format",
    "query",
    text("Format", "With csv or xlsx, the failed ones come as such a file.", "csv", enum=["csv", "xlsx"]),
    in_connector=False,
)
ERROR_CODE = Parameter(
    "errorCode", "query", text("Error Code", "Shows only the failures with this error code.", "learnerNotLicensed")
)
TOP = Parameter(
    "top",
    "query",
    number(
        "Page Size",
        f"How many failures a page has, up to {LARGEST_PAGE:,}; {PAGE_SIZE} if you leave it empty.",
        PAGE_SIZE,
        minimum=1,
        maximum=LARGEST_PAGE,
    ),
)
AFTER_FAILURE = Parameter(
    "after", "query", text("After", "Where the page begins; the next link has it.", "at-098205000000000-5db4f7926ca0")
)
WAIT = Parameter(
    "wait",
    "query",
    flag("Wait", "Whether the answer is the result, after about a minute.", example=True),
    in_connector=False,
)
