"""What each error code means, who acts on it, and what they do: one table, for page, queue, connector and documents.

Written for people who build flows. Knows nothing of HTTP.
"""

from collections.abc import Mapping

from activities.contract.actors import Actor, Advice
from activities.errors import ErrorCode

ADVICE: Mapping[str, Advice] = {
    ErrorCode.INVALID_JSON: Advice(
        meaning="The body is not JSON; the message says where (line and column).",
        title="Not valid JSON",
        actor=Actor.SENDER,
        text="Correct the text at the place that the message names, and send it again.",
    ),
    ErrorCode.INVALID_REQUEST: Advice(
        meaning="Properties are missing, unknown or wrong; details names each.",
        title="Something is missing or wrong",
        actor=Actor.SENDER,
        text="Correct what the message names, and send it again.",
    ),
    ErrorCode.INVALID_FILE: Advice(
        meaning="The file cannot be read as rows of cells; the message says what it is, or where it is broken.",
        title="Not a file that can be read",
        actor=Actor.SENDER,
        text="Save it again as an Excel workbook (.xlsx) or as CSV UTF-8, and send that.",
    ),
    ErrorCode.UNAUTHENTICATED: Advice(
        meaning="The caller has not signed in, where the app wants Microsoft Entra ID instead of a key.",
        title="Nobody has signed in",
        actor=Actor.SENDER,
        text="Use a connection with Microsoft Entra ID instead of the function key, and send it again.",
        then_admin=True,
    ),
    ErrorCode.NOT_ALLOWED: Advice(
        meaning="Signed in, but the application, the app role or the learning provider is not allowed; the message "
        "says which.",
        title="This is not allowed",
        actor=Actor.ADMIN,
        text="The message says what is missing: an admin of the app can allow the application, assign the app role, or "
        "allow the learning provider. Then send it again as it is.",
    ),
    ErrorCode.NOT_FOUND: Advice(
        meaning="There is no batch with this id (any more).",
        title="Not found",
        actor=Actor.SENDER,
        text="Check what the message names, and send it again.",
    ),
    ErrorCode.ACTIVITY_NOT_FOUND: Advice(
        meaning="There is no such activity to update or to find: it was never created, or has been deleted.",
        title="There is no such activity",
        actor=Actor.SENDER,
        text="Check the external id and the learning provider. If the activity has to exist, create it, or send it as "
        "an upsert, which creates what is not there.",
    ),
    ErrorCode.ACTIVITY_EXISTS: Advice(
        meaning="The external id belongs to an activity with other content; the message gives its id.",
        title="The external id is taken",
        actor=Actor.SENDER,
        text="An earlier activity has the same external id and other content. Choose another external id and send it "
        "again, or take it out if the earlier activity is the right one.",
    ),
    ErrorCode.FIRST_SENT_TOO_OLD: Advice(
        meaning="Repeatability-First-Sent lies before what is remembered, so nobody knows whether it was done.",
        title="First sent too long ago",
        actor=Actor.SENDER,
        text="Look whether the activity exists. If it does not, send it as a new request, with another "
        "Repeatability-Request-ID and the time of now.",
    ),
    ErrorCode.NOT_CHANGEABLE: Advice(
        meaning="The activity has another value of a property that Microsoft Graph changes in no activity; the message "
        "names it.",
        title="This cannot be changed",
        actor=Actor.SENDER,
        text="Send the property as the activity has it. To have another one, delete the activity and create a new one.",
    ),
    ErrorCode.REQUEST_TOO_LARGE: Advice(
        meaning="The body is larger than one activity can be, or a batch has more than 10,000 activities or 16 MiB.",
        title="Too large",
        actor=Actor.SENDER,
        text="Shorten it, most likely the notes, and send it again.",
    ),
    ErrorCode.LEARNER_NOT_LICENSED: Advice(
        meaning="The learner has no premium licence for Viva Learning.",
        title="The learner has no licence",
        actor=Actor.ADMIN,
        text="Whoever manages licences has to give the learner one for Viva Learning; then send it again as it is. Or "
        "take it out.",
    ),
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER: Advice(
        meaning="The learning content belongs to another learning provider.",
        title="The content belongs to another provider",
        actor=Actor.SENDER,
        text="Use the id of learning content that belongs to your learning provider, and send it again.",
    ),
    ErrorCode.LEARNER_NOT_FOUND: Advice(
        meaning="Nobody in the tenant has this address or employee id; the target says whether it is the learner's or "
        "the assigner's.",
        title="The person was not found",
        actor=Actor.SENDER,
        text="Check the address or employee id that the message speaks of, correct it or give the user's id, and send "
        "it again.",
    ),
    ErrorCode.LEARNER_AMBIGUOUS: Advice(
        meaning="More than one person has this address or employee id; the target says whether it is the learner's or "
        "the assigner's.",
        title="The person is not clear",
        actor=Actor.SENDER,
        text="Give the user's id instead of the address or employee id, and send it again.",
    ),
    ErrorCode.CONTENT_NOT_FOUND: Advice(
        meaning="The provider has no learning content with this id of its own, or the content is not active.",
        title="The course was not found",
        actor=Actor.SENDER,
        text="Check the id that the course has in the LMS, and that Viva Learning shows the course; then send it "
        "again.",
    ),
    ErrorCode.REJECTED_BY_GRAPH: Advice(
        meaning="Graph refuses this record; the answer to a single request has its own words.",
        title="Microsoft Graph refuses it",
        actor=Actor.SENDER,
        text="Correct what the message names, and send it again. If it names nothing that you can correct, send this "
        "record alone: the answer has Microsoft Graph's own words, which you can show to the admin of the app.",
        in_reports="Microsoft Graph refuses this record. Its own words are in the answer when the record is sent "
        "alone, to POST /api/activities, and in GET /api/failures if it came from the queue.",
    ),
    ErrorCode.PROVIDER_NOT_ENABLED: Advice(
        meaning="The provider's course activity sync is off.",
        title="The learning provider is not switched on",
        actor=Actor.ADMIN,
        text="A Knowledge Administrator has to switch on course activities for the learning provider "
        "(isCourseActivitySyncEnabled). Then send it again as it is.",
        waited_for=True,
    ),
    ErrorCode.PROVIDER_NOT_REGISTERED: Advice(
        meaning="Graph does not know this provider in this tenant.",
        title="The learning provider is not known",
        actor=Actor.SENDER,
        text="Check the registration id of the learning provider. If it is right, an admin has to register the "
        "provider in your organization; then send it again.",
        then_admin=True,
        waited_for=True,
    ),
    ErrorCode.SERVICE_PLAN_MISSING: Advice(
        meaning="The tenant has no plan with Viva Learning.",
        title="Your organization has no Viva Learning plan",
        actor=Actor.ADMIN,
        text="An admin has to add licences that include Viva Learning. Then send it again as it is.",
        waited_for=True,
    ),
    ErrorCode.GRAPH_PERMISSION_MISSING: Advice(
        meaning="The app's identity lacks a Graph permission; the message says which.",
        title="The app lacks a permission",
        actor=Actor.ADMIN,
        text="An admin has to grant the permission that the message names to the app. It can take up to 24 hours to "
        "work; then send it again as it is.",
        waited_for=True,
    ),
    ErrorCode.THROTTLED: Advice(
        meaning="Graph throttles; Retry-After says for how many seconds.",
        title="Microsoft Graph was too busy",
        actor=Actor.NOBODY,
        text="Microsoft Graph took no more requests for too long. Send it again later, as it is.",
    ),
    ErrorCode.GRAPH_FAULT: Advice(
        meaning="Graph failed or answered nonsense, and the activity was not found afterwards.",
        title="Microsoft Graph failed",
        actor=Actor.NOBODY,
        text="Send it again in a while, as it is.",
        in_reports="Microsoft Graph failed again and again. Send the record again in a while.",
    ),
    ErrorCode.GRAPH_UNAVAILABLE: Advice(
        meaning="Graph cannot be reached or says it is not available; nothing was done.",
        title="Microsoft Graph was not available",
        actor=Actor.NOBODY,
        text="Send it again in a while, as it is.",
    ),
    ErrorCode.STORAGE_UNAVAILABLE: Advice(
        meaning="The app's storage account does not answer, or refuses the app: then the message says what an admin "
        "does.",
        title="The app's storage did not answer",
        actor=Actor.NOBODY,
        text="Send it again in a while, as it is. If that fails, too, tell the admin of the app.",
        then_admin=True,
    ),
    ErrorCode.CREATE_IN_PROGRESS: Advice(
        meaning="Another request is at the same activity at this moment.",
        title="Somebody else was at the same activity",
        actor=Actor.NOBODY,
        text="Send it again as it is, to see what became of it: with the same external id, nothing is done twice.",
    ),
    ErrorCode.IDENTITY_UNAVAILABLE: Advice(
        meaning="The app got no token, or none that Graph takes; the message says what an admin checks.",
        title="The app could not sign in to Microsoft Graph",
        actor=Actor.NOBODY,
        text="Send it again in a while, as it is. If that fails, too, show the message to the admin of the app.",
        then_admin=True,
    ),
    ErrorCode.OUTCOME_UNKNOWN: Advice(
        meaning="Sent, no answer, and looking it up did not tell. Repeat with the same external id.",
        title="Microsoft Graph did not say whether it worked",
        actor=Actor.NOBODY,
        text="Send it again as it is: with the same external id, nothing is done twice.",
    ),
    ErrorCode.INTERNAL_ERROR: Advice(
        meaning="A bug, or a setting that cannot be used (the message names it).",
        title="Something went wrong inside the app",
        actor=Actor.ADMIN,
        text="Show the message to the admin of the app. When the cause is repaired, send it again as it is.",
    ),
}
# A record can carry a code that this version does not know: another version wrote it while the app was updated.
_OTHER = Advice(
    meaning="An error that another version of the app knows.",
    title="It could not be carried out",
    actor=Actor.SENDER,
    text="Read the message, correct what it names, and send it again. If that fails, too, show it to the admin of the "
    "app.",
)


def advice_on(error_code: str) -> Advice:
    """Return what to do about an error code, also about one that is not known here."""
    return ADVICE.get(error_code, _OTHER)
