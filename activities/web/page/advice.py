"""What to do about each error of a record, in the words of people who build flows. Says nothing about HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from activities.errors import ErrorCode


class Actor(StrEnum):
    """Who has to act before the record can succeed, as the page of a batch says it."""

    SENDER = "For the sender"
    ADMIN = "For an admin"
    NOBODY = "Nothing to correct"


@dataclass(frozen=True, slots=True)
class Advice:
    """What an error means, in a few words, and how to get rid of it, in one or two sentences."""

    title: str
    actor: Actor
    text: str


ADVICE: Mapping[str, Advice] = {
    ErrorCode.INVALID_JSON: Advice(
        "Not valid JSON",
        Actor.SENDER,
        "Correct the text at the place that the message names, and send it again.",
    ),
    ErrorCode.INVALID_REQUEST: Advice(
        "Something is missing or wrong",
        Actor.SENDER,
        "Correct what the message names, and send it again.",
    ),
    ErrorCode.UNAUTHENTICATED: Advice(
        "Nobody has signed in",
        Actor.SENDER,
        "Use a connection with Microsoft Entra ID instead of the function key, and send it again.",
    ),
    ErrorCode.NOT_FOUND: Advice(
        "Not found",
        Actor.SENDER,
        "Check what the message names, and send it again.",
    ),
    ErrorCode.ACTIVITY_EXISTS: Advice(
        "The external id is taken",
        Actor.SENDER,
        "An earlier activity has the same external id and other content. Choose another external id and send it again, "
        "or take it out if the earlier activity is the right one.",
    ),
    ErrorCode.REQUEST_TOO_LARGE: Advice(
        "Too large",
        Actor.SENDER,
        "Shorten it, most likely the notes, and send it again.",
    ),
    ErrorCode.LEARNER_NOT_LICENSED: Advice(
        "The learner has no licence",
        Actor.ADMIN,
        "Whoever manages licences has to give the learner one for Viva Learning; then send it again as it is. "
        "Or take it out.",
    ),
    ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER: Advice(
        "The content belongs to another provider",
        Actor.SENDER,
        "Use the id of learning content that belongs to your learning provider, and send it again.",
    ),
    ErrorCode.REJECTED_BY_GRAPH: Advice(
        "Microsoft Graph refuses it",
        Actor.SENDER,
        "The message holds Microsoft Graph's own reason: correct what it names, and send it again. If it names nothing "
        "that you can correct, show it to the admin of the app.",
    ),
    ErrorCode.PROVIDER_NOT_ENABLED: Advice(
        "The learning provider is not switched on",
        Actor.ADMIN,
        "A Knowledge Administrator has to switch on course activities for the learning provider "
        "(isCourseActivitySyncEnabled). Then send it again as it is.",
    ),
    ErrorCode.PROVIDER_NOT_REGISTERED: Advice(
        "The learning provider is not known",
        Actor.SENDER,
        "Check the registration id of the learning provider. If it is right, an admin has to register the provider "
        "in your organization; then send it again.",
    ),
    ErrorCode.SERVICE_PLAN_MISSING: Advice(
        "Your organization has no Viva Learning plan",
        Actor.ADMIN,
        "An admin has to add licences that include Viva Learning. Then send it again as it is.",
    ),
    ErrorCode.GRAPH_PERMISSION_MISSING: Advice(
        "The app lacks a permission",
        Actor.ADMIN,
        "An admin has to grant the permission that the message names to the app. It can take up to 24 hours to work; "
        "then send it again as it is.",
    ),
    ErrorCode.THROTTLED: Advice(
        "Microsoft Graph was too busy",
        Actor.NOBODY,
        "Microsoft Graph took no more requests for too long. Send it again later, as it is.",
    ),
    ErrorCode.GRAPH_FAULT: Advice(
        "Microsoft Graph failed",
        Actor.NOBODY,
        "Send it again in a while, as it is.",
    ),
    ErrorCode.GRAPH_UNAVAILABLE: Advice(
        "Microsoft Graph was not available",
        Actor.NOBODY,
        "Send it again in a while, as it is.",
    ),
    ErrorCode.STORAGE_UNAVAILABLE: Advice(
        "The app's storage did not answer",
        Actor.NOBODY,
        "Send it again in a while, as it is. If that fails, too, tell the admin of the app.",
    ),
    ErrorCode.CREATE_IN_PROGRESS: Advice(
        "Somebody else was creating the same activity",
        Actor.NOBODY,
        "Send it again as it is, to see what became of it: with the same external id, nothing is created twice.",
    ),
    ErrorCode.IDENTITY_UNAVAILABLE: Advice(
        "The app could not sign in to Microsoft Graph",
        Actor.NOBODY,
        "Send it again in a while, as it is. If that fails, too, show the message to the admin of the app.",
    ),
    ErrorCode.OUTCOME_UNKNOWN: Advice(
        "Microsoft Graph did not say whether it worked",
        Actor.NOBODY,
        "Send it again as it is: with the same external id, nothing is created twice.",
    ),
    ErrorCode.INTERNAL_ERROR: Advice(
        "Something went wrong inside the app",
        Actor.ADMIN,
        "Show the message to the admin of the app. When the cause is repaired, send it again as it is.",
    ),
}
# A record can carry a code that this version does not know: another version wrote it while the app was updated.
_OTHER = Advice(
    "It could not be created",
    Actor.SENDER,
    "Read the message, correct what it names, and send it again. If that fails, too, show it to the admin of the app.",
)


def advice_on(error_code: str) -> Advice:
    """Return what to do about an error code, also about one that is not known here."""
    return ADVICE.get(error_code, _OTHER)
