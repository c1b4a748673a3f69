"""The form of one operation: what is said of it, in both documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.errors import ErrorCode
from connector.parameters import Parameter

IMPORTANT, ADVANCED, INTERNAL = "important", "advanced", "internal"
JSON, CSV, HTML = "application/json", "text/csv", "text/html"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The body that is a file: bytes, which no component describes.
FILE, BYTES = "File", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """One good end.

    Args:
        description: When it is given.
        schema: The component that stands in the body as JSON; "" where there is no JSON.
        others: Further media types that a caller can ask for, with what comes then.
        headers: Which headers it has beside those of every answer.
    """

    description: str
    schema: str
    others: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Args:
        function: The name of its function in the app.
        id: Its operation ID in the API's document, and in the connector unless ``connector_id`` says another.
        visibility: How prominent it is in the connector; None where the connector does without it.
        summary: A few words, letters and digits only.
        description: Full sentences, for both documents.
        more: Further sentences, for the API's document only.
        body: The component of the request's body.
        connector_body: The component that the connector shows instead.
        answers: The good ends by status; in the connector only that of 200 has a schema.
        codes: The error codes that it can answer.
        pages: The errors that a browser gets as a page, by status, with what it shows.
    """

    function: str
    id: str
    visibility: str | None
    tag: str
    summary: str
    description: str
    more: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: str = ""
    connector_id: str = ""
    connector_body: str = ""
    answers: Mapping[int, Answer]
    codes: tuple[ErrorCode, ...]
    pages: Mapping[int, str] = field(default_factory=dict)
