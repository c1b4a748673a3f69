"""The schemas of what changes, names and ends one activity: of an update's body, and of what a deletion answers."""

from activities.contract.activity import Outcome
from activities.contract.kinds import ODATA_TYPE
from activities.contract.models import CourseActivity
from activities.contract.validation import EXTERNAL_ID
from connector import schemas
from connector.captions import caption
from connector.schemas import KINDS, Schema, record, text

GRAPH_ID = "7ba2228a-e020-11ec-9d64-0242ac120002:749c8786-99bb-4b3b-8d5d-586428f6aaa3"
# What an update has to say which activity it means, and under which provider.
_WHICH = (EXTERNAL_ID, "id", "registrationId")


def change_of(kind: type[CourseActivity]) -> Schema:
    """Return what changes an activity of a kind: the properties that Microsoft Graph lets change."""
    return _change(
        f"{caption(schemas.name_of(kind))} Change", f"What changes of {kind.spoken_name}; what is left out stays.", kind
    )


def any_change() -> Schema:
    """Return what changes an activity of either kind."""
    kinds = ", or ".join(f"{kind.odata_type} for {kind.spoken_name}" for kind in KINDS)
    said = text("Activity Type", f"May be left out: {kinds}.", KINDS[0].odata_type)
    own = {ODATA_TYPE: {**said, "enum": [kind.odata_type for kind in KINDS]}}
    words = "What changes of an activity of either kind; what is left out stays."
    return _change("Activity Change", words, *KINDS, own=own)


def deleted() -> Schema:
    """Return what a deletion answers: always the same keys."""
    outcomes = (Outcome.DELETED, Outcome.UNCHANGED, Outcome.SUPERSEDED)
    return record(
        "Deleted Activity",
        "What became of the activity; always the same keys, never null.",
        {
            "outcome": text(
                "Outcome",
                "What it did: deleted; unchanged if it was not there; superseded if newer is known.",
                "deleted",
                enum=[str(one) for one in outcomes],
            ),
            "id": text("ID", "The ID that Microsoft Graph gave to the activity. Empty if it is not known.", GRAPH_ID),
            EXTERNAL_ID: text("External ID", "Your own ID. Empty if there is none.", "safety-2026-0042"),
            "registrationId": schemas.properties_of(KINDS[0])["registrationId"] | {"type": "string"},
        },
    )


def _change(title: str, description: str, *kinds: type[CourseActivity], own: Schema | None = None) -> Schema:
    fields: Schema = {}
    for kind in kinds:
        fields |= schemas.properties_of(kind)
    fields["id"] = schemas.graph_id("if you give no external ID")
    which = {name: fields[name] for name in _WHICH}
    changing = {name: said for name, said in fields.items() if any(name in kind.changeable for kind in kinds)}
    return record(
        title,
        description,
        {**(own or {}), **which, **{name: schemas.or_null(said) for name, said in changing.items()}, **schemas.as_of()},
        required=(),
        additionalProperties=False,
    )
