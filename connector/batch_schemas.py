"""The schemas of what a batch holds: its activities, whole or to be changed, and what is said of all of them."""

from activities.contract import limits
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.contract.models import Assignment
from activities.contract.validation import EXTERNAL_ID
from connector import schemas
from connector.schemas import KINDS, Schema, listing, name_of, properties_of, record, ref, required_of, text


def any_record() -> Schema:
    """Return one activity of a batch: as Microsoft Graph names its kind, or by a name that designers can fill in."""
    return {
        "title": "Record",
        "description": "An activity of a batch; the property type or @odata.type says which kind it is. To update or "
        "delete one, its external ID is enough.",
        "anyOf": [ref("Activity"), *(ref(f"{name_of(kind)}Record") for kind in KINDS), ref("ChangeRecord")],
    }


def change_record() -> Schema:
    """Return one activity of a batch that is there, or that the batch says by its operation what is to be done with."""
    kinds = [properties_of(kind) for kind in KINDS]
    fields = {name: schemas.or_null(said) for name, said in {**kinds[0], **kinds[1]}.items()}
    types = {
        name: schemas.or_null(text("Activity Type", "Which kind it is.", values[0], enum=values))
        for name, values in (
            (ODATA_TYPE, [kind.odata_type for kind in KINDS]),
            (TYPE, [kind.type_name for kind in KINDS]),
        )
    }
    words = "An activity that has an external ID, and as much of it as its operation needs."
    properties = {**types, **schemas.operation(), **fields, EXTERNAL_ID: kinds[0][EXTERNAL_ID], **schemas.as_of()}
    return record("Change Record", words, properties, required=(EXTERNAL_ID,), additionalProperties=False)


def flat_activity() -> Schema:
    """Return both kinds as one flat object, for a designer that cannot show two, nor a name with a dot."""
    kinds = [properties_of(kind) for kind in KINDS]
    values = [kind.type_name for kind in KINDS]
    said = text("Activity Type", "Whether it is an assignment or a self-initiated course.", values[0], enum=values)
    properties = {TYPE: said, **kinds[0], **kinds[1]}
    for kind, others in zip(KINDS, reversed(kinds), strict=True):
        for name in properties_of(kind).keys() - others.keys():
            how = "Required" if name in required_of(kind) else "Only"
            words = f"{properties[name]['description']} {how} for {kind.spoken_name}."
            properties[name] = {**properties[name], "description": words}
    for name in (TYPE, *required_of(KINDS[0])):
        if name in {TYPE, *required_of(KINDS[1])}:
            words = f"{properties[name]['description']} Required to create it."
            properties[name] = {**properties[name], "description": words}
    properties |= {**schemas.operation(), **schemas.as_of()}
    return record("Activity", "One activity of the batch.", properties, required=())


def batch() -> Schema:
    """Return the body of a batch."""
    provider = properties_of(Assignment)["registrationId"]
    headed = f"What the report of the batch is headed with, up to {limits.LONGEST_BATCH_NAME} characters."
    some = {"minItems": 1, "maxItems": limits.LARGEST_BATCH}
    return record(
        "Batch",
        "Activities, and what the report of the batch is headed with.",
        {
            "name": {
                **text("Name", headed, "Safety training, autumn term"),
                "type": ["string", "null"],
                "maxLength": limits.LONGEST_BATCH_NAME,
            },
            "registrationId": {
                **provider,
                "description": "The provider's registration ID, a GUID, for all activities that name none.",
            },
            **schemas.operation(" with all activities that do not say it themselves"),
            "activities": listing(
                "Activities", f"The activities, up to {limits.LARGEST_BATCH:,}.", ref("Record"), **some
            ),
        },
        required=("activities",),
        additionalProperties=False,
    )
