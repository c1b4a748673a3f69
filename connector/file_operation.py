"""The operation that takes a file, and what the address says about a file, in words for makers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from activities.batches.files import choices, headings
from activities.contract.activity import Operation as Verb
from activities.contract.forms import AssignmentType, Status
from activities.errors import ErrorCode
from connector import parameters, schemas
from connector.operation import FILE, IMPORTANT, Answer, Operation
from connector.parameters import Parameter
from connector.refusals import OF_A_CALLER, OF_A_FILE, OF_STORAGE, OF_THE_APP
from connector.schemas import KINDS, text

_ROWS = "for all rows that do not say it themselves."


def _choice(name: str, title: str, description: str, values: tuple[str, ...]) -> Parameter:
    return Parameter(name, "query", text(title, description, values[0], enum=list(values)))


ABOUT_ROWS = (
    _choice("type", "Activity Type", f"Which kind it is, {_ROWS}", tuple(one.type_name for one in KINDS)),
    _choice("operation", "Operation", f"What is done with an activity, {_ROWS}", tuple(map(str, Verb))),
    _choice("assignmentType", "Assignment Type", f"Required or recommended, {_ROWS}", get_args(AssignmentType)),
    _choice(headings.STATUS, "Status", f"How far the learner is, {_ROWS}", get_args(Status)),
    Parameter(
        headings.CONTENT,
        "query",
        text(
            "Learning Content ID",
            f"The ID of the course in Viva Learning, {_ROWS}",
            schemas.properties_of(KINDS[0])[headings.CONTENT]["examples"][0],
        ),
    ),
    Parameter(
        headings.CONTENT_EXTERNAL_ID,
        "query",
        text("Learning Content External ID", f"Your own ID of the course, {_ROWS}", "SAFETY-1"),
    ),
)
ABOUT_FILE = (
    Parameter(
        choices.SHEET,
        "query",
        text("Sheet", "The name of the sheet; the first one with a row of headings if you leave it empty.", "2026"),
    ),
    Parameter(
        choices.DATE_FORMAT,
        "query",
        text(
            "Date Format",
            "How the file writes dates that are texts, such as dd.MM.yyyy or M/d/yyyy h:mm tt.",
            "dd.MM.yyyy",
        ),
    ),
    Parameter(
        choices.TIME_ZONE,
        "query",
        text("Time Zone", "The time zone of dates without an offset, by its IANA or Windows name.", "Europe/Berlin"),
    ),
    Parameter(
        choices.COLUMNS,
        "query",
        text(
            "Columns",
            "What columns with other headings hold, each as a heading, an equals sign and a property, with semicolons "
            "between them. Without a property behind it, a column is not used.",
            f"Kurs-Nr.={headings.CONTENT_EXTERNAL_ID}",
        ),
    ),
)


def not_in_connector(some: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Return parameters as they are told where makers do not see them."""
    return tuple(replace(one, in_connector=False) for one in some)


def send_file(once: tuple[Parameter, ...], answers: Mapping[int, Answer]) -> Operation:
    """Return the operation; what it has of other operations is given."""
    seen = (replace(parameters.NAME, in_connector=True), replace(parameters.PROVIDER, in_connector=True))
    return Operation(
        function="send_file",
        id="SendFile",
        visibility=IMPORTANT,
        tag="Batches",
        summary="Send a file",
        description="Creates the activities that a list in Excel, an OpenDocument sheet, a CSV file or an export of a "
        "learning system has, up to 10,000, and answers with a report, which has one result for each row. A flow waits "
        "until the batch is finished. Power Apps and Copilot Studio do not wait: there, use Get the report of a batch "
        "until Status is completed.",
        more="What the file is, is seen from its bytes: any content type will do. Its columns are named as the "
        "properties, as the connector calls them, or as learning systems do.",
        parameters=(*once, parameters.PREFER, *seen, *ABOUT_ROWS, *ABOUT_FILE),
        body=FILE,
        answers=answers,
        codes=(
            *OF_A_FILE,
            *OF_A_CALLER,
            *OF_THE_APP,
            *OF_STORAGE,
            ErrorCode.FIRST_SENT_TOO_OLD,
            ErrorCode.CREATE_IN_PROGRESS,
        ),
    )
