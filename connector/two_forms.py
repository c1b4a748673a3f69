"""The properties of which the API page documents two forms, as JSON Schema: a text, and an object with parts."""

from typing import Any

_DATE = r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d.*)?$"
# The API page documents two forms of these, and the app takes both.
FORMS: dict[str, list[dict[str, Any]]] = {
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
