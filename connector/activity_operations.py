"""The operations on one activity, in words for makers: to create, to change, to find and to delete it."""

from dataclasses import replace

from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse
from activities.errors import ErrorCode
from activities.web import activities, repeating
from connector import parameters
from connector.captions import IN_APPS
from connector.operation import ADVANCED, IMPORTANT, Answer, Operation
from connector.parameters import Parameter
from connector.refusals import OF_A_CREATE, OF_A_DELETE, OF_A_FIND, OF_AN_UPDATE, OF_AN_UPSERT
from connector.schemas import name_of

REPEATABLE = (parameters.REPEATABILITY, parameters.FIRST_SENT, parameters.IDEMPOTENCY)
# Makers have the external ID or the ID for it, without which there is no such request.
_NAMED_ALREADY = tuple(replace(one, in_connector=False) for one in REPEATABLE)
_ENTITY = "LearningCourseActivity"
_ONCE = (
    "With an external ID or a Repeatability-Request-ID, the same request can be sent again at any time and creates "
    "nothing twice."
)
_AS_OF = "With asOfDateTime, what is older than what is known changes nothing."
_NAMED = (parameters.EXTERNAL_ID, parameters.GRAPH_ID, parameters.PROVIDER_OF_ACTIVITY)
_CREATED = "The activity was created."
_EXISTED = (
    "The activity existed already with the same content; this is the first answer again. Or it was deleted since, and "
    "is not created again."
)
_BROUGHT = "The activity is in this state, or in a newer one that is known; the outcome says which."
_CHANGED = "The whole activity as it is now; the outcome says what was done."
_OF_A_KIND = {Assignment: "assignment", SelfInitiatedCourse: "self_initiated_course"}


def _written(schema: str, **descriptions: str) -> dict[int, Answer]:
    headers = (repeating.RESULT, *((activities.OUTCOME,) if schema == _ENTITY else ()))
    statuses = {"created": 201, "done": 200}
    return {statuses[name]: Answer(said, schema, headers=headers) for name, said in descriptions.items()}


def _operation(  # noqa: PLR0913 (what the operations on one activity do not share)
    function: str,
    operation_id: str,
    summary: str,
    description: str,
    *,
    visibility: str | None,
    answers: dict[int, Answer],
    codes: tuple[ErrorCode, ...],
    more: str = "",
    asked: tuple[Parameter, ...] = _NAMED_ALREADY,
    body: str = "",
) -> Operation:
    return Operation(
        function=function,
        id=operation_id,
        visibility=visibility,
        tag="Activities",
        summary=summary,
        description=description,
        more=more,
        parameters=asked,
        body=body,
        answers=answers,
        codes=codes,
    )


def _upsert(kind: type[CourseActivity]) -> Operation:
    return _operation(
        f"upsert_{_OF_A_KIND[kind]}",
        f"Upsert{name_of(kind)}",
        f"Create or update {kind.spoken_name}".replace("-", " "),
        f"Brings {kind.spoken_name} to the state that you send: creates it if there is none with this external ID, and "
        f"updates it otherwise. It can be repeated at any time. {IN_APPS}",
        more=_AS_OF,
        visibility=IMPORTANT,
        body=name_of(kind),
        answers=_written(f"Created{name_of(kind)}", created=_CREATED, done=_BROUGHT),
        codes=OF_AN_UPSERT,
    )


def _update(kind: type[CourseActivity]) -> Operation:
    return _operation(
        f"update_{_OF_A_KIND[kind]}",
        f"Update{name_of(kind)}",
        f"Update {kind.spoken_name}".replace("-", " "),
        f"Changes what you fill in of {kind.spoken_name} that exists, such as its status, and leaves the rest as it "
        f"is. Give its external ID or its ID. {IN_APPS}",
        more=_AS_OF,
        visibility=IMPORTANT,
        body=f"{name_of(kind)}Change",
        answers=_written(f"Created{name_of(kind)}", done=_CHANGED),
        codes=OF_AN_UPDATE,
    )


def _find(kind: type[CourseActivity]) -> Operation:
    return _operation(
        f"find_{_OF_A_KIND[kind]}",
        f"Get{name_of(kind)}",
        f"Get {kind.spoken_name}".replace("-", " "),
        f"Answers with {kind.spoken_name} as it is in Viva Learning. Give its external ID or its ID.",
        visibility=ADVANCED,
        asked=_NAMED,
        answers={200: Answer("The activity as it is; its outcome is unchanged.", f"Created{name_of(kind)}")},
        codes=OF_A_FIND,
    )


def _create(kind: type[CourseActivity], summary: str, description: str) -> Operation:
    return _operation(
        f"create_{_OF_A_KIND[kind]}",
        f"Create{name_of(kind)}",
        summary,
        f"{description} Give an external ID, so that a repeated flow does not create it twice. {IN_APPS}",
        more=_ONCE,
        asked=REPEATABLE,
        visibility=IMPORTANT,
        body=name_of(kind),
        answers=_written(f"Created{name_of(kind)}", created=_CREATED, done=_EXISTED),
        codes=OF_A_CREATE,
    )


ACTIVITY_OPERATIONS = (
    # What most flows want comes first.
    _upsert(Assignment),
    _create(Assignment, "Assign a course", "Assigns a course of Viva Learning to a learner."),
    _update(Assignment),
    _find(Assignment),
    _upsert(SelfInitiatedCourse),
    _create(
        SelfInitiatedCourse,
        "Record a course that somebody took",
        "Tells Viva Learning about a course that a learner started or completed without being assigned to it.",
    ),
    _update(SelfInitiatedCourse),
    _find(SelfInitiatedCourse),
    _operation(
        "create_activity",
        "CreateActivity",
        "Create an activity",
        "Creates an assignment or a self-initiated course, with bodies exactly as Microsoft Graph documents them: the "
        "property @odata.type says which.",
        more=_ONCE,
        asked=REPEATABLE,
        visibility=None,
        body="Activity",
        answers=_written(_ENTITY, created=_CREATED, done=_EXISTED),
        codes=OF_A_CREATE,
    ),
    _operation(
        "upsert_activity",
        "UpsertActivity",
        "Create or update an activity",
        "Brings an activity to the state that is sent: creates it if there is none with this external ID, and updates "
        "it otherwise. Bodies are as Microsoft Graph documents them.",
        more=_AS_OF,
        visibility=None,
        body="Activity",
        answers=_written(_ENTITY, created=_CREATED, done=_BROUGHT),
        codes=OF_AN_UPSERT,
    ),
    _operation(
        "update_activity",
        "UpdateActivity",
        "Update an activity",
        "Changes what is sent of an activity that exists, and leaves the rest as it is. It is named by its external ID "
        "or its ID.",
        more=_AS_OF,
        visibility=None,
        body="ActivityChange",
        answers=_written(_ENTITY, done=_CHANGED),
        codes=OF_AN_UPDATE,
    ),
    _operation(
        "find_activity",
        "GetActivity",
        "Get an activity",
        "Answers with an activity as Microsoft Graph tells it. It is named by its external ID or its ID.",
        visibility=None,
        asked=_NAMED,
        answers={200: Answer("The activity as it is.", _ENTITY, headers=(activities.OUTCOME,))},
        codes=OF_A_FIND,
    ),
    _operation(
        "delete_activity",
        "DeleteActivity",
        "Delete an activity",
        "Deletes an assignment or a self-initiated course from Viva Learning. Give its external ID or its ID. What is "
        "gone already is no error.",
        more=_AS_OF,
        visibility=ADVANCED,
        asked=(*_NAMED, parameters.AS_OF, *_NAMED_ALREADY),
        answers=_written("DeletedActivity", done="It is gone, or something newer is known; the outcome says which."),
        codes=OF_A_DELETE,
    ),
)
