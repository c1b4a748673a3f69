"""What stands in the bodies of requests and answers, as JSON Schema 2020-12: the form in which OpenAPI 3.1 has it.

The activities' properties are the Pydantic models'; of what the app answers, the tests compare these schemas with what
the code really says. Nothing here is particular to one of the two documents.
"""

from typing import Any

from activities.contract.activity import Operation, Outcome
from activities.contract.instructions import AS_OF, OPERATION
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from connector.captions import caption

type Schema = dict[str, Any]

KINDS: tuple[type[CourseActivity], ...] = (Assignment, SelfInitiatedCourse)
_NAMES = {Assignment: "Assignment", SelfInitiatedCourse: "SelfInitiatedCourse"}
WHEN = "When this was true in the system that it comes from: what is newer is not overwritten. Empty means now."
_NULL: Schema = {"type": "null"}
_DATE = r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d.*)?$"
# The API page documents two forms of these, and the app takes both.
_FORMS: dict[str, list[Schema]] = {
    "dueDateTime": [
        {"type": "string", "pattern": _DATE, "title": "Text", "description": "A date, or a date and time."},
        {
            "type": "object",
            "title": "Date and Time Zone",
            "description": "A date and time in a time zone, as Microsoft Graph writes it.",
            "properties": {
                "dateTime": {"type": ["string", "null"], "pattern": _DATE, "examples": ["2026-12-18T16:05:00"]},
                "timeZone": {"type": ["string", "null"], "examples": ["UTC"]},
            },
            "additionalProperties": False,
        },
    ],
    "notes": [
        {"type": "string", "title": "Text", "description": "A plain text."},
        {
            "type": "object",
            "title": "Item Body",
            "description": "A text and its kind, as Microsoft Graph writes it.",
            "properties": {
                "contentType": {"type": ["string", "null"], "enum": ["text", "html", None], "examples": ["text"]},
                "content": {"type": ["string", "null"], "examples": ["Please finish it before the holidays."]},
            },
            "additionalProperties": False,
        },
    ],
}


def name_of(kind: type[CourseActivity]) -> str:
    """Return what the schema of a kind is called."""
    return _NAMES[kind]


def ref(name: str) -> Schema:
    """Return a reference to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(title: str, description: str, example: str, **more: Any) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", "title": title, "description": description, "examples": [example], **more}


def number(title: str, description: str, example: int, **more: Any) -> Schema:
    """Return the schema of a whole number."""
    return {"type": "integer", "title": title, "description": description, "examples": [example], **more}


def flag(title: str, description: str, *, example: bool) -> Schema:
    """Return the schema of a yes or no."""
    return {"type": "boolean", "title": title, "description": description, "examples": [example]}


def listing(title: str, description: str, items: Schema, **more: Any) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "title": title, "description": description, "items": items, **more}


def record(
    title: str, description: str, properties: Schema, *, required: tuple[str, ...] | None = None, **more: Any
) -> Schema:
    """Return the schema of an object; every property is required unless it is said which."""
    said: Schema = {"type": "object", "title": title, "description": description, "properties": properties}
    names = list(properties if required is None else required)
    return {**said, **({"required": names} if names else {}), **more}


def properties_of(kind: type[CourseActivity]) -> Schema:
    """Return the properties of a kind as a caller writes them, in the models' words."""
    return {name: _canonical(name, said) for name, said in kind.model_json_schema()["properties"].items()}


def required_of(kind: type[CourseActivity]) -> list[str]:
    """Return which properties of a kind have to be sent."""
    return [one.alias or "" for one in kind.model_fields.values() if one.is_required()]


def request_of(kind: type[CourseActivity], told_by: str = "") -> Schema:
    """Return what creates an activity of a kind; ``told_by`` is the property that has to say which kind it is."""
    values = {"": [], ODATA_TYPE: [kind.odata_type], TYPE: [kind.type_name]}[told_by]
    own = {told_by: _type_of(values, f"Says that this is {kind.spoken_name}.")} if values else {}
    suffix = {"": "", ODATA_TYPE: " Activity", TYPE: " Record"}[told_by]  # Generated clients name classes by titles.
    return record(
        f"{caption(name_of(kind))}{suffix}",
        f"What creates {kind.spoken_name}.",
        {**own, **(operation() if told_by == TYPE else {}), **properties_of(kind), **as_of()},
        required=(*own, *required_of(kind)),
        additionalProperties=False,
    )


def answer_of(kind: type[CourseActivity]) -> Schema:
    """Return what a flat operation answers: always the same keys, the percentage a number, all else a text."""
    own: Schema = {
        "outcome": text(
            "Outcome",
            "What it did: created, updated, deleted; unchanged if it was so already; superseded if newer is known.",
            "created",
            enum=[str(one) for one in Outcome if one is not Outcome.FAILED],
        ),
        "id": _id(),
    }
    fields = properties_of(kind)
    always = {*required_of(kind), "externalCourseActivityId", "registrationId"}
    for name in ("externalCourseActivityId", "registrationId", *fields):
        said = fields[name]
        words = (said["title"], said["description"])
        maybe = () if name in always else ("Empty if there is none.",)
        if name == "completionPercentage":
            own[name] = number(*words, said["examples"][0])
        else:
            own[name] = text(words[0], " ".join((words[1], *maybe)), said["examples"][0])
    return record(f"Created {caption(name_of(kind))}", "The activity as Microsoft Graph has it, without nulls.", own)


def any_activity() -> Schema:
    """Return what creates an activity of either kind."""
    names = {kind.odata_type: f"{name_of(kind)}Activity" for kind in KINDS}
    return {
        "title": "Activity",
        "description": "An assignment or a self-initiated course; the property @odata.type says which.",
        "oneOf": [ref(name) for name in names.values()],
        "discriminator": {
            "propertyName": ODATA_TYPE,
            "mapping": {said: ref(name)["$ref"] for said, name in names.items()},
        },
    }


def entity() -> Schema:
    """Return what Microsoft Graph answers; it may have more properties and values than are known today."""
    properties: Schema = {ODATA_TYPE: text("Activity Type", "Which kind of activity it is.", KINDS[0].odata_type)}
    properties["id"] = _id()
    for kind in KINDS:
        excluded = {one.alias for one in kind.model_fields.values() if one.exclude}
        for name, said in properties_of(kind).items():
            if name in _FORMS:
                words = {**_words(said), "examples": said["examples"][1:]}
                properties[name] = {**words, "anyOf": [_open_ended(_FORMS[name][1]), _NULL]}
            elif name not in excluded:
                properties[name] = {**_open_ended(said), "type": [_plain_type(said), "null"]}
    description = (
        "The learning course activity exactly as Microsoft Graph tells it; an empty object if it has been deleted."
    )
    return record("Learning Course Activity", description, properties, required=())


def as_of() -> Schema:
    """Return the property that says when what is sent was true."""
    return {AS_OF: or_null(text("As Of", WHEN, "2024-11-22T17:02:00Z", format="date-time"))}


def operation(of_all: str = "") -> Schema:
    """Return the property that says what is to be done."""
    words = "What is to be done: create it, create or update it, update it, or delete it"
    said = text("Operation", f"{words}{of_all}. Empty means create.", "create", enum=[str(one) for one in Operation])
    return {OPERATION: or_null(said)}


def graph_id(when: str) -> Schema:
    """Return the property that names an activity by Graph's id."""
    return or_null({**_id(), "description": f"The ID that Microsoft Graph gave to the activity, as a whole, {when}."})


def or_null(said: Schema) -> Schema:
    """Return a schema that null fits, too: it says the same as a missing property."""
    if "anyOf" in said or isinstance(said["type"], list):
        return said
    return {**said, "type": [said["type"], "null"], **({"enum": [*said["enum"], None]} if "enum" in said else {})}


def _type_of(values: list[str], description: str) -> Schema:
    return text("Activity Type", description, values[0], enum=values)


def _id() -> Schema:
    example = "7ba2228a-e020-11ec-9d64-0242ac120002:749c8786-99bb-4b3b-8d5d-586428f6aaa3"
    return text("ID", "The ID that Microsoft Graph gave to the activity.", example)


def _canonical(name: str, said: Schema) -> Schema:
    words = _words(said)
    if name in _FORMS:
        return {**words, "anyOf": [*_FORMS[name], _NULL]}
    variants = said.get("anyOf", [said])
    kept = {key: one for key, one in {**words, **said, **variants[0]}.items() if key not in {"anyOf", "default"}}
    return {**kept, "type": [kept["type"], "null"]} if _NULL in variants else kept


def _open_ended(said: Schema) -> Schema:
    """Return a schema without what a later release of Graph may do in another way."""
    kept = {key: one for key, one in said.items() if key in {"type", "title", "description", "examples"}}
    if "properties" in said:
        kept["properties"] = {name: _open_ended(one) for name, one in said["properties"].items()}
    return kept


def _words(said: Schema) -> Schema:
    return {key: said[key] for key in ("title", "description", "examples")}


def _plain_type(said: Schema) -> str:
    return said["type"][0] if isinstance(said["type"], list) else str(said["type"])
