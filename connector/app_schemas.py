"""The schemas of what the app says about itself: whether it can work, and why it refused something."""

from activities.errors import ErrorCode
from activities.graph.permissions import NEEDED_FOR, OPTIONAL_FOR
from connector import tenant_schemas
from connector.schemas import Schema, flag, listing, record, text

_MOMENT = "2026-11-22T17:02:00+00:00"


def health() -> Schema:
    """Return what the app says about itself."""
    missing = _permission("Missing Permission", "A permission that an admin can grant.", NEEDED_FOR)
    granted = flag("Granted", "Whether the app has it.", example=True)
    optional = _permission("Optional Permission", "Not everybody needs it.", OPTIONAL_FOR, granted=granted)
    properties = {
        "status": text("Status", "Whether the app can do its work.", "healthy", enum=["healthy", "unhealthy"]),
        "checkedAt": text(
            "Checked At", "When this was found out, at most 30 seconds ago.", _MOMENT, format="date-time"
        ),
        "old": flag("Old", "There, and true, where a newer check has not come to its end.", example=True),
        "missingPermissions": listing(
            "Missing Permissions",
            "The Microsoft Graph application permissions that the app's identity does not have. One of the two that "
            "create is enough to work.",
            missing,
        ),
        "optionalPermissions": listing(
            "Optional Permissions",
            "For who names people or courses otherwise than by their ids; empty where the token does not tell.",
            optional,
        ),
        "tenantCheck": tenant_schemas.told_by_health(),
        "error": _reason(),
    }
    always = ("status", "checkedAt", "missingPermissions", "optionalPermissions")
    return record("Health", "Whether the app can do its work.", properties, required=always)


def _permission(title: str, said: str, purposes: dict[str, str], **more: Schema) -> Schema:
    permission, purpose = next(iter(purposes.items()))
    properties = {
        "permission": text("Permission", "Its name.", permission),
        "neededFor": text("Needed For", "What it is needed for.", purpose),
    }
    return record(title, said, properties | more)


def error() -> Schema:
    """Return what is answered instead, where a request was refused."""
    return record("Error", "Why the request was refused, with all problems at once.", {"error": _reason()})


def _reason() -> Schema:
    properties = {
        "code": text(
            "Code", "The reason in one word; a released code never changes its meaning.", ErrorCode.INVALID_REQUEST
        ),
        "message": text("Message", "What is wrong and what to do about it.", "status is required."),
        "target": text("Target", "The property or header that is wrong.", "status"),
        "details": listing("Details", "Every single problem.", problem()),
    }
    return record("Reason", "The reason, in words for makers.", properties, required=("code", "message"))


def problem() -> Schema:
    """Return one of the things that are wrong."""
    properties = {
        "code": text("Code", "What kind of problem it is.", "required"),
        "message": text("Message", "What is wrong and what to do about it.", "status is required."),
        "target": text("Target", "The property that is wrong. It may be empty.", "status"),
    }
    return record("Problem", "One thing that is wrong.", properties)


def description() -> Schema:
    """Return what is said of the document that describes the API."""
    described = record(
        "About",
        "What this document is about.",
        {
            "title": text("Title", "The name of the API.", "Viva Learning Activities"),
            "version": text("Version", "The version of the API.", "1.0.0"),
        },
    )
    properties = {"openapi": text("OpenAPI Version", "The version of OpenAPI that it is written in.", "3.1.0")}
    return record("API Description", "The API as it is, in OpenAPI 3.1.", {**properties, "info": described})
