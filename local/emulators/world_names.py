"""The worlds in which Microsoft Graph is otherwise than the app assumes: each in one thing, and any may be so.

A world is named by the assumption that does not hold in it; what stands behind a hyphen tells two ways apart in which
that can be, or names another one that does not hold either. `worlds` plays them.
"""

WORLDS: dict[str, str] = {
    "tokenRoles": "The token lacks one of the Read.All permissions.",
    "providerAcceptsIdentity": "The provider belongs to another application.",
    "createAnswersActivity": "A create answers 201 without a body.",
    "createReturnsProperties": "A create gives back less than was sent.",
    "externalIdSpelling": "The external id comes back as the metadata spells it.",
    "externalIdTwice": "An external id that is taken is refused with 409.",
    "externalIdTwice-same": "An external id that is taken answers the activity that has it.",
    "findByExternalId": "Nothing is found by its external id: 403, whatever is granted.",
    "findById": "Nothing is found by Graph's id likewise.",
    "findByExternalId-findById": "Nothing is found at all.",
    "seenAtOnce": "What is new is found after a while only.",
    "updateAnswersNothing": "An update answers 200 and the activity.",
    "nullClears": "null in an update changes nothing.",
    "fixedPropertiesIgnored": "An update that names what no update changes is refused.",
    "batchAccepted": "$batch is refused.",
    "goneAtOnce": "What was deleted is found for a while.",
    "deletedTwiceNotFound": "Deleting what is gone answers 204.",
    "peopleByAddress": "Nobody is found by address, whatever is granted.",
    "peopleByEmployeeId": "Nobody is found by employee id likewise.",
    "contentsByExternalId": "No course is found by the provider's id likewise.",
    "unknownLearnerRefused": "An activity for nobody is created.",
    "unlicensedLearnerRefused": "A learner without a licence is refused in other words.",
    "foreignContentRefused": "A course of another provider is refused in other words.",
}
