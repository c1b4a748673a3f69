"""Everything that the app takes for granted about Microsoft Graph, in one table: the check, its page and the guide.

Microsoft documents some of it, and some of it nowhere. Each can be otherwise in a tenant, and the app survives each;
what then follows, and who can do what about it, stands here in words for an admin.
"""

from dataclasses import dataclass
from enum import StrEnum


class Name(StrEnum):
    """What an assumption is called; part of the contract, as error codes are."""

    TOKEN_ROLES = "tokenRoles"  # noqa: S105 (a name)
    PROVIDER_ACCEPTS_IDENTITY = "providerAcceptsIdentity"
    CREATE_ANSWERS_ACTIVITY = "createAnswersActivity"
    CREATE_RETURNS_PROPERTIES = "createReturnsProperties"
    EXTERNAL_ID_SPELLING = "externalIdSpelling"
    EXTERNAL_ID_TWICE = "externalIdTwice"
    FIND_BY_EXTERNAL_ID = "findByExternalId"
    FIND_BY_ID = "findById"
    SEEN_AT_ONCE = "seenAtOnce"
    UPDATE_ANSWERS_NOTHING = "updateAnswersNothing"
    NULL_CLEARS = "nullClears"
    FIXED_PROPERTIES_IGNORED = "fixedPropertiesIgnored"
    BATCH_ACCEPTED = "batchAccepted"
    GONE_AT_ONCE = "goneAtOnce"
    DELETED_TWICE_NOT_FOUND = "deletedTwiceNotFound"
    PEOPLE_BY_ADDRESS = "peopleByAddress"
    PEOPLE_BY_EMPLOYEE_ID = "peopleByEmployeeId"
    CONTENTS_BY_EXTERNAL_ID = "contentsByExternalId"
    UNKNOWN_LEARNER_REFUSED = "unknownLearnerRefused"
    UNLICENSED_LEARNER_REFUSED = "unlicensedLearnerRefused"
    FOREIGN_CONTENT_REFUSED = "foreignContentRefused"


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing that is taken for granted.

    Args:
        assumed: What the app takes for granted.
        consequence: What follows where it is not so.
        action: What an admin can do then.
        permission: The optional permission without which it cannot be tried.
    """

    assumed: str
    consequence: str
    action: str
    permission: str = ""


_NONE_NEEDED = "Nothing: the app takes both."
_TELL = "Send this result with a bug report, so that the app learns these words."

ASSUMPTIONS: dict[Name, Assumption] = {
    Name.TOKEN_ROLES: Assumption(
        "The app's token carries every Microsoft Graph permission that it needs.",
        "What the missing permission is for answers graphPermissionMissing or, for a look-up, outcomeUnknown.",
        "Grant what is missing (infra/grant-graph-permissions); Azure can take 24 hours to put it into a token.",
    ),
    Name.PROVIDER_ACCEPTS_IDENTITY: Assumption(
        "The learning provider accepts the app's identity.",
        "Nothing can be created, updated or deleted for this provider.",
        "Check the registrationId and isCourseActivitySyncEnabled. If both are right, the provider may belong to the "
        "application that registered it: let the app act as that application (GRAPH_CLIENT_ID), or register the "
        "provider with an application that the app can act as.",
    ),
    Name.CREATE_ANSWERS_ACTIVITY: Assumption(
        "A create answers 201 with the whole activity and its id, for both kinds.",
        "The app looks each new activity up by its external id; creates take longer, and without the permission to "
        "look up they end in outcomeUnknown.",
        "See that the app has both Read.All permissions.",
    ),
    Name.CREATE_RETURNS_PROPERTIES: Assumption(
        "A create gives every property back that was sent.",
        "The answer to a create lacks what Microsoft Graph does not give back. The app remembers what was sent.",
        "Nothing, unless a flow uses those properties of the answer.",
    ),
    Name.EXTERNAL_ID_SPELLING: Assumption(
        "The external id comes back as externalCourseActivityId, as it was sent.",
        "POST /api/activities answers in Microsoft Graph's spelling; all other answers stay as they are.",
        _NONE_NEEDED,
    ),
    Name.EXTERNAL_ID_TWICE: Assumption(
        "A second create with the same external id makes a second activity: only the app prevents doubles.",
        "Microsoft Graph prevents doubles, too. That is more than the app counts on.",
        _NONE_NEEDED,
    ),
    Name.FIND_BY_EXTERNAL_ID: Assumption(
        "An activity can be looked up by its external id.",
        "Where an answer is lost, nobody can tell what was done: such records end in outcomeUnknown, and the app never "
        "sends them again by itself. Updates and deletions of what the app has not created itself fail.",
        "See that the app has both Read.All permissions. If it has, look for what ended in outcomeUnknown in Viva "
        "Learning before you send it again.",
    ),
    Name.FIND_BY_ID: Assumption(
        "An activity can be looked up by Microsoft Graph's id.",
        "Requests that name an activity by id instead of its external id fail.",
        "Name activities by externalCourseActivityId.",
    ),
    Name.SEEN_AT_ONCE: Assumption(
        "A new activity is seen by look-ups at once.",
        "The app looks again after 0.5 and 1.5 seconds. Where Microsoft Graph takes longer, and the answer to a create "
        "is lost, a repeated create can make a double.",
        "Let whoever repeats wait longer than observed here.",
    ),
    Name.UPDATE_ANSWERS_NOTHING: Assumption(
        "An update answers 204 without a body.",
        "Nothing: any success counts, and the body is not used.",
        _NONE_NEEDED,
    ),
    Name.NULL_CLEARS: Assumption(
        "null in an update clears the value.",
        "A value that was emptied in the sender's system stays in Viva Learning, although the app answers updated.",
        "Where an empty value matters, delete the activity and create it again.",
    ),
    Name.FIXED_PROPERTIES_IGNORED: Assumption(
        "An update may name properties that no update changes; they are ignored.",
        "Nothing: the app sends none of them.",
        _NONE_NEEDED,
    ),
    Name.BATCH_ACCEPTED: Assumption(
        "Microsoft Graph takes several activities in one request ($batch).",
        "The app sends them one by one, four at a time: large batches take longer.",
        "Nothing: the app tries again every ten minutes whether that has changed.",
    ),
    Name.GONE_AT_ONCE: Assumption(
        "A deletion succeeds, and look-ups find the activity no more.",
        "An activity that was deleted can be answered as if it were there for as long as observed here.",
        "Wait so long before you create it again with the same external id.",
    ),
    Name.DELETED_TWICE_NOT_FOUND: Assumption(
        "Deleting an activity that is gone answers 404 notFound.",
        "The app says deleted instead of unchanged for what was gone already.",
        _NONE_NEEDED,
    ),
    Name.PEOPLE_BY_ADDRESS: Assumption(
        "With User.ReadBasic.All, people are found by their address.",
        "Records that name people by address fail.",
        "Name people by their object ID, or grant User.ReadBasic.All.",
        "User.ReadBasic.All",
    ),
    Name.PEOPLE_BY_EMPLOYEE_ID: Assumption(
        "With User.Read.All, people are found by their employee id.",
        "Records that name learners by employee id fail.",
        "Name people by their object ID or address, or grant User.Read.All.",
        "User.Read.All",
    ),
    Name.CONTENTS_BY_EXTERNAL_ID: Assumption(
        "With LearningContent.Read.All, courses are found by the provider's own id.",
        "Records that name courses by learningContentExternalId fail.",
        "Name courses by learningContentId, or grant LearningContent.Read.All.",
        "LearningContent.Read.All",
    ),
    Name.UNKNOWN_LEARNER_REFUSED: Assumption(
        "An activity for somebody who is not in the tenant is refused for good.",
        "A wrong learnerUserId is not noticed: the activity is created, and nobody sees it.",
        "Check the ids of learners before they are sent, or send addresses, which the app looks up.",
    ),
    Name.UNLICENSED_LEARNER_REFUSED: Assumption(
        "A learner without a licence is refused in words that the app knows.",
        "Such records do not end in learnerNotLicensed, but in the code that was observed.",
        _TELL,
    ),
    Name.FOREIGN_CONTENT_REFUSED: Assumption(
        "A course of another provider is refused in words that the app knows.",
        "Such records do not end in contentNotOwnedByProvider, but in the code that was observed.",
        _TELL,
    ),
}
