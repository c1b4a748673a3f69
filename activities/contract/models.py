"""The contract: the two kinds of learning course activity and every rule of their properties.

Titles, descriptions and examples are read by flow makers. Nothing here does I/O or knows how a request arrived.
Source: https://learn.microsoft.com/graph/api/employeeexperienceuser-post-learningcourseactivities
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from activities.contract import values
from activities.contract.forms import PERSON, AssignmentType, DateTimeOffset, Guid, Person, Status, Text, form
from activities.contract.limits import LONGEST_NOTES

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the app's settings say about requests.

    Args:
        registration_id: The provider, if a request names none.
        allowed_registration_ids: The providers that can be written to; any if there are none.
        zone: Of dates without an offset.
        registration_ids_of_clients: By the id of a client application, the only providers that it may write to.
        client_id: The client application whose requests these are, "" where nobody knows.
    """

    registration_id: str | None = None
    allowed_registration_ids: frozenset[str] = field(default_factory=frozenset)
    zone: tzinfo = UTC
    registration_ids_of_clients: Mapping[str, frozenset[str]] = field(default_factory=dict)
    client_id: str = ""


class CourseActivity(BaseModel):
    """What both kinds share. A property that the caller did not send stays unset; an explicit null stays null."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    odata_type: ClassVar[str] = ""
    type_name: ClassVar[str] = ""
    spoken_name: ClassVar[str] = "a learning course activity"
    # What Graph lets an update change: https://learn.microsoft.com/graph/api/learningcourseactivity-update
    changeable: ClassVar[frozenset[str]] = frozenset({"status", "completionPercentage", "completedDateTime"})

    learner_user_id: Annotated[
        Person | None,
        Field(
            title="Learner",
            description="The learner's Microsoft Entra object ID or e-mail address.",
            examples=["7ba2228a-e020-11ec-9d64-0242ac120002"],
            json_schema_extra={"pattern": PERSON},
        ),
    ] = None
    learner_employee_id: Annotated[
        Text | None,
        Field(
            title="Learner Employee ID",
            description="The learner's employee ID in Microsoft Entra, instead of their ID or e-mail address.",
            examples=["E10042"],
            json_schema_extra={"pattern": r"\S"},  # A blank text says nothing.
            exclude=True,  # Graph knows people and courses by its own ids alone.
        ),
    ] = None
    learning_content_id: Annotated[
        Text | None,
        Field(
            title="Learning Content ID",
            description="The ID of the learning content in Viva Learning.",
            examples=["57baf9dc-e020-11ec-9d64-0242ac120002"],
            json_schema_extra={"pattern": r"\S"},
        ),
    ] = None
    learning_content_external_id: Annotated[
        Text | None,
        Field(
            title="Course ID in the LMS",
            description="The learning provider's own ID of the course, instead of the learning content ID.",
            examples=["LP4471"],
            json_schema_extra={"pattern": r"\S"},
            exclude=True,
        ),
    ] = None
    status: Annotated[
        Status,
        form(lambda value: values.choice(value, get_args(Status))),
        Field(
            title="Status",
            description="How far the learner is: notStarted, inProgress or completed.",
            examples=["inProgress"],
        ),
    ]
    completion_percentage: Annotated[
        int | None,
        form(values.whole_percentage),
        Field(
            title="Completion Percentage",
            description="How much is done, a whole number from 0 to 100.",
            examples=[20],
            json_schema_extra={"minimum": 0, "maximum": 100},
        ),
    ] = None
    completed_date_time: Annotated[
        DateTimeOffset | None,
        Field(
            title="Completed At",
            description="When the learner completed the course.",
            examples=["2026-12-04T15:30:00Z"],
        ),
    ] = None
    external_course_activity_id: Annotated[
        Text | None,
        Field(
            title="External ID",
            description="Your own unique ID for this activity; with it the activity can be found and is not doubled.",
            examples=["safety-2026-0042"],
        ),
    ] = None
    learning_provider_id: Annotated[
        Guid | None,
        Field(
            title="Learning Provider ID",
            description="The provider's registration ID, a GUID.",
            examples=["01e8f81b-3060-4dec-acf0-0389665a0a38"],
        ),
    ] = None
    registration_id: Annotated[
        Guid | None,
        Field(
            title="Registration ID",
            description="The learning provider's registration ID, a GUID; not needed if the app has a default.",
            examples=["01e8f81b-3060-4dec-acf0-0389665a0a38"],
            exclude=True,  # It goes into the URL: the entity has no such property.
        ),
    ] = None

    def to_graph(self) -> Json:
        """Return the JSON that Microsoft Graph documents: what was sent, in the contract's form, and nothing else."""
        return {"@odata.type": self.odata_type, **self.model_dump(by_alias=True, exclude_unset=True)}


class Assignment(CourseActivity):
    """A course that somebody assigned to a learner.

    Source: https://learn.microsoft.com/graph/api/resources/learningassignment
    """

    odata_type: ClassVar[str] = "#microsoft.graph.learningAssignment"
    type_name: ClassVar[str] = "assignment"
    spoken_name: ClassVar[str] = "an assignment"
    changeable: ClassVar[frozenset[str]] = CourseActivity.changeable | {"assignedDateTime", "dueDateTime", "notes"}

    assignment_type: Annotated[
        AssignmentType,
        form(lambda value: values.choice(value, get_args(AssignmentType))),
        Field(
            title="Assignment Type",
            description="Whether the course is required or recommended.",
            examples=["required"],
        ),
    ]
    assigned_date_time: Annotated[
        DateTimeOffset | None,
        Field(
            title="Assigned At",
            description="When the course was assigned.",
            examples=["2026-11-22T09:00:00Z"],
        ),
    ] = None
    assigner_user_id: Annotated[
        Person | None,
        Field(
            title="Assigner",
            description="The Microsoft Entra object ID or e-mail address of the person who assigns it.",
            examples=["cea1684d-57dc-438d-a9d1-e666ec1a7f3d"],
            json_schema_extra={"pattern": PERSON},
        ),
    ] = None
    due_date_time: Annotated[
        dict[str, str] | None,
        form(values.due_date_time, zoned=True),
        Field(
            title="Due At",
            description="When the course is due, such as 2026-12-18; a date alone means the end of that day.",
            examples=["2026-12-18", {"dateTime": "2026-12-18T16:05:00", "timeZone": "UTC"}],
        ),
    ] = None
    notes: Annotated[
        dict[str, str] | None,
        form(values.notes, longest=LONGEST_NOTES),
        Field(
            title="Notes",
            description="A message to the learner.",
            examples=[
                "Please finish it before the holidays.",
                {"contentType": "text", "content": "Please finish it before the holidays."},
            ],
        ),
    ] = None


class SelfInitiatedCourse(CourseActivity):
    """A course that a learner started by themselves.

    Source: https://learn.microsoft.com/graph/api/resources/learningselfinitiatedcourse
    """

    odata_type: ClassVar[str] = "#microsoft.graph.learningSelfInitiatedCourse"
    type_name: ClassVar[str] = "selfInitiatedCourse"
    spoken_name: ClassVar[str] = "a self-initiated course"
    changeable: ClassVar[frozenset[str]] = CourseActivity.changeable | {"startedDateTime"}

    started_date_time: Annotated[
        DateTimeOffset | None,
        Field(
            title="Started At",
            description="When the learner started the course.",
            examples=["2026-11-02T08:15:00Z"],
        ),
    ] = None
